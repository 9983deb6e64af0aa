"""Random rooms: event graphs with forks, in every room version, and what the reference implementation makes of them.

A room grows event by event. Each event follows one to three earlier ones, its state is what the reference resolves
their states to, and it is kept where the reference allows it. Most are plausible; many are meant to be refused.
"""

import random

from signedjson.key import encode_verify_key_base64, generate_signing_key, get_verify_key
from signedjson.sign import sign_json

import explained
import reference

USERS = ["@ann:one", "@bob:one", "@cid:two", "@dee:two", "@eve:three"]
HASH = {"sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}
LEVELS = ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"]


class Room:
    def __init__(self, version, rng):
        self.version = version
        self.number = int(version)
        self.rng = rng
        self.room_id = "!room:one"
        self.pdus = []
        self.events = {}
        self.index = {}
        self.state_after = {}
        self.checks = []
        self.citations = []
        self.resolutions = []
        self.key = generate_signing_key("0")
        self._start()

    # --- building events ---

    def pdu(self, kind, sender, content, state_key, prevs, auth):
        pdu = {
            "type": kind,
            "sender": sender,
            "content": content,
            "origin_server_ts": self.rng.randint(1, 40),
            "depth": 1 + max([self.events[p].depth for p in prevs], default=0),
            "prev_events": list(prevs),
            "auth_events": list(auth),
            "hashes": HASH,
            "signatures": {},
            "room_id": self.room_id,
        }
        if state_key is not None:
            pdu["state_key"] = state_key
        if self.number <= 2:
            pdu["event_id"] = f"${self.rng.getrandbits(64):x}:{sender.split(':', 1)[1]}"
            pdu["prev_events"] = [[p, HASH] for p in prevs]
            pdu["auth_events"] = [[a, HASH] for a in auth]
        if self.number >= 12 and kind == "m.room.create":
            del pdu["room_id"]
        return pdu

    def add(self, pdu, event, before):
        if event.event_id in self.events:
            return
        self.index[event.event_id] = len(self.pdus)
        self.pdus.append(pdu)
        self.events[event.event_id] = event
        after = dict(before)
        if "state_key" in pdu:
            after[(pdu["type"], pdu["state_key"])] = event.event_id
        self.state_after[event.event_id] = after

    def state_before(self, prevs):
        states = [self.state_after[p] for p in prevs]
        if len(states) == 1:
            return states[0]
        resolved = reference.resolve(self.version, self.room_id, states, self.events)
        self.resolutions.append((states, resolved))
        return resolved

    def cite(self, draft, before):
        """The auth events that a well-behaved server would choose."""
        keys = reference.auth_keys(draft)
        return [before[k] for k in sorted(keys, key=str) if k in before and k != self.uncited]

    def propose(self, kind, sender, content, state_key=None, prevs=None):
        prevs = prevs or self.choose_prevs()
        before = self.state_before(prevs)
        draft = reference.event(self.version, self.pdu(kind, sender, content, state_key, prevs, []))
        auth = self.cite(draft, before) if draft else []
        pdu = self.pdu(kind, sender, content, state_key, prevs, auth)
        event = reference.event(self.version, pdu)
        if not event:
            return
        state = sorted(before.values(), key=self.index.get)
        allowed = reference.allows(event, [self.events[i] for i in state])
        self.checks.append((pdu, [self.index[i] for i in state], allowed))
        self.question_citations(pdu, auth, before)
        if allowed == "" and not explained.keep_out(self, pdu):
            self.add(pdu, event, before)

    def question_citations(self, pdu, auth, before):
        """The same event with auth events that are missing, doubled or beside the point."""
        rng = self.rng
        auth = list(auth)
        change = rng.choice(["none", "drop", "add", "double"])
        others = [i for i, e in self.events.items() if e.is_state()]
        if change == "drop" and auth:
            auth.pop(rng.randrange(len(auth)))
        elif change == "add":
            auth.append(rng.choice(others))
        elif change == "double" and auth:
            key = self.events[rng.choice(auth)]
            auth += [i for i in others if (self.events[i].type, self.events[i].state_key) == (key.type, key.state_key)][:2]
        auth = auth[:10]
        changed = dict(pdu, auth_events=[[a, HASH] for a in auth] if self.number <= 2 else auth)
        event = reference.event(self.version, changed)
        if event:
            verdict = reference.allows_citations(event, self.events)
            self.citations.append((changed, [self.index[a] for a in auth], verdict))

    # --- choices ---

    def choose_prevs(self):
        ids = list(self.events)
        recent = ids[-6:]
        if self.rng.random() < 0.25:
            recent = ids
        return self.rng.sample(recent, min(len(recent), self.rng.choice([1, 1, 1, 2, 2, 3])))

    def user(self):
        """The creator a little more often, since most others may do little."""
        return self.rng.choice(USERS + USERS[:2])

    def level(self):
        number = self.rng.choice([0, 0, 10, 25, 50, 50, 75, 100, 100, -5])
        roll = self.rng.random()
        if roll < 0.08:
            return str(number)
        if roll < 0.1:
            return f" +0{abs(number)} "
        if roll < 0.12 and self.number <= 5:
            return number + 0.5
        if roll < 0.13:
            return self.rng.choice(["ten", "", "1.5", None, True, [], {}])
        return number

    # --- the room's first events ---

    def _start(self):
        rng = self.rng
        creator = USERS[0]
        content = {"room_version": self.version}
        if self.number <= 10:
            content["creator"] = creator
        if rng.random() < 0.15:
            content["m.federate"] = rng.choice([True, False, False])
        if self.number >= 12 and rng.random() < 0.4:
            content["additional_creators"] = rng.sample(USERS[1:], rng.randint(0, 2))
        pdu = self.pdu("m.room.create", creator, content, "", [], [])
        event = reference.event(self.version, pdu)
        self.uncited = ("m.room.create", "") if self.number >= 12 else None
        self.room_id = event.room_id
        self.add(pdu, event, {})
        self.propose("m.room.member", creator, {"membership": "join"}, creator, [event.event_id])
        if rng.random() < 0.85:
            self.propose("m.room.power_levels", creator, self.levels(creator), "", [list(self.events)[-1]])
        rule = rng.choice(["public", self.join_rule()])
        self.propose("m.room.join_rules", creator, {"join_rule": rule}, "", [list(self.events)[-1]])
        for user in USERS[1:]:
            if rng.random() < 0.6:
                self.propose("m.room.member", user, {"membership": "join"}, user, [list(self.events)[-1]])

    def join_rule(self):
        return self.rng.choice(["public", "public", "public", "invite", "knock", "restricted", "knock_restricted", "private"])

    def levels(self, creator=None):
        rng = self.rng
        users = {u: self.level() for u in rng.sample(USERS, rng.randint(0, 3))}
        if creator and self.number < 12:
            users[creator] = 100
        content = {"users": users}
        for name in rng.sample(LEVELS, rng.randint(0, 3)):
            content[name] = self.level()
        if rng.random() < 0.5:
            content["events"] = {t: self.level() for t in rng.sample(["m.room.topic", "m.room.name", "m.room.join_rules", "m.room.power_levels"], 2)}
        if rng.random() < 0.3:
            content["notifications"] = {"room": self.level()}
        if rng.random() < 0.03:
            content["users"] = rng.choice([[], "all", {"nobody": 5}])
        return content

    # --- one more event ---

    def grow(self):
        action = self.rng.choices(
            [self.membership, self.other_membership, self.change_levels, self.rule, self.state, self.message,
             self.redaction, self.aliases, self.third_party, self.third_party_join, self.second_create],
            [20, 20, 12, 6, 12, 3, 4, 3, 3, 5, 1])[0]
        action()

    def membership(self):
        user = self.user()
        content = {"membership": self.rng.choices(["join", "leave", "knock", "invite", "nothing"], [12, 3, 3, 1, 0.3])[0]}
        if self.rng.random() < 0.3:
            content["join_authorised_via_users_server"] = self.user()
        self.propose("m.room.member", user, content, user)

    def other_membership(self):
        membership = self.rng.choices(["invite", "leave", "ban", "join", "knock"], [5, 5, 5, 1, 1])[0]
        self.propose("m.room.member", self.user(), {"membership": membership}, self.user())

    def change_levels(self):
        rng = self.rng
        current = [i for (kind, _), i in self.state_after[list(self.events)[-1]].items() if kind == "m.room.power_levels"]
        content = self.levels()
        if current and rng.random() < 0.8:
            old = reference.content(self.events[current[0]])
            content = dict(old, users=dict(old["users"])) if isinstance(old.get("users"), dict) else dict(old)
            if rng.random() < 0.7 and isinstance(content.get("users"), dict):
                if content["users"] and rng.random() < 0.3:
                    content["users"].pop(rng.choice(list(content["users"])))
                content["users"][self.user()] = self.level()
            else:
                content[rng.choice(LEVELS)] = self.level()
        self.propose("m.room.power_levels", self.user(), content, rng.choice([""] * 30 + ["other"]))

    def rule(self):
        self.propose("m.room.join_rules", self.user(), {"join_rule": self.join_rule()}, "")

    def state(self):
        kind = self.rng.choice(["m.room.topic", "m.room.name", "org.example.custom"])
        key = self.rng.choice(["", "", "", "x"] + USERS[:2])
        self.propose(kind, self.user(), {"value": self.rng.randint(0, 9)}, key)

    def message(self):
        self.propose("m.room.message", self.user(), {"body": "hello"})

    def redaction(self):
        target = self.rng.choice(list(self.events))
        pdu_content = {"redacts": target} if self.number >= 11 else {}
        prevs = self.choose_prevs()
        before = self.state_before(prevs)
        sender = self.user()
        pdu = self.pdu("m.room.redaction", sender, pdu_content, None, prevs, [])
        if self.number < 11 and self.rng.random() < 0.9:
            pdu["redacts"] = target
        event = reference.event(self.version, pdu)
        if event:
            state = sorted(before.values(), key=self.index.get)
            self.checks.append((pdu, [self.index[i] for i in state], reference.allows(event, [self.events[i] for i in state])))

    def aliases(self):
        self.propose("m.room.aliases", self.user(), {"aliases": []}, self.rng.choice([None, "", "one", "two", "three"]))

    def third_party(self):
        content = {"display_name": "someone"}
        public = encode_verify_key_base64(get_verify_key(self.key))
        if self.rng.random() < 0.5:
            content["public_key"] = public
        else:
            content["public_keys"] = [{"public_key": public}]
        self.propose("m.room.third_party_invite", self.user(), content, self.rng.choice(["token", "token", "other"]))

    def third_party_join(self):
        target = self.user()
        signed = {"mxid": self.rng.choice([target] * 5 + USERS), "token": self.rng.choice(["token"] * 5 + ["other", "unknown"])}
        key = self.key if self.rng.random() < 0.8 else generate_signing_key("0")
        sign_json(signed, "identity.example", key)
        if self.rng.random() < 0.1:
            signed["mxid"] = target + "x"
        if self.rng.random() < 0.05:
            del signed[self.rng.choice(list(signed))]
        content = {"membership": "invite", "third_party_invite": {"display_name": "x", "signed": signed}}
        senders = [e.sender for e in self.events.values() if e.type == "m.room.third_party_invite"]
        self.propose("m.room.member", self.rng.choice(senders + USERS), content, target)

    def second_create(self):
        """Only for its verdict: a create event with previous events, or of another server."""
        rng = self.rng
        content = {"creator": USERS[0]}
        if rng.random() < 0.3:
            content = {}
        if rng.random() < 0.5:
            content["room_version"] = rng.choice([self.version, "unknown", 5])
        if rng.random() < 0.5:
            content["additional_creators"] = rng.choice([[], USERS[:1], ["nobody"], "@ann:one", [5], ["@" + "x" * 260 + ":one"]])
        prevs = rng.choice([[], [], [next(iter(self.events))]])
        pdu = self.pdu("m.room.create", rng.choice(USERS), content, "", prevs, [])
        if self.number >= 12 and rng.random() < 0.2:
            pdu["room_id"] = self.room_id
        event = reference.event(self.version, pdu)
        if event:
            self.checks.append((pdu, [], reference.allows_create(event)))

    # --- states that never were, for resolution alone ---

    def invent_resolution(self, events):
        rng = self.rng
        pool = list(self.state_after.values())
        states = [dict(rng.choice(pool)) for _ in range(rng.choice([2, 2, 2, 3, 4]))]
        by_key = {}
        for i, e in self.events.items():
            if e.is_state():
                by_key.setdefault((e.type, e.state_key), []).append(i)
        for state in states:
            for _ in range(rng.randint(0, 3)):
                key = rng.choice(list(by_key))
                if rng.random() < 0.3 and key[0] != "m.room.create":
                    state.pop(key, None)
                else:
                    state[key] = rng.choice(by_key[key])
        return states, reference.resolve(self.version, self.room_id, states, events)


def room(seed, events):
    rng = random.Random(seed)
    version = str(1 + seed % 12)
    made = Room(version, rng)
    for _ in range(events):
        made.grow()
    return made

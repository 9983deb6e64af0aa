#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What readers see of a room whose history forks: the state that they build from /sync is the server's current state.

HEARTH_TEST_FORKS (12): rounds of forks and merges; HEARTH_TEST_SEED (1): which ones.
"""
import copy
import os
import random

import hearth
import people
from people import Person, equal, good, quote, refused

ROUNDS = int(os.environ.get("HEARTH_TEST_FORKS", "12"))
SEED = int(os.environ.get("HEARTH_TEST_SEED", "1"))
ADMIN = "@admin:elsewhere"


class Room:
    """A room of alice's in which another server's users take part, on forks as well."""

    def __init__(self, server, alice, version="10"):
        self.server, self.alice, self.version = server, alice, version
        self.id = alice.create(preset="public_chat", room_version=version)
        self.clock = 1700000000000
        self.results = []

    def state(self, who=None):
        events = good((who or self.alice).call("GET", f"/rooms/{quote(self.id)}/state"))
        return {(e["type"], e["state_key"]): e["event_id"] for e in events}

    def foreign(self, branch, kind, sender, content, state_key=None):
        """Another server's event at the end of a branch, which grows by it where the server takes it."""
        cited = [("m.room.power_levels", ""), ("m.room.member", sender)]
        if self.version != "12":
            cited.append(("m.room.create", ""))
        if kind == "m.room.member":
            cited += [("m.room.join_rules", ""), ("m.room.member", state_key)]
        auth = list(dict.fromkeys(branch.state[key] for key in cited if key in branch.state))
        self.clock += 1
        pdu = {"type": kind, "sender": sender, "content": content, "room_id": self.id, "depth": branch.depth + 1,
               "prev_events": [branch.end], "auth_events": auth, "origin_server_ts": self.clock}
        if state_key is not None:
            pdu["state_key"] = state_key
        answer = good(self.server.request("POST", f"/_hearth/stranger/{quote(self.id)}", {"pdu": pdu}))
        self.results.append(answer["result"])
        if answer["result"] in ("stored", "soft_failed"):
            branch.end, branch.depth = answer["event_id"], branch.depth + 1
            if state_key is not None:
                branch.state[kind, state_key] = answer["event_id"]
        return answer

    def branch(self):
        """A local event joins whatever forks there are; what follows it can fork from there."""
        self.clock += 1
        end = self.alice.say(self.id, "together", f"together{self.clock}")
        return Branch(end, self.state())


class Branch:
    depth = 1000

    def __init__(self, end, state):
        self.end, self.state = end, state


class Reader:
    """Builds the room's state from what /sync says, as the specification tells clients to."""

    def __init__(self, person, room, limit, after):
        self.person, self.room, self.after = person, room, after
        self.filter = '{"room":{"timeline":{"limit":%d}}}' % limit
        self.state, self.texts = {}, []

    def apply(self, events):
        for event in events:
            if "state_key" in event:
                self.state[event["type"], event["state_key"]] = event["event_id"]

    def sync(self):
        query = {"filter": self.filter, "timeout": 0}
        if self.after:
            query["use_state_after"] = "true"
        room = self.person.sync(**query).get("rooms", {}).get("join", {}).get(self.room.id)
        if not room:
            return
        timeline = room.get("timeline", {}).get("events", [])
        self.texts += [e["content"].get("body") for e in timeline if e["type"] == "m.room.message"]
        self.apply(room.get("state_after" if self.after else "state", {}).get("events", []))
        if not self.after:
            self.apply(timeline)

    def compare(self, gone):
        """Entries that the state has lost cannot be told to clients; all others are the server's."""
        wanted = self.room.state()
        gone.update(key for key in self.state if key not in wanted)
        mine = {key: event for key, event in self.state.items() if key not in gone or key in wanted}
        wrong = {key for key in wanted if mine.get(key) != wanted[key]}
        assert not wrong, f"{self.person.id} ({self.filter}, state_after {self.after}) is wrong about {wrong}"


def step(room, branch, rng):
    user = f"@u{rng.randrange(4)}:elsewhere"
    kind = rng.randrange(8)
    if kind < 3:
        room.foreign(branch, "m.room.member", user, {"membership": "join", "displayname": str(rng.random())}, user)
    elif kind == 3:
        room.foreign(branch, "m.room.member", ADMIN, {"membership": rng.choice(["ban", "leave"])}, user)
    elif kind == 4:
        room.foreign(branch, "m.room.topic", rng.choice([ADMIN, user]), {"topic": str(rng.random())}, "")
    elif kind == 5:
        levels = {"users": {room.alice.id: 100, ADMIN: 100, user: rng.choice([0, 50, 100])}, "state_default": 50}
        if room.version == "12":
            del levels["users"][room.alice.id]
        room.foreign(branch, "m.room.power_levels", ADMIN, levels, "")
    elif kind == 6:
        room.foreign(branch, "m.room.name", rng.choice([ADMIN, user]), {"name": str(rng.random())}, "")
    else:
        room.foreign(branch, "m.room.message", user, {"body": f"text{rng.random()}"})


def prepare(s, name, version):
    alice = Person(s, name)
    room = Room(s, alice, version)
    branch = room.branch()
    equal(room.foreign(branch, "m.room.member", ADMIN, {"membership": "join"}, ADMIN)["result"], "stored")
    levels = {"users": {alice.id: 100, ADMIN: 100}}
    if version == "12":
        levels = {"users": {ADMIN: 100}}
    path = f"/rooms/{quote(room.id)}/state/m.room.power_levels"
    good(alice.call("PUT", path, levels))
    return alice, room


def test_readers_hold_the_servers_state(s):
    rng = random.Random(SEED)
    results = set()
    for version in ("3", "6", "10", "12"):
        alice, room = prepare(s, f"forked{version}", version)
        people_ = [Person(s, f"reader{version}_{i}") for i in range(4)]
        readers = [Reader(who, room, limit, after)
                   for who, limit, after in zip(people_, (20, 3, 3, 1), (False, False, True, False))]
        for reader in readers:
            reader.person.join(room.id)
        gone = set()
        for _ in range(ROUNDS):
            base = room.branch()
            branches = [copy.deepcopy(base) for _ in range(rng.randrange(1, 4))]
            for _ in range(rng.randrange(1, 8)):
                step(room, rng.choice(branches), rng)
                reader = rng.choice(readers)
                reader.sync()
                reader.compare(gone)
                if rng.randrange(4) == 0:
                    alice.say(room.id, "meanwhile", f"meanwhile{rng.random()}")
        for reader in readers:
            reader.sync()
            reader.compare(gone)
        results.update(room.results)
    assert results >= {"stored", "rejected"}, results


def test_what_is_not_accepted_is_not_shown(s):
    alice, room = prepare(s, "unseen", "10")
    bob = Person(s, "unseen_reader")
    bob.join(room.id)
    reader = Reader(bob, room, 50, False)
    branch = room.branch()
    user = "@loud:elsewhere"
    equal(room.foreign(branch, "m.room.member", user, {"membership": "join"}, user)["result"], "stored")
    before = copy.deepcopy(branch)
    reader.sync()
    good(alice.call("POST", f"/rooms/{quote(room.id)}/ban", {"user_id": user}))
    soft = room.foreign(branch, "m.room.message", user, {"body": "too late"})
    equal(soft["result"], "soft_failed")
    rejected = room.foreign(before, "m.room.topic", user, {"topic": "no power"}, "")
    equal(rejected["result"], "rejected")
    after = room.foreign(branch, "m.room.message", ADMIN, {"body": "on top of it"})
    equal(after["result"], "stored")
    reader.sync()
    reader.compare(set())
    assert "too late" not in reader.texts and "on top of it" in reader.texts, reader.texts
    texts = [text for _, text in alice.texts(room.id)]
    assert "too late" not in texts and "on top of it" in texts, texts
    for hidden in (soft, rejected):
        refused(bob.call("GET", f"/rooms/{quote(room.id)}/event/{quote(hidden['event_id'])}"), 404, "M_NOT_FOUND")
    # the next local event stands on what is shown, and the graph is one again
    alice.say(room.id, "goes on", "last")
    reader.sync()
    equal(reader.texts[-1], "goes on")


people.run(globals(), plugin_path=os.path.join(hearth.BUILD, "tests/plugins"),
           plugins=["accounts", "admin", "rooms", "sync", "ephemeral", "push", "encryption", "stranger"])

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two people talk: rooms, sync, receipts, typing, push counts, encryption's endpoints, and kill -9 in between."""
import json
import threading
import time

import hearth
import people
from people import Person, equal, good, pair, quote, refused


def test_every_room_version(s):
    alice, bob = Person(s, "versions_a"), Person(s, "versions_b")
    for version in range(1, 13):
        room = alice.create(preset="private_chat", name="n", topic="t", room_version=str(version), invite=[bob.id])
        refused(bob.call("GET", f"/rooms/{quote(room)}/state"), 403, "M_FORBIDDEN")
        bob.join(room)
        event = bob.say(room, "hi", "t")
        equal(alice.texts(room), [(event, "hi")])
        create = good(alice.call("GET", f"/rooms/{quote(room)}/state/m.room.create/"))
        equal(create.get("room_version", "1"), str(version))
    refused(alice.call("POST", "/createRoom", {"room_version": "99"}), 400, "M_UNSUPPORTED_ROOM_VERSION")


def test_retry_is_the_same_event(s):
    alice, bob, room = pair(s, "retry")
    first = alice.say(room, "once", "txn")
    equal(alice.say(room, "once", "txn"), first)
    s.restart(9)
    equal(alice.say(room, "once", "txn"), first)
    equal(bob.texts(room), [(first, "once")])


def test_sync_tells_what_happens(s):
    alice, bob, room = pair(s, "sync")
    joined = bob.sync()["rooms"]["join"][room]
    types = {e["type"] for e in joined["state"]["events"] + joined["timeline"]["events"]}
    assert {"m.room.create", "m.room.power_levels", "m.room.member", "m.room.join_rules"} <= types, types
    equal(joined["summary"]["m.joined_member_count"], 2)
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(bob.sync(timeout=20000)))
    waiter.start()
    time.sleep(0.3)
    event = alice.say(room, "wake up", "t")
    waiter.join(5)
    timeline = answers[0]["rooms"]["join"][room]["timeline"]
    equal([e["event_id"] for e in timeline["events"]], [event])
    equal(timeline["limited"], False)
    equal(answers[0]["rooms"]["join"][room]["unread_notifications"], {"highlight_count": 0, "notification_count": 1})
    began = time.monotonic()
    equal(bob.sync(timeout=300)["rooms"], {})
    assert time.monotonic() - began >= 0.25


def test_own_transaction_id(s):
    alice, bob, room = pair(s, "txnid")
    alice.sync()
    bob.sync()
    alice.say(room, "x", "my-txn")
    mine = alice.sync()["rooms"]["join"][room]["timeline"]["events"][0]
    equal(mine["unsigned"]["transaction_id"], "my-txn")
    theirs = bob.sync()["rooms"]["join"][room]["timeline"]["events"][0]
    assert "transaction_id" not in theirs["unsigned"]


def test_gap_and_state(s):
    alice, bob, room = pair(s, "gap")
    bob.sync()
    good(alice.call("PUT", f"/rooms/{quote(room)}/state/m.room.topic/", {"topic": "before"}))
    for i in range(30):
        alice.say(room, str(i), f"g{i}")
    joined = bob.sync()["rooms"]["join"][room]
    equal(joined["timeline"]["limited"], True)
    equal([e["content"]["topic"] for e in joined["state"]["events"] if e["type"] == "m.room.topic"], ["before"])
    page = good(bob.call("GET", f"/rooms/{quote(room)}/messages", dir="b", limit=100,
                         **{"from": joined["timeline"]["prev_batch"]}))
    seen = [e["content"].get("body") for e in reversed(page["chunk"]) if e["type"] == "m.room.message"]
    shown = [e["content"].get("body") for e in joined["timeline"]["events"]]
    equal(seen + shown, [str(i) for i in range(30)])


def test_receipts_and_typing(s):
    alice, bob, room = pair(s, "ephemeral")
    event = alice.say(room, "read me", "t")
    bob.sync()
    alice.sync()
    good(bob.call("POST", f"/rooms/{quote(room)}/receipt/m.read/{quote(event)}", {}))
    good(bob.call("PUT", f"/rooms/{quote(room)}/typing/{quote(bob.id)}", {"typing": True, "timeout": 500}))
    ephemeral = {e["type"]: e["content"] for e in alice.sync()["rooms"]["join"][room]["ephemeral"]["events"]}
    assert bob.id in ephemeral["m.receipt"][event]["m.read"], ephemeral
    equal(ephemeral["m.typing"], {"user_ids": [bob.id]})
    later = alice.sync(timeout=5000)["rooms"]["join"][room]["ephemeral"]["events"]
    equal(later, [{"type": "m.typing", "content": {"user_ids": []}}])
    typing = f"/rooms/{quote(room)}/typing/{quote(bob.id)}"
    for body in {"typing": True, "timeout": 20000}, {"typing": False}, {"typing": True, "timeout": 300}:
        good(bob.call("PUT", typing, body))
    equal(alice.sync()["rooms"]["join"][room]["ephemeral"]["events"][0]["content"], {"user_ids": [bob.id]})
    equal(alice.sync(timeout=5000)["rooms"]["join"][room]["ephemeral"]["events"], later)
    equal(bob.sync()["rooms"]["join"][room]["unread_notifications"]["notification_count"], 0)
    refused(bob.call("PUT", f"/rooms/{quote(room)}/typing/{quote(alice.id)}", {"typing": True}), 403, "M_FORBIDDEN")


def test_redaction(s):
    alice, bob, room = pair(s, "redact")
    event = alice.say(room, "regretted", "t")
    good(alice.call("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/r", {"reason": "typo"}))
    shown = good(bob.call("GET", f"/rooms/{quote(room)}/event/{quote(event)}"))
    equal(shown["content"], {})
    equal(shown["unsigned"]["redacted_because"]["content"]["reason"], "typo")


def test_membership(s):
    alice, bob, room = pair(s, "members")
    for action, expected in (("kick", "leave"), ("ban", "ban"), ("unban", "leave")):
        good(alice.call("POST", f"/rooms/{quote(room)}/{action}", {"user_id": bob.id, "reason": "r"}))
        member = good(alice.call("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(bob.id)}"))
        equal(member["membership"], expected)
    refused(bob.call("PUT", f"/rooms/{quote(room)}/send/m.room.message/no", {"body": "x"}), 403, "M_FORBIDDEN")
    good(bob.call("POST", f"/rooms/{quote(room)}/forget", {}))
    equal(good(bob.call("GET", "/joined_rooms")), {"joined_rooms": []})


def test_to_device_once(s):
    alice, bob, _ = pair(s, "todevice")
    bob.sync()
    body = {"messages": {bob.id: {"*": {"secret": 1}}}}
    for _ in range(2):
        good(alice.call("PUT", "/sendToDevice/m.test/t1", body))
    s.restart(9)
    good(alice.call("PUT", "/sendToDevice/m.test/t1", body))
    again = bob.since
    events = bob.sync()["to_device"]["events"]
    equal(events, [{"content": {"secret": 1}, "sender": alice.id, "type": "m.test"}])
    bob.since = again
    equal(bob.sync()["to_device"]["events"], events)
    assert "to_device" not in bob.sync()


def device_keys(person):
    return {"user_id": person.id, "device_id": person.device, "algorithms": ["m.megolm.v1.aes-sha2"],
            "keys": {f"ed25519:{person.device}": "a" * 43}, "signatures": {person.id: {}}}


def test_keys(s):
    alice, bob, _ = pair(s, "keys")
    alice.sync()
    bob.sync()
    keys = {"signed_curve25519:A": {"key": "one", "signatures": {}}, "signed_curve25519:B": {"key": "two", "signatures": {}}}
    counts = good(bob.call("POST", "/keys/upload", {"device_keys": device_keys(bob), "one_time_keys": keys,
                                                    "fallback_keys": {"signed_curve25519:F": {"key": "f"}}}))
    equal(counts, {"one_time_key_counts": {"signed_curve25519": 2}})
    equal(alice.sync(timeout=2000)["device_lists"]["changed"], [bob.id])
    found = good(alice.call("POST", "/keys/query", {"device_keys": {bob.id: []}}))["device_keys"][bob.id][bob.device]
    equal(found["keys"], device_keys(bob)["keys"])
    claim = {"one_time_keys": {bob.id: {bob.device: "signed_curve25519"}}}
    claimed = [list(good(alice.call("POST", "/keys/claim", claim))["one_time_keys"][bob.id][bob.device])[0] for _ in range(4)]
    equal(claimed, ["signed_curve25519:A", "signed_curve25519:B", "signed_curve25519:F", "signed_curve25519:F"])
    answer = bob.sync(full_state="true")
    equal(answer["device_one_time_keys_count"]["signed_curve25519"], 0)
    equal(answer["device_unused_fallback_key_types"], [])
    equal(good(bob.call("POST", f"/keys/upload/{bob.device}", {}))["one_time_key_counts"],
          good(bob.call("POST", "/keys/upload", {}))["one_time_key_counts"])
    refused(bob.call("POST", "/keys/upload", {"device_keys": device_keys(alice)}), 400, "M_INVALID_PARAM")


def test_key_backup(s):
    alice = Person(s, "backup")
    auth = {"public_key": "x", "signatures": {}}
    version = good(alice.call("POST", "/room_keys/version", {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2",
                                                             "auth_data": auth}))["version"]
    session = {"first_message_index": 3, "forwarded_count": 0, "is_verified": False, "session_data": {"c": "t"}}
    path = f"/room_keys/keys/{quote('!r:example.com')}/s1"
    def put(body):
        return good(s.request("PUT", f"/_matrix/client/v3{path}?version={version}", body, alice.token))

    equal(put(session), {"count": 1, "etag": "1"})
    equal(put({**session, "first_message_index": 5}), {"count": 1, "etag": "1"})
    equal(put({**session, "first_message_index": 1}), {"count": 1, "etag": "2"})
    got = good(s.request("GET", f"/_matrix/client/v3{path}?version={version}", None, alice.token))
    equal(got["first_message_index"], 1)
    good(alice.call("POST", "/room_keys/version", {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": auth}))
    wrong = s.request("PUT", f"/_matrix/client/v3{path}?version={version}", session, alice.token)
    equal((wrong[0], wrong[1]["errcode"], wrong[1]["current_version"]), (403, "M_WRONG_ROOM_KEYS_VERSION", "2"))


def test_push_rules(s):
    alice, bob, room = pair(s, "push")
    rule = {"actions": ["notify", {"set_tweak": "highlight"}], "pattern": "cake"}
    good(bob.call("PUT", "/pushrules/global/content/cake", rule))
    bob.sync()
    alice.say(room, "there is cake", "t1")
    counts = bob.sync()["rooms"]["join"][room]["unread_notifications"]
    equal(counts, {"highlight_count": 1, "notification_count": 1})
    good(bob.call("PUT", "/pushrules/global/content/cake/enabled", {"enabled": False}))
    equal(good(bob.call("GET", "/pushrules/global/content/cake/enabled")), {"enabled": False})
    good(bob.call("PUT", "/pushrules/global/content/cake/actions", {"actions": ["notify"]}))
    equal(good(bob.call("GET", "/pushrules/global/content/cake/actions")), {"actions": ["notify"]})
    rules = good(bob.call("GET", "/pushrules/"))["global"]
    equal(good(bob.call("GET", "/pushrules/global/")), rules)
    equal(good(bob.call("GET", "/pushrules/global/content")), rules["content"])
    equal(rules["content"][0]["rule_id"], "cake")
    good(bob.call("DELETE", "/pushrules/global/content/cake"))
    refused(bob.call("GET", "/pushrules/global/content/cake"), 404, "M_NOT_FOUND")
    refused(bob.call("PUT", "/pushrules/global/content/.m.x", rule), 400, "M_INVALID_PARAM")


def test_backup_of_many_keys(s):
    alice = Person(s, "backups")
    new = {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "x", "signatures": {}}}
    refused(alice.call("GET", "/room_keys/version"), 404, "M_NOT_FOUND")
    version = good(alice.call("POST", "/room_keys/version", new))["version"]
    session = {"first_message_index": 0, "forwarded_count": 0, "is_verified": True, "session_data": {"c": "t"}}
    rooms = {room: {"sessions": {"s1": session, "s2": session}} for room in ("!a:example.com", "!b:example.com")}
    where = {"version": version}
    equal(good(alice.call("PUT", "/room_keys/keys", {"rooms": rooms}, query=where))["count"], 4)
    equal(good(alice.call("GET", "/room_keys/keys", query=where)), {"rooms": rooms})
    room = quote("!a:example.com")
    equal(good(alice.call("GET", f"/room_keys/keys/{room}", query=where)), rooms["!a:example.com"])
    equal(good(alice.call("PUT", f"/room_keys/keys/{room}", {"sessions": {"s3": session}}, query=where))["count"], 5)
    equal(good(alice.call("DELETE", f"/room_keys/keys/{room}/s3", query=where))["count"], 4)
    equal(good(alice.call("DELETE", f"/room_keys/keys/{room}", query=where))["count"], 2)
    equal(good(alice.call("DELETE", "/room_keys/keys", query=where))["count"], 0)
    changed = {**new, "auth_data": {"public_key": "y", "signatures": {}}}
    good(alice.call("PUT", f"/room_keys/version/{version}", changed))
    equal(good(alice.call("GET", f"/room_keys/version/{version}"))["auth_data"], changed["auth_data"])
    equal(good(alice.call("GET", "/room_keys/version"))["version"], version)
    good(alice.call("DELETE", f"/room_keys/version/{version}"))
    refused(alice.call("GET", f"/room_keys/version/{version}"), 404, "M_NOT_FOUND")
    equal(good(alice.call("POST", "/room_keys/version", new))["version"], str(int(version) + 1))


def test_cross_signing_is_checked(s):
    alice, bob, _ = pair(s, "cross")
    public = "nqOvzeuGWT/sRx3h7+MHoInYj3Uk2LD/unI9kDYcHwk"
    master = {"user_id": alice.id, "usage": ["master"], "keys": {"ed25519:" + public: public}}
    refused(alice.call("POST", "/keys/device_signing/upload", {"self_signing_key": {**master, "usage": ["self_signing"]}}),
            400, "M_MISSING_PARAM")
    refused(bob.call("POST", "/keys/device_signing/upload", {"master_key": master}), 400, "M_INVALID_PARAM")
    since = alice.sync()["next_batch"]
    good(alice.call("POST", "/keys/device_signing/upload", {"master_key": master}))
    forged = {**master, "usage": ["self_signing"], "signatures": {alice.id: {"ed25519:" + public: "A" * 86}}}
    refused(alice.call("POST", "/keys/device_signing/upload", {"self_signing_key": forged}), 400, "M_INVALID_SIGNATURE")
    other = {**master, "keys": {"ed25519:" + "B" * 43: "B" * 43}}
    equal(alice.call("POST", "/keys/device_signing/upload", {"master_key": other})[0], 401)
    found = good(bob.call("POST", "/keys/query", {"device_keys": {alice.id: []}}))
    equal(found["master_keys"], {alice.id: master})
    signed = {**master, "signatures": {bob.id: {"ed25519:x": "A" * 86}}}
    failures = good(bob.call("POST", "/keys/signatures/upload", {alice.id: {public: signed}}))["failures"]
    equal(failures[alice.id][public]["errcode"], "M_INVALID_SIGNATURE")
    to = alice.sync()["next_batch"]
    equal(good(bob.call("GET", "/keys/changes", query={"from": since, "to": to}))["changed"], [alice.id])


def test_reading_rooms(s):
    alice, bob = Person(s, "reading_a"), Person(s, "reading_b")
    room = alice.create(preset="private_chat", room_alias_name="reading", topic="t")
    invited = good(alice.call("POST", f"/rooms/{quote(room)}/invite", {"user_id": bob.id})) or bob.sync()
    state = invited["rooms"]["invite"][room]["invite_state"]["events"]
    assert {"m.room.create", "m.room.member", "m.room.join_rules"} <= {e["type"] for e in state}, state
    equal(good(bob.call("POST", f"/join/{quote('#reading:example.com')}", {})), {"room_id": room})
    events = [alice.say(room, str(i), f"t{i}") for i in range(9)]
    context = good(bob.call("GET", f"/rooms/{quote(room)}/context/{quote(events[4])}", query={"limit": 4}))
    equal([e["content"]["body"] for e in context["events_before"]], ["3", "2"])
    equal([e["content"]["body"] for e in context["events_after"]], ["5", "6"])
    before = good(bob.call("GET", f"/rooms/{quote(room)}/messages", query={"dir": "b", "from": context["start"], "limit": 2}))
    equal([e["content"]["body"] for e in before["chunk"]], ["1", "0"])
    after = good(bob.call("GET", f"/rooms/{quote(room)}/messages", query={"dir": "f", "from": context["end"], "limit": 2}))
    equal([e["content"]["body"] for e in after["chunk"]], ["7", "8"])
    equal(set(good(bob.call("GET", f"/rooms/{quote(room)}/joined_members"))["joined"]), {alice.id, bob.id})
    members = good(bob.call("GET", f"/rooms/{quote(room)}/members", query={"not_membership": "leave"}))["chunk"]
    equal({e["state_key"] for e in members}, {alice.id, bob.id})
    good(alice.call("PUT", f"/rooms/{quote(room)}/state/m.test/key", {"v": 1}))
    equal(good(bob.call("GET", f"/rooms/{quote(room)}/state/m.test/key")), {"v": 1})
    good(bob.call("POST", f"/rooms/{quote(room)}/read_markers", {"m.fully_read": events[3], "m.read": events[3]}))
    data = bob.sync()["rooms"]["join"][room]["account_data"]["events"]
    assert {"type": "m.fully_read", "content": {"event_id": events[3]}} in data, data
    good(bob.call("POST", f"/rooms/{quote(room)}/leave", {}))
    assert room in bob.sync()["rooms"]["leave"]
    good(alice.call("PUT", f"/rooms/{quote(room)}/state/m.test/key", {"v": 2}))
    equal(good(bob.call("GET", f"/rooms/{quote(room)}/state/m.test/key")), {"v": 1})
    refused(bob.call("POST", f"/rooms/{quote(room)}/join", {}), 403, "M_FORBIDDEN")
    refused(bob.call("POST", f"/knock/{quote(room)}", {}), 403, "M_FORBIDDEN")


def test_state_after(s):
    alice, bob, room = pair(s, "after")
    bob.sync()
    good(alice.call("PUT", f"/rooms/{quote(room)}/state/m.room.topic/", {"topic": "now"}))
    joined = bob.sync(use_state_after="true")["rooms"]["join"][room]
    equal([e["content"]["topic"] for e in joined["state_after"]["events"] if e["type"] == "m.room.topic"], ["now"])
    assert "state" not in joined
    good(alice.call("PUT", f"/rooms/{quote(room)}/state/m.room.topic/", {"topic": "older"}))
    joined = bob.sync(**{"org.matrix.msc4222.use_state_after": "true"})["rooms"]["join"][room]
    state = joined["org.matrix.msc4222.state_after"]["events"]
    equal([e["content"]["topic"] for e in state if e["type"] == "m.room.topic"], ["older"])


def test_lazy_members(s):
    alice, bob, room = pair(s, "lazy")
    name = f"/rooms/{quote(room)}/state/m.room.name"
    good(alice.call("PUT", name, {"name": "Named"}))
    carol = Person(s, "lazy_c")
    carol.join(room)
    for i in range(12):
        alice.say(room, str(i), f"t{i}")
    chosen = '{"room":{"state":{"lazy_load_members":true}}}'
    joined = bob.sync(filter=chosen)["rooms"]["join"][room]
    members = {e["state_key"] for e in joined["state"]["events"] if e["type"] == "m.room.member"}
    equal((members, "m.heroes" in joined["summary"]), ({alice.id, bob.id}, False))
    good(alice.call("PUT", name, {}))
    alice.say(room, "nameless", "n")
    bob.since = None
    joined = bob.sync(filter='{"room":{"state":{"lazy_load_members":true},"timeline":{"limit":1}}}')["rooms"]["join"][room]
    equal(sorted(joined["summary"]["m.heroes"]), [alice.id, carol.id])
    members = {e["state_key"] for e in joined["state"]["events"] if e["type"] == "m.room.member"}
    equal(members, {alice.id, bob.id, carol.id})


def test_aliases(s):
    alice, bob, room = pair(s, "aliases")
    alias = quote("#aliases:example.com")
    refused(bob.call("GET", f"/directory/room/{alias}"), 404, "M_NOT_FOUND")
    good(alice.call("PUT", f"/directory/room/{alias}", {"room_id": room}))
    equal(alice.call("PUT", f"/directory/room/{alias}", {"room_id": room})[0], 409)
    equal(good(bob.call("GET", f"/directory/room/{alias}")), {"room_id": room, "servers": ["example.com"]})
    equal(good(bob.call("GET", f"/rooms/{quote(room)}/aliases")), {"aliases": ["#aliases:example.com"]})
    refused(bob.call("DELETE", f"/directory/room/{alias}"), 403, "M_FORBIDDEN")
    good(alice.call("DELETE", f"/directory/room/{alias}"))
    refused(bob.call("GET", f"/directory/room/{alias}"), 404, "M_NOT_FOUND")
    refused(alice.call("PUT", f"/directory/room/{quote('#a:elsewhere')}", {"room_id": room}), 400, "M_INVALID_PARAM")


def test_relations(s):
    alice, bob, room = pair(s, "relations")
    root = alice.say(room, "root", "r")
    thread = [bob.say(room, str(i), f"t{i}", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}}) for i in range(5)]
    edit = alice.say(room, "* root!", "e", **{"m.new_content": {"body": "root!", "msgtype": "m.text"},
                                              "m.relates_to": {"rel_type": "m.replace", "event_id": root}})
    path = f"/rooms/{quote(room)}/relations/{quote(root)}"
    first = good(alice.call("GET", path + "/m.thread", version="v1", query={"limit": 3}))
    equal([e["event_id"] for e in first["chunk"]], thread[:1:-1])
    rest = good(alice.call("GET", path + "/m.thread", version="v1", query={"limit": 3, "from": first["next_batch"]}))
    equal([e["event_id"] for e in rest["chunk"]], thread[1::-1])
    assert "next_batch" not in rest, rest
    everything = good(alice.call("GET", path, version="v1", query={"dir": "f"}))
    equal([e["event_id"] for e in everything["chunk"]], thread + [edit])
    typed = good(alice.call("GET", path + "/m.replace/m.room.message", version="v1"))
    equal([e["event_id"] for e in typed["chunk"]], [edit])
    shown = good(bob.call("GET", f"/rooms/{quote(room)}/event/{quote(root)}"))["unsigned"]["m.relations"]
    equal(shown["m.thread"]["count"], 5)
    equal(shown["m.replace"]["event_id"], edit)


def test_profile_reaches_rooms(s):
    alice, bob, room = pair(s, "profile")
    bob.sync()
    good(alice.call("PUT", f"/profile/{quote(alice.id)}/displayname", {"displayname": "Alice!"}))
    timeline = bob.sync()["rooms"]["join"][room]["timeline"]["events"]
    equal([(e["type"], e["content"]["displayname"]) for e in timeline], [("m.room.member", "Alice!")])


def memory_kb(s):
    with open(f"/proc/{s.process.pid}/status", encoding="utf-8") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


def test_hidden_news_costs_no_memory(s):
    """Long polls whose filters hide what happens look again at each event, in the memory of the first look."""
    alice = Person(s, "hiding")
    room = good(alice.call("POST", "/createRoom", {}))["room_id"]
    since = good(alice.call("GET", "/sync"))["next_batch"]
    hiding = json.dumps({"room": {"timeline": {"not_types": ["m.noise"]}}})
    answers = []
    polls = [threading.Thread(target=lambda: answers.append(alice.call("GET", "/sync", since=since, timeout=60000, filter=hiding)))
             for _ in range(10)]
    for poll in polls:
        poll.start()
    for i in range(50):
        good(alice.call("PUT", f"/rooms/{quote(room)}/send/m.noise/warm{i}", {}))
    before = memory_kb(s)
    for i in range(200):
        good(alice.call("PUT", f"/rooms/{quote(room)}/send/m.noise/{i}", {}))
    grown = memory_kb(s) - before
    equal(answers, [])
    good(alice.call("PUT", f"/rooms/{quote(room)}/send/m.other/end", {}))
    for poll in polls:
        poll.join()
    equal([len(good(answer)["rooms"]["join"][room]["timeline"]["events"]) for answer in answers], [1] * 10)
    if "san" not in hearth.BUILD:  # sanitizers keep what is freed
        assert grown < 30000, f"{grown} kB"  # without: 380 MB


def test_killed_under_load(s):
    """What was acknowledged before kill -9 is there exactly once, and in one order for both."""
    alice, bob, room = pair(s, "killed")
    for round_number in range(3):
        acknowledged = []

        def send(worker):
            for i in range(200):
                txn = f"k{round_number}.{worker}.{i}"
                try:
                    acknowledged.append((alice.say(room, txn, txn), txn))
                except Exception:
                    return

        workers = [threading.Thread(target=send, args=(n,)) for n in range(4)]
        for worker in workers:
            worker.start()
        time.sleep(0.4)
        s.kill()
        for worker in workers:
            worker.join()
        s.start()
        seen = alice.texts(room)
        equal(bob.texts(room), seen)
        assert acknowledged, "nothing was sent before the kill"
        for event in acknowledged:
            equal(seen.count(event), 1)
        bodies = [body for _, body in seen]
        equal(len(bodies), len(set(bodies)))


people.run(globals())

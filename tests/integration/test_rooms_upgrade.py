#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Room upgrades: POST /rooms/{roomId}/upgrade and what follows a user into the new room."""
import concurrent.futures
import threading
import time
import urllib.error

import people
from people import Person, equal, good, pair, quote, refused


def state(person, room, kind, key="", **query):
    status, body = person.call("GET", f"/rooms/{quote(room)}/state/{kind}/{quote(key)}", **query)
    return body if status == 200 else None


def put_state(person, room, kind, content, key=""):
    return good(person.call("PUT", f"/rooms/{quote(room)}/state/{kind}/{quote(key)}", content))["event_id"]


def upgrade(person, room, version, **more):
    return good(person.call("POST", f"/rooms/{quote(room)}/upgrade", {"new_version": version, **more}))["replacement_room"]


def test_every_version(s):
    alice = Person(s, "every_a")
    room = alice.create(name="same name", room_version="1")
    for version in [*range(2, 13), 1]:
        new = upgrade(alice, room, str(version))
        create = state(alice, new, "m.room.create")
        equal(create.get("room_version", "1"), str(version))
        equal(create["predecessor"]["room_id"], room)
        tombstone = state(alice, room, "m.room.tombstone", format="event")
        equal(tombstone["content"], {"body": "This room has been replaced", "replacement_room": new})
        equal(create["predecessor"].get("event_id"), tombstone["event_id"] if version != 12 else None)
        equal(state(alice, new, "m.room.name"), {"name": "same name"})
        equal(alice.id in state(alice, new, "m.room.power_levels")["users"], version != 12)
        alice.say(new, "works", "t")
        room = new


def test_state_is_copied(s):
    alice, bob, room = pair(s, "copied", topic="about")
    put_state(alice, room, "m.room.name", {"name": "n"})
    copied = {
        "m.room.avatar": {"url": "mxc://example.com/a"},
        "m.room.encryption": {"algorithm": "m.megolm.v1.aes-sha2"},
        "m.room.guest_access": {"guest_access": "can_join"},
        "m.room.history_visibility": {"history_visibility": "joined"},
        "m.room.join_rules": {"join_rule": "knock"},
        "m.room.server_acl": {"allow": ["*"], "deny": ["evil.example"], "allow_ip_literals": False},
    }
    for kind, content in copied.items():
        put_state(alice, room, kind, content)
    put_state(alice, room, "org.example.own", {"not": "copied"})
    good(alice.call("POST", f"/rooms/{quote(room)}/ban", {"user_id": "@spammer:elsewhere.example", "reason": "spam"}))
    levels = state(alice, room, "m.room.power_levels")
    levels["users"][bob.id] = 50
    put_state(alice, room, "m.room.power_levels", levels)
    new = upgrade(alice, room, "10")
    for kind, content in {**copied, "m.room.name": {"name": "n"}, "m.room.topic": state(alice, room, "m.room.topic")}.items():
        equal((kind, state(alice, new, kind)), (kind, content))
    equal(state(alice, new, "org.example.own"), None)
    equal(state(alice, new, "m.room.power_levels"), levels)
    banned = state(alice, new, "m.room.member", "@spammer:elsewhere.example")
    equal((banned["membership"], banned["reason"]), ("ban", "spam"))
    refused(alice.call("GET", f"/rooms/{quote(new)}/state/m.room.member/{quote(bob.id)}"), 404, "M_NOT_FOUND")
    quiet = state(alice, room, "m.room.power_levels")
    equal((quiet["invite"], quiet["events_default"], quiet["users"]), (50, 50, levels["users"]))


def test_many_bans(s):
    """More than are copied at once; who copies them may do so only until they are."""
    alice, bob, room = pair(s, "bans", room_version="9")
    bans = 501
    for i in range(bans):
        good(alice.call("POST", f"/rooms/{quote(room)}/ban", {"user_id": f"@spammer{i}:elsewhere.example"}))
    levels = state(alice, room, "m.room.power_levels")
    levels["users"][bob.id], levels["events"]["m.room.tombstone"] = 40, 40
    put_state(alice, room, "m.room.power_levels", levels)
    new = upgrade(bob, room, "11")
    banned = good(bob.call("GET", f"/rooms/{quote(new)}/members", membership="ban"))["chunk"]
    equal(len({e["state_key"] for e in banned}), bans)
    equal(state(bob, new, "m.room.power_levels")["users"], {alice.id: 100, bob.id: 40})
    refused(bob.call("POST", f"/rooms/{quote(new)}/ban", {"user_id": "@one:more"}), 403, "M_FORBIDDEN")


def test_refused_upgrade_leaves_nothing(s):
    """The new room and the tombstone are stored together or not at all: a topic that just fits does not in version 11."""
    alice, bob, room = pair(s, "nothing", room_version="12")
    low, high = 60000, 66000
    while low + 1 < high:
        size = (low + high) // 2
        status, _ = alice.call("PUT", f"/rooms/{quote(room)}/state/m.room.topic/", {"topic": "x" * size})
        low, high = (size, high) if status == 200 else (low, size)
    put_state(alice, room, "m.room.topic", {"topic": "x" * low})
    before = good(alice.call("GET", "/joined_rooms"))["joined_rooms"]
    refused(alice.call("POST", f"/rooms/{quote(room)}/upgrade", {"new_version": "11"}), 413, "M_TOO_LARGE")
    equal(good(alice.call("GET", "/joined_rooms"))["joined_rooms"], before)
    equal(state(alice, room, "m.room.tombstone"), None)
    put_state(alice, room, "m.room.topic", {"topic": "short"})
    event = alice.say(room, "still works", "s")
    equal(alice.texts(room), [(event, "still works")])
    upgrade(alice, room, "11")


def test_whoever_is_banned_may_have_been_powerful(s):
    alice, bob, room = pair(s, "banned", room_version="9")
    levels = state(alice, room, "m.room.power_levels")
    put_state(alice, room, "m.room.power_levels", {**levels, "users": {alice.id: 100, bob.id: 99}})
    good(alice.call("POST", f"/rooms/{quote(room)}/ban", {"user_id": bob.id}))
    put_state(alice, room, "m.room.power_levels", {**levels, "users": {alice.id: 100, bob.id: 100}})
    for version in ("9", "11", "12"):
        new = upgrade(alice, room, version)
        equal(state(alice, new, "m.room.member", bob.id)["membership"], "ban")


def test_who_may(s):
    alice, bob, room = pair(s, "may")
    stranger = Person(s, "may_c")
    path = f"/rooms/{quote(room)}/upgrade"
    refused(bob.call("POST", path, {"new_version": "11"}), 403, "M_FORBIDDEN")
    refused(stranger.call("POST", path, {"new_version": "11"}), 403, "M_FORBIDDEN")
    refused(alice.call("POST", path, {"new_version": "99"}), 400, "M_UNSUPPORTED_ROOM_VERSION")
    refused(alice.call("POST", path, {}), 400, "M_MISSING_PARAM")
    refused(alice.call("POST", path, {"new_version": 11}), 400, "M_BAD_JSON")
    refused(alice.call("POST", "/rooms/!nowhere:example.com/upgrade", {"new_version": "11"}), 403, "M_FORBIDDEN")
    equal(state(alice, room, "m.room.tombstone"), None)


def test_little_power_is_enough(s):
    """Who may send a tombstone and no more still leaves the new room with the old one's levels."""
    alice, bob, room = pair(s, "little", room_version="9")
    levels = state(alice, room, "m.room.power_levels")
    levels["users"][bob.id] = "40"
    levels["events"]["m.room.tombstone"] = 40
    put_state(alice, room, "m.room.power_levels", levels)
    new = upgrade(bob, room, "11")
    equal(state(bob, room, "m.room.tombstone")["replacement_room"], new)
    equal(state(bob, room, "m.room.power_levels"), levels)
    equal(state(bob, new, "m.room.power_levels")["users"], {alice.id: 100, bob.id: 40})


def test_creators_of_version_12(s):
    alice, bob, room = pair(s, "creators", room_version="12", creation_content={"additional_creators": ["@x:example.com"]})
    levels = state(alice, room, "m.room.power_levels")
    levels["users"][bob.id] = 100
    put_state(alice, room, "m.room.power_levels", levels)
    new = upgrade(alice, room, "12", additional_creators=[bob.id])
    equal(state(alice, new, "m.room.create")["additional_creators"], [bob.id])
    equal(state(alice, new, "m.room.power_levels")["users"], {})
    refused(alice.call("POST", f"/rooms/{quote(new)}/upgrade", {"new_version": "12", "additional_creators": ["no id"]}), 400,
            "M_INVALID_PARAM")
    older = upgrade(alice, new, "11", additional_creators=[bob.id])
    assert "additional_creators" not in state(alice, older, "m.room.create")
    equal(state(alice, older, "m.room.power_levels")["users"], {alice.id: 150, bob.id: 150})


def test_aliases_and_directory(s):
    names = {"alias": "#moved:example.com", "alt_aliases": ["#other:example.com", "#far:elsewhere.example"]}
    alice, bob, room = pair(s, "named", room_alias_name="moved", initial_state=[
        {"type": "m.room.canonical_alias", "content": names}])
    good(alice.call("PUT", f"/directory/room/{quote('#other:example.com')}", {"room_id": room}))
    new = upgrade(alice, room, "11")
    for name in ("#moved:example.com", "#other:example.com"):
        equal(good(bob.call("GET", f"/directory/room/{quote(name)}"))["room_id"], new)
    equal(state(alice, new, "m.room.canonical_alias"), {"alias": "#moved:example.com", "alt_aliases": ["#other:example.com"]})
    equal(state(alice, room, "m.room.canonical_alias"), {"alt_aliases": ["#far:elsewhere.example"]})
    equal(good(bob.call("POST", f"/join/{quote('#moved:example.com')}", {}))["room_id"], new)


def test_space_keeps_its_children(s):
    alice = Person(s, "space_a")
    space = alice.create(creation_content={"type": "m.space", "m.federate": False})
    put_state(alice, space, "m.space.child", {"via": ["example.com"]}, "!child:example.com")
    put_state(alice, space, "m.space.child", {}, "!gone:example.com")
    new = upgrade(alice, space, "11")
    create = state(alice, new, "m.room.create")
    equal((create["type"], create["m.federate"]), ("m.space", False))
    equal(state(alice, new, "m.space.child", "!child:example.com"), {"via": ["example.com"]})
    equal(state(alice, new, "m.space.child", "!gone:example.com"), None)


def test_own_things_follow(s):
    alice, bob, room = pair(s, "follow")
    for person in (alice, bob):
        user = f"/user/{quote(person.id)}"
        good(person.call("PUT", f"{user}/rooms/{quote(room)}/tags/m.favourite", {"order": 0.5}))
        good(person.call("PUT", f"/pushrules/global/room/{quote(room)}", {"actions": []}))
        good(person.call("PUT", "/pushrules/global/override/" + quote(room), {"actions": ["notify"], "conditions": [
            {"kind": "event_match", "key": "room_id", "pattern": room}]}))
        good(person.call("PUT", f"{user}/account_data/m.direct", {"@x:example.com": [room], "@y:example.com": ["!z:z"]}))
        person.sync()
    new = upgrade(alice, room, "11")
    bob.join(new)
    for person in (alice, bob):
        user = f"/user/{quote(person.id)}"
        equal(good(person.call("GET", f"{user}/rooms/{quote(new)}/tags"))["tags"], {"m.favourite": {"order": 0.5}})
        equal(good(person.call("GET", f"/pushrules/global/room/{quote(new)}"))["actions"], [])
        rule = good(person.call("GET", f"/pushrules/global/override/{quote(new)}"))
        equal(rule["conditions"], [{"kind": "event_match", "key": "room_id", "pattern": new}])
        equal(good(person.call("GET", f"{user}/account_data/m.direct")),
              {"@x:example.com": [room, new], "@y:example.com": ["!z:z"]})
        answer = person.sync()
        types = {e["type"] for e in answer["rooms"]["join"][new]["account_data"]["events"]}
        assert "m.tag" in types, types
        assert {"m.direct", "m.push_rules"} <= {e["type"] for e in answer["account_data"]["events"]}, answer["account_data"]


def test_one_upgrade_at_a_time(s):
    alice = Person(s, "once_a")
    room = alice.create()
    for i in range(200):
        good(alice.call("POST", f"/rooms/{quote(room)}/ban", {"user_id": f"@spammer{i}:elsewhere.example"}))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        path = f"/rooms/{quote(room)}/upgrade"
        calls = [pool.submit(alice.call, "POST", path, {"new_version": "11"}) for _ in range(4)]
        answers = [call.result() for call in calls]
    made = [body["replacement_room"] for status, body in answers if status == 200]
    assert made and all(status == 200 or body["errcode"] == "M_UNKNOWN" for status, body in answers), answers
    for new in made:
        equal(state(alice, new, "m.room.create")["predecessor"]["room_id"], room)
    assert state(alice, room, "m.room.tombstone")["replacement_room"] in made
    assert upgrade(alice, room, "11") not in made


def test_killed_while_upgrading(s):
    """No tombstone points nowhere, and no room replaces one that does not say so."""
    alice = Person(s, "killed_a")
    upgraded = 0
    for _ in range(3):
        rooms = [alice.create() for _ in range(20)]

        def upgrade_all():
            try:
                for room in rooms:
                    upgrade(alice, room, "11")
            except (OSError, urllib.error.URLError, AssertionError):
                pass
        worker = threading.Thread(target=upgrade_all)
        worker.start()
        time.sleep(0.04)
        s.restart(9)
        worker.join()
        for room in rooms:
            tombstone = state(alice, room, "m.room.tombstone", format="event")
            if tombstone:
                new = tombstone["content"]["replacement_room"]
                equal(state(alice, new, "m.room.create")["predecessor"],
                      {"room_id": room, "event_id": tombstone["event_id"]})
                upgraded += 1
        for room in good(alice.call("GET", "/joined_rooms"))["joined_rooms"]:
            old = state(alice, room, "m.room.create").get("predecessor")
            if old:
                equal(state(alice, old["room_id"], "m.room.tombstone")["replacement_room"], room)
    assert upgraded, "nothing was upgraded before the kill"


people.run(globals())

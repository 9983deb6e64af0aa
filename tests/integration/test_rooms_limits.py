#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# slow
"""Rate limits of rooms: each class alone is small, and counts by the key that it should."""
import hearth
import people
from people import Person, equal, good, quote, refused

FEW = {"per_second": 0.0001, "burst_count": 3}


def limited(answer):
    refused(answer, 429, "M_LIMIT_EXCEEDED")
    assert answer[1]["retry_after_ms"] > 0


def server(**few):
    return hearth.server(**{**people.SETTINGS, **few})


def post(person, room, what, **body):
    return person.call("POST", f"/rooms/{quote(room)}/{what}", body)


def redact(person, room, event, txn):
    return person.call("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/{txn}", {})


def test_messages(_):
    with server(rc_message={**FEW, "burst_count": 6}) as s:
        alice, bob = Person(s, "alice"), Person(s, "bob")
        room = alice.create(preset="public_chat")
        bob.join(room)
        event = alice.say(room, "1", "1")
        good(alice.call("PUT", f"/rooms/{quote(room)}/state/m.room.topic/", {"topic": "2"}))
        good(redact(alice, room, event, "3"))
        good(post(alice, room, "kick", user_id=bob.id))
        good(post(alice, room, "invite", user_id=bob.id))
        limited(alice.call("PUT", f"/rooms/{quote(room)}/send/m.room.message/6", {"body": ""}))
        limited(alice.call("PUT", f"/rooms/{quote(room)}/state/m.room.topic/", {"topic": "7"}))
        limited(post(alice, room, "ban", user_id=bob.id))
        limited(alice.call("POST", "/createRoom", {}))
        good(post(bob, room, "join"))
        # Without a limiter of their own, redactions of what others said are messages as well.
        limited(redact(alice, room, bob.say(room, "2", "2"), "8"))


def test_admin_redactions(_):
    with server(rc_admin_redaction=FEW, rc_message={**FEW, "burst_count": 5}) as s:
        alice, bob = Person(s, "alice"), Person(s, "bob")
        room = alice.create(preset="public_chat")
        bob.join(room)
        events = [bob.say(room, str(i), str(i)) for i in range(4)]
        for i in range(3):
            good(redact(alice, room, events[i], i))
        limited(redact(alice, room, events[3], "3"))
        own = [alice.say(room, str(i), f"own{i}") for i in range(2)]
        good(redact(alice, room, own[0], "4"))
        good(alice.call("PUT", f"/rooms/{quote(room)}/send/m.room.redaction/5", {"redacts": own[1]}))
        limited(redact(alice, room, own[0], "6"))


def test_joins(_):
    with server(rc_joins={"local": FEW, "remote": FEW}) as s:
        alice, bob = Person(s, "alice"), Person(s, "bob")
        rooms = [alice.create(preset="public_chat") for _ in range(4)]
        for room in rooms[:3]:
            bob.join(room)
        good(post(bob, rooms[0], "join"))
        limited(post(bob, rooms[3], "join"))
        limited(bob.call("POST", f"/join/{quote(rooms[3])}", {}))
        good(post(alice, rooms[0], "join"))


def test_joins_of_a_room(_):
    with server(rc_joins_per_room=FEW) as s:
        users = [Person(s, f"user{i}") for i in range(5)]
        room, other = (users[0].create(preset="public_chat") for _ in range(2))
        users[1].join(room)
        refused(post(users[2], users[0].create(), "join"), 403, "M_FORBIDDEN")
        users[2].join(room)
        limited(post(users[3], room, "join"))
        good(post(users[1], room, "join"))
        users[3].join(other)


def test_invites(_):
    for key in ("per_room", "per_user", "per_issuer"):
        limits = {k: people.FREE for k in ("per_room", "per_user", "per_issuer")}
        with server(rc_invites={**limits, key: FEW}) as s:
            alice, bob, *others = [Person(s, f"user{i}") for i in range(6)]
            rooms = [alice.create() for _ in range(4)]
            for i in range(3):
                room = rooms[0 if key == "per_room" else i]
                good(post(alice, room, "invite", user_id=(bob if key == "per_user" else others[i]).id))
            limited(post(alice, rooms[0], "invite", user_id=bob.id))
            free = rooms[3] if key == "per_room" else bob.create() if key == "per_issuer" else rooms[3]
            good(post(alice if key != "per_issuer" else bob, free, "invite", user_id=others[3].id))
            status, body = alice.call("POST", "/createRoom", {"invite": [p.id for p in others]})
            equal((status, body.get("errcode")), (400, "M_UNKNOWN") if key == "per_room" else (200, None))


def test_creations(_):
    with server(rc_room_creation=FEW) as s:
        alice, bob = Person(s, "alice"), Person(s, "bob")
        room = alice.create()
        alice.create()
        good(post(alice, room, "upgrade", new_version="11"))
        limited(alice.call("POST", "/createRoom", {}))
        limited(post(alice, room, "upgrade", new_version="11"))
        bob.create()


people.run(globals())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a user with an account must not learn: rooms they were never in, and what happened after they left."""
import people
from people import Person, equal, good, pair, quote, refused


def post(person, room, what, **body):
    return person.call("POST", f"/rooms/{quote(room)}/{what}", body)


def get(person, room, path, **query):
    return person.call("GET", f"/rooms/{quote(room)}/{path}", **query)


def put_state(person, room, kind, content, key=""):
    good(person.call("PUT", f"/rooms/{quote(room)}/state/{kind}/{quote(key)}", content))


def reads_nothing(person, room, alice, secret):
    """Whoever was never in the room: neither what it says and is, nor who is in it."""
    for path, query in (("state", {}), ("members", {}), ("messages", {"dir": "b"}), ("state/m.room.topic", {}),
                        ("joined_members", {}), ("aliases", {}), ("members", {"at": "s999999"})):
        refused(get(person, room, path, **query), 403, "M_FORBIDDEN")
    refused(get(person, room, f"context/{quote(secret)}"), 404, "M_NOT_FOUND")
    refused(get(person, room, f"event/{quote(secret)}"), 404, "M_NOT_FOUND")


def left_part(answer, room):
    part = answer["rooms"]["leave"][room]
    return part["timeline"]["events"] + part["state"]["events"]


def test_never_inside(s):
    """Turning an invitation down, taking a knock back, or being banned outside opens no room."""
    alice, bob = Person(s, "never_a"), Person(s, "never_b")
    for how in ("invitation", "knock", "ban"):
        start = bob.sync()["next_batch"]
        room = alice.create(preset="private_chat", topic="plans", initial_state=[
            {"type": "m.room.join_rules", "content": {"join_rule": "knock" if how == "knock" else "invite"}}])
        secret = alice.say(room, "secret", "s")
        if how == "invitation":
            good(post(alice, room, "invite", user_id=bob.id))
        elif how == "knock":
            good(bob.call("POST", f"/knock/{quote(room)}", {}))
        before = bob.sync()["next_batch"]
        put_state(alice, room, "m.room.topic", {"topic": "new plans"})
        good(post(alice, room, "ban", user_id=bob.id) if how == "ban" else post(bob, room, "leave"))
        reads_nothing(bob, room, alice, secret)
        filters = '{"room":{"include_leave":true}}'
        for query in ({"since": start}, {"since": before}, {"since": before, "full_state": "true"}, {"filter": filters},
                      {"since": start, "use_state_after": "true"}):
            answer = good(bob.call("GET", "/sync", **query))
            part = answer["rooms"]["leave"][room]
            told = part["timeline"]["events"] + part.get("state", part.get("state_after"))["events"]
            equal([(e["type"], e["state_key"]) for e in told], [("m.room.member", bob.id)])
            equal(alice.id in answer.get("device_lists", {}).get("left", []), False)
        for since in (start, before):
            changes = good(bob.call("GET", "/keys/changes", query={"from": since, "to": bob.sync()["next_batch"]}))
            equal((changes["changed"], changes["left"]), ([], []))


def test_after_leaving(s):
    """The state that is told ends with the last stay, whatever becomes of the membership later."""
    alice, bob, room = pair(s, "after", preset="private_chat", initial_state=[
        {"type": "m.room.join_rules", "content": {"join_rule": "public"}}])
    start = bob.sync()["next_batch"]
    put_state(alice, room, "m.room.topic", {"topic": "old"})
    good(post(bob, room, "leave"))
    gone = bob.sync()
    equal([e["content"] for e in left_part(gone, room) if e["type"] == "m.room.topic"], [{"topic": "old"}])
    equal(gone["device_lists"]["left"], [alice.id])
    put_state(alice, room, "m.room.topic", {"topic": "new"})
    carol = Person(s, "after_c")
    carol.join(room)
    good(post(alice, room, "ban", user_id=bob.id))
    equal(good(get(bob, room, "state/m.room.topic")), {"topic": "old"})
    members = [e["state_key"] for e in good(get(bob, room, "members"))["chunk"]]
    equal(sorted(members), sorted([alice.id, bob.id]))
    for query in ({"since": start}, {"since": gone["next_batch"]}, {"filter": '{"room":{"include_leave":true}}'}):
        told = left_part(good(bob.call("GET", "/sync", **query)), room)
        equal([e["content"] for e in told if e["type"] == "m.room.topic"],
              [] if query.get("since") == gone["next_batch"] else [{"topic": "old"}])
        equal(carol.id in [e.get("state_key") for e in told], False)
        equal([e["content"]["membership"] for e in told if e.get("state_key") == bob.id][-1:], ["ban"])


def test_who_came_later(s):
    """A token from before one's departure does not tell who has come into the room since, nor who was there before."""
    alice, bob, room = pair(s, "later")
    start = bob.sync()["next_batch"]
    good(post(bob, room, "leave"))
    carol = Person(s, "later_c")
    carol.join(room)
    good(carol.call("PUT", f"/profile/{carol.id}/displayname", {"displayname": "C"}))
    now = bob.sync()["next_batch"]
    equal(good(bob.call("GET", "/sync", **{"since": start}))["device_lists"]["left"], [alice.id])
    equal(good(bob.call("GET", "/keys/changes", query={"from": start, "to": now}))["left"], [alice.id])


def relations(events, event_id):
    return next(e for e in events if e["event_id"] == event_id)["unsigned"].get("m.relations", {})


def test_bundled_after_leaving(s):
    """Edits, threads and references that came while somebody was outside are not bundled for them."""
    alice, bob, room = pair(s, "bundled")
    root = alice.say(room, "root", "root")
    edit = {"m.new_content": {"msgtype": "m.text", "body": "e"}, "m.relates_to": {"rel_type": "m.replace", "event_id": root}}
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": root}}
    reference = {"m.relates_to": {"rel_type": "m.reference", "event_id": root}}
    first = [alice.say(room, f"first {i}", f"f{i}", **content) for i, content in enumerate((edit, thread, reference))]
    good(post(bob, room, "leave"))
    second = [alice.say(room, f"second {i}", f"s{i}", **content) for i, content in enumerate((edit, thread, reference))]

    def bundles(person):
        yield good(get(person, room, f"event/{quote(root)}"))["unsigned"]["m.relations"]
        yield good(get(person, room, f"context/{quote(root)}"))["event"]["unsigned"]["m.relations"]
        yield relations(good(get(person, room, "messages", dir="b", limit=100))["chunk"], root)

    def check(person, latest, count, references):
        for found in bundles(person):
            equal(found["m.replace"]["event_id"], latest[0])
            equal((found["m.thread"]["latest_event"]["event_id"], found["m.thread"]["count"]), (latest[1], count))
            equal([e["event_id"] for e in found["m.reference"]["chunk"]], references)

    check(alice, second, 2, [first[2], second[2]])
    check(bob, first, 1, [first[2]])
    put_state(alice, room, "m.room.history_visibility", {"history_visibility": "joined"})
    third = [alice.say(room, f"third {i}", f"t{i}", **content) for i, content in enumerate((edit, thread, reference))]
    bob.join(room)
    for found in bundles(bob):
        equal(("m.replace" in found, "m.thread" in found), (False, False))
    for found in bundles(alice):
        equal(found["m.replace"]["event_id"], third[0])


def test_restricted_rooms(s):
    """Who lets somebody into a restricted room is the server's to say, not the joining user's."""
    alice, bob = Person(s, "restricted_a"), Person(s, "restricted_b")
    club = alice.create(preset="private_chat")
    rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": club}]}
    for version in ("8", "10", "11", "12"):
        room = alice.create(preset="private_chat", room_version=version,
                            initial_state=[{"type": "m.room.join_rules", "content": rule}])
        content = {"membership": "join", "join_authorised_via_users_server": alice.id}
        refused(bob.call("PUT", f"/rooms/{quote(room)}/state/m.room.member/{quote(bob.id)}", content), 403, "M_FORBIDDEN")
        refused(post(bob, room, "join", join_authorised_via_users_server=alice.id), 403, "M_FORBIDDEN")
        good(post(alice, room, "invite", user_id=bob.id))
        content["displayname"] = "Bob"
        good(bob.call("PUT", f"/rooms/{quote(room)}/state/m.room.member/{quote(bob.id)}", content))
        equal(good(get(alice, room, f"state/m.room.member/{quote(bob.id)}")), {"membership": "join", "displayname": "Bob"})


def test_who_is_inside(s):
    """Nobody outside a room can ask who is in it by trying to throw them out."""
    alice, bob = Person(s, "inside_a"), Person(s, "inside_b")
    room = alice.create(preset="private_chat")
    for how in ("kick", "unban", "ban"):
        answers = [post(bob, room, how, user_id=user) for user in (alice.id, "@nobody:example.com")]
        refused(answers[0], 403, "M_FORBIDDEN")
        equal(answers[0][1]["error"].replace(alice.id, ""), answers[1][1]["error"].replace("@nobody:example.com", ""))


def test_aliases_of_others(s):
    """Power that everybody has lets nobody outside take a room's aliases away."""
    alice, bob = Person(s, "named_a"), Person(s, "named_b")
    room = alice.create(preset="private_chat", room_alias_name="named", power_level_content_override={"state_default": 0,
                        "events": {}})
    path = f"/directory/room/{quote('#named:example.com')}"
    refused(bob.call("DELETE", path), 403, "M_FORBIDDEN")
    good(post(alice, room, "invite", user_id=bob.id))
    refused(bob.call("DELETE", path), 403, "M_FORBIDDEN")
    bob.join(room)
    good(bob.call("DELETE", path))


people.run(globals())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reading a room: /messages, /context, /event, /state, /members and every field of their filters."""
import json

import people
from people import Person, equal, good, pair, quote, refused


def get(person, room, path, **query):
    if "filter" in query:
        query["filter"] = json.dumps(query["filter"])
    return person.call("GET", f"/rooms/{quote(room)}/{path}", **query)


def messages(person, room, **query):
    return good(get(person, room, "messages", **{"dir": "b", "limit": 100, **query}))


def bodies(events):
    return [e["content"].get("body") for e in events if e["type"] == "m.room.message"]


def put_state(person, room, kind, content, key=""):
    return good(person.call("PUT", f"/rooms/{quote(room)}/state/{kind}/{quote(key)}", content))["event_id"]


def test_pages_both_ways(s):
    alice, bob, room = pair(s, "pages")
    for i in range(7):
        alice.say(room, str(i), f"p{i}")
    seen, query = [], {"limit": 3}
    while True:
        page = messages(bob, room, **query)
        seen += page["chunk"]
        if "end" not in page:
            break
        equal(page["start"] == query.get("from", page["start"]), True)
        query["from"] = page["end"]
    equal(bodies(seen), [str(i) for i in range(6, -1, -1)])
    equal(seen[-1]["type"], "m.room.create")
    forwards = messages(bob, room, dir="f")["chunk"]
    equal([e["event_id"] for e in forwards], [e["event_id"] for e in reversed(seen)])
    first = messages(alice, room, limit=2)
    equal(bodies(messages(alice, room, dir="f", **{"from": first["end"]})["chunk"]), ["5", "6"])
    later = messages(alice, room, limit=2, **{"from": first["end"]})
    equal(bodies(later["chunk"]), ["4", "3"])
    equal(bodies(messages(alice, room, **{"from": first["start"], "to": later["end"]})["chunk"]), ["6", "5", "4", "3"])
    equal(bodies(messages(alice, room, dir="f", **{"from": later["end"], "to": first["end"]})["chunk"]), ["3", "4"])
    refused(get(alice, room, "messages", dir="x"), 400, "M_INVALID_PARAM")
    for token in ("nonsense", "s", "t1", "t1-", "s9223372036854775807", "t1--9223372036854775808", "t99999999999999999999-1"):
        for way in "bf":
            refused(get(alice, room, "messages", dir=way, **{"from": token}), 400, "M_INVALID_PARAM")
            refused(get(alice, room, "messages", dir=way, to=token), 400, "M_INVALID_PARAM")
    refused(get(alice, room, "messages", dir="b", limit=-1), 400, "M_INVALID_PARAM")
    refused(get(Person(s, "pages_c"), room, "messages", dir="b"), 403, "M_FORBIDDEN")


def test_sync_tokens(s):
    alice, bob, room = pair(s, "tokens")
    alice.sync()
    for i in range(25):
        alice.say(room, str(i), f"k{i}")
    timeline = alice.sync()["rooms"]["join"][room]["timeline"]
    rest = messages(alice, room, **{"from": timeline["prev_batch"]})["chunk"]
    equal(bodies(rest)[::-1] + bodies(timeline["events"]), [str(i) for i in range(25)])
    old = alice.since
    alice.say(room, "new", "new")
    equal(bodies(messages(alice, room, dir="f", **{"from": old})["chunk"]), ["new"])
    equal(bodies(messages(alice, room, **{"to": old})["chunk"]), ["new"])


def test_filters(s):
    alice, bob, room = pair(s, "filters")
    alice.say(room, "a", "a")
    with_url = bob.say(room, "b", "b", url="mxc://example.com/1")
    put_state(alice, room, "m.room.topic", {"topic": "t"})
    put_state(alice, room, "org.example.thing", {})

    def types(**filters):
        return [e["type"] for e in messages(alice, room, filter=filters)["chunk"]]

    def texts(**filters):
        return bodies(messages(alice, room, filter=filters)["chunk"])
    equal(types(types=["m.room.topic"]), ["m.room.topic"])
    equal(types(types=["org.example.*", "m.room.top*"]), ["org.example.thing", "m.room.topic"])
    equal(set(types(not_types=["m.room.*"])), {"org.example.thing"})
    equal(types(types=["m.room.topic"], not_types=["*"]), [])
    equal(types(types=[]), [])
    equal(texts(senders=[bob.id]), ["b"])
    equal(texts(not_senders=[bob.id]), ["a"])
    equal(texts(senders=[bob.id], not_senders=[bob.id]), [])
    equal([e["event_id"] for e in messages(alice, room, filter={"contains_url": True})["chunk"]], [with_url])
    equal(texts(contains_url=False), ["a"])
    equal(texts(rooms=[room]), ["b", "a"])
    equal(texts(rooms=["!other:example.com"]), [])
    equal(texts(not_rooms=[room]), [])
    for bad in ({"types": "m.room.topic"}, {"senders": ["no id"]}, {"contains_url": "yes"}, {"limit": -1}, ["list"]):
        refused(get(alice, room, "messages", dir="b", filter=bad), 400, "M_BAD_JSON")
    refused(alice.call("GET", f"/rooms/{quote(room)}/messages", dir="b", filter="{"), 400, "M_NOT_JSON")


def test_related_by(s):
    alice, bob, room = pair(s, "related")
    carol = Person(s, "related_c")
    carol.join(room)
    plain, thread, edited, both = (alice.say(room, text, text) for text in ("plain", "thread", "edited", "both"))

    def relate(person, parent, rel_type, txn):
        return person.say(room, txn, txn, **{"m.relates_to": {"rel_type": rel_type, "event_id": parent}})
    relate(bob, thread, "m.thread", "1")
    relate(carol, edited, "m.reference", "2")
    last = relate(bob, both, "m.reference", "3")
    relate(carol, both, "m.thread", "4")

    def found(person=alice, **filters):
        return {e["event_id"] for e in messages(person, room, filter=filters)["chunk"]}
    equal(found(related_by_rel_types=["m.thread"]), {thread, both})
    equal(found(related_by_senders=[carol.id]), {edited, both})
    equal(found(related_by_rel_types=["m.thread"], related_by_senders=[bob.id]), {thread})
    equal(found(related_by_rel_types=["m.thread", "m.reference"], related_by_senders=[bob.id]), {thread, both})
    equal(found(related_by_rel_types=["m.nothing"]), set())
    assert plain in found(related_by_rel_types=[])
    timeline = good(alice.call("GET", "/sync", filter=json.dumps(
        {"room": {"timeline": {"related_by_rel_types": ["m.thread"]}}})))["rooms"]["join"][room]["timeline"]
    equal([e["event_id"] for e in timeline["events"]], [thread, both])
    context = good(get(alice, room, f"context/{quote(last)}", limit=50, filter={"related_by_rel_types": ["m.thread"]}))
    equal([e["event_id"] for e in context["events_before"]], [both, thread])


def test_a_page_that_the_filter_empties(s):
    """However much the filter leaves out, following "end" arrives at what it lets through."""
    alice, bob, room = pair(s, "empty")
    wanted = put_state(alice, room, "m.room.topic", {"topic": "far back"})
    for i in range(60):
        alice.say(room, str(i), f"e{i}")
    query, seen = {"limit": 1, "filter": {"types": ["m.room.topic"]}}, []
    for _ in range(100):
        page = messages(bob, room, **query)
        seen += page["chunk"]
        if "end" not in page:
            break
        query["from"] = page["end"]
    equal([e["event_id"] for e in seen], [wanted])


def test_lazy_members(s):
    alice, bob, room = pair(s, "lazy")
    others = [Person(s, f"lazy_{i}") for i in range(3)]
    for person in others:
        person.join(room)
    alice.say(room, "a", "a")
    others[0].say(room, "b", "b")
    good(others[0].call("PUT", f"/profile/{quote(others[0].id)}/displayname", {"displayname": "Later"}))
    event = alice.say(room, "c", "c")
    lazy = {"lazy_load_members": True, "types": ["m.room.message"]}
    page = messages(bob, room, filter=lazy, limit=3)
    equal({e["state_key"] for e in page["state"]}, {alice.id, others[0].id})
    equal({e["type"] for e in page["state"]}, {"m.room.member"})
    equal({e["state_key"] for e in messages(bob, room, filter=lazy, dir="f")["state"]}, {alice.id, others[0].id})
    assert "state" not in messages(bob, room)
    context = good(get(bob, room, f"context/{quote(event)}", limit=6, filter={"lazy_load_members": True}))
    members = {e["state_key"]: e["content"]["displayname"] for e in context["state"] if e["type"] == "m.room.member"}
    equal(members, {alice.id: "lazy_a", others[0].id: "Later"})
    assert {"m.room.create", "m.room.power_levels"} <= {e["type"] for e in context["state"]}


def test_context(s):
    alice, bob, room = pair(s, "context")
    events = [alice.say(room, str(i), f"c{i}") for i in range(5)]
    topic = put_state(alice, room, "m.room.topic", {"topic": "new"})
    alice.say(room, "last", "last")

    def around(**query):
        return good(get(bob, room, f"context/{quote(events[3])}", **query))
    answer = around(limit=3)
    equal((bodies(answer["events_before"]), answer["event"]["event_id"], answer["events_after"][0]["event_id"]),
          (["2"], events[3], events[4]))
    equal(answer["events_after"][1]["event_id"], topic)
    # The state at the last event that is told has that event in it.
    equal([e["event_id"] for e in answer["state"] if e["type"] == "m.room.topic"], [topic])
    equal([e for e in around(limit=2)["state"] if e["type"] == "m.room.topic"], [])
    none = around(limit=0)
    equal((none["events_before"], none["events_after"], none["event"]["event_id"]), ([], [], events[3]))
    equal(bodies(messages(bob, room, **{"from": answer["start"]})["chunk"])[0], "1")
    equal(bodies(messages(bob, room, dir="f", **{"from": answer["end"]})["chunk"]), ["last"])
    some = around(limit=10, filter={"types": ["m.room.topic", "m.room.name"]})
    equal(([e["event_id"] for e in some["events_after"]], some["events_before"], some["event"]["event_id"]),
          ([topic], [], events[3]))
    equal({e["type"] for e in some["state"]}, {"m.room.topic"})
    refused(get(bob, room, f"context/{quote('$nothing')}"), 404, "M_NOT_FOUND")
    refused(get(bob, room, f"context/{quote(events[0])}", limit=-1), 400, "M_INVALID_PARAM")
    refused(get(Person(s, "context_c"), room, f"context/{quote(events[0])}"), 404, "M_NOT_FOUND")


def test_event_and_state(s):
    alice, bob, room = pair(s, "state")
    event = put_state(alice, room, "org.example.key", {"x": 1}, "some/key")
    equal(good(get(bob, room, f"event/{quote(event)}"))["content"], {"x": 1})
    equal(good(get(bob, room, "state/org.example.key/some%2Fkey")), {"x": 1})
    whole = good(get(bob, room, "state/org.example.key/some%2Fkey", format="event"))
    equal((whole["event_id"], whole["sender"], whole["state_key"], whole["content"]), (event, alice.id, "some/key", {"x": 1}))
    equal(good(get(bob, room, "state/m.room.create", format="event"))["state_key"], "")
    equal(good(get(bob, room, "state/m.room.create/", format="content"))["room_version"], "11")
    refused(get(bob, room, "state/m.room.create", format="else"), 400, "M_INVALID_PARAM")
    refused(get(bob, room, "state/m.room.nothing/"), 404, "M_NOT_FOUND")
    stranger = Person(s, "state_c")
    for path in ("state", "state/m.room.create/", "members", "joined_members", "aliases"):
        refused(get(stranger, room, path), 403, "M_FORBIDDEN")
    refused(get(stranger, room, f"event/{quote(event)}"), 404, "M_NOT_FOUND")
    equal({e["type"] for e in good(get(bob, room, "state"))} >= {"m.room.create", "org.example.key"}, True)
    good(bob.call("POST", f"/rooms/{quote(room)}/leave", {}))
    put_state(alice, room, "org.example.key", {"x": 2}, "some/key")
    equal(good(get(bob, room, "state/org.example.key/some%2Fkey")), {"x": 1})
    refused(get(bob, room, "joined_members"), 403, "M_FORBIDDEN")


def test_members(s):
    alice, bob, room = pair(s, "members")
    gone, banned, invited = (Person(s, f"members_{name}") for name in ("gone", "banned", "invited"))
    for person in (gone, banned):
        person.join(room)
    alice.sync()
    before = alice.since
    good(gone.call("POST", f"/rooms/{quote(room)}/leave", {}))
    good(alice.call("POST", f"/rooms/{quote(room)}/ban", {"user_id": banned.id}))
    good(alice.call("POST", f"/rooms/{quote(room)}/invite", {"user_id": invited.id}))

    def members(**query):
        return {e["state_key"]: e["content"]["membership"] for e in good(get(alice, room, "members", **query))["chunk"]}
    everybody = {alice.id: "join", bob.id: "join", gone.id: "leave", banned.id: "ban", invited.id: "invite"}
    equal(members(), everybody)
    equal(members(membership="ban"), {banned.id: "ban"})
    equal(members(not_membership="join"), {k: v for k, v in everybody.items() if v != "join"})
    # Both together: the one or not the other.
    equal(members(membership="join", not_membership="leave"), {k: v for k, v in everybody.items() if v != "leave"})
    equal(members(membership="leave", not_membership="leave"), everybody)
    equal(members(at=before), {p.id: "join" for p in (alice, bob, gone, banned)})
    equal(members(at=before, membership="join"), {p.id: "join" for p in (alice, bob, gone, banned)})
    refused(get(alice, room, "members", membership="there"), 400, "M_INVALID_PARAM")
    refused(get(alice, room, "members", at="nonsense"), 400, "M_INVALID_PARAM")
    joined = good(get(alice, room, "joined_members"))["joined"]
    equal(joined, {alice.id: {"display_name": "members_a"}, bob.id: {"display_name": "members_b"}})
    assert room in good(alice.call("GET", "/joined_rooms"))["joined_rooms"]
    assert room not in good(gone.call("GET", "/joined_rooms"))["joined_rooms"]


people.run(globals())

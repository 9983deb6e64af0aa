#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The directory of published rooms: /publicRooms, /directory/list/room, rules about publishing and naming."""
import hearth
import people
from people import Person, equal, good, pair, quote, refused

RULES = {
    "room_list_publication_rules": [{"user_id": "@mute_*", "action": "deny"}, {"alias": "#never_*", "action": "deny"},
                                    {"action": "allow"}],
    "alias_creation_rules": [{"alias": "#forbidden_*", "action": "deny"}, {"action": "allow"}],
}


def visibility(person, room):
    return good(person.server.client("GET", f"/directory/list/room/{quote(room)}"))["visibility"]


def publish(person, room, value="public"):
    return person.call("PUT", f"/directory/list/room/{quote(room)}", {"visibility": value})


def search(person, **body):
    return good(person.call("POST", "/publicRooms", body))


def names(answer):
    return [entry.get("name") for entry in answer["chunk"]]


def test_entry(s):
    alice = Person(s, "entry_a")
    room = alice.create(preset="public_chat", visibility="public", name="Entry of all", topic="Described", room_alias_name="entry",
                        creation_content={"type": "m.space"}, initial_state=[
                            {"type": "m.room.avatar", "content": {"url": "mxc://example.com/x"}},
                            {"type": "m.room.guest_access", "content": {"guest_access": "can_join"}},
                            {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}])
    equal(visibility(alice, room), "public")
    found = search(alice, filter={"generic_search_term": "entry of ALL"})
    equal(found, {"total_room_count_estimate": 1, "chunk": [{
        "room_id": room, "name": "Entry of all", "topic": "Described", "canonical_alias": "#entry:example.com",
        "avatar_url": "mxc://example.com/x", "num_joined_members": 1, "world_readable": True, "guest_can_join": True,
        "join_rule": "public", "room_type": "m.space"}]})
    plain = alice.create(preset="public_chat", visibility="public", name="plainest entry")
    equal(search(alice, filter={"generic_search_term": "plainest"})["chunk"], [{
        "room_id": plain, "name": "plainest entry", "num_joined_members": 1, "world_readable": False, "guest_can_join": False,
        "join_rule": "public"}])


def test_publishing(s):
    alice, bob, room = pair(s, "publish")
    stranger = Person(s, "publish_c")
    equal(visibility(alice, room), "private")
    for person in (bob, stranger):
        refused(publish(person, room), 403, "M_FORBIDDEN")
    good(publish(alice, room))
    equal(visibility(stranger, room), "public")
    good(publish(alice, room, "private"))
    equal(visibility(stranger, room), "private")
    good(alice.call("PUT", f"/directory/list/room/{quote(room)}", {}))
    equal(visibility(stranger, room), "public")
    refused(publish(alice, room, "secret"), 400, "M_INVALID_PARAM")
    refused(publish(alice, "!nowhere:example.com"), 404, "M_NOT_FOUND")
    refused(s.client("GET", f"/directory/list/room/{quote('!nowhere:example.com')}"), 404, "M_NOT_FOUND")
    refused(s.client("PUT", f"/directory/list/room/{quote(room)}", {}), 401, "M_MISSING_TOKEN")


def test_rules(s):
    mute, admin = Person(s, "mute_one"), Person(s, "rules_a")
    room = mute.create(preset="public_chat", visibility="public", name="made, but not listed")
    equal(visibility(mute, room), "private")
    refused(publish(mute, room), 403, "M_FORBIDDEN")
    named = admin.create(visibility="public", room_alias_name="never_listed")
    equal(visibility(admin, named), "private")
    refused(publish(admin, named), 403, "M_FORBIDDEN")
    good(publish(admin, named, "private"))
    refused(admin.call("PUT", f"/directory/room/{quote('#forbidden_x:example.com')}", {"room_id": named}), 403, "M_FORBIDDEN")
    refused(admin.call("POST", "/createRoom", {"room_alias_name": "forbidden_y"}), 403, "M_FORBIDDEN")
    good(admin.call("PUT", f"/directory/room/{quote('#free:example.com')}", {"room_id": named}))


def test_filters(s):
    alice = Person(s, "filter_a")
    made = {}
    for kind in (None, "m.space", "org.example.other"):
        content = {"type": kind} if kind else {}
        made[kind] = alice.create(preset="public_chat", visibility="public", name=f"filtered {kind}", creation_content=content)

    def rooms(**filters):
        found = search(alice, filter={"generic_search_term": "filtered ", **filters})["chunk"]
        return {kind for kind, room in made.items() if room in [entry["room_id"] for entry in found]}
    equal(rooms(), set(made))
    equal(rooms(room_types=[None]), {None})
    equal(rooms(room_types=["m.space"]), {"m.space"})
    equal(rooms(room_types=[None, "m.space"]), {None, "m.space"})
    equal(rooms(room_types=[]), set())
    refused(alice.call("POST", "/publicRooms", {"filter": {"room_types": [1]}}), 400, "M_INVALID_PARAM")
    refused(alice.call("POST", "/publicRooms", {"filter": {"room_types": "m.space"}}), 400, "M_BAD_JSON")
    equal(search(alice, filter={"generic_search_term": "100% _ \\ '"})["chunk"], [])
    equal(len(search(alice, filter={"generic_search_term": ""})["chunk"]) >= 3, True)


def test_what_is_not_listed(s):
    alice, bob, room = pair(s, "unlisted")
    good(publish(alice, room))
    put = f"/rooms/{quote(room)}/state/m.room."
    good(alice.call("PUT", put + "name/", {"name": "sometimes listed"}))

    def listed():
        return names(search(alice, filter={"generic_search_term": "sometimes listed"})) == ["sometimes listed"]
    equal(listed(), True)
    for rule, expected in (("invite", False), ("knock", True), ("restricted", False), ("knock_restricted", True)):
        good(alice.call("PUT", put + "join_rules/", {"join_rule": rule}))
        equal((rule, listed()), (rule, expected))
    good(alice.call("PUT", put + "join_rules/", {"join_rule": "invite"}))
    good(alice.call("PUT", put + "history_visibility/", {"history_visibility": "world_readable"}))
    equal(listed(), True)
    for person in (alice, bob):
        good(person.call("POST", f"/rooms/{quote(room)}/leave", {}))
    equal(listed(), False)


def test_hostile_state(s):
    """What a room says of itself cannot break the list for others."""
    alice, bob, room = pair(s, "hostile")
    good(publish(alice, room))
    for kind, content in (("name", {"name": {"no": "text"}}), ("topic", {"topic": 5}), ("avatar", {"url": ["x"]}),
                          ("canonical_alias", {"alias": None}), ("topic", {"topic": "\\u0000"}), ("name", {"name": "a\0b"})):
        good(alice.call("PUT", f"/rooms/{quote(room)}/state/m.room.{kind}/", content))
        assert room in [entry["room_id"] for entry in search(bob)["chunk"]], (kind, content)
    bob.since = None
    equal(bob.sync()["rooms"]["join"][room]["summary"]["m.joined_member_count"], 2)
    good(bob.call("PUT", f"/rooms/{quote(room)}/state/m.room.member/{quote(bob.id)}", {"membership": "join", "x": "\0"}))
    good(bob.call("POST", f"/rooms/{quote(room)}/leave", {}))
    bob.sync()
    bob.since = None
    bob.sync()
    good(bob.call("GET", f"/rooms/{quote(room)}/messages", dir="b"))


def test_pages(s):
    alice, bob = Person(s, "pages_a"), Person(s, "pages_b")
    rooms = [alice.create(preset="public_chat", visibility="public", name=f"paged {i}") for i in range(7)]
    bob.join(rooms[3])
    query = {"limit": 3, "filter": {"generic_search_term": "paged "}}
    first = search(alice, **query)
    equal((first["chunk"][0]["room_id"], first["chunk"][0]["num_joined_members"]), (rooms[3], 2))
    equal((first["total_room_count_estimate"], "prev_batch" in first), (7, False))
    pages, answer = [first], first
    while "next_batch" in answer:
        answer = search(alice, since=answer["next_batch"], **query)
        pages.append(answer)
    equal([len(page["chunk"]) for page in pages], [3, 3, 1])
    equal({entry["room_id"] for page in pages for entry in page["chunk"]}, set(rooms))
    back = search(alice, since=pages[2]["prev_batch"], **query)
    equal(back["chunk"], pages[1]["chunk"])
    back = search(alice, since=back["prev_batch"], **query)
    equal((back["chunk"], "prev_batch" in back), (first["chunk"], False))
    equal(search(alice, since=back["next_batch"], **query)["chunk"], pages[1]["chunk"])
    got = good(alice.call("GET", "/publicRooms", limit=2))
    equal(len(got["chunk"]), 2)
    equal(len(good(alice.call("GET", "/publicRooms", limit=2, since=got["next_batch"]))["chunk"]), 2)
    equal(len(good(alice.call("GET", "/publicRooms", limit=0))["chunk"]) > 6, True)
    refused(alice.call("GET", "/publicRooms", since="nonsense"), 400, "M_INVALID_PARAM")
    refused(alice.call("GET", "/publicRooms", limit=-1), 400, "M_INVALID_PARAM")


def test_networks_and_servers(s):
    alice = Person(s, "network_a")
    refused(alice.call("POST", "/publicRooms", {"include_all_networks": True, "third_party_instance_id": "irc|x"}), 400,
            "M_INVALID_PARAM")
    refused(alice.call("POST", "/publicRooms", {"third_party_instance_id": "irc"}), 400, "M_INVALID_PARAM")
    equal(search(alice, third_party_instance_id="irc|freenode"), {"chunk": [], "total_room_count_estimate": 0})
    assert search(alice, include_all_networks=True)["chunk"]
    assert good(alice.call("POST", "/publicRooms?server=example.com", {}))["chunk"]
    equal(alice.call("POST", "/publicRooms?server=elsewhere.example", {})[0], 502)
    refused(alice.call("POST", "/publicRooms?server=no_server!", {}), 400, "M_INVALID_PARAM")
    refused(s.client("GET", "/publicRooms"), 401, "M_MISSING_TOKEN")
    refused(s.client("POST", "/publicRooms", {}), 401, "M_MISSING_TOKEN")


def test_moved_by_an_upgrade(s):
    alice = Person(s, "moved_a")
    room = alice.create(preset="public_chat", visibility="public", name="moved and listed")
    new = good(alice.call("POST", f"/rooms/{quote(room)}/upgrade", {"new_version": "12"}))["replacement_room"]
    equal((visibility(alice, room), visibility(alice, new)), ("private", "public"))
    equal([entry["room_id"] for entry in search(alice, filter={"generic_search_term": "moved and"})["chunk"]], [new])


def test_closed_and_open_servers(_):
    with hearth.server(enable_room_list_search=False, room_list_publication_rules=RULES["room_list_publication_rules"]) as s:
        alice = Person(s, "alice")
        room = alice.create(preset="public_chat")
        refused(publish(alice, room), 403, "M_FORBIDDEN")
        equal(search(alice), {"chunk": [], "total_room_count_estimate": 0})
    with hearth.server(allow_public_rooms_without_auth=True) as s:
        alice, admin = Person(s, "alice"), Person(s, "admin", admin=True)
        room = alice.create(preset="public_chat", visibility="public")
        equal(visibility(alice, room), "private")
        refused(publish(alice, room), 403, "M_FORBIDDEN")
        good(publish(admin, room))
        equal(good(s.client("GET", "/publicRooms"))["chunk"][0]["room_id"], room)
        refused(s.client("GET", "/publicRooms", server="elsewhere.example"), 401, "M_MISSING_TOKEN")


people.run(globals(), **RULES)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Making rooms and moving people in and out of them: every option of createRoom and of the endpoints of membership."""
import concurrent.futures

import hearth
import people
from people import Person, equal, good, pair, quote, refused


def state(person, room, kind, key="", **query):
    status, body = person.call("GET", f"/rooms/{quote(room)}/state/{kind}/{quote(key)}", **query)
    return body if status == 200 else None


def put_state(person, room, kind, content, key=""):
    return person.call("PUT", f"/rooms/{quote(room)}/state/{kind}/{quote(key)}", content)


def post(person, room, what, **body):
    return person.call("POST", f"/rooms/{quote(room)}/{what}", body)


def membership(person, room, user):
    found = state(person, room, "m.room.member", user.id)
    return found and found["membership"]


def test_presets(s):
    alice, bob = Person(s, "presets_a"), Person(s, "presets_b")
    for preset, visibility, join_rule, guests, invite in (
            ("private_chat", None, "invite", "can_join", 0), ("trusted_private_chat", None, "invite", "can_join", 0),
            ("public_chat", None, "public", "forbidden", 50), (None, "public", "public", "forbidden", 50),
            (None, None, "invite", "can_join", 0), ("private_chat", "public", "invite", "can_join", 0)):
        body = {k: v for k, v in (("preset", preset), ("visibility", visibility)) if v}
        room = alice.create(invite=[bob.id], **body)
        equal(state(alice, room, "m.room.join_rules"), {"join_rule": join_rule})
        equal(state(alice, room, "m.room.history_visibility"), {"history_visibility": "shared"})
        equal(state(alice, room, "m.room.guest_access"), {"guest_access": guests})
        levels = state(alice, room, "m.room.power_levels")
        equal((levels["invite"], levels["users"]),
              (invite, {alice.id: 100, bob.id: 100} if preset == "trusted_private_chat" else {alice.id: 100}))
    refused(alice.call("POST", "/createRoom", {"preset": "my_chat"}), 400, "M_INVALID_PARAM")


def test_creation(s):
    alice, bob = Person(s, "creation_a"), Person(s, "creation_b")
    room = alice.create(
        name="Name", topic="Topic", room_alias_name="creation", room_version="10", is_direct=True, invite=[bob.id, bob.id],
        creation_content={"m.federate": False, "creator": "@else:example.com", "room_version": "1", "type": "org.example"},
        power_level_content_override={"events_default": 7, "events": {"m.room.name": 99}},
        initial_state=[{"type": "m.room.join_rules", "content": {"join_rule": "knock"}},
                       {"type": "org.example.x", "state_key": "k", "content": {"a": 1}},
                       {"type": "m.room.name", "content": {"name": "overridden"}}])
    equal(state(alice, room, "m.room.create"),
          {"creator": alice.id, "room_version": "10", "m.federate": False, "type": "org.example"})
    equal(state(alice, room, "m.room.name"), {"name": "Name"})
    equal(state(alice, room, "m.room.topic"), {"topic": "Topic", "m.topic": {"m.text": [{"body": "Topic"}]}})
    equal(state(alice, room, "m.room.canonical_alias"), {"alias": "#creation:example.com"})
    equal(state(alice, room, "m.room.join_rules"), {"join_rule": "knock"})
    equal(state(alice, room, "org.example.x", "k"), {"a": 1})
    levels = state(alice, room, "m.room.power_levels")
    equal((levels["events_default"], levels["events"]), (7, {"m.room.name": 99}))
    invited = state(alice, room, "m.room.member", bob.id)
    equal((invited["membership"], invited["is_direct"], invited["displayname"]), ("invite", True, "creation_b"))
    page = good(alice.call("GET", f"/rooms/{quote(room)}/messages", dir="f", limit=20))["chunk"]
    equal([e["type"] for e in page], [
        "m.room.create", "m.room.member", "m.room.power_levels", "m.room.canonical_alias", "m.room.join_rules",
        "m.room.history_visibility", "m.room.guest_access", "org.example.x", "m.room.name", "m.room.topic", "m.room.member"])
    assert alice.create()  # nothing is required


def test_bad_creations(s):
    alice = Person(s, "bad_a")
    alice.create(room_alias_name="bad_taken")
    for body, errcode in (
            ({"room_alias_name": "bad_taken"}, "M_ROOM_IN_USE"), ({"room_alias_name": "a:b"}, "M_INVALID_PARAM"),
            ({"room_version": "no such"}, "M_UNSUPPORTED_ROOM_VERSION"), ({"room_version": 11}, "M_BAD_JSON"),
            ({"visibility": "secret"}, "M_INVALID_PARAM"), ({"invite": ["bob"]}, "M_INVALID_PARAM"),
            ({"invite": "x"}, "M_BAD_JSON"), ({"initial_state": {}}, "M_BAD_JSON"), ({"initial_state": [{}]}, "M_BAD_JSON"),
            ({"initial_state": [{"type": "m.room.create", "content": {}}]}, "M_INVALID_PARAM"),
            ({"creation_content": []}, "M_BAD_JSON"), ({"is_direct": "yes"}, "M_BAD_JSON"), ({"name": 5}, "M_BAD_JSON"),
            ({"power_level_content_override": {"users": {alice.id: 10}}, "name": "x"}, "M_INVALID_ROOM_STATE"),
            ({"room_version": "12", "power_level_content_override": {"users": {alice.id: 100}}}, "M_INVALID_ROOM_STATE"),
            ({"room_version": "12", "creation_content": {"additional_creators": ["x"]}}, "M_INVALID_PARAM"),
            ({"room_version": "12", "creation_content": {"additional_creators": "x"}}, "M_INVALID_PARAM")):
        status, answer = alice.call("POST", "/createRoom", body)
        equal((body, status, answer.get("errcode")), (body, 400, errcode))
    refused(alice.call("POST", "/createRoom", {"invite": ["@x:elsewhere.example"]}), 403, "M_FORBIDDEN")
    equal(len(good(alice.call("GET", "/joined_rooms"))["joined_rooms"]), 1)


def test_creators_of_version_12(s):
    alice, bob = Person(s, "twelve_a"), Person(s, "twelve_b")
    room = alice.create(room_version="12", preset="trusted_private_chat", invite=[bob.id],
                        creation_content={"additional_creators": ["@x:example.com", bob.id, "@x:example.com", alice.id]})
    create = state(alice, room, "m.room.create")
    equal(create["additional_creators"], ["@x:example.com", bob.id])
    levels = state(alice, room, "m.room.power_levels")
    equal((levels["users"], levels["events"]["m.room.tombstone"] > levels["state_default"]), ({}, True))
    bob.join(room)
    good(put_state(bob, room, "m.room.name", {"name": "by a creator"}))


def test_join_and_knock(s):
    alice, bob, carol = (Person(s, f"join_{x}") for x in "abc")
    private, public = alice.create(), alice.create(preset="public_chat", room_alias_name="join_public")
    for path in (f"/rooms/{quote(private)}/join", f"/join/{quote(private)}"):
        refused(bob.call("POST", path, {}), 403, "M_FORBIDDEN")
    refused(bob.call("POST", f"/join/{quote('#nothing:example.com')}", {}), 404, "M_NOT_FOUND")
    refused(bob.call("POST", f"/join/{quote('!nothing:example.com')}", {}), 404, "M_NOT_FOUND")
    refused(bob.call("POST", "/join/nonsense", {}), 400, "M_INVALID_PARAM")
    refused(bob.call("POST", f"/rooms/{quote('#join_public:example.com')}/join", {}), 400, "M_INVALID_PARAM")
    path = f"/join/{quote('#join_public:example.com')}?via=elsewhere.example&server_name=x.example"
    equal(good(bob.call("POST", path, {"reason": "for fun"})), {"room_id": public})
    equal(state(bob, public, "m.room.member", bob.id), {"membership": "join", "displayname": "join_b", "reason": "for fun"})
    event = state(bob, public, "m.room.member", bob.id, format="event")["event_id"]
    equal(good(post(bob, public, "join", reason="again"))["room_id"], public)
    equal(state(bob, public, "m.room.member", bob.id, format="event")["event_id"], event)
    refused(bob.call("POST", f"/knock/{quote(private)}", {}), 403, "M_FORBIDDEN")
    refused(bob.call("POST", f"/knock/{quote(public)}", {}), 403, "M_FORBIDDEN")
    good(put_state(alice, private, "m.room.join_rules", {"join_rule": "knock"}))
    equal(good(bob.call("POST", f"/knock/{quote(private)}", {"reason": "let me in"})), {"room_id": private})
    equal(state(alice, private, "m.room.member", bob.id),
          {"membership": "knock", "displayname": "join_b", "reason": "let me in"})
    assert private in bob.sync()["rooms"]["knock"]
    good(post(alice, private, "invite", user_id=bob.id))
    good(post(bob, private, "join"))
    good(carol.call("POST", f"/knock/{quote(private)}", {}))
    good(post(alice, private, "kick", user_id=carol.id))
    equal(membership(alice, private, carol), "leave")
    good(carol.call("POST", f"/knock/{quote(private)}", {}))
    good(post(carol, private, "leave"))
    equal(membership(alice, private, carol), "leave")


def test_restricted_rooms(s):
    alice, bob, carol = (Person(s, f"restricted_{x}") for x in "abc")
    club = alice.create(preset="public_chat")
    allow = [{"type": "m.room_membership", "room_id": club}, {"type": "org.example.else"}]
    for version, rule in (("8", "restricted"), ("11", "restricted"), ("12", "restricted"), ("10", "knock_restricted")):
        room = alice.create(room_version=version, initial_state=[
            {"type": "m.room.join_rules", "content": {"join_rule": rule, "allow": allow}}])
        refused(post(bob, room, "join"), 403, "M_FORBIDDEN")
        good(post(bob, club, "join"))
        good(post(bob, room, "join"))
        equal(state(bob, room, "m.room.member", bob.id)["join_authorised_via_users_server"], alice.id)
        good(post(bob, room, "leave"))
        good(put_state(bob, room, "m.room.member", {"membership": "join"}, bob.id))
        good(post(bob, club, "leave"))
        good(post(alice, room, "invite", user_id=carol.id))
        good(post(carol, room, "join"))
        assert "join_authorised_via_users_server" not in state(carol, room, "m.room.member", carol.id)
    older = alice.create(room_version="7", initial_state=[
        {"type": "m.room.join_rules", "content": {"join_rule": "restricted", "allow": allow}}])
    good(post(bob, club, "join"))
    refused(post(bob, older, "join"), 403, "M_FORBIDDEN")


def test_invite_and_leave(s):
    alice, bob, carol = (Person(s, f"invite_{x}") for x in "abc")
    room = alice.create()
    refused(post(alice, room, "invite"), 400, "M_MISSING_PARAM")
    refused(post(alice, room, "invite", user_id="bob"), 400, "M_INVALID_PARAM")
    refused(post(alice, room, "invite", user_id="@x:elsewhere.example"), 403, "M_FORBIDDEN")
    refused(post(bob, room, "invite", user_id=carol.id), 403, "M_FORBIDDEN")
    good(post(alice, room, "invite", user_id=bob.id, reason="come"))
    stripped = {e["type"]: e for e in bob.sync()["rooms"]["invite"][room]["invite_state"]["events"]}
    equal(stripped["m.room.member"]["content"]["reason"], "come")
    assert {"m.room.create", "m.room.join_rules"} <= set(stripped), stripped.keys()
    good(post(bob, room, "leave", reason="no, thanks"))
    equal(state(alice, room, "m.room.member", bob.id), {"membership": "leave", "reason": "no, thanks"})
    good(post(bob, room, "leave"))
    refused(post(carol, room, "leave"), 403, "M_FORBIDDEN")
    good(post(alice, room, "invite", user_id=bob.id))
    good(post(bob, room, "join"))
    refused(post(alice, room, "invite", user_id=bob.id), 403, "M_FORBIDDEN")
    good(post(bob, room, "leave"))
    refused(post(bob, room, "join"), 403, "M_FORBIDDEN")


def test_who_wants_no_invitations(s):
    alice, bob = Person(s, "block_a"), Person(s, "block_b")
    early = alice.create(invite=[bob.id])
    setting = f"/user/{quote(bob.id)}/account_data/m.invite_permission_config"
    good(bob.call("PUT", setting, {"default_action": "block"}))
    room = alice.create()
    refused(post(alice, room, "invite", user_id=bob.id), 403, "M_INVITE_BLOCKED")
    refused(put_state(alice, room, "m.room.member", {"membership": "invite"}, bob.id), 403, "M_INVITE_BLOCKED")
    refused(alice.call("POST", "/createRoom", {"invite": [bob.id]}), 403, "M_INVITE_BLOCKED")
    assert early not in bob.sync()["rooms"].get("invite", {})
    good(bob.call("PUT", setting, {}))
    good(post(alice, room, "invite", user_id=bob.id))
    assert room in bob.sync()["rooms"]["invite"]


def test_kick_ban_unban(s):
    alice, bob, room = pair(s, "kick")
    carol = Person(s, "kick_c")
    refused(post(bob, room, "kick", user_id=alice.id), 403, "M_FORBIDDEN")
    refused(post(alice, room, "kick", user_id=carol.id), 403, "M_FORBIDDEN")
    refused(post(alice, room, "unban", user_id=bob.id), 403, "M_FORBIDDEN")
    refused(post(carol, room, "kick", user_id=bob.id), 403, "M_FORBIDDEN")
    good(post(alice, room, "kick", user_id=bob.id, reason="r1"))
    equal(state(alice, room, "m.room.member", bob.id)["reason"], "r1")
    good(post(bob, room, "join"))
    refused(post(bob, room, "ban", user_id=carol.id), 403, "M_FORBIDDEN")
    good(post(alice, room, "ban", user_id=bob.id, reason="r2"))
    equal(state(alice, room, "m.room.member", bob.id), {"membership": "ban", "reason": "r2"})
    for what in ("join", "leave"):
        refused(post(bob, room, what), 403, "M_FORBIDDEN")
    refused(post(alice, room, "invite", user_id=bob.id), 403, "M_FORBIDDEN")
    refused(post(alice, room, "kick", user_id=bob.id), 403, "M_FORBIDDEN")
    good(post(alice, room, "ban", user_id=carol.id))
    good(post(alice, room, "unban", user_id=bob.id, reason="r3"))
    equal(state(alice, room, "m.room.member", bob.id), {"membership": "leave", "reason": "r3"})
    good(post(bob, room, "join"))
    for what in ("kick", "ban", "unban", "invite"):
        refused(post(alice, room, what), 400, "M_MISSING_PARAM")
        refused(post(alice, "!nothing:example.com", what, user_id=bob.id), 403 if what in ("kick", "unban") else 404,
                "M_FORBIDDEN" if what in ("kick", "unban") else "M_NOT_FOUND")


def test_forget(s):
    alice, bob, room = pair(s, "forget")
    alice.say(room, "history", "h")
    refused(post(bob, room, "forget"), 400, "M_UNKNOWN")
    good(post(bob, room, "leave"))
    good(bob.call("GET", f"/rooms/{quote(room)}/messages", dir="b"))
    good(post(bob, room, "forget"))
    good(post(bob, room, "forget"))
    refused(bob.call("GET", f"/rooms/{quote(room)}/messages", dir="b"), 403, "M_FORBIDDEN")
    leave = '{"room":{"include_leave":true}}'
    assert room not in good(bob.call("GET", "/sync", filter=leave))["rooms"].get("leave", {})
    good(post(bob, room, "join"))
    good(bob.call("GET", f"/rooms/{quote(room)}/messages", dir="b"))
    refused(post(Person(s, "forget_c"), room, "forget"), 404, "M_NOT_FOUND")


def test_forget_on_leave(_):
    with hearth.server(forget_rooms_on_leave=True) as s:
        alice, bob, room = pair(s, "users")
        good(post(bob, room, "leave"))
        refused(bob.call("GET", f"/rooms/{quote(room)}/messages", dir="b"), 403, "M_FORBIDDEN")


def test_server_wide_defaults(_):
    settings = dict(encryption_enabled_by_default_for_room_type="invite",
                    default_power_level_content_override={"public_chat": {"events_default": 5}})
    with hearth.server(**settings) as s:
        alice = Person(s, "alice")
        private, public = alice.create(), alice.create(preset="public_chat", power_level_content_override={"ban": 7})
        equal(state(alice, private, "m.room.encryption"), {"algorithm": "m.megolm.v1.aes-sha2"})
        equal(state(alice, public, "m.room.encryption"), None)
        levels = state(alice, public, "m.room.power_levels")
        equal((levels["events_default"], levels["ban"]), (5, 7))
        equal(state(alice, private, "m.room.power_levels")["events_default"], 0)


def test_aliases_in_state(s):
    alice, bob, room = pair(s, "alias")
    other = alice.create()
    for name, where in (("one", room), ("two", room), ("away", other)):
        good(alice.call("PUT", f"/directory/room/{quote(f'#alias_{name}:example.com')}", {"room_id": where}))

    def put(**content):
        return put_state(alice, room, "m.room.canonical_alias", content)
    good(put(alias="#alias_one:example.com", alt_aliases=["#alias_two:example.com"]))
    refused(put(alias="#alias_away:example.com"), 400, "M_BAD_ALIAS")
    refused(put(alias="#alias_none:example.com"), 400, "M_BAD_ALIAS")
    refused(put(alt_aliases=["#x:elsewhere.example"]), 400, "M_BAD_ALIAS")
    refused(put(alias="no alias"), 400, "M_INVALID_PARAM")
    refused(put(alias=5), 400, "M_INVALID_PARAM")
    refused(put(alt_aliases="#alias_two:example.com"), 400, "M_INVALID_PARAM")
    equal(set(good(alice.call("GET", f"/rooms/{quote(room)}/aliases"))["aliases"]),
          {"#alias_one:example.com", "#alias_two:example.com"})
    refused(bob.call("DELETE", f"/directory/room/{quote('#alias_one:example.com')}"), 403, "M_FORBIDDEN")
    good(alice.call("DELETE", f"/directory/room/{quote('#alias_two:example.com')}"))
    equal(state(alice, room, "m.room.canonical_alias"), {"alias": "#alias_one:example.com"})
    good(put(alias="#alias_one:example.com"))
    good(alice.call("DELETE", f"/directory/room/{quote('#alias_one:example.com')}"))
    equal(state(alice, room, "m.room.canonical_alias"), {})
    refused(alice.call("DELETE", f"/directory/room/{quote('#alias_one:example.com')}"), 404, "M_NOT_FOUND")
    refused(Person(s, "alias_c").call("PUT", f"/directory/room/{quote('#alias_x:example.com')}", {"room_id": room}), 403,
            "M_FORBIDDEN")
    good(put(alias=""))
    good(put())


def test_members_written_as_state(s):
    alice, bob, room = pair(s, "state")
    carol, dave = Person(s, "state_c"), Person(s, "state_d")
    good(put_state(carol, room, "m.room.member", {"membership": "join", "displayname": "Own"}, carol.id))
    good(put_state(alice, room, "m.room.member", {"membership": "invite"}, dave.id))
    good(put_state(alice, room, "m.room.member", {"membership": "leave", "reason": "kicked"}, bob.id))
    equal([membership(alice, room, p) for p in (bob, carol, dave)], ["leave", "join", "invite"])
    refused(put_state(carol, room, "m.room.member", {"membership": "join"}, bob.id), 403, "M_FORBIDDEN")
    refused(put_state(carol, room, "m.room.member", {"membership": "dancing"}, carol.id), 403, "M_FORBIDDEN")
    refused(put_state(alice, room, "m.room.create", {}), 403, "M_FORBIDDEN")


def test_redaction(s):
    alice, bob, room = pair(s, "redact")
    event = bob.say(room, "x", "x")
    path = f"/rooms/{quote(room)}/redact/{quote(event)}/"
    refused(bob.call("PUT", f"/rooms/{quote(room)}/redact/{quote(alice.say(room, 'y', 'y'))}/1", {}), 403, "M_FORBIDDEN")
    first = good(alice.call("PUT", path + "txn", {"reason": "spam"}))["event_id"]
    equal(good(alice.call("PUT", path + "txn", {"reason": "spam"}))["event_id"], first)
    seen = good(bob.call("GET", f"/rooms/{quote(room)}/event/{quote(event)}"))
    equal((seen["content"], seen["unsigned"]["redacted_because"]["content"]["reason"]), ({}, "spam"))
    own = bob.say(room, "z", "z")
    good(bob.call("PUT", f"/rooms/{quote(room)}/redact/{quote(own)}/2", {}))
    topic = good(put_state(alice, room, "m.room.topic", {"topic": "t"}))["event_id"]
    good(alice.call("PUT", f"/rooms/{quote(room)}/redact/{quote(topic)}/3", {}))
    equal(state(alice, room, "m.room.topic"), {})
    for kind in ("m.room.create", "m.room.server_acl"):
        put_state(alice, room, "m.room.server_acl", {"allow": ["*"]})
        protected = state(alice, room, kind, format="event")["event_id"]
        refused(alice.call("PUT", f"/rooms/{quote(room)}/redact/{quote(protected)}/p{kind}", {}), 403, "M_FORBIDDEN")
    elsewhere = alice.say(alice.create(), "elsewhere", "e")
    refused(alice.call("PUT", f"/rooms/{quote(room)}/redact/{quote(elsewhere)}/4", {}), 400, "M_UNKNOWN")


def test_redaction_sent_as_a_message(s):
    for version in ("9", "11"):
        alice, bob, room = pair(s, "sent" + version, room_version=version)
        event = bob.say(room, "x", "x")
        path = f"/rooms/{quote(room)}/send/m.room.redaction/"
        refused(alice.call("PUT", path + "1", {}), 400, "M_MISSING_PARAM")
        refused(alice.call("PUT", path + "2", {"redacts": "no id"}), 400, "M_INVALID_PARAM")
        sent = good(alice.call("PUT", path + "3", {"redacts": event, "reason": "r"}))["event_id"]
        told = good(bob.call("GET", f"/rooms/{quote(room)}/event/{quote(sent)}"))
        equal((told["redacts"], told["content"]), (event, {"redacts": event, "reason": "r"}))
        equal(good(bob.call("GET", f"/rooms/{quote(room)}/event/{quote(event)}"))["content"], {})


def test_guests(_):
    with hearth.server(allow_guest_access=True) as s:
        alice = Person(s, "alice")
        closed = alice.create(preset="public_chat")
        room = alice.create(preset="public_chat", initial_state=[
            {"type": "m.room.guest_access", "content": {"guest_access": "can_join"}}])
        made = good(s.client("POST", "/register", {}, kind="guest"))
        guest = Person.of(s, made["user_id"], made["access_token"])
        refused(post(guest, closed, "join"), 403, "M_GUEST_ACCESS_FORBIDDEN")
        refused(put_state(guest, closed, "m.room.member", {"membership": "join"}, guest.id), 403, "M_GUEST_ACCESS_FORBIDDEN")
        good(post(guest, room, "join"))
        event = guest.say(room, "hello", "g")
        for what, body in (("invite", {"user_id": alice.id}), ("kick", {"user_id": alice.id}), ("forget", {})):
            refused(post(guest, room, what, **body), 403, "M_GUEST_ACCESS_FORBIDDEN")
        refused(put_state(guest, room, "m.room.member", {"membership": "invite"}, "@x:example.com"), 403,
                "M_GUEST_ACCESS_FORBIDDEN")
        refused(guest.call("POST", "/createRoom", {}), 403, "M_GUEST_ACCESS_FORBIDDEN")
        refused(guest.call("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/r", {}), 403, "M_GUEST_ACCESS_FORBIDDEN")
        for path in ("state", "members", "messages?dir=b", f"event/{quote(event)}", f"context/{quote(event)}"):
            good(guest.call("GET", f"/rooms/{quote(room)}/{path}"))
        good(put_state(alice, room, "m.room.guest_access", {"guest_access": "forbidden"}))
        equal((membership(alice, room, guest), membership(alice, room, alice)), ("leave", "join"))
        refused(post(guest, room, "join"), 403, "M_GUEST_ACCESS_FORBIDDEN")


def test_suspended(s):
    """Spec "Account suspension": may leave, reject, read and redact their own; nothing else that others would notice."""
    alice, bob, room = pair(s, "suspended")
    boss = Person(s, "suspended_boss", admin=True)
    event, hers = bob.say(room, "before", "1"), alice.say(room, "hers", "1")
    public, invited = alice.create(preset="public_chat", room_alias_name="suspended"), alice.create(invite=[bob.id])
    good(boss.call("PUT", f"/admin/suspend/{quote(bob.id)}", {"suspended": True}, version="v1"))

    def no(answer):
        refused(answer, 403, "M_USER_SUSPENDED")
    no(bob.call("PUT", f"/rooms/{quote(room)}/send/m.room.message/2", {"body": ""}))
    no(bob.call("POST", "/createRoom", {}))
    no(bob.call("POST", f"/join/{quote('#suspended:example.com')}", {}))
    no(post(bob, invited, "join"))
    no(post(bob, room, "invite", user_id=boss.id))
    no(put_state(bob, room, "m.room.member", {"membership": "join", "displayname": "x"}, bob.id))
    no(put_state(bob, room, "m.room.topic", {"topic": "x"}))
    no(post(bob, room, "upgrade", new_version="11"))
    no(bob.call("PUT", f"/directory/room/{quote('#suspended_x:example.com')}", {"room_id": room}))
    no(bob.call("PUT", f"/rooms/{quote(room)}/redact/{quote(hers)}/3", {}))
    good(bob.call("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/4", {}))
    good(bob.call("GET", f"/rooms/{quote(room)}/messages", dir="b"))
    good(post(bob, invited, "leave"))
    good(put_state(bob, room, "m.room.member", {"membership": "leave"}, bob.id))
    good(boss.call("PUT", f"/admin/suspend/{quote(bob.id)}", {"suspended": False}, version="v1"))
    good(post(bob, public, "join"))


def test_shadow_banned(s):
    """Everything seems to work, slowly, and nobody else sees any of it."""
    alice = Person(s, "shadow_a")
    room = alice.create(preset="public_chat")
    s.register("shadow_b")
    s.sql("UPDATE accounts SET shadow_banned = true WHERE user_id = '@shadow_b:example.com'")
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "shadow_b"}, "password": "secret password"}
    bob = Person.of(s, "@shadow_b:example.com", good(s.client("POST", "/login", login))["access_token"])
    bob.join(room)
    own = good(bob.call("POST", "/createRoom", {"invite": [alice.id], "preset": "public_chat"}))["room_id"]
    calls = [
        lambda: good(bob.call("PUT", f"/rooms/{quote(room)}/send/m.room.message/1", {"body": "spam"}))["event_id"],
        lambda: good(put_state(bob, own, "m.room.topic", {"topic": "spam"}))["event_id"],
        lambda: good(post(bob, own, "invite", user_id=alice.id)),
        lambda: good(post(bob, own, "upgrade", new_version="11"))["replacement_room"],
    ]
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        answers = [future.result() for future in [pool.submit(call) for call in calls]]
    equal([str(answer)[0] for answer in answers], ["$", "$", "{", "!"])
    equal(alice.texts(room), [])
    equal(state(bob, own, "m.room.topic"), None)
    equal(state(bob, own, "m.room.tombstone"), None)
    assert own not in alice.sync()["rooms"].get("invite", {})


people.run(globals())

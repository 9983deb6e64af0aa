# SPDX-License-Identifier: Apache-2.0
"""Two people and three devices talk through matrix-nio. The steps build on each other and run in the order written."""
import asyncio
import contextlib
import io
import os
import sys
import tempfile
import time
import traceback

import nio
from nio.api import ReceiptType, RelationshipType
from nio.crypto.attachments import decrypt_attachment

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../integration"))
import hearth  # noqa: E402

FREE = {"per_second": 10000, "burst_count": 10000}
SETTINGS = dict(
    enable_registration=True, enable_registration_without_verification=True,
    login_via_existing_session={"enabled": True, "require_ui_auth": False},
    room_list_publication_rules=[{"action": "allow"}],
    rc_message=FREE, rc_registration=FREE, rc_joins={"local": FREE, "remote": FREE}, rc_room_creation=FREE,
    rc_invites={"per_room": FREE, "per_user": FREE, "per_issuer": FREE},
    rc_login={"address": FREE, "account": FREE, "failed_attempts": FREE})
PASSWORD = "a secret of the tests"
CONFIG = nio.AsyncClientConfig(max_timeouts=20, max_limit_exceeded=0, max_timeout_retry_wait_time=0.5)


def equal(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def good(response):
    assert not isinstance(response, nio.ErrorResponse), f"{response!r}"
    return response


def refused(response, errcode):
    assert isinstance(response, nio.ErrorResponse), f"{response!r}"
    equal(response.status_code, errcode)


class Device:
    """A client, and what its callbacks were called with."""

    def __init__(self, url, user, store):
        self.client = nio.AsyncClient(url, user, store_path=store, config=CONFIG)
        self.events = []
        self.ephemeral = []
        self.to_device = []
        self.client.add_event_callback(lambda room, event: self.events.append(event), nio.Event)
        self.client.add_ephemeral_callback(lambda room, event: self.ephemeral.append(event), nio.EphemeralEvent)
        self.client.add_to_device_callback(self.to_device.append, nio.ToDeviceEvent)

    async def turn(self, **options):
        """What one round of sync_forever does: sync, then the requests that follow from the answer."""
        client = self.client
        answer = good(await client.sync(**options))
        if client.should_upload_keys:
            good(await client.keys_upload())
        if client.should_query_keys:
            good(await client.keys_query())
        if client.should_claim_keys:
            good(await client.keys_claim(client.get_users_for_key_claiming()))
        for sent in await client.send_to_device_messages():
            good(sent)
        return answer

    async def send(self, room, content, kind="m.room.message", **options):
        return good(await self.client.room_send(room, kind, content, **options)).event_id

    def seen(self, event_id):
        found = [event for event in self.events if event.event_id == event_id]
        equal(len(found), 1)
        return found[0]

    def newest(self, kind, of=None):
        found = [event for event in (self.ephemeral if of is None else of) if isinstance(event, kind)]
        assert found, f"no {kind.__name__}"
        return found[-1]


class Conversation:
    def __init__(self, server, folder):
        self.server = server
        self.folder = folder
        self.alice = self.bob = self.second = None
        self.room = None
        self.events = {}

    def device(self, user):
        return Device(self.server.url, user, tempfile.mkdtemp(dir=self.folder))

    def devices(self):
        return [device for device in (self.alice, self.bob, self.second) if device]

    async def close(self):
        for device in self.devices():
            await device.client.close()


async def test_register(c):
    c.alice, c.bob = c.device("@alice:example.com"), c.device("@bob:example.com")
    for device in c.alice, c.bob:
        answer = good(await device.client.register(device.client.user[1:].split(":")[0], PASSWORD, "first"))
        equal(answer.user_id, device.client.user)
    refused(await nio.AsyncClient(c.server.url).register("alice", PASSWORD), "M_USER_IN_USE")


async def test_login_by_password(c):
    flows = good(await c.alice.client.login_info()).flows
    assert {"m.login.password", "m.login.token"} <= set(flows), flows
    for device in c.alice, c.bob:
        good(await device.client.logout())
        good(await device.client.login(PASSWORD, "laptop"))
        equal(good(await device.client.whoami()).user_id, device.client.user)
    refused(await nio.AsyncClient(c.server.url, "@alice:example.com").login("wrong"), "M_FORBIDDEN")


async def test_login_by_token(c):
    status, made = c.server.client("POST", "/login/get_token", {}, c.alice.client.access_token, version="v1")
    equal(status, 200)
    c.second = c.device("@alice:example.com")
    good(await c.second.client.login(token=made["login_token"], device_name="phone"))
    equal(c.second.client.user_id, c.alice.client.user_id)
    assert c.second.client.device_id != c.alice.client.device_id
    again = nio.AsyncClient(c.server.url, "@alice:example.com")
    refused(await again.login(token=made["login_token"]), "M_FORBIDDEN")
    await again.close()
    good(await c.second.client.logout())
    await c.second.client.close()
    c.second = None


async def test_profile(c):
    good(await c.alice.client.set_displayname("Alice"))
    good(await c.alice.client.set_avatar("mxc://example.com/alice"))
    profile = good(await c.bob.client.get_profile("@alice:example.com"))
    equal((profile.displayname, profile.avatar_url), ("Alice", "mxc://example.com/alice"))
    equal(good(await c.bob.client.get_displayname("@alice:example.com")).displayname, "Alice")
    equal(good(await c.bob.client.get_avatar("@alice:example.com")).avatar_url, "mxc://example.com/alice")
    refused(await c.bob.client.get_profile("@nobody:example.com"), "M_NOT_FOUND")


async def test_encrypted_room(c):
    encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    c.room = good(await c.alice.client.room_create(name="Two", topic="Talk", invite=["@bob:example.com"],
                                                   preset=nio.RoomPreset.trusted_private_chat, is_direct=True,
                                                   initial_state=[encryption])).room_id
    await c.bob.turn()
    invited = c.bob.client.invited_rooms[c.room]
    equal((invited.name, invited.inviter), ("Two", "@alice:example.com"))
    good(await c.bob.client.join(c.room))
    for device in c.alice, c.bob:
        await device.turn(full_state=True)
        room = device.client.rooms[c.room]
        equal((room.encrypted, room.name, room.topic, room.member_count), (True, "Two", "Talk", 2))
        equal(room.user_name("@alice:example.com"), "Alice")
        equal(good(await device.client.joined_rooms()).rooms, [c.room])
    members = good(await c.bob.client.joined_members(c.room)).members
    equal({member.user_id: member.display_name for member in members},
          {"@alice:example.com": "Alice", "@bob:example.com": "bob"})


async def test_device_lists(c):
    for device in c.alice, c.bob:
        await device.turn()
    for device, other in (c.alice, c.bob), (c.bob, c.alice):
        known = [d.id for d in device.client.device_store.active_user_devices(other.client.user_id)]
        equal(known, [other.client.device_id])


async def test_unverified_device_is_noticed(c):
    with contextlib.suppress(nio.OlmUnverifiedDeviceError):
        await c.alice.client.room_send(c.room, "m.room.message", {"msgtype": "m.text", "body": "too early"})
        raise AssertionError("sent to a device that nobody verified")


async def verify(first, second):
    """Short authentication string from first to second: both compare and confirm."""
    device = first.client.device_store[second.client.user_id][second.client.device_id]
    good(await first.client.start_key_verification(device))
    await second.turn()
    start = second.newest(nio.KeyVerificationStart, second.to_device)
    txn = start.transaction_id
    equal(start.from_device, first.client.device_id)
    good(await second.client.accept_key_verification(txn))
    await first.turn()
    await second.turn()
    await first.turn()
    both = [side.client.key_verifications[txn] for side in (first, second)]
    equal(len(both[0].get_emoji()), 7)
    equal(both[0].get_emoji(), both[1].get_emoji())
    equal(both[0].get_decimals(), both[1].get_decimals())
    for side in first, second:
        good(await side.client.confirm_short_auth_string(txn))
    await second.turn()
    await first.turn()
    for side, other in (first, second), (second, first):
        equal(side.client.key_verifications[txn].verified, True)
        equal(side.client.device_store[other.client.user_id][other.client.device_id].verified, True)


async def test_verification_cancelled(c):
    device = c.alice.client.device_store[c.bob.client.user_id][c.bob.client.device_id]
    good(await c.alice.client.start_key_verification(device))
    await c.bob.turn()
    txn = c.bob.newest(nio.KeyVerificationStart, c.bob.to_device).transaction_id
    good(await c.bob.client.cancel_key_verification(txn))
    await c.alice.turn()
    equal(c.alice.newest(nio.KeyVerificationCancel, c.alice.to_device).code, "m.user")


async def test_verification(c):
    await verify(c.alice, c.bob)


async def test_encrypted_messages_both_ways(c):
    first = await c.alice.send(c.room, {"msgtype": "m.text", "body": "hello"}, tx_id="same")
    equal(await c.alice.send(c.room, {"msgtype": "m.text", "body": "hello"}, tx_id="same"), first)
    await c.bob.turn()
    event = c.bob.seen(first)
    equal((event.body, event.sender, event.decrypted, event.verified), ("hello", "@alice:example.com", True, True))
    second = await c.bob.send(c.room, {"msgtype": "m.text", "body": "hello to you"})
    await c.alice.turn()
    equal(c.alice.seen(second).body, "hello to you")
    equal(c.alice.seen(first).transaction_id, "same")
    raw = good(await c.bob.client.room_get_event(c.room, first)).event
    equal(raw.source["type"], "m.room.message")
    status, stored = c.server.client("GET", f"/rooms/{c.room}/event/{first}", token=c.bob.client.access_token)
    equal((status, stored["type"]), (200, "m.room.encrypted"))
    assert "hello" not in str(stored["content"])
    c.events.update(first=first, second=second)


async def test_edit(c):
    new = {"msgtype": "m.text", "body": "hello, edited"}
    edit = await c.alice.send(c.room, {"msgtype": "m.text", "body": "* hello, edited", "m.new_content": new,
                                       "m.relates_to": {"rel_type": "m.replace", "event_id": c.events["first"]}})
    await c.bob.turn()
    equal(c.bob.seen(edit).source["content"]["m.new_content"], new)
    found = [e async for e in c.bob.client.room_get_event_relations(c.room, c.events["first"],
                                                                    RelationshipType.replacement)]
    equal([e.event_id for e in found], [edit])


async def test_reaction(c):
    content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": c.events["first"], "key": "\N{THUMBS UP SIGN}"}}
    reaction = await c.bob.send(c.room, content, "m.reaction")
    await c.alice.turn()
    event = c.alice.seen(reaction)
    equal((event.reacts_to, event.key), (c.events["first"], "\N{THUMBS UP SIGN}"))
    again = await c.bob.client.room_send(c.room, "m.reaction", content)
    refused(again, "M_DUPLICATE_ANNOTATION")
    c.events["reaction"] = reaction


async def test_thread(c):
    root, replies = c.events["second"], []
    for text in "one", "two", "three":
        relation = {"rel_type": "m.thread", "event_id": root, "is_falling_back": True,
                    "m.in_reply_to": {"event_id": replies[-1] if replies else root}}
        replies.append(await c.alice.send(c.room, {"msgtype": "m.text", "body": text, "m.relates_to": relation}))
    await c.bob.turn()
    equal([c.bob.seen(reply).body for reply in replies], ["one", "two", "three"])
    found = [e async for e in c.bob.client.room_get_event_relations(c.room, root, RelationshipType.thread, limit=2)]
    equal([e.event_id for e in found], replies[::-1])
    status, event = c.server.client("GET", f"/rooms/{c.room}/event/{root}", token=c.bob.client.access_token)
    summary = event["unsigned"]["m.relations"]["m.thread"]
    equal((summary["count"], summary["latest_event"]["event_id"]), (3, replies[-1]))
    threads = [event async for event in c.bob.client.room_get_threads(c.room)]
    equal([event.event_id for event in threads], [root])
    c.events["replies"] = replies


async def test_receipts(c):
    await c.alice.turn()
    good(await c.bob.client.update_receipt_marker(c.room, c.events["first"]))
    good(await c.bob.client.update_receipt_marker(c.room, c.events["replies"][0], thread_id=c.events["second"]))
    good(await c.bob.client.update_receipt_marker(c.room, c.events["first"], ReceiptType.read_private))
    await c.alice.turn()
    receipts = {r.event_id: r for r in c.alice.newest(nio.ReceiptEvent).receipts}
    equal({event: (r.user_id, r.receipt_type, r.thread_id) for event, r in receipts.items()},
          {c.events["first"]: ("@bob:example.com", "m.read", "main"),
           c.events["replies"][0]: ("@bob:example.com", "m.read", c.events["second"])})
    good(await c.bob.client.room_read_markers(c.room, c.events["second"], c.events["second"]))
    await c.bob.turn()
    equal(c.bob.client.rooms[c.room].fully_read_marker, c.events["second"])


async def test_typing(c):
    good(await c.bob.client.room_typing(c.room, True, 20000))
    await c.alice.turn(timeout=5000)
    equal(c.alice.newest(nio.TypingNoticeEvent).users, ["@bob:example.com"])
    good(await c.bob.client.room_typing(c.room, False))
    await c.alice.turn(timeout=5000)
    equal(c.alice.newest(nio.TypingNoticeEvent).users, [])


async def test_redaction(c):
    good(await c.bob.client.room_redact(c.room, c.events["reaction"], "misclicked"))
    redacted = await c.alice.send(c.room, {"msgtype": "m.text", "body": "regret"})
    await c.bob.turn()
    redaction = good(await c.alice.client.room_redact(c.room, redacted, "not said")).event_id
    await c.bob.turn()
    event = c.bob.seen(redaction)
    equal((event.redacts, event.reason), (redacted, "not said"))
    event = good(await c.bob.client.room_get_event(c.room, redacted)).event
    equal((type(event), event.redacter, event.reason), (nio.RedactedEvent, "@alice:example.com", "not said"))


async def test_encrypted_attachment(c):
    data = os.urandom(100000)
    uploaded, keys = await c.alice.client.upload(io.BytesIO(data), "application/pdf", "report.pdf", encrypt=True,
                                                 filesize=len(data))
    file = {"url": good(uploaded).content_uri, **keys}
    sent = await c.alice.send(c.room, {"msgtype": "m.file", "body": "report.pdf", "file": file})
    await c.bob.turn()
    event = c.bob.seen(sent)
    equal((type(event), event.url), (nio.RoomEncryptedFile, file["url"]))
    stored = good(await c.bob.client.download(event.url)).body
    assert stored != data
    equal(decrypt_attachment(stored, event.key["k"], event.hashes["sha256"], event.iv), data)
    refused(await c.bob.client.download("mxc://example.com/none"), "M_NOT_FOUND")
    plain = good((await c.alice.client.upload(io.BytesIO(b"plain"), "text/plain", "a.txt"))[0]).content_uri
    answer = good(await c.bob.client.download(plain))
    equal((answer.body, answer.content_type, answer.filename), (b"plain", "text/plain", "a.txt"))


async def test_push_rules(c):
    client = c.bob.client
    good(await client.set_pushrule("global", nio.PushRuleKind.content, "word", pattern="w*rd",
                                   actions=[nio.PushNotify(), nio.PushSetTweak("highlight", True)]))
    good(await client.set_pushrule("global", nio.PushRuleKind.override, "big", conditions=[nio.PushRoomMemberCount(10,
            ">")]))
    good(await client.enable_pushrule("global", nio.PushRuleKind.override, "big", False))
    good(await client.set_pushrule_actions("global", nio.PushRuleKind.content, "word", [nio.PushNotify()]))
    rules = [e for e in (await c.bob.turn()).account_data_events if isinstance(e, nio.PushRulesEvent)][0].global_rules
    equal([(rule.id, rule.pattern, rule.actions) for rule in rules.content if not rule.default],
          [("word", "w*rd", [nio.PushNotify()])])
    equal([(rule.id, rule.enabled, rule.conditions) for rule in rules.override if not rule.default],
          [("big", False, [nio.PushRoomMemberCount(10, ">")])])
    good(await client.delete_pushrule("global", nio.PushRuleKind.content, "word"))
    refused(await client.delete_pushrule("global", nio.PushRuleKind.content, "word"), "M_NOT_FOUND")


async def test_directory_and_knock(c):
    knock = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    room = good(await c.alice.client.room_create(nio.RoomVisibility.public, alias="hall", name="The hall", topic="All",
                                                 initial_state=[knock])).room_id
    listed = good(await c.bob.client.list_public_rooms(filter_generic_search_term="hall")).public_rooms
    equal([(r.room_id, r.canonical_alias, r.name, r.num_joined_members, r.join_rule) for r in listed],
          [(room, "#hall:example.com", "The hall", 1, "knock")])
    equal(good(await c.bob.client.room_get_visibility(room)).visibility, "public")
    refused(await c.bob.client.join(room), "M_FORBIDDEN")
    equal(good(await c.bob.client.room_knock(room, "let me in")).room_id, room)
    await c.alice.turn()
    knocks = [e for e in c.alice.events if isinstance(e, nio.RoomMemberEvent) and e.membership == "knock"]
    equal([(e.state_key, e.content["reason"]) for e in knocks], [("@bob:example.com", "let me in")])
    good(await c.alice.client.room_invite(room, "@bob:example.com"))
    good(await c.bob.client.join("#hall:example.com"))
    good(await c.bob.client.room_leave(room))


async def test_room_state(c):
    put = good(await c.alice.client.room_put_state(c.room, "m.room.topic", {"topic": "Later"})).event_id
    state = {(e["type"], e["state_key"]): e for e in good(await c.bob.client.room_get_state(c.room)).events}
    equal(state["m.room.topic", ""]["event_id"], put)
    equal(good(await c.bob.client.room_get_state_event(c.room, "m.room.topic")).content, {"topic": "Later"})
    refused(await c.bob.client.room_get_state_event(c.room, "m.room.topic", "none"), "M_NOT_FOUND")
    await c.bob.turn()
    equal(c.bob.client.rooms[c.room].topic, "Later")
    good(await c.alice.client.room_put_state(c.room, "m.room.name", {"name": "Three"}))
    good(await c.alice.client.update_room_topic(c.room, "Now"))
    await c.bob.turn()
    equal((c.bob.client.rooms[c.room].name, c.bob.client.rooms[c.room].topic), ("Three", "Now"))


async def test_alias(c):
    alias = "#talk:example.com"
    good(await c.alice.client.room_put_alias(alias, c.room))
    equal(good(await c.bob.client.room_resolve_alias(alias)).room_id, c.room)
    await c.bob.client.room_put_alias(alias, "!other:example.com")
    equal(good(await c.bob.client.room_resolve_alias(alias)).room_id, c.room)
    good(await c.alice.client.room_delete_alias(alias))
    refused(await c.bob.client.room_resolve_alias(alias), "M_NOT_FOUND")


async def test_history(c):
    sent = [await c.alice.send(c.room, {"msgtype": "m.text", "body": f"page {i}"}) for i in range(25)]
    answer = await c.bob.turn(sync_filter={"room": {"timeline": {"limit": 5}}})
    timeline = answer.rooms.join[c.room].timeline
    equal(timeline.limited, True)
    equal([e.event_id for e in c.bob.events[-5:]], sent[-5:])
    found, start = [], timeline.prev_batch
    while start:
        page = good(await c.bob.client.room_messages(c.room, start, limit=7))
        equal(page.start, start)
        found += page.chunk
        start = page.end if page.chunk else None
    ids = [e.event_id for e in found]
    equal(len(ids), len(set(ids)))
    equal(ids[:20], sent[:20][::-1])
    equal([e.body for e in found[:20]], [f"page {i}" for i in reversed(range(20))])
    equal(type(found[-1]), nio.RoomCreateEvent)
    context = good(await c.bob.client.room_context(c.room, sent[10], limit=4))
    equal([e.event_id for e in context.events_before + [context.event] + context.events_after],
          [sent[i] for i in (9, 8, 10, 11, 12)])
    forward = good(await c.bob.client.room_messages(c.room, context.end, direction=nio.MessageDirection.front, limit=3))
    equal([e.event_id for e in forward.chunk], sent[13:16])


async def test_filter(c):
    room = {"timeline": {"types": ["m.room.topic"]}, "ephemeral": {"types": []}, "state": {"lazy_load_members": True}}
    made = good(await c.bob.client.upload_filter(room=room, presence={"types": []})).filter_id
    before = c.bob.client.next_batch
    await c.alice.send(c.room, {"msgtype": "m.text", "body": "filtered out"})
    topic = good(await c.alice.client.room_put_state(c.room, "m.room.topic", {"topic": "Kept"})).event_id
    answer = good(await c.bob.client.sync(sync_filter=made))
    equal([e.event_id for e in answer.rooms.join[c.room].timeline.events], [topic])
    equal((answer.presence_events, answer.rooms.join[c.room].ephemeral), ([], []))
    again = good(await c.bob.client.sync(since=before))
    equal(len(again.rooms.join[c.room].timeline.events), 2)
    began = time.monotonic()
    nothing = good(await c.bob.client.sync(timeout=400, sync_filter=made))
    assert 0.35 < time.monotonic() - began < 5
    equal(nothing.rooms.join, {})


async def test_second_device_asks_for_keys(c):
    c.second = c.device("@alice:example.com")
    good(await c.second.client.login(PASSWORD, "phone"))
    await c.second.turn(full_state=True)
    event = c.second.newest(nio.MegolmEvent, c.second.events)
    await c.second.turn()
    await c.alice.turn()
    await verify(c.alice, c.second)
    good(await c.second.client.request_room_key(event))
    for turn in range(3):  # nio looks at what waits for a session only when a sync brings something
        good(await c.bob.client.room_typing(c.room, turn % 2 == 0))
        await c.alice.turn()
        await c.second.turn()
    c.second.newest(nio.ForwardedRoomKeyEvent, c.second.to_device)
    body = c.second.client.decrypt_event(event).body
    equal(body, "filtered out")
    await c.alice.turn()
    equal(c.second.client.outgoing_key_requests, {})


async def test_export_and_import_of_keys(c):
    keys = os.path.join(c.folder, "keys")
    await c.alice.client.export_keys(keys, "passphrase", count=1000)
    event = good(await c.second.client.room_get_event(c.room, c.events["second"])).event
    equal(type(event), nio.MegolmEvent)
    await c.second.client.import_keys(keys, "passphrase")
    equal(c.second.client.decrypt_event(event).body, "hello to you")


async def test_new_device_gets_new_messages(c):
    await c.bob.turn()
    await c.bob.turn()
    with contextlib.suppress(nio.OlmUnverifiedDeviceError):
        await c.bob.send(c.room, {"msgtype": "m.text", "body": "to all"})
        raise AssertionError("sent to a device that nobody verified")
    sent = await c.bob.send(c.room, {"msgtype": "m.text", "body": "to all"}, ignore_unverified_devices=True)
    for device in c.alice, c.second:
        await device.turn()
        equal(device.seen(sent).body, "to all")


async def test_devices(c):
    devices = {d.id: d for d in good(await c.alice.client.devices()).devices}
    equal(set(devices), {c.alice.client.device_id, c.second.client.device_id})
    good(await c.alice.client.update_device(c.second.client.device_id, {"display_name": "renamed"}))
    devices = {d.id: d for d in good(await c.alice.client.devices()).devices}
    equal(devices[c.second.client.device_id].display_name, "renamed")
    asked = await c.alice.client.delete_devices([c.second.client.device_id])
    equal(type(asked), nio.DeleteDevicesAuthResponse)
    auth = {"type": "m.login.password", "session": asked.session, "password": PASSWORD,
            "identifier": {"type": "m.id.user", "user": "alice"}}
    good(await c.alice.client.delete_devices([c.second.client.device_id], auth))
    refused(await c.second.client.sync(), "M_UNKNOWN_TOKEN")
    await c.bob.turn()
    await c.bob.turn()
    equal([d.id for d in c.bob.client.device_store.active_user_devices("@alice:example.com")], [c.alice.client.device_id])


async def test_restart_of_the_client(c):
    """A new process with the old store and token goes on where the first one ended."""
    old = c.alice.client
    c.alice = Device(c.server.url, "@alice:example.com", old.store_path)
    await old.close()
    c.alice.client.restore_login(old.user_id, old.device_id, old.access_token)
    await c.alice.turn(full_state=True)
    event = good(await c.alice.client.room_get_event(c.room, c.events["first"])).event
    equal(event.body, "hello")


async def test_logout_and_login_again(c):
    old = c.alice.client
    token, device = old.access_token, old.device_id
    good(await old.logout())
    await old.close()
    status, body = c.server.client("GET", "/account/whoami", token=token)
    equal((status, body["errcode"], body.get("soft_logout", False)), (401, "M_UNKNOWN_TOKEN", False))
    c.alice = c.device("@alice:example.com")
    good(await c.alice.client.login(PASSWORD))
    assert c.alice.client.device_id != device
    await c.alice.turn(full_state=True)
    await c.bob.turn()
    await c.bob.turn()
    equal([d.id for d in c.bob.client.device_store.active_user_devices("@alice:example.com")], [c.alice.client.device_id])


class Line:
    """A forwarder between a client and the server, whose connections can be cut."""

    def __init__(self, port):
        self.target = port
        self.writers = set()
        self.accepted = 0
        self.up = True

    async def __aenter__(self):
        self.listener = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.listener.close()
        self.cut()

    def cut(self):
        for writer in list(self.writers):
            writer.transport.abort()

    async def serve(self, reader, writer):
        self.accepted += 1
        if not self.up:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, back}
        await asyncio.gather(self.copy(reader, back), self.copy(there, writer))
        self.writers -= {writer, back}

    @staticmethod
    async def copy(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


async def arrival(device, event_id):
    for _ in range(200):
        if any(event.event_id == event_id for event in device.events):
            return device.seen(event_id)
        await asyncio.sleep(0.05)
    raise AssertionError(f"{event_id} does not arrive")


async def test_sync_forever_with_a_dropped_connection(c):
    async with Line(c.server.port) as line:
        c.alice.client.homeserver = f"http://127.0.0.1:{line.port}"
        following = asyncio.create_task(c.alice.client.sync_forever(20000))
        await asyncio.wait_for(c.alice.client.synced.wait(), 10)
        await c.bob.turn()
        sent = await c.bob.send(c.room, {"msgtype": "m.text", "body": "before"}, ignore_unverified_devices=True)
        equal((await arrival(c.alice, sent)).body, "before")
        line.up = False
        line.cut()
        missed = [await c.bob.send(c.room, {"msgtype": "m.text", "body": f"meanwhile {i}"}) for i in range(3)]
        await asyncio.sleep(0.3)
        line.up = True
        equal([(await arrival(c.alice, event)).body for event in missed], [f"meanwhile {i}" for i in range(3)])
        await asyncio.get_running_loop().run_in_executor(None, c.server.restart, 9)
        sent = await c.bob.send(c.room, {"msgtype": "m.text", "body": "after a crash"})
        equal((await arrival(c.alice, sent)).body, "after a crash")
        c.alice.client.stop_sync_forever()
        await c.bob.send(c.room, {"msgtype": "m.text", "body": "wake up"})
        await asyncio.wait_for(following, 25)
        ids = [e.event_id for e in c.alice.events]
        assert all(ids.count(event) == 1 for event in missed + [sent]), ids
        c.alice.client.homeserver = c.server.url


async def test_kick_leave_forget(c):
    other = good(await c.alice.client.room_create(name="Short", invite=["@bob:example.com"])).room_id
    good(await c.bob.client.join(other))
    await c.bob.turn()
    good(await c.alice.client.room_kick(other, "@bob:example.com", "out"))
    answer = await c.bob.turn()
    assert other in answer.rooms.leave, answer.rooms
    refused(await c.bob.client.join(other), "M_FORBIDDEN")
    good(await c.alice.client.room_ban(other, "@bob:example.com"))
    good(await c.alice.client.room_unban(other, "@bob:example.com"))
    good(await c.alice.client.room_invite(other, "@bob:example.com"))
    good(await c.bob.client.join(other))
    good(await c.bob.client.room_leave(other))
    good(await c.bob.client.room_forget(other))
    refused(await c.bob.client.room_messages(other, "", limit=3), "M_FORBIDDEN")


async def run_all(server, folder):
    conversation, results = Conversation(server, folder), []
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            await asyncio.wait_for(test(conversation), 60)
            results.append(True)
            print("ok   ", name)
        except Exception:
            results.append(False)
            print("FAIL ", name)
            traceback.print_exc(file=sys.stdout)
    await conversation.close()
    return results


def main():
    with hearth.server(**SETTINGS) as server, tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(run_all(server, folder))
        failed = results.count(False)
        if failed:
            print(server.log_text())
    print(f"{100 * (len(results) - failed) // len(results)}% tests passed, {failed} tests failed out of {len(results)}")
    return 1 if failed else 0


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# slow
"""Requests that are small to send and could be dear to serve: each is answered soon, and none holds the event loop."""
import json
import re
import time

import hearth
from people import FREE, equal, good, pair, quote, run

SECONDS = 20 if "asan" in hearth.BUILD else 4
HELD_MS = 5000 if "asan" in hearth.BUILD else 1000
USERS = [f"@u{i}:example.com" for i in range(20000)]
STARS = "*a" * 100 + "*b"  # to be matched against what is all a


def soon(person, method, path, body=None, statuses=(200,), **more):
    began = time.monotonic()
    status, answer = person.call(method, path, body, **more)
    took = time.monotonic() - began
    assert status in statuses, f"{method} {path}: {status} {str(answer)[:300]}"
    assert took < SECONDS, f"{method} {path}: {took:.1f} s"
    return answer


def test_many_users_and_devices(s):
    s.recorded = False
    alice, bob, _ = pair(s, "many")
    soon(alice, "POST", "/keys/query", {"device_keys": {user: [] for user in USERS}}, (413,))
    soon(alice, "POST", "/keys/query", {"device_keys": {user: [] for user in USERS[:10000]}})
    soon(alice, "POST", "/keys/query", {"device_keys": {f"@u:h{i}.example": [] for i in range(10000)}})
    soon(alice, "POST", "/keys/claim", {"one_time_keys": {user: {"D": "x"} for user in USERS[:10000]}}, (200, 413))
    soon(alice, "PUT", "/sendToDevice/m.x/1", {"messages": {user: {"*": {}} for user in USERS}}, (413,))
    soon(alice, "PUT", "/sendToDevice/m.x/2", {"messages": {user: {"*": {}} for user in USERS[:10000]}})
    soon(alice, "PUT", "/sendToDevice/m.x/3", {"messages": {bob.id: {f"D{i}": {} for i in range(10000)}}})
    soon(alice, "POST", "/delete_devices", {"devices": [f"D{i}" for i in range(60000)]}, (400,))
    ignored = {"ignored_users": {user: {} for user in USERS}}
    soon(alice, "PUT", f"/user/{alice.id}/account_data/m.ignored_user_list", ignored)
    soon(alice, "GET", "/sync")


def test_one_message_for_many_devices(s):
    """A large message to all devices of a user is kept for each of them: there is an end to that."""
    alice, bob, _ = pair(s, "star")
    for _ in range(20):
        good(s.client("POST", "/login", {"type": "m.login.password", "password": "secret password",
                                         "identifier": {"type": "m.id.user", "user": bob.id}}))
    soon(alice, "PUT", "/sendToDevice/m.x/1", {"messages": {bob.id: {"*": {"x": "y" * 1000000}}}}, (413,))
    soon(alice, "PUT", "/sendToDevice/m.x/2", {"messages": {bob.id: {"*": {"x": "y" * 100000}}}})
    equal(len(soon(bob, "GET", "/sync")["to_device"]["events"]), 1)


def test_many_keys(s):
    alice, _, _ = pair(s, "keys")
    keys = {f"D{i}": {"signatures": {alice.id: {"ed25519:x": "y"}}} for i in range(10000)}
    soon(alice, "POST", "/keys/signatures/upload", {alice.id: keys}, (413,))
    soon(alice, "POST", "/keys/signatures/upload", {alice.id: dict(list(keys.items())[:1000])})
    soon(alice, "POST", "/keys/signatures/upload", {user: {"D": {}} for user in USERS[:1000]})
    soon(alice, "POST", "/keys/upload", {"one_time_keys": {f"x:A{i}": {"key": "x"} for i in range(20000)}}, (413,))
    backup = {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "x"}}
    version = {"version": soon(alice, "POST", "/room_keys/version", backup)["version"]}
    session = {"first_message_index": 0, "forwarded_count": 0, "is_verified": False, "session_data": {}}
    rooms = {f"!r{i}:x": {"sessions": {"s": session}} for i in range(7000)}
    soon(alice, "PUT", "/room_keys/keys", {"rooms": rooms}, query=version)
    equal(len(soon(alice, "GET", "/room_keys/keys", query=version)["rooms"]), 7000)
    soon(alice, "DELETE", "/room_keys/keys", query=version)


def test_many_events_at_once(s):
    alice, bob, room = pair(s, "events")
    soon(alice, "POST", "/createRoom", {"invite": USERS}, (400,))
    state = [{"type": f"t{i}", "content": {}} for i in range(20000)]
    soon(alice, "POST", "/createRoom", {"initial_state": state}, (400,))
    soon(alice, "POST", "/createRoom", {"initial_state": state[:500]})
    soon(alice, "PUT", f"/rooms/{quote(room)}/state/m.room.server_acl", {"allow": [STARS] * 300})
    levels = good(alice.call("GET", f"/rooms/{quote(room)}/state/m.room.power_levels/"))
    levels["users"].update({user: 0 for user in USERS[:2000]})
    soon(alice, "PUT", f"/rooms/{quote(room)}/state/m.room.power_levels/", levels)
    mentions = {"msgtype": "m.text", "body": "x", "m.mentions": {"user_ids": USERS[:2500]}}
    soon(alice, "PUT", f"/rooms/{quote(room)}/send/m.room.message/1", mentions)
    soon(bob, "GET", "/sync")


def test_long_lists(s):
    """Lists in what a room is made of, and who is ignored: none is compared with itself or another, item by item."""
    alice, bob, room = pair(s, "lists")
    body = {"room_version": "12", "creation_content": {"additional_creators": [f"@{i:x}:b" for i in range(90000)]}}
    soon(alice, "POST", "/createRoom", body, (400, 413))
    soon(alice, "POST", "/createRoom", {"power_level_content_override": {f"{i:x}": 0 for i in range(0xffff, 0, -1)}},
         (400, 413))
    aliases = [f"#lists{i}:example.com" for i in range(2)]
    for alias in aliases:
        soon(alice, "PUT", f"/directory/room/{quote(alias)}", {"room_id": room})
    canonical = f"/rooms/{quote(room)}/state/m.room.canonical_alias"
    soon(alice, "PUT", canonical, {"alt_aliases": aliases[:1] * 2500 + aliases[1:]})
    soon(alice, "PUT", canonical, {"alt_aliases": aliases[1:] * 40000}, (400, 413))
    for i in range(300):
        good(alice.call("PUT", f"/rooms/{quote(room)}/send/m.room.message/l{i}", {"msgtype": "m.text", "body": "x"}))
    soon(bob, "PUT", f"/user/{bob.id}/account_data/m.ignored_user_list",
         {"ignored_users": {f"@lists_{i}:example.com": {} for i in range(30000)}})
    for _ in range(3):
        soon(bob, "GET", f"/rooms/{quote(room)}/messages", query={"dir": "b", "limit": 1000})


def test_patterns(s):
    """Stars upon stars, in push rules, filters and searches."""
    alice, bob, room = pair(s, "stars")
    soon(bob, "PUT", "/pushrules/global/content/long", {"pattern": STARS * 100, "actions": ["notify"]}, (400,))
    for i in range(30):
        soon(bob, "PUT", f"/pushrules/global/content/stars{i}", {"pattern": STARS, "actions": ["notify"]})
    matches = [{"kind": "event_match", "key": "content.body", "pattern": STARS}] * 500
    soon(bob, "PUT", "/pushrules/global/override/stars", {"conditions": matches, "actions": ["notify"]})
    soon(alice, "PUT", f"/rooms/{quote(room)}/send/m.room.message/1", {"msgtype": "m.text", "body": "a" * 60000})
    for i in range(50):
        good(alice.call("PUT", f"/rooms/{quote(room)}/send/{'a' * 250}/k{i}", {}))
    types = {"types": [STARS] * 100, "not_types": [STARS] * 50}
    made = soon(alice, "POST", f"/user/{alice.id}/filter", {"room": {"timeline": types, "state": types}})["filter_id"]
    soon(alice, "GET", "/sync", query={"filter": made})
    soon(alice, "GET", f"/rooms/{quote(room)}/messages", query={"dir": "b", "limit": 1000,
                                                                 "filter": json.dumps({"types": [STARS] * 50})})
    soon(alice, "POST", "/publicRooms", {"filter": {"generic_search_term": "%_" * 20000}}, (400,))
    soon(alice, "POST", "/publicRooms", {"filter": {"generic_search_term": "%_" * 500}})


def test_nobody_held_the_loop(s):
    with open(s.log, encoding="utf-8", errors="replace") as file:
        held = [line for line in file for ms in re.findall(r"kept the event loop for (\d+) ms", line) if int(ms) > HELD_MS]
    assert not held, "".join(held)


run(globals(), rc_registration=FREE, rc_login={"address": FREE, "account": FREE})

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives the hooks: for each, the action that runs it, and what each answer of a handler makes of that action."""
import itertools
import subprocess
import sys
import threading
import time

import hearth

PASSWORD = "secret password"
number = itertools.count()
FIRST, ALL, OPEN, CLOSED = "first", "all", "open", "closed"


def equal(found, expected, what=""):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


class Hooks:
    """The server with what actions need: users, a room, and fresh names."""

    def __init__(self, server):
        self.s = server
        self.alice, self.bob = server.register("alice")[1], server.register("bob")[1]
        self.room = self.create_room()[1]["room_id"]

    def set(self, hook, answer=""):
        status, body = self.s.request("POST", "/_synapse/client/answerer", {"hook": hook, "answer": answer})
        equal(status, 200, body)

    def seen(self):
        return self.s.request("GET", "/_synapse/client/answerer")[1]

    # The actions: each returns status and body.
    def create_room(self, **body):
        return self.s.client("POST", "/createRoom", {"preset": "public_chat", **body}, self.alice)

    def send(self):
        return self.s.client("PUT", f"/rooms/{self.room}/send/m.room.message/{next(number)}",
                             {"msgtype": "m.text", "body": "original"}, self.alice)

    def join(self):
        room = self.fresh_room()
        return self.s.client("POST", f"/rooms/{room}/join", {}, self.bob)

    def fresh_room(self):
        status, body = self.create_room()
        equal(status, 200, body)
        return body["room_id"]

    def invite(self):
        return self.s.client("POST", f"/rooms/{self.fresh_room()}/invite", {"user_id": "@bob:example.com"}, self.alice)

    def create_with_invite(self):
        return self.create_room(invite=["@bob:example.com"])

    def alias(self):
        return self.s.client("PUT", f"/directory/room/%23a{next(number)}:example.com", {"room_id": self.room}, self.alice)

    def publish(self):
        return self.s.client("PUT", f"/directory/list/room/{self.room}", {"visibility": "public"}, self.alice)

    def follow(self):
        old = self.fresh_room()
        new = self.s.client("POST", f"/rooms/{old}/upgrade", {"new_version": "11"}, self.alice)[1]["replacement_room"]
        equal(self.s.client("POST", f"/rooms/{old}/join", {}, self.bob)[0], 200)
        return self.s.client("POST", f"/rooms/{new}/join", {}, self.bob)

    def register(self):
        body = {"username": f"user{next(number)}", "password": PASSWORD}
        session = self.s.client("POST", "/register", body)[1]["session"]
        return self.s.client("POST", "/register", {**body, "auth": {"type": "m.login.dummy", "session": session}})

    def login(self):
        return self.s.client("POST", "/login", {"type": "m.login.password", "password": PASSWORD,
                                                "identifier": {"type": "m.id.user", "user": "alice"}})

    def fresh_user(self):
        status, body = self.register()
        equal(status, 200, body)
        return body["user_id"], body["access_token"]

    def logout(self):
        return self.s.client("POST", "/logout", {}, self.fresh_user()[1])

    def deactivate(self):
        user, token = self.fresh_user()
        session = self.s.client("POST", "/account/deactivate", {}, token)[1]["session"]
        return self.s.client("POST", "/account/deactivate", {"auth": {
            "type": "m.login.password", "session": session, "password": PASSWORD,
            "identifier": {"type": "m.id.user", "user": user}}}, token)

    def whoami(self):
        return self.s.client("GET", "/account/whoami", None, self.bob)

    def account_data(self):
        return self.s.client("PUT", "/user/@alice:example.com/account_data/com.example", {"n": next(number)}, self.alice)

    def rename_device(self):
        device = self.s.client("GET", "/devices", None, self.alice)[1]["devices"][0]["device_id"]
        return self.s.client("PUT", f"/devices/{device}", {"display_name": f"name {next(number)}"}, self.alice)

    def profile(self):
        return self.s.client("PUT", "/profile/@alice:example.com/displayname", {"displayname": f"Alice {next(number)}"},
                             self.alice)

    def receipt(self):
        event_id = self.send()[1]["event_id"]
        return self.s.client("POST", f"/rooms/{self.room}/receipt/m.read/{event_id}", {}, self.alice)

    def sync(self):
        return self.s.client("GET", "/sync", None, self.alice)

    def versions(self):
        return self.s.request("GET", "/_matrix/client/versions")

    def capabilities(self):
        return self.s.client("GET", "/capabilities", None, self.alice)


# hook, the action that runs it, chain, failure rule, members of the subject
CASES = [
    ("event.check_spam", Hooks.send, FIRST, OPEN, {"type": "m.room.message", "sender": "@alice:example.com"}),
    ("event.check_allowed", Hooks.send, FIRST, CLOSED, {"type": "m.room.message", "sender": "@alice:example.com"}),
    ("event.persisting", Hooks.send, ALL, CLOSED, {"count": 1}),
    ("event.on_persisted", Hooks.send, ALL, OPEN, {"type": "m.room.message"}),
    ("room.may_create", Hooks.create_room, FIRST, OPEN, {"user_id": "@alice:example.com"}),
    ("room.may_join", Hooks.join, FIRST, OPEN, {"user_id": "@bob:example.com", "invited": 0}),
    ("room.may_invite", Hooks.invite, FIRST, OPEN, {"user_id": "@alice:example.com", "target": "@bob:example.com"}),
    ("room.may_invite", Hooks.create_with_invite, FIRST, OPEN, {"target": "@bob:example.com"}),
    ("room.may_create_alias", Hooks.alias, FIRST, OPEN, {"user_id": "@alice:example.com"}),
    ("room.may_publish", Hooks.publish, FIRST, OPEN, {"user_id": "@alice:example.com"}),
    ("room.on_followed", Hooks.follow, ALL, OPEN, {"user_id": "@bob:example.com"}),
    ("user.check_registration", Hooks.register, FIRST, OPEN, {"ip": "127.0.0.1"}),
    ("register.name", Hooks.register, FIRST, OPEN, {}),
    ("user.check_login", Hooks.login, FIRST, OPEN, {"user_id": "@alice:example.com", "ip": "127.0.0.1"}),
    ("auth.check_password", Hooks.login, FIRST, OPEN, {"user_id": "@alice:example.com", "password": PASSWORD}),
    ("account.on_registered", Hooks.register, ALL, OPEN, {"by_admin": 0}),
    ("account.on_login", Hooks.login, ALL, OPEN, {"user_id": "@alice:example.com", "ip": "127.0.0.1"}),
    ("account.on_login", Hooks.register, ALL, OPEN, {"ip": "127.0.0.1"}),
    ("account.on_logout", Hooks.logout, ALL, OPEN, {}),
    ("account.on_deactivated", Hooks.deactivate, ALL, OPEN, {"erase": 0}),
    ("user.may_deactivate", Hooks.deactivate, FIRST, CLOSED, {"erase": 0}),
    ("account.is_expired", Hooks.whoami, FIRST, OPEN, {"user_id": "@bob:example.com"}),
    ("account_data.on_update", Hooks.account_data, ALL, OPEN, {"user_id": "@alice:example.com", "type": "com.example"}),
    ("device.changed", Hooks.rename_device, ALL, CLOSED, {"user_id": "@alice:example.com", "change": 2, "count": 1}),
    ("profile.changed", Hooks.profile, ALL, OPEN, {"user_id": "@alice:example.com", "field": "displayname"}),
    ("receipt.stored", Hooks.receipt, ALL, CLOSED, {"user_id": "@alice:example.com", "type": "m.read"}),
    ("user.syncing", Hooks.sync, ALL, OPEN, {"user_id": "@alice:example.com", "presence": "online"}),
    ("versions.extend", Hooks.versions, ALL, OPEN, {}),
    ("capabilities.extend", Hooks.capabilities, ALL, OPEN, {"user_id": "@alice:example.com"}),
]


def test_case(h, hook, action, chain, failure, members):
    before = h.seen()[hook]["calls"]
    status, body = action(h)
    equal(status, 200, f"{hook} passes: {body}")
    after = h.seen()[hook]
    assert after["calls"] > before, f"{hook} was not run"
    equal({k: after["subject"].get(k) for k in members}, members, hook)
    told_only = chain == ALL and failure == OPEN

    h.set(hook, "deny")
    status, body = action(h)
    h.set(hook)
    if told_only:
        equal(status, 200, f"{hook} only tells: {body}")
        assert f"hook {hook} failed (passed over): {hook} says no" in h.s.log_text(), h.s.log_text()
    else:
        equal((status, body.get("errcode"), body.get("error")), (403, "COM.EXAMPLE_DENIED", f"{hook} says no"), hook)

    h.set(hook, "error")
    status, body = action(h)
    h.set(hook)
    if failure == OPEN:
        equal(status, 200, f"{hook} fails open: {body}")
    else:
        equal(status, 500, f"{hook} fails closed: {body}")
        assert "broken" not in str(body), f"{hook}: a failure's words are for the log alone: {body}"
    rule = "passed over" if failure == OPEN else "the action fails"
    assert f"hook {hook} failed ({rule}): {hook} is broken" in h.s.log_text(), h.s.log_text()
    equal(action(h)[0], 200, f"{hook} afterwards")


def test_answers(h):
    """What handlers change."""
    h.set("event.check_allowed", "done")
    equal(h.send()[0], 200)
    h.set("event.check_allowed")
    newest = h.s.client("GET", f"/rooms/{h.room}/messages", None, h.alice, dir="b", limit=1)[1]["chunk"][0]
    equal(newest["content"]["body"], "replaced")
    h.set("auth.check_password", "done")
    equal(h.login()[1]["user_id"], "@bob:example.com")
    h.set("auth.check_password")
    h.set("account.is_expired", "done")
    status, body = h.whoami()
    equal((status, body["errcode"]), (403, "ORG_MATRIX_EXPIRED_ACCOUNT"))
    h.set("account.is_expired")
    equal(h.versions()[1]["unstable_features"]["com.example.answerer"], True)
    equal(h.capabilities()[1]["capabilities"]["com.example.answerer"], True)
    h.set("register.name", "done")
    user = h.register()[1]["user_id"]
    h.set("register.name")
    assert user.startswith("@named.user"), user
    equal(h.s.client("GET", f"/profile/{user}")[1]["displayname"], "Named")
    h.set("user.check_registration", "done")
    user = h.register()[1]["user_id"]
    h.set("user.check_registration")
    admin = h.s.register("root", admin=True)[1]
    status, body = h.s.request("GET", f"/_synapse/admin/v2/users/{user}", None, admin)
    if status == 200:
        equal(body["shadow_banned"], True)


def test_limits(h):
    """ratelimit.override has no task and refuses nothing: it gives other numbers, or fails open."""
    equal(h.send()[0], 200)
    h.set("ratelimit.override", "error")
    equal(h.send()[0], 200)
    assert "hook ratelimit.override failed (passed over): ratelimit.override is broken" in h.s.log_text(), h.s.log_text()
    h.set("ratelimit.override", "done")
    equal([h.send()[0] for _ in range(3)][-1], 429)
    h.set("ratelimit.override")
    equal(h.send()[0], 200)


def test_timeouts(h):
    """Handlers that wait too long, side by side: five seconds each."""
    cases = [("room.may_publish", Hooks.publish, 200), ("event.check_allowed", Hooks.send, 504),
             ("device.changed", Hooks.rename_device, 504), ("account_data.on_update", Hooks.account_data, 200)]
    found = {}

    def one(hook, action):
        start = time.time()
        found[hook] = action(h)[0], time.time() - start
    for hook, _, _ in cases:
        h.set(hook, "time-out")
    threads = [threading.Thread(target=one, args=case[:2]) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for hook, action, status in cases:
        h.set(hook)
        equal(found[hook][0], status, hook)
        assert 4.5 < found[hook][1] < 15, (hook, found[hook][1])
        assert f"hook {hook} took longer than 5000 ms" in h.s.log_text(), h.s.log_text()
        equal(action(h)[0], 200, f"{hook} afterwards")


def main():
    with hearth.server(
            plugins=["accounts", "admin", "rooms", "sync", "ephemeral", "encryption", "push", "directory", "answerer"],
            enable_registration=True, enable_registration_without_verification=True,
            room_list_publication_rules=[{"action": "allow"}],
            **{name: {"per_second": 1000, "burst_count": 1000} for name in (
                "rc_message", "rc_registration", "rc_joins_per_room", "rc_room_creation")},
            rc_login={k: {"per_second": 1000, "burst_count": 1000} for k in ("address", "account", "failed_attempts")},
            rc_joins={k: {"per_second": 1000, "burst_count": 1000} for k in ("local", "remote")},
            rc_invites={k: {"per_second": 1000, "burst_count": 1000} for k in ("per_room", "per_user", "per_issuer")}) as s:
        h = Hooks(s)
        for case in CASES:
            test_case(h, *case)
        declared = {line.split()[-1] for line in subprocess.run(
            [f"{hearth.BUILD}/bin/hearthctl", "plugins", "-c", s.config], check=True, capture_output=True,
            text=True).stdout.splitlines() if line.startswith("  runs hook ")}
        equal(declared, {case[0] for case in CASES} | {"ratelimit.override"}, "hooks with a test and hooks that are declared")
        test_limits(h)
        test_answers(h)
        test_timeouts(h)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The accounts and admin plugins over HTTP."""
import sys
import time

import hearth
from people import equal, good, refused, run_on

PASSWORD = "secret password"
SETTINGS = dict(
    plugins=["accounts", "admin"], enable_registration=True, enable_registration_without_verification=True,
    allow_guest_access=True, public_baseurl="https://example.com/", admin_contact="mailto:admin@example.com",
    login_via_existing_session={"enabled": True, "require_ui_auth": True}, extra_well_known_client_content={"io.x": {"y": 1}},
    turn_uris=["turn:turn.example.com"], turn_shared_secret="turn", refreshable_access_token_lifetime="1h",
    rc_login={k: {"per_second": 1000, "burst_count": 1000} for k in ("address", "account", "failed_attempts")},
    rc_registration={"per_second": 1000, "burst_count": 1000},
)


def login(s, name, **more):
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": name}, "password": PASSWORD, **more}
    return s.client("POST", "/login", body)


def password_auth(session, user, password=PASSWORD):
    return {"type": "m.login.password", "session": session, "identifier": {"type": "m.id.user", "user": user},
            "password": password}


def confirm(s, method, path, body, token, user, version="v3"):
    """Walks through the password stage; returns the final answer."""
    status, asked = s.client(method, path, body, token, version)
    equal(status, 401)
    equal(asked["flows"], [{"stages": ["m.login.password"]}])
    wrong = s.client(method, path, {**body, "auth": password_auth(asked["session"], user, "wrong")}, token, version)
    refused(wrong, 401, "M_FORBIDDEN")
    return s.client(method, path, {**body, "auth": password_auth(asked["session"], user)}, token, version)


def test_registration(s):
    body = {"username": "reg", "password": PASSWORD, "initial_device_display_name": "Phone", "refresh_token": True}
    status, asked = s.client("POST", "/register", body)
    equal((status, asked["flows"], asked["completed"]), (401, [{"stages": ["m.login.dummy"]}], []))
    auth = {"type": "m.login.dummy", "session": asked["session"]}
    refused(s.client("POST", "/register", {**body, "username": "other", "auth": auth}), 403, "M_FORBIDDEN")
    made = good(s.client("POST", "/register", {"auth": auth}))  # the session remembers the rest
    equal(made["user_id"], "@reg:example.com")
    assert made["access_token"].startswith("syt_cmVn_") and made["refresh_token"].startswith("syr_cmVn_"), made
    again = good(s.client("POST", "/register", {**body, "auth": auth}))
    equal(again["user_id"], made["user_id"])
    refused(s.client("POST", "/register", body), 400, "M_USER_IN_USE")
    for name in ("Upper", "_under", "sp ace", "123", ""):
        refused(s.client("POST", "/register", {"username": name, "password": PASSWORD}), 400, "M_INVALID_USERNAME")
    refused(s.client("GET", "/register/available", username="reg"), 400, "M_USER_IN_USE")
    equal(good(s.client("GET", "/register/available", username="free"))["available"], True)
    silent = {"username": "quiet", "password": PASSWORD, "inhibit_login": True}
    status, asked = s.client("POST", "/register", silent)
    made = good(s.client("POST", "/register", {**silent, "auth": {"type": "m.login.dummy", "session": asked["session"]}}))
    assert "access_token" not in made, made
    equal(good(login(s, "quiet"))["user_id"], "@quiet:example.com")
    refused(s.client("POST", "/register", {"type": "m.login.application_service", "username": "as"}), 403, "M_FORBIDDEN")


def test_guests(s):
    guest = good(s.client("POST", "/register", {}, kind="guest"))
    who = good(s.client("GET", "/account/whoami", token=guest["access_token"]))
    equal((who["is_guest"], who["user_id"]), (True, guest["user_id"]))
    assert guest["user_id"][1:].split(":")[0].isdigit(), guest
    refused(s.client("GET", "/account/3pid", token=guest["access_token"]), 403, "M_GUEST_ACCESS_FORBIDDEN")


def test_login(s):
    user, _, _ = s.register("login")
    for identifier in ({"identifier": {"type": "m.id.user", "user": "login"}}, {"user": "login"}, {"user": user}, {"user": "LOGIN"}):
        equal(good(s.client("POST", "/login", {"type": "m.login.password", "password": PASSWORD, **identifier}))["user_id"], user)
    refused(s.client("POST", "/login", {"type": "m.login.password", "user": "login", "password": "no"}), 403, "M_FORBIDDEN")
    refused(s.client("POST", "/login", {"type": "m.login.password", "user": "nobody", "password": "no"}), 403, "M_FORBIDDEN")
    third = {"type": "m.id.thirdparty", "medium": "email", "address": "a@b.c"}
    refused(s.client("POST", "/login", {"type": "m.login.password", "identifier": third, "password": "x"}), 403, "M_FORBIDDEN")
    refused(s.client("POST", "/login", {"type": "m.login.nothing"}), 400, "M_UNKNOWN")
    first = good(login(s, "login", device_id="DEV", initial_device_display_name="one"))
    second = good(login(s, "login", device_id="DEV", initial_device_display_name="two"))
    refused(s.client("GET", "/account/whoami", token=first["access_token"]), 401, "M_UNKNOWN_TOKEN")
    equal(good(s.client("GET", "/devices/DEV", token=second["access_token"]))["display_name"], "one")
    good(s.client("POST", "/logout", {}, second["access_token"]))
    refused(s.client("GET", "/account/whoami", token=second["access_token"]), 401, "M_UNKNOWN_TOKEN")
    types = [flow["type"] for flow in good(s.client("GET", "/login"))["flows"]]
    assert "m.login.password" in types and "m.login.token" in types, types


def test_login_token(s):
    user, token, _ = s.register("tokens")
    made = good(confirm(s, "POST", "/login/get_token", {}, token, user, "v1"))
    equal(good(s.client("POST", "/login", {"type": "m.login.token", "token": made["login_token"]}))["user_id"], user)
    refused(s.client("POST", "/login", {"type": "m.login.token", "token": made["login_token"]}), 403, "M_FORBIDDEN")


def test_refresh(s):
    s.register("fresh")
    one = good(login(s, "fresh", refresh_token=True))
    equal(one["expires_in_ms"], 3600000)
    two = good(s.client("POST", "/refresh", {"refresh_token": one["refresh_token"]}))
    good(s.client("GET", "/account/whoami", token=one["access_token"]))
    three = good(s.client("POST", "/refresh", {"refresh_token": one["refresh_token"]}))  # the answer was lost: once more
    refused(s.client("GET", "/account/whoami", token=two["access_token"]), 401, "M_UNKNOWN_TOKEN")
    good(s.client("GET", "/account/whoami", token=three["access_token"]))
    refused(s.client("GET", "/account/whoami", token=one["access_token"]), 401, "M_UNKNOWN_TOKEN")
    refused(s.client("POST", "/refresh", {"refresh_token": one["refresh_token"]}), 401, "M_UNKNOWN_TOKEN")
    four = good(s.client("POST", "/refresh", {"refresh_token": three["refresh_token"]}))
    good(s.client("GET", "/account/whoami", token=four["access_token"]))
    refused(s.client("POST", "/refresh", {"refresh_token": "syr_bm8_aaaaaaaaaaaaaaaaaaaa_000000"}), 401, "M_UNKNOWN_TOKEN")


def test_devices(s):
    user, token, device = s.register("dev")
    tokens = {d: good(login(s, "dev", device_id=d))["access_token"] for d in ("A", "B", "C")}
    good(s.client("PUT", "/devices/A", {"display_name": "Laptop"}, token))
    listed = {d["device_id"]: d for d in good(s.client("GET", "/devices", token=token))["devices"]}
    equal((sorted(listed), listed["A"]["display_name"]), (sorted(["A", "B", "C", device]), "Laptop"))
    refused(s.client("GET", "/devices/none", token=token), 404, "M_NOT_FOUND")
    refused(s.client("PUT", "/devices/none", {"display_name": "x"}, token), 404, "M_NOT_FOUND")
    good(confirm(s, "DELETE", "/devices/A", {}, token, user))
    refused(s.client("GET", "/account/whoami", token=tokens["A"]), 401, "M_UNKNOWN_TOKEN")
    good(confirm(s, "POST", "/delete_devices", {"devices": ["B", "C"]}, token, user))
    equal(len(good(s.client("GET", "/devices", token=token))["devices"]), 1)
    good(s.client("POST", "/logout/all", {}, token))
    refused(s.client("GET", "/devices", token=token), 401, "M_UNKNOWN_TOKEN")


def test_uia_is_bound(s):
    user, token, _ = s.register("bound")
    other, other_token, _ = s.register("thief")
    session = s.client("POST", "/delete_devices", {"devices": ["A"]}, token)[1]["session"]
    changed = {"devices": ["B"], "auth": password_auth(session, user)}
    refused(s.client("POST", "/delete_devices", changed, token), 403, "M_FORBIDDEN")
    s.restart()
    nul = {"devices": ["A"], "auth": password_auth(session, user, PASSWORD + "\0more")}
    refused(s.client("POST", "/delete_devices", nul, token), 401, "M_MISSING_PARAM")
    stolen = {"devices": ["A"], "auth": password_auth(session, other)}
    refused(s.client("POST", "/delete_devices", stolen, token), 401, "M_FORBIDDEN")
    good(s.client("POST", "/delete_devices", {"devices": ["A"], "auth": password_auth(session, user)}, token))
    refused(s.client("POST", "/delete_devices", {"devices": ["A"], "auth": {"session": session}}, other_token), 403, "M_FORBIDDEN")
    refused(s.client("POST", "/delete_devices", {"devices": ["A"], "auth": {"session": "none"}}, token), 400, "M_UNKNOWN")


def test_password_policy(s):
    equal(good(s.client("GET", "/password_policy")), {})


def test_password(s):
    user, token, _ = s.register("pass")
    other = good(login(s, "pass"))["access_token"]
    good(confirm(s, "POST", "/account/password", {"new_password": "new secret", "logout_devices": True}, token, user))
    good(s.client("GET", "/account/whoami", token=token))
    refused(s.client("GET", "/account/whoami", token=other), 401, "M_UNKNOWN_TOKEN")
    refused(login(s, "pass"), 403, "M_FORBIDDEN")
    good(s.client("POST", "/login", {"type": "m.login.password", "user": "pass", "password": "new secret"}))


def test_deactivate(s):
    user, token, _ = s.register("gone")
    good(s.client("PUT", f"/profile/{user}/displayname", {"displayname": "Ghost"}, token))
    equal(good(confirm(s, "POST", "/account/deactivate", {"erase": True}, token, user))["id_server_unbind_result"], "success")
    refused(s.client("GET", "/account/whoami", token=token), 401, "M_UNKNOWN_TOKEN")
    refused(login(s, "gone"), 403, "M_FORBIDDEN")
    refused(s.client("GET", "/register/available", username="gone"), 400, "M_USER_IN_USE")
    equal(good(s.client("GET", f"/profile/{user}")), {})


def test_profile(s):
    user, token, _ = s.register("prof")
    other, other_token, _ = s.register("peer")
    equal(good(s.client("GET", f"/profile/{user}")), {"displayname": "prof"})
    good(s.client("PUT", f"/profile/{user}/displayname", {"displayname": "Prof \U0001f600"}, token))
    good(s.client("PUT", f"/profile/{user}/avatar_url", {"avatar_url": "mxc://example.com/a"}, token))
    good(s.client("PUT", f"/profile/{user}/m.tz", {"m.tz": "Europe/Paris"}, token))
    good(s.client("PUT", f"/profile/{user}/org.example.x", {"org.example.x": {"a": [1, 0.5, None]}}, token))
    equal(good(s.client("GET", f"/profile/{user}")), {"displayname": "Prof \U0001f600", "avatar_url": "mxc://example.com/a",
                                                      "m.tz": "Europe/Paris", "org.example.x": {"a": [1, 0.5, None]}})
    equal(good(s.client("GET", f"/profile/{user}/m.tz")), {"m.tz": "Europe/Paris"})
    unstable = f"/uk.tcpip.msc4133/profile/{user}/m.tz"
    good(s.client("PUT", unstable, {"m.tz": "Asia/Tokyo"}, token, "unstable"))
    equal(good(s.client("GET", unstable, version="unstable")), {"m.tz": "Asia/Tokyo"})
    good(s.client("DELETE", unstable, token=token, version="unstable"))
    refused(s.client("GET", f"/profile/{user}/m.tz"), 404, "M_NOT_FOUND")
    good(s.client("PUT", f"/profile/{user}/m.tz", {"m.tz": "Europe/Paris"}, token))
    good(s.client("DELETE", f"/profile/{user}/m.tz", token=token))
    refused(s.client("GET", f"/profile/{user}/m.tz"), 404, "M_NOT_FOUND")
    refused(s.client("PUT", f"/profile/{user}/displayname", {"displayname": "x"}, other_token), 403, "M_FORBIDDEN")
    refused(s.client("PUT", f"/profile/{user}/displayname", {"displayname": 1}, token), 400, "M_INVALID_PARAM")
    refused(s.client("PUT", f"/profile/{user}/displayname", {"displayname": "a\0b"}, token), 400, "M_INVALID_PARAM")
    refused(s.client("PUT", f"/profile/{user}/displayname", {}, token), 400, "M_MISSING_PARAM")
    refused(s.client("PUT", f"/profile/{user}/Bad", {"Bad": 1}, token), 400, "M_INVALID_PARAM")
    long = "a." + "b" * 300
    refused(s.client("PUT", f"/profile/{user}/{long}", {long: 1}, token), 400, "M_KEY_TOO_LARGE")
    big = {"a.b": "x" * 65530}
    refused(s.client("PUT", f"/profile/{user}/a.b", big, token), 400, "M_PROFILE_TOO_LARGE")
    refused(s.client("GET", "/profile/@nobody:example.com"), 404, "M_NOT_FOUND")


def test_account_data(s):
    user, token, _ = s.register("data")
    _, other_token, _ = s.register("snoop")
    path, room = f"/user/{user}/account_data/org.x", f"/user/{user}/rooms/!r:example.com"
    content = {"a": 0.25, "b": {"c": "\u0000\u00e9"}}
    refused(s.client("GET", path, token=token), 404, "M_NOT_FOUND")
    good(s.client("PUT", path, content, token))
    equal(good(s.client("GET", path, token=token)), content)
    refused(s.client("GET", path, token=other_token), 403, "M_FORBIDDEN")
    refused(s.client("PUT", f"/user/{user}/account_data/m.push_rules", {}, token), 405, "M_BAD_JSON")
    good(s.client("PUT", room + "/account_data/org.y", {"z": 1}, token))
    equal(good(s.client("GET", room + "/account_data/org.y", token=token)), {"z": 1})
    good(s.client("PUT", room + "/tags/m.favourite", {"order": 0.1}, token))
    good(s.client("PUT", room + "/tags/u.work", {}, token))
    equal(good(s.client("GET", room + "/tags", token=token)), {"tags": {"m.favourite": {"order": 0.1}, "u.work": {}}})
    good(s.client("DELETE", room + "/tags/u.work", token=token))
    equal(good(s.client("GET", room + "/tags", token=token)), {"tags": {"m.favourite": {"order": 0.1}}})
    s.restart(9)
    equal(good(s.client("GET", path, token=token)), content)


def test_filters(s):
    user, token, _ = s.register("filt")
    path = f"/user/{user}/filter"
    one = good(s.client("POST", path, {"room": {"timeline": {"limit": 5}}}, token))["filter_id"]
    two = good(s.client("POST", path, {"presence": {"types": []}}, token))["filter_id"]
    equal((good(s.client("POST", path, {"room": {"timeline": {"limit": 5}}}, token))["filter_id"], one != two), (one, True))
    equal(good(s.client("GET", f"{path}/{one}", token=token)), {"room": {"timeline": {"limit": 5}}})
    refused(s.client("GET", f"{path}/99", token=token), 404, "M_NOT_FOUND")
    refused(s.client("GET", f"{path}/x", token=token), 400, "M_INVALID_PARAM")
    equal(s.client("POST", path, {"room": {"timeline": {"limit": "five"}}}, token)[0], 400)


def test_about_the_server(s):
    _, token, _ = s.register("about")
    found = good(s.client("GET", "/capabilities", token=token))["capabilities"]
    equal((found["m.room_versions"]["default"], len(found["m.room_versions"]["available"])), ("11", 12))
    equal((found["m.change_password"], found["m.profile_fields"]), ({"enabled": True}, {"enabled": True}))
    assert "v1.19" in good(s.request("GET", "/_matrix/client/versions"))["versions"]
    equal(good(s.request("GET", "/.well-known/matrix/client")),
          {"m.homeserver": {"base_url": "https://example.com/"}, "io.x": {"y": 1}})
    equal(good(s.request("GET", "/.well-known/matrix/support")),
          {"contacts": [{"role": "m.role.admin", "email_address": "admin@example.com"}]})
    refused(s.client("GET", "/auth_metadata", version="v1"), 404, "M_UNRECOGNIZED")
    turn = good(s.client("GET", "/voip/turnServer", token=token))
    expires, name = turn["username"].split(":", 1)
    equal((name, turn["ttl"], turn["uris"]), ("@about:example.com", 3600, ["turn:turn.example.com"]))
    assert abs(int(expires) - time.time() - 3600) < 30 and len(turn["password"]) == 28, turn
    openid = good(s.client("POST", "/user/@about:example.com/openid/request_token", {}, token))
    equal(good(s.request("GET", "/_matrix/federation/v1/openid/userinfo", access_token=openid["access_token"])),
          {"sub": "@about:example.com"})
    equal(good(s.client("GET", "/account/3pid", token=token)), {"threepids": []})
    equal(good(s.request("GET", "/_matrix/client/r0/account/whoami", token=token))["is_guest"], False)
    refused(s.client("GET", "/account/whoami"), 401, "M_MISSING_TOKEN")


def test_moderation(s):
    boss, boss_token, _ = s.register("boss", admin=True)
    user, token, _ = s.register("rowdy")
    suspend, lock = f"/admin/suspend/{user}", f"/admin/lock/{user}"
    refused(s.client("PUT", suspend, {"suspended": True}, token, "v1"), 403, "M_FORBIDDEN")
    good(s.client("PUT", suspend, {"suspended": True}, boss_token, "v1"))
    equal(good(s.client("GET", suspend, token=boss_token, version="v1")), {"suspended": True})
    refused(s.client("PUT", f"/profile/{user}/displayname", {"displayname": "x"}, token), 403, "M_USER_SUSPENDED")
    good(s.client("PUT", suspend, {"suspended": False}, boss_token, "v1"))
    good(s.client("PUT", f"/profile/{user}/displayname", {"displayname": "x"}, token))
    good(s.client("PUT", lock, {"locked": True}, boss_token, "v1"))
    equal(good(s.client("GET", lock, token=boss_token, version="v1")), {"locked": True})
    equal(refused(s.client("GET", "/devices", token=token), 401, "M_USER_LOCKED")["soft_logout"], True)
    refused(login(s, "rowdy"), 401, "M_USER_LOCKED")
    good(s.client("PUT", lock, {"locked": False}, boss_token, "v1"))
    good(s.client("GET", "/devices", token=token))
    refused(s.client("PUT", f"/admin/lock/{boss}", {"locked": True}, boss_token, "v1"), 403, "M_FORBIDDEN")
    refused(s.client("GET", "/admin/lock/@no:example.com", token=boss_token, version="v1"), 404, "M_NOT_FOUND")
    refused(s.client("GET", "/admin/lock/@no:elsewhere.org", token=boss_token, version="v1"), 400, "M_INVALID_PARAM")
    refused(s.client("GET", f"/admin/whois/{boss}", token=token), 403, "M_FORBIDDEN")
    equal(len(good(s.client("GET", f"/admin/whois/{user}", token=boss_token))["devices"]), 1)
    moderation = {"suspend": True, "lock": True}
    equal(good(s.client("GET", "/capabilities", token=boss_token))["capabilities"]["m.account_moderation"], moderation)


def test_last_seen_survives_a_stop(s):
    _, token, device = s.register("seen")
    good(s.client("GET", "/account/whoami", token=token))
    s.restart()
    equal(good(s.client("GET", f"/devices/{device}", token=token))["last_seen_ip"], "127.0.0.1")


def test_registration_tokens():
    with hearth.server(plugins=["accounts", "admin"], enable_registration=True, registration_requires_token=True,
                       rc_registration={"per_second": 1000, "burst_count": 1000}) as s:
        _, boss, _ = s.register("boss", admin=True)
        _, user, _ = s.register("user")
        base = "/_synapse/admin/v1/registration_tokens"
        refused(s.request("POST", base + "/new", {}, user), 403, "M_FORBIDDEN")
        made = good(s.request("POST", base + "/new", {"token": "once", "uses_allowed": 1}, boss))
        equal(made, {"token": "once", "uses_allowed": 1, "pending": 0, "completed": 0, "expiry_time": None})
        refused(s.request("POST", base + "/new", {"token": "once"}, boss), 400, "M_INVALID_PARAM")
        refused(s.request("POST", base + "/new", {"expiry_time": 1}, boss), 400, "M_INVALID_PARAM")
        equal(len(good(s.request("POST", base + "/new", {"length": 20}, boss))["token"]), 20)
        good(s.request("POST", base + "/new", {"token": "page"}, boss))
        good(s.request("POST", base + "/new", {"token": "old", "uses_allowed": 5}, boss))
        equal(good(s.request("PUT", base + "/old", {"uses_allowed": 0}, boss))["uses_allowed"], 0)
        equal([t["token"] for t in good(s.request("GET", base + "?valid=false", token=boss))["registration_tokens"]], ["old"])
        equal(len(good(s.request("GET", base, token=boss))["registration_tokens"]), 4)
        good(s.request("POST", base + "/new", {"token": "gone"}, boss))
        good(s.request("DELETE", base + "/gone", token=boss))
        refused(s.request("GET", base + "/gone", token=boss), 404, "M_NOT_FOUND")
        path = "/register/m.login.registration_token/validity"
        valid = [good(s.request("GET", f"/_matrix/client/v1{path}?token={token}"))["valid"] for token in ("once", "old", "none")]
        equal(valid, [True, False, False])
        body = {"username": "tok", "password": PASSWORD}
        status, asked = s.client("POST", "/register", body)
        equal((status, asked["flows"]), (401, [{"stages": ["m.login.registration_token", "m.login.dummy"]}]))
        stage = {"type": "m.login.registration_token", "session": asked["session"]}
        refused(s.client("POST", "/register", {**body, "auth": {**stage, "token": "old"}}), 401, "M_UNAUTHORIZED")
        status, more = s.client("POST", "/register", {**body, "auth": {**stage, "token": "once"}})
        equal((status, more["completed"]), (401, ["m.login.registration_token"]))
        second = s.client("POST", "/register", {**body, "username": "two"})[1]["session"]
        late = {"type": "m.login.registration_token", "session": second, "token": "once"}
        refused(s.client("POST", "/register", {**body, "username": "two", "auth": late}), 401, "M_UNAUTHORIZED")
        dummy = {"type": "m.login.dummy", "session": asked["session"]}
        equal(good(s.request("GET", base + "/once", token=boss))["pending"], 1)
        equal(good(s.client("POST", "/register", {**body, "auth": dummy}))["user_id"], "@tok:example.com")
        found = good(s.request("GET", base + "/once", token=boss))
        equal((found["pending"], found["completed"]), (0, 1))
        page = "/_matrix/client/v3/auth/m.login.registration_token/fallback/web?session=" + second
        assert b"<form" in s.request("GET", page, parse=False)[1]
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert b"not valid" in s.request("POST", page, b"token=bad", parse=False, headers=form)[1]
        assert b"onAuthDone" in s.request("POST", page, b"token=p%61ge", parse=False, headers=form)[1]
        auth = {"type": "m.login.dummy", "session": second}
        equal(good(s.client("POST", "/register", {**body, "username": "two", "auth": auth}))["user_id"], "@two:example.com")


def test_closed_doors():
    with hearth.server(plugins=["accounts", "admin"], enable_registration=False, nonrefreshable_access_token_lifetime="1s") as s:
        refused(s.client("POST", "/register", {"username": "a", "password": "b"}), 403, "M_FORBIDDEN")
        refused(s.client("POST", "/register", {}, kind="guest"), 403, "M_GUEST_ACCESS_FORBIDDEN")
        _, token, _ = s.register("soft")
        good(s.client("GET", "/account/whoami", token=token))
        time.sleep(1.1)
        equal(refused(s.client("GET", "/account/whoami", token=token), 401, "M_UNKNOWN_TOKEN")["soft_logout"], True)
        equal(s.request("POST", "/_synapse/admin/v1/register", {"nonce": "1.x.y", "username": "a", "password": "b", "mac": "c"})[0],
              400)


def main():
    alone = (test_closed_doors, test_registration_tokens)
    with hearth.server(**SETTINGS) as s:
        failed = run_on(s, globals(), left_out=alone)
    for test in alone:
        test()
        print("ok   ", test.__name__)
    return 1 if failed else 0


sys.exit(main())

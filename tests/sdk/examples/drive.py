#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives the plugins of sdk/examples in a running server; run starts it with HEARTH_BUILD set to an installed tree."""
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import hearth

PLUGINS = ["accounts", "admin", "rooms", "sync", "spam_checker", "password_provider", "guestbook"]
# "open sesame" at the lowest cost of bcrypt, as htpasswd -B writes it, with a DOS line end.
HTPASSWD = "ali:$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\r\n"


def equal(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def refused(answer, status, errcode, text):
    equal((answer[0], answer[1].get("errcode")), (status, errcode))
    assert text in answer[1]["error"], answer[1]["error"]


def good(answer):
    equal((answer[0], answer[1] if answer[0] != 200 else None), (200, None))
    return answer[1]


def login(s, user, password):
    return s.client("POST", "/login", {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user},
                                       "password": password})


def send(s, room, token, txn, body):
    return s.client("PUT", f"/rooms/{room}/send/m.room.message/{txn}", {"msgtype": "m.text", "body": body}, token)


def test_spam_checker(s, bob):
    room = good(s.client("POST", "/createRoom", {}, bob))["room_id"]
    good(send(s, room, bob, "1", "Lunch?"))
    refused(send(s, room, bob, "2", "Buy CHEAP Pills now"), 403, "M_FORBIDDEN", "it contains 'cheap pills'")
    refused(send(s, room, bob, "3", "see https://spam.example/x"), 403, "M_FORBIDDEN", "it contains 'spam.example'")
    bodies = [e["content"]["body"] for e in good(s.client("GET", f"/rooms/{room}/messages", None, bob, dir="b"))["chunk"]
              if e["type"] == "m.room.message"]
    equal(bodies, ["Lunch?"])
    refused(s.client("POST", f"/rooms/{room}/invite", {"user_id": "@eve:spam.example"}, bob), 403, "M_FORBIDDEN",
            "Users of spam.example cannot be invited")
    session = s.client("POST", "/register", {"username": "TheSupportTeam".lower(), "password": "x y z"})[1]["session"]
    refused(s.client("POST", "/register", {"username": "thesupportteam", "password": "x y z",
                                           "auth": {"type": "m.login.dummy", "session": session}}),
            403, "M_FORBIDDEN", "Names with 'support' are reserved")
    assert "refused a message of @bob:example.com: 'cheap pills'" in s.log_text()


def test_password_provider(s):
    for password in ("wrong", ""):
        refused(login(s, "ali", password), 403, "M_FORBIDDEN", "Invalid username or password")
    equal(s.client("GET", "/profile/@ali:example.com")[0], 404)  # a wrong password makes no account
    made = good(login(s, "ali", "open sesame"))
    equal(made["user_id"], "@ali:example.com")
    equal(good(s.client("GET", "/account/whoami", None, made["access_token"]))["user_id"], "@ali:example.com")
    good(login(s, "@ali:example.com", "open sesame"))
    good(login(s, "bob", "secret password"))  # not in the file: the server's own
    refused(login(s, "bob", "open sesame"), 403, "M_FORBIDDEN", "Invalid username or password")


def sign(s, owner, token, body):
    return s.request("POST", f"/_synapse/client/guestbook/@{owner}:example.com", {"body": body}, token)


def read(s, owner, **query):
    entries = good(s.request("GET", f"/_synapse/client/guestbook/@{owner}:example.com", **query))["entries"]
    return [(e["author"], e["body"]) for e in entries]


def test_guestbook(s, alice, bob):
    refused(sign(s, "alice", None, "hello"), 401, "M_MISSING_TOKEN", "token")
    refused(sign(s, "alice", bob, "x" * 1001), 400, "M_INVALID_PARAM", "body")
    refused(sign(s, "nobody", bob, "hello"), 404, "M_NOT_FOUND", "")
    since = good(s.client("GET", "/sync", None, alice))["next_batch"]
    seen = {}

    def wait():
        start = time.time()
        seen["answer"] = good(s.client("GET", "/sync", None, alice, since=since, timeout=30000))
        seen["seconds"] = time.time() - start

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.5)
    good(sign(s, "alice", bob, "Nice place"))
    waiter.join()
    assert 0.3 < seen["seconds"] < 10, seen["seconds"]  # it waited, and was woken
    equal([(e["author"], e["body"]) for e in seen["answer"]["com.example.guestbook"]], [("@bob:example.com", "Nice place")])
    since = seen["answer"]["next_batch"]
    assert "com.example.guestbook" not in good(s.client("GET", "/sync", None, alice, since=since))
    assert "com.example.guestbook" not in good(s.client("GET", "/sync", None, bob))
    for number in range(120):  # more than one sync shows
        good(sign(s, "alice", bob, str(number)))
    first = good(s.client("GET", "/sync", None, alice, since=since))
    second = good(s.client("GET", "/sync", None, alice, since=first["next_batch"]))
    equal([e["body"] for part in (first, second) for e in part["com.example.guestbook"]], [str(n) for n in range(120)])
    metrics = s.request("GET", "/_synapse/metrics", parse=False)[1].decode()
    assert 'hearth_guestbook_signatures_total{plugin="guestbook"} 121' in metrics, metrics[-3000:]
    s.restart(hearth.signal.SIGKILL)
    equal(read(s, "alice", limit=2), [("@bob:example.com", "Nice place"), ("@bob:example.com", "0")])
    good(sign(s, "alice", bob, "after the fall"))
    third = good(s.client("GET", "/sync", None, alice, since=second["next_batch"]))
    equal([e["body"] for e in third["com.example.guestbook"]], ["after the fall"])


def test_hearthctl(s):
    def ctl(*words):
        return subprocess.run([os.path.join(hearth.BUILD, "bin/hearthctl"), *words, "-c", s.config], check=True,
                              capture_output=True, text=True).stdout
    listed = ctl("plugins")
    for line in ("guestbook 1.0.0 (Apache-2.0", "  migration 0001_guestbook.sql", "  stream guestbook",
                 "  answers hook event.check_spam", "  answers hook auth.check_password"):
        assert line in listed, listed
    assert "guestbook: at migration 1\n" in ctl("migrate")
    assert "A file of lines NAME:HASH" in subprocess.run(
        [os.path.join(hearth.BUILD, "bin/hearthctl"), "config", "explain", "password_provider.file"], check=True,
        capture_output=True, text=True).stdout


def test_mistakes_in_the_configuration(s):
    """A plugin's section is checked as the server's own keys are, without starting."""
    def check(**section):
        with open(s.config, encoding="utf-8") as file:
            config = {**json.load(file), **section}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=s.folder) as file:
            json.dump(config, file, indent=1)
            file.flush()
            done = subprocess.run([os.path.join(hearth.BUILD, "bin/hearthctl"), "check-config", file.name], check=False,
                                  capture_output=True, text=True)
            return done.returncode, done.stdout
    status, said = check()
    assert status == 0 and "spam_checker" not in said, said
    status, said = check(spam_checker={"words": {"a": 1}})
    assert status == 1 and "spam_checker.words" in said and "expected a list" in said, said
    status, said = check(spam_checker={"wordz": ["a"]})
    assert "'spam_checker.wordz' is no known key; did you mean 'words'?" in said, said
    status, said = check(password_provider={})
    assert status == 1 and "password_provider.file is missing" in said, said


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".htpasswd") as passwords:
        passwords.write(HTPASSWD)
        passwords.flush()
        limit = {"per_second": 1000, "burst_count": 1000}
        settings = dict(
            plugins=PLUGINS, enable_registration=True, enable_registration_without_verification=True, enable_metrics=True,
            rc_message=limit, rc_login={k: limit for k in ("address", "account", "failed_attempts")},
            spam_checker={"words": ["cheap pills", "casino"], "domains": ["spam.example"], "names": ["support"]},
            password_provider={"file": passwords.name})
        with hearth.server(**settings) as s:
            alice, bob = s.register("alice")[1], s.register("bob")[1]
            test_spam_checker(s, bob)
            test_password_provider(s)
            test_guestbook(s, alice, bob)
            test_hearthctl(s)
            test_mistakes_in_the_configuration(s)
            assert "unknown" not in s.log_text(), s.log_text()  # the plugins' own sections are known
    return 0


if __name__ == "__main__":
    sys.exit(main())

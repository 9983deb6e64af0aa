# SPDX-License-Identifier: Apache-2.0
"""Users of a test server, and what their tests have in common."""
import sys
import traceback
import urllib.parse

import hearth

FREE = {"per_second": 10000, "burst_count": 10000}
SETTINGS = dict(rc_message=FREE, rc_joins={"local": FREE, "remote": FREE}, rc_room_creation=FREE, rc_joins_per_room=FREE,
                rc_invites={"per_room": FREE, "per_user": FREE, "per_issuer": FREE})


def equal(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def good(answer):
    equal((answer[0], answer[1] if answer[0] != 200 else None), (200, None))
    return answer[1]


def refused(answer, status, errcode):
    equal((answer[0], (answer[1] or {}).get("errcode")), (status, errcode))
    return answer[1]


def quote(text):
    return urllib.parse.quote(text, safe="")


class Person:
    def __init__(self, server, name, admin=False):
        self.server = server
        self.id, self.token, self.device = server.register(name, admin=admin)
        self.since = None

    @classmethod
    def of(cls, server, user_id, token):
        """Somebody who is registered already."""
        person = cls.__new__(cls)
        person.server, person.id, person.token, person.device, person.since = server, user_id, token, None, None
        return person

    def call(self, method, path, body=None, query=None, **more):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self.server.client(method, path, body, self.token, **more)

    def sync(self, **query):
        if self.since:
            query["since"] = self.since
        answer = good(self.call("GET", "/sync", **query))
        self.since = answer["next_batch"]
        return answer

    def create(self, **body):
        return good(self.call("POST", "/createRoom", body))["room_id"]

    def join(self, room):
        return good(self.call("POST", f"/rooms/{quote(room)}/join", {}))

    def say(self, room, text, txn, **content):
        body = {"msgtype": "m.text", "body": text, **content}
        return good(self.call("PUT", f"/rooms/{quote(room)}/send/m.room.message/{txn}", body))["event_id"]

    def texts(self, room):
        found, query = [], {"dir": "f", "limit": 300}
        while True:
            page = good(self.call("GET", f"/rooms/{quote(room)}/messages", **query))
            found += [(e["event_id"], e["content"].get("body")) for e in page["chunk"] if e["type"] == "m.room.message"]
            if "end" not in page:
                return found
            query["from"] = page["end"]


def pair(s, name, **room):
    alice, bob = Person(s, name + "_a"), Person(s, name + "_b")
    made = alice.create(**{"preset": "public_chat", **room})
    bob.join(made)
    return alice, bob, made


def run_on(s, tests, left_out=()):
    """Runs every test_* of a module's globals() on a server; how many failed."""
    failed = 0
    for name, test in list(tests.items()):
        if not name.startswith("test_") or test in left_out or (len(sys.argv) > 1 and name not in sys.argv[1:]):
            continue
        try:
            test(s)
            print("ok   ", name)
        except Exception:
            failed += 1
            print("FAIL ", name)
            traceback.print_exc()
    if failed:
        print(s.log_text())
    return failed


def run(tests, **settings):
    """Runs every test_* of a module's globals() on one server and exits: 0 where all passed."""
    with hearth.server(**{**SETTINGS, **settings}) as s:
        failed = run_on(s, tests)
    sys.exit(1 if failed else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# slow
"""Bad input to every endpoint, generated from what hearthd says of its endpoints.

Each request is refused with the right 4xx and errcode or, where the input is odd but allowed, served: never a 5xx,
never a
hang, never an answer that is no JSON. HOSTILE_ONLY=word runs only the endpoints with that word in their path.
"""
import collections
import http.client
import itertools
import json
import os
import re
import subprocess
import time
import urllib.parse

import hearth
from people import FREE, equal, good, quote, run

DEEP = 5000
STRING, INTEGER, BOOLEAN, NUMBER = "string", "integer", "boolean", "number"
REFUSALS = {"M_BAD_JSON", "M_INVALID_PARAM", "M_MISSING_PARAM"}

# Bodies, and the errcode that they must get.
NOT_JSON = [b"{", b'{"a":', b'{"a":1', b'{"a":"x', b'{"a":tru', b"nonsense", b"{'a':1}", b'{"a":1,}', b'{"a":1}x',
            b"\xff\xfe{}",
            b"\xef\xbb\xbf{}", b'{"a":"\xff"}', b'{"a":"\xc0\xaf"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\x00"}',
            b'{"a":"\n"}',
            b'{"a":"\\x"}', b'{"a":"\\u12"}', b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":1.}', b'{"a":NaN}',
            b'{"a":Infinity}', b'{"a"}', b"{1:2}", b"\x00", b" ", b"{}\x00", "{}".encode("utf-16")]
BAD_JSON = [b"[]", b'"x"', b"1", b"null", b"true", b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}', b'{"a":"\\ud800"}',
            b'{"a":"\\udc00\\ud800"}', b'{"\\ud800":1}', b'{"a":9007199254740992}', b'{"a":-9007199254740992}',
            b'{"a":123456789012345678901234567890}', b'{"a":1e400}', b'{"a":-1e400}', b'{"a":1' + b"0" * 400 + b"}",
            b'{"a":' * DEEP + b"1" + b"}" * DEEP, b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}"]
UNCLOSED = [b'{"a":' * DEEP, b"[" * 60000]  # wrong twice: either refusal will do

# Values that are of another type than the one named.
WRONG = {
    STRING: [1, 1.5, True, [], ["x"], {}, {"a": "b"}],
    INTEGER: ["1", "", 1.5, True, [], {}],
    BOOLEAN: ["true", 0, 1, [], {}],
    NUMBER: ["1", True, [], {}],
    "object": ["x", 1, True, [], [{}]],
    "array": ["x", 1, True, {}],
    "json string": [1, True, [], {}],
    "strings": ["x", 1, True, {}, [1], [None], [["x"]], ["x", {}]],
    "integers": [1, "x", {}, ["1"], [1.5], [None]],
}
# Values of the right type and of no sense.
ODD = {
    STRING: ["", "\0", "a\0b", "\U0010ffff", "x" * 300, "x" * 70000, "../../etc/passwd", "'; DROP TABLE events; --",
             "%s%n",
             "@", "!", "$", "#", ":", "@:", "\u202e", "m.\u0131", "/", "?", " ", "\r\nX: y"],
    INTEGER: [0, -1, 1, 2**31, 2**53 - 1, -(2**53 - 1)],
    BOOLEAN: [True, False, None],
    NUMBER: [0, -1, 1e308, 5e-324, -0.0, 2**53 - 1],
    "object": [{}, {"": ""}, {"a": None}, {"\0": 1}, {"x" * 300: {"x" * 300: {}}}, {"a": "\0"}, {"m.relates_to": 1},
               {"@a:b": 1}, {"@a:b": []}, {"@a:b": {"D": 1}}, {"@a:b": {"D": {}}}, {"!r:x": {"sessions": 1}},
               {"!r:x": {"sessions": {"s": 1}}}, {"a": [[[]]]}, {f"k{i}": i for i in range(2000)}],
    "array": [[], [None], [1], [""], ["\0"], [{}], [[]], [{"a": 1}], ["x"] * 2000, [{"kind": 1}], [{"type": 1,
            "content": 2}]],
    "json string": ["", "\0", "x" * 70000],
    "any": [None, 0, "", [], {}, "\0", [[{}]], 1e308],
    "strings": [[], [""], ["\0"], ["x"] * 2000, ["x" * 70000], ["x", "x"]],
    "integers": [[], [0], [-1], [2**53 - 1] * 2000],
}
ODD_INNER = [None, 1, "x", [], [1], [[1]], {}, {"x": 1}, {"x": [1]}, {"x": {"x": [1]}}, {"keys": [1]},
             {"signatures": [[1]]},
             {"keys": {"ed25519:x": 1}, "signatures": {"@a:b": [1]}}, {"": ""}]
BAD_QUERY = {
    INTEGER: ["", "x", "1x", "1.5", "1e3", "+1", "%201", "0x10", "9007199254740992", "9" * 400, "%00", "1%00", "%ff"],
    BOOLEAN: ["", "1", "yes", "TRUE", "true%00", "%ff"],
    NUMBER: ["", "x", "1e400", "nan", "inf", "0x1p3", "%00"],
    STRING: ["%00", "a%00b", "%ff", "%c0%af", "%ed%a0%80"],
    "json": ["%7B", "%00", "%ff", "%7B%22a%22%3A1e400%7D"],
}
ODD_QUERY = ["", "%", "%z", "%zz", "%2", "+", "%F0%9F%98%80", "x" * 3000, "a&&=&=b", "%27%22%5C", "..%2F..", "s1_2",
             "t-1", "-1"]
BAD_PATH = ["%00", "a%00b", "%ff", "%c0%ae", "%ed%a0%80", "%80"]
ODD_PATH = ["%2F", "a%2Fb", "..", "%2e%2e", ".", "%", "%z", "%zz", "%2", "+", "x" * 300, "x" * 9000, "%F0%9F%98%80",
            ";a=b", "@", "!",
            "$", "%23", "*", "%0d%0aX:y", "%25s%25n", "-1", "9" * 40, "global", "%20"]
PUBLIC_KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo"
TOKENS = ["x", "syt_YQ_AAAAAAAAAAAAAAAAAAAA_0", "syt_" * 2000, "a b", "%00", "\xff\xfe", "'--", "null", "syt__",
          "Bearer x"]


def json_type(field):
    if field["type"] != "json":
        return field["type"]
    return {None: "any", "string": "json string"}.get(field.get("shape"), field.get("shape"))


class World:
    """Two users, a room of both, an event in it; made anew where a request took a part of it away."""

    made = itertools.count(1)  # worlds share a server, and names are not given twice

    def __init__(self, server):
        self.server = server
        self.number = next(self.made)
        self.connection = None
        self.alice = self.bob = None
        self.room = self.event = self.backup = None
        self.count = 0
        self.statuses = collections.Counter()

    def call(self, method, path, body=None, token=None, version="v3"):
        return self.server.client(method, path, body, token or self.alice[1], version=version)

    def renew(self, endpoint):
        if not self.alice or self.call("GET", "/account/whoami")[0] != 200:
            self.count += 1
            self.alice = self.server.register(f"alice{self.count}_{self.number}")
            self.bob = self.bob or self.server.register(f"bob_{self.number}")
            self.room = None
            self.furnish()
        path = endpoint["path"]
        if not self.room or "{roomId" in path or "/join" in path or self.call("GET",
                f"/rooms/{quote(self.room)}/members")[0] != 200:
            self.room = good(self.call("POST", "/createRoom", {"preset": "public_chat"}))["room_id"]
            good(self.call("POST", f"/rooms/{quote(self.room)}/join", {}, self.bob[1]))
            message = {"msgtype": "m.text", "body": "x"}
            self.event = good(self.call("PUT", f"/rooms/{quote(self.room)}/send/m.room.message/t", message))["event_id"]

    def furnish(self):
        """What other requests would find of alice: keys of a device and of hers, a backup, a push rule."""
        user, _, device = self.alice
        key = {"keys": {"ed25519:" + PUBLIC_KEY: PUBLIC_KEY}, "usage": ["master"], "user_id": user}
        keys = {"user_id": user, "device_id": device, "algorithms": ["x"], "keys": {"ed25519:" + device: PUBLIC_KEY},
                "signatures": {user: {"ed25519:" + device: "x"}}}
        good(self.call("POST", "/keys/upload", {"device_keys": keys, "one_time_keys": {"signed_curve25519:AAAA": {"key": "x"}}}))
        good(self.call("POST", "/keys/device_signing/upload", {"master_key": key}))
        backup = {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "x"}}
        self.backup = good(self.call("POST", "/room_keys/version", backup))["version"]
        good(self.call("PUT", "/pushrules/global/override/x", {"actions": [], "conditions": []}))
        good(self.call("POST", f"/user/{quote(user)}/filter", {}))

    def send(self, method, target, body=None, headers=None, token=None):
        """Status, parsed body, headers. Fails where the answer breaks a rule that holds for every answer."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token:
            sent["Authorization"] = "Bearer " + token
        status, got, raw = self.exchange(method, target, body, sent)
        self.statuses[status] += 1
        what = f"{method} {target[:300]} {(body or b'')[:200]!r} {headers or ''}: {status} {raw[:300]!r}"
        assert status < 500 or (status == 502 and "server=" in target), what  # a server that nobody can reach
        if method == "HEAD" or status in (204, 302, 303) or got.get_content_type() == "text/html":
            return status, None, got
        equal((what, got.get_content_type()), (what, "application/json"))
        answer = json.loads(raw)
        if status >= 400:
            assert re.fullmatch(r"M_[A-Z_]+", answer.get("errcode", "")) or (status == 401 and "flows" in answer), what
            assert "flows" in answer or answer.get("error"), what
        return status, answer, got

    def exchange(self, method, target, body, headers):
        for again in True, False:
            try:
                self.connection = self.connection or http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
                self.connection.putrequest(method, target, skip_accept_encoding=True)
                if body is not None:
                    headers = {**headers, "Content-Length": str(len(body))}
                for name, value in headers.items():
                    self.connection.putheader(name, value)
                self.connection.endheaders(body)
                response = self.connection.getresponse()
                raw = response.read()
                if response.will_close:
                    self.close()
                return response.status, response.headers, raw
            except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
                self.close()
                if not again:
                    raise

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Request:
    """A request that an endpoint takes, in parts that a test replaces."""

    def __init__(self, world, endpoint):
        self.world = world
        self.endpoint = endpoint
        self.method = endpoint["method"]
        self.fields = endpoint["fields"]
        self.needs_token = endpoint["access"] not in ("none", "optional")
        self.path = {f["name"]: quote(str(self.value(f))) for f in self.fields if f["in"] == "path"}
        for name in re.findall(r"{(\w+)}", endpoint["path"]):
            self.path.setdefault(name, "x")
        self.query = {f["name"]: quote(str(self.value(f))) for f in self.fields if f["in"] == "query" and f["required"]}
        self.body = {f["name"]: self.value(f) for f in self.fields if f["in"] == "body" and f["required"]}
        self.has_body = any(f["in"] in ("body", "whole body") for f in self.fields)

    def own_token(self):
        return {"none": None, "admin": self.world.admin}.get(self.endpoint["access"], self.world.alice[1])

    def odd_objects(self):
        """Of objects that are read by user, room, device or algorithm: the wrong thing at each depth."""
        world = self.world
        user, _, device = world.alice
        for signatures in ODD_INNER:
            for target in device, PUBLIC_KEY:
                yield {user: {target: {"user_id": user, "device_id": device, "algorithms": ["x"],
                                       "keys": {"ed25519:" + target: PUBLIC_KEY}, "signatures": signatures}}}
                yield {user: {target: {"user_id": user, "keys": {"ed25519:" + target: PUBLIC_KEY}, "usage": ["master"],
                                       "signatures": {user: signatures}}}}
        for key in (world.alice[0], world.bob[0], world.room, world.alice[2], "ed25519:x", "rooms", "users"):
            for value in ODD_INNER:
                yield {key: value}
                yield {key: {world.alice[2]: value}}
                yield {key: {"sessions": value}}

    def value(self, field):
        world, name, kind = self.world, field["name"], json_type(field)
        known = {"user id": world.alice[0], "room id": world.room, "event id": world.event, "server name": "example.com",
                 "room alias": "#x:example.com", "room id or alias": world.room}
        if field.get("format") in known:
            return known[field["format"]]
        if field.get("choices"):
            return field["choices"].split("|")[0]
        named = {"version": world.backup, "rule": "x", "kind": "override", "ruleId": "x", "filterId": "0", "userId": world.alice[0], "deviceId": world.alice[2], "roomId": world.room, "eventId": world.event}
        if name in named:
            return named[name]
        return {STRING: "x" * max(1, field.get("min", 0)), INTEGER: max(1, field.get("min", 0)), BOOLEAN: True, NUMBER: 1,
                "object": {}, "array": [], "json string": "x", "any": {}, "strings": ["x"] * field.get("min", 0),
                "integers": [1] * field.get("min", 0)}.get(kind, "x")

    def target(self, path=None, query=None, template=None):
        values = {**self.path, **(path or {})}
        text = re.sub(r"{(\w+)}", lambda found: values[found[1]], template or self.endpoint["path"])
        pairs = "&".join(f"{quote(name)}={value}" for name, value in {**self.query, **(query or {})}.items())
        return text + ("?" + pairs if pairs else "")

    def send(self, body=None, path=None, query=None, token=True, method=None, template=None, headers=None):
        """body: bytes, or members that are added to the usual ones; None: the usual ones."""
        if not isinstance(body, bytes) and self.has_body:
            body = json.dumps({**self.body, **(body or {})}).encode()
        if token is True:
            token = self.own_token()
        return self.world.send(method or self.method, self.target(path, query, template), body, headers, token or None)

    def expect(self, status, errcodes, about="", **sent):
        found, answer, headers = self.send(**sent)
        wanted = {errcodes} if isinstance(errcodes, str) else errcodes
        label = f"{self.method} {self.target(sent.get('path'), sent.get('query'))[:200]} {str(sent)[:200]}"
        right = found == status and answer.get("errcode") in wanted
        assert right, f"{label}: {found} {answer}, expected {status} {wanted}"
        assert about in answer["error"], f"{label}: {answer} does not name {about}"
        return headers


# --- what every endpoint is asked; each function is run for each endpoint ---

def ask_bodies(request):
    if not request.has_body or request.endpoint.get("raw_body"):
        return
    for body in NOT_JSON:
        request.expect(400, "M_NOT_JSON", body=body)
    for body in BAD_JSON:
        request.expect(400, "M_BAD_JSON", body=body)
    for body in UNCLOSED:
        request.expect(400, {"M_NOT_JSON", "M_BAD_JSON"}, body=body)
    request.send(body=b"")
    request.expect(413, "M_TOO_LARGE", body=b'{"a":"' + b"x" * request.endpoint["body_max_bytes"] + b'"}')


def ask_body_fields(request):
    for field in (f for f in request.fields if f["in"] == "body"):
        name, kind = field["name"], json_type(field)
        for value in WRONG.get(kind, []):
            request.expect(400, REFUSALS, name, body={name: value})
        for value in [*ODD.get(kind, []), *(request.odd_objects() if kind == "object" else [])]:
            request.send(body={name: value})
        if kind in (STRING, "json string"):
            request.expect(400, "M_BAD_JSON", body=b'{"%s":"\\ud800"}' % name.encode())
        if kind == STRING:
            request.expect(400, "M_INVALID_PARAM", name, body={name: "a\0b"})
            request.expect(400, "M_INVALID_PARAM", name, body={name: "x" * (field.get("max", 65536) + 1)})
        if kind == STRING and field.get("choices"):
            request.expect(400, "M_INVALID_PARAM", name, body={name: "no such choice"})
        if kind == INTEGER and field.get("max"):
            if field["max"] < 2**53 - 1:
                request.expect(400, "M_INVALID_PARAM", name, body={name: field["max"] + 1})
            request.expect(400, "M_INVALID_PARAM", name, body={name: field["min"] - 1})
        for text in (b"9007199254740993", b"1e400", b"-1e999999999"):
            request.expect(400, "M_BAD_JSON", body=b'{"%s":%s}' % (name.encode(), text))
        if field["required"]:
            rest = {key: value for key, value in request.body.items() if key != name}
            request.expect(400, "M_MISSING_PARAM", body=json.dumps(rest).encode())
            request.expect(400, "M_MISSING_PARAM", name, body={name: None})


def ask_whole_body(request):
    if not any(f["in"] == "whole body" for f in request.fields):
        return
    for value in [*ODD["object"], *request.odd_objects(), {"membership": 1}, {"membership": "x"},
                  {"users": {"x": "y"}}, {"m.relates_to": {"rel_type": 1}},
                                  {"m.relates_to": {"rel_type": "m.thread", "event_id": 1}}, {"alias": 1},
                                  {"body": "x" * 66000},
                                  {"a": 1.5}, {"room": {"timeline": {"limit": -1}}}, {"room": 1}, {"event_fields": "x"}]:
        request.send(body=json.dumps(value).encode())


def ask_query(request):
    for field in (f for f in request.fields if f["in"] == "query"):
        name, kind = field["name"], field["type"]
        for value in BAD_QUERY.get(kind, []):
            request.expect(400, REFUSALS, name, query={name: value})
        for value in ODD_QUERY:
            if kind != INTEGER or not request.endpoint.get("long_poll"):
                request.send(query={name: value})
        if kind == STRING and field.get("choices"):
            request.expect(400, "M_INVALID_PARAM", name, query={name: "no_such_choice"})
        if field["required"]:
            request.query.pop(name)
            request.expect(400, "M_MISSING_PARAM", name)
            request.query[name] = quote(str(request.value(field)))
    request.send(query={f"p{i}": "x" for i in range(1500)})


def ask_path(request):
    for name in (f["name"] for f in request.fields if f["in"] == "path"):
        for value in BAD_PATH:
            request.expect(400, "M_INVALID_PARAM", path={name: value})
        for value in ODD_PATH:
            request.send(path={name: value})


def ask_tokens(request):
    if not request.needs_token:
        return
    request.expect(401, "M_MISSING_TOKEN", token=False)
    request.expect(401, "M_MISSING_TOKEN", token=False, headers={"Authorization": "Basic YTpi"})
    for token in TOKENS:
        request.expect(401, {"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"}, token=token)
    request.expect(401, "M_UNKNOWN_TOKEN", token=False, query={"access_token": "x"})
    request.expect(401, "M_UNKNOWN_TOKEN", token=request.world.spent)
    if request.endpoint["access"] == "admin":
        request.expect(403, "M_FORBIDDEN", token=request.world.alice[1])


def ask_of_others(request):
    """Another's id in the path of what is one's own; a room that one is not in."""
    path, world = request.endpoint["path"], request.world
    if "keyName" in request.path:
        request.path["keyName"] = "displayname"
    own = path.startswith("/_matrix/client/v3/user/{userId}/") or "/typing/{userId}" in path or \
        path.startswith("/_matrix/client/v3/profile/") and request.method != "GET"
    if own:
        request.expect(403, {"M_FORBIDDEN", "M_GUEST_ACCESS_FORBIDDEN"}, path={"userId": quote(world.bob[0])})
        request.expect(403, {"M_FORBIDDEN"}, path={"userId": quote("@nobody:example.com")})
    if "/rooms/{roomId}" in path and "room_keys" not in path and "account_data" not in path and "/tags" not in path:
        for room in world.strange, "!none:example.com":
            status, answer, _ = request.send(path={"roomId": quote(room)})
            assert status in (400, 403, 404), f"{request.method} {path} of a strange room: {status} {answer}"


def ask_methods(request):
    path = request.target()
    for method in ("GET", "PUT", "POST", "DELETE", "PATCH", "TRACE", "get", "PROPFIND", "X" * 32):
        if method in request.world.methods[request.endpoint["path"]]:
            continue
        status, answer, headers = request.world.send(method, path, b"{}", token=request.world.alice[1])
        equal((method, path, status, answer.get("errcode")), (method, path, 405, "M_UNRECOGNIZED"))
        assert request.method in headers["Allow"], headers["Allow"]
    status, _, headers = request.world.send("OPTIONS", path)
    assert status in (200, 204) and headers["Access-Control-Allow-Origin"] == "*", (path, status)


def ask_unknown_paths(request):
    template = request.endpoint["path"]
    if not template.startswith("/_matrix/"):
        return
    for wrong in (template + "/no/such/thing/at/all", template.replace("/v3/", "/v9/").replace("/v1/", "/v9/"),
                  template.replace("/_matrix/", "/_matrix//"), template.replace("/_matrix/", "/_MATRIX/")):
        wrong = re.sub(r"{\w+}", "x", wrong)
        if any(matches(known, wrong) for known in map(shape, request.world.methods)):
            continue
        status, answer, _ = request.world.send(request.method, wrong, b"{}", token=request.world.alice[1])
        equal((wrong, status, answer.get("errcode")), (wrong, 404, "M_UNRECOGNIZED"))


# --- the tests ---

def describe(server):
    return json.loads(subprocess.run([os.path.join(hearth.BUILD, "bin/hearthd"), "-c", server.config,
                                      "--describe-endpoints"],
                                     check=True, capture_output=True).stdout)


def shape(path):
    return re.sub(r"{\w+}", "{}", path)


def prepare(world, endpoints):
    """Methods of each path; a room that alice is not in; a token that was given back."""
    by_shape = collections.defaultdict(set)
    for endpoint in endpoints:
        by_shape[shape(endpoint["path"])].add(endpoint["method"])
    world.methods = {}
    for endpoint in endpoints:
        alike = [methods for path, methods in by_shape.items() if matches(path, shape(endpoint["path"]))]
        world.methods[endpoint["path"]] = set().union(*alike)
    world.admin = world.server.register("admin", admin=True)[1]
    stranger = world.server.register("stranger")
    made = world.server.client("POST", "/createRoom", {"preset": "private_chat"}, stranger[1])
    world.strange = good(made)["room_id"]
    world.spent = world.server.register("spent")[1]
    good(world.server.client("POST", "/logout", {}, world.spent))


def matches(template, path):
    ours, theirs = template.split("/"), path.split("/")
    return len(ours) == len(theirs) and all(a in ("{}", b) or b == "{}" for a, b in zip(ours, theirs))


def test_every_endpoint(server):
    """Prints each failure of each endpoint, and counts them."""
    server.recorded = False
    world, endpoints = World(server), describe(server)
    world.renew({"path": "/"})
    prepare(world, endpoints)
    asks = [ask for name, ask in globals().items() if name.startswith("ask_")]
    only, failures = os.environ.get("HOSTILE_ONLY", ""), 0
    for endpoint in endpoints:
        if only not in endpoint["path"]:
            continue
        for ask in asks:
            try:
                world.renew(endpoint)
                ask(Request(world, endpoint))
            except Exception as problem:
                failures += 1
                world.close()
                print(f"  {ask.__name__} {endpoint['method']} {endpoint['path']}")
                print(f"    {type(problem).__name__}: {str(problem)[:700]}")
    print(f"  {sum(world.statuses.values())} requests: {dict(sorted(world.statuses.items()))}")
    assert failures == 0, f"{failures} failures"


STATE_TYPES = {
    "m.room.member": ["membership", "displayname", "avatar_url", "reason", "is_direct", "third_party_invite",
                      "join_authorised_via_users_server"],
    "m.room.power_levels": ["users", "events", "users_default", "ban", "notifications", "invite", "redact"],
    "m.room.join_rules": ["join_rule", "allow"], "m.room.history_visibility": ["history_visibility"],
    "m.room.guest_access": ["guest_access"], "m.room.canonical_alias": ["alias", "alt_aliases"], "m.room.name": ["name"],
    "m.room.topic": ["topic", "m.topic"], "m.room.avatar": ["url"], "m.room.encryption": ["algorithm"],
    "m.room.server_acl": ["allow", "deny", "allow_ip_literals"], "m.room.pinned_events": ["pinned"],
    "m.room.tombstone": ["replacement_room", "body"], "m.room.third_party_invite": ["public_key", "public_keys"],
    "m.space.child": ["via", "order", "suggested"], "m.room.create": ["creator", "room_version", "predecessor", "type"],
}
MESSAGE_TYPES = {
    "m.room.message": ["msgtype", "body", "m.relates_to", "m.mentions", "m.new_content"], "m.reaction": ["m.relates_to"],
    "m.room.redaction": ["redacts", "reason"], "m.room.encrypted": ["m.relates_to", "ciphertext", "algorithm"],
    "m.poll.start": ["m.poll"],
}
ACCOUNT_DATA = {
    "m.ignored_user_list": ["ignored_users"], "m.direct": ["@bob:example.com"], "m.tag": ["tags"],
    "m.push_rules": ["global"],
    "m.fully_read": ["event_id"], "m.marked_unread": ["unread"], "m.invite_permission_config": ["default_action"],
    "m.secret_storage.default_key": ["key"], "m.identity_server": ["base_url"],
}


def odd_values(world):
    """What may stand in a member whose type everybody takes for granted."""
    yield from [None, True, 0, -1, 2**53 - 1, 1.5, "", "x", "\0", "a\0b", "x" * 20000, [], [None], [1], ["x"], [[]],
                [{}], {}, {"": ""},
                {"\0": "\0"}, {"x": []}, {"rel_type": 1}, {"rel_type": "m.thread"}, {"rel_type": "m.thread",
                        "event_id": 1},
                {"user_ids": 1}, {"user_ids": [1]}, {"type": 1}, [{"type": "m.room_membership", "room_id": 1}],
                {"signed": 1},
                {"signed": {"mxid": 1, "token": [], "signatures": 1}}, {"room_id": 1, "event_id": []}]
    yield {"rel_type": "m.annotation", "event_id": world.event, "key": 1}
    yield {"rel_type": "m.replace", "event_id": world.event, "key": []}
    yield {"rel_type": "m.thread", "event_id": world.event, "m.in_reply_to": []}
    yield {"rel_type": "m.reference", "event_id": "$" + "x" * 300}
    yield {world.alice[0]: 2**53 - 1, world.bob[0]: "100", "x": 1.5, "@": None}
    yield {world.alice[0]: {}, world.bob[0]: []}


def read_everything(world):
    """Whoever reads what stands in the rooms gets an answer."""
    room = quote(world.room)
    for _, token, _ in world.alice, world.bob:
        for path in ("/sync", "/sync?full_state=true", "/joined_rooms", f"/rooms/{room}/members",
                     f"/rooms/{room}/joined_members",
                     f"/rooms/{room}/state", f"/rooms/{room}/messages?dir=b&limit=100",
                     f"/rooms/{room}/context/{quote(world.event)}",
                     f"/rooms/{room}/aliases", "/pushrules/", f"/rooms/{room}/event/{quote(world.event)}", "/publicRooms",
                     "/sync?filter=" + quote('{"room":{"state":{"lazy_load_members":true},"timeline":{"unread_thread_notifications":true}}}')):
            status, answer, _ = world.send("GET", "/_matrix/client/v3" + path, token=token)
            assert status in (200, 403), f"{path}: {status} {answer}"
        world.send("GET", f"/_matrix/client/v1/rooms/{room}/relations/{quote(world.event)}", token=token)
        world.send("GET", f"/_matrix/client/v1/rooms/{room}/threads", token=token)


def put_odd(world, kind, members, path):
    for member in members:
        for value in odd_values(world):
            usual = {"membership": "join"} if kind == "m.room.member" else {}
            content = json.dumps({**usual, member: value}).encode()
            world.count += 1
            status, answer, _ = world.send("PUT", path.replace("TXN", f"t{world.count}"), content, token=world.alice[1])
            assert status in (200, 400, 403, 404, 405, 413), f"{path} {content[:200]}: {status} {answer}"


def test_odd_content(server):
    """Events and account data whose members are of the wrong type are refused, or stored and read again without harm."""
    world, failures = World(server), 0
    jobs = [("/rooms/ROOM/state/%s/", STATE_TYPES), ("/rooms/ROOM/state/m.room.member/ME",
                                                     {"m.room.member": STATE_TYPES["m.room.member"]}),
            ("/rooms/ROOM/send/%s/TXN", MESSAGE_TYPES), ("/user/ME/account_data/%s", ACCOUNT_DATA),
            ("/user/ME/rooms/ROOM/account_data/%s", ACCOUNT_DATA)]
    for path, kinds in jobs:
        for kind, members in kinds.items():
            world.renew({"path": "{roomId}"})
            full = "/_matrix/client/v3" + path.replace("ROOM", quote(world.room)).replace("ME", quote(world.alice[0]))
            try:
                put_odd(world, kind, members, full.replace("%s", kind))
                read_everything(world)
            except Exception as problem:
                failures += 1
                world.close()
                print(f"  {path} {kind}\n    {type(problem).__name__}: {str(problem)[:700]}")
    print(f"  {sum(world.statuses.values())} requests: {dict(sorted(world.statuses.items()))}")
    assert failures == 0, f"{failures} failures"


def test_token_that_has_expired(server):
    server.register("expiring", "secret")
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "expiring"}, "password": "secret",
             "refresh_token": True}
    made = good(server.client("POST", "/login", login))
    equal(server.client("GET", "/account/whoami", token=made["access_token"])[0], 200)
    time.sleep(made["expires_in_ms"] / 1000 + 0.1)
    status, answer = server.client("GET", "/account/whoami", token=made["access_token"])
    equal((status, answer["errcode"], answer["soft_logout"]), (401, "M_UNKNOWN_TOKEN", True))
    renewed = good(server.client("POST", "/refresh", {"refresh_token": made["refresh_token"]}))
    equal(server.client("GET", "/account/whoami", token=renewed["access_token"])[0], 200)
    status, answer = server.client("POST", "/refresh", {"refresh_token": "nonsense"})
    equal((status, answer["errcode"]), (401, "M_UNKNOWN_TOKEN"))


def test_nothing_complained(server):
    """No error of the server's own in its log: what a client sends is no reason for one."""
    with open(server.log, encoding="utf-8", errors="replace") as file:
        errors = [line for line in file if re.search(r"\b(ERROR|CRITICAL|error:|assert|Sanitizer)", line)]
    assert not errors, "".join(errors[:10])


LOGIN = {"address": FREE, "account": FREE, "failed_attempts": FREE}
run(globals(), refreshable_access_token_lifetime="1s", rc_login=LOGIN, rc_registration=FREE, enable_registration=True,
    rc_registration_token_validity=FREE, enable_registration_without_verification=True)

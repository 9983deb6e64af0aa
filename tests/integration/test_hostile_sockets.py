#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# slow
"""What is no proper HTTP, byte by byte: framing, limits of size and number, clients that are slow or leave.

What two servers could read differently is refused and ends the connection; whoever misbehaves disturbs nobody else.
"""
import json
import os
import socket
import struct
import threading
import time

import hearth
from people import FREE, Person, equal, good, run

VERSIONS = b"GET /_matrix/client/versions HTTP/1.1\r\nHost: x\r\n"
LOGIN = b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\n"
ASAN = "asan" in hearth.BUILD


class Wire:
    """A connection without manners."""

    def __init__(self, server, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=timeout)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # refused before all was sent: the answer tells

    def more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def answer(self):
        """Status, headers, body of the next response; None at the end of the connection."""
        try:
            while b"\r\n\r\n" not in self.buffer:
                if not self.more():
                    assert not self.buffer, self.buffer
                    return None
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
            length = int(headers.get("content-length", 0))
            while len(self.buffer) < length:
                assert self.more(), "cut short"
        except ConnectionError:
            return None
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(lines[0].split()[1]), headers, body

    def closed(self):
        try:
            while self.more():
                pass
        except ConnectionError:
            pass
        return not self.buffer


def ask(server, data):
    with Wire(server) as wire:
        wire.send(data)
        return wire.answer()


def refused(server, data, *statuses):
    """A 4xx or 501/505 with an errcode, after which the connection ends and nothing of what follows is read."""
    with Wire(server) as wire:
        wire.send(data + VERSIONS + b"\r\n")
        got = wire.answer()
        assert got, f"{data[:200]!r}: no answer"
        status, headers, body = got
        assert status in statuses, f"{data[:200]!r}: {status} {body!r}, expected {statuses}"
        errcode = json.loads(body)["errcode"]
        equal(errcode, "M_TOO_LARGE" if status in (413, 431) else "M_UNRECOGNIZED")
        assert wire.closed(), f"{data[:200]!r}: the connection went on: {wire.buffer[:200]!r}"
        equal(headers["connection"], "close")


def served(server, data, status=200):
    got = ask(server, data)
    assert got and got[0] == status, f"{data[:200]!r}: {got}, expected {status}"
    return got


def resident_kb(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def settled(server, most):
    for _ in range(100):
        if descriptors(server) <= most:
            return True
        time.sleep(0.1)
    return False


# --- slow clients: begun first, looked at last, since they take half a minute to be dropped ---

class Slow(threading.Thread):
    """Sends a byte a second until the server has enough; how long that took."""

    def __init__(self, server, start, trickle):
        super().__init__(daemon=True)
        self.wire = Wire(server, timeout=60)
        self.wire.send(start)
        self.trickle = trickle
        self.took = None
        self.last = None

    def run(self):
        began = time.monotonic()
        self.wire.socket.settimeout(1)
        for i in range(90):
            try:
                self.wire.socket.sendall(self.trickle[i % len(self.trickle):][:1])
                data = self.wire.socket.recv(4096)
                if not data:
                    break
                self.last = data
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            return
        self.took = time.monotonic() - began


def test_slow_clients_begin(server):
    server.recorded = False
    body = LOGIN + b"Content-Length: 60000\r\n\r\n"
    chunked = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n"
    starts = [(b"", b"G"), (b"GET /_mat", b"r"), (VERSIONS, b"X-A: b\r\n"), (body, b" "), (chunked, b"1\r\n \r\n"),
              (chunked, b"0"), (LOGIN + b"Expect: 100-continue\r\nContent-Length: 60000\r\n\r\n", b" ")]
    server.slow = [Slow(server, start, trickle) for start, trickle in starts for _ in range(5)]
    for slow in server.slow:
        slow.start()


# --- framing ---

def test_lengths_and_encodings_that_contradict(server):
    for headers in (b"Content-Length: 2\r\nTransfer-Encoding: chunked",
                    b"Transfer-Encoding: chunked\r\nContent-Length: 2",
                    b"Content-Length: 2\r\nContent-Length: 2", b"Content-Length: 2\r\ncontent-length: 3",
                    b"Content-Length: 2, 2", b"Content-Length: 2,3", b"Content-Length: +2", b"Content-Length: -2",
                    b"Content-Length: 0x2", b"Content-Length: 2x", b"Content-Length: ", b"Content-Length: 2 2",
                    b"Content-Length: 2.0", b"Content-Length: 1e1", b"Content-Length: \xb2",
                    b"Content-Length: 18446744073709551616", b"Content-Length: 18446744073709551618",
                    b"Content-Length: " + b"9" * 300, b"Content-Length : 2",
                    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"):
        refused(server, LOGIN + headers + b"\r\n\r\n{}", 400)
    for headers in (b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, chunked",
                    b"Transfer-Encoding: xchunked",
                    b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked, identity",
                    b"Transfer-Encoding: \"chunked\"",
                    b"Transfer-Encoding:", b"Transfer-Encoding: chunked;q=1"):
        refused(server, LOGIN + headers + b"\r\n\r\n0\r\n\r\n", 400, 501)
    for headers in (b"Transfer-Encoding : chunked", b"Transfer-Encoding\x0b: chunked", b" Transfer-Encoding: chunked",
                    b"Transfer-Encoding: \x0bchunked", b"Transfer\xffEncoding: chunked"):
        refused(server, LOGIN + headers + b"\r\n\r\n0\r\n\r\n", 400, 501)
    refused(server, b"POST /_matrix/client/v3/login HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)


def test_lengths_beyond_32_and_64_bits(server):
    for length in (2**31, 2**32 + 2, 2**40, 10**14):
        refused(server, LOGIN + b"Content-Length: %d\r\n\r\n{}" % length, 413)
        refused(server, b"PUT /no/such/path HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{}" % length, 404, 413)
    for length in (2**63, 2**64 - 1, 2**64 + 2):
        refused(server, LOGIN + b"Content-Length: %d\r\n\r\n{}" % length, 400, 413)


def test_lines(server):
    for data in (b"GET /_matrix/client/versions HTTP/1.1\nHost: x\n\n",
                 b"GET /_matrix/client/versions HTTP/1.1\r\nHost: x\n\r\n",
                 VERSIONS + b"X-A: b\r\n folded\r\n\r\n", VERSIONS + b"X-A: b\r\n\tfolded\r\n\r\n",
                 VERSIONS + b"X-A: b\rc\r\n\r\n",
                 VERSIONS + b"X-A: b\0c\r\n\r\n", VERSIONS + b"X-A\0: b\r\n\r\n", VERSIONS + b": b\r\n\r\n",
                 VERSIONS + b"no colon\r\n\r\n", VERSIONS + b"X A: b\r\n\r\n", VERSIONS + b"X-A: \x7f\r\n\r\n",
                 VERSIONS + b"Host: y\r\n\r\n", b"GET /_matrix/client/versions HTTP/1.1\r\n\r\n",
                 b" GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /\tHTTP/1.1\r\nHost: x\r\n\r\n", b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"G\0T / HTTP/1.1\r\nHost: x\r\n\r\n", b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET\r\n\r\n",
                 b"/ HTTP/1.1\r\n\r\n",
                 b"GET /\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"\0" * 100 + b"\r\n\r\n"):
        refused(server, data, 400)
    for version in (b"HTTP/2.0", b"HTTP/1.10", b"HTTP/0.9", b"http/1.1", b"HTTP/1", b"HTTP/1.1x", b"ICY/1.0",
                    b"HTTP/11", b"x HTTP/1.1", b"HTTP/1.1 "):
        refused(server, b"GET / %s\r\nHost: x\r\n\r\n" % version, 400, 505)
    refused(server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505)


def test_heads_too_large(server):
    refused(server, VERSIONS + b"X-A: " + b"b" * 70000 + b"\r\n\r\n", 431)
    refused(server, VERSIONS + b"X-A: b\r\n" * 200 + b"\r\n", 431)
    refused(server, VERSIONS + b"A" * 70000, 431)
    refused(server, b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, 431)
    refused(server, b"A" * 70000, 400, 431)
    equal(served(server, b"GET /" + b"a/" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 404)[0], 404)
    served(server, VERSIONS + b"X-A: " + b"b" * 60000 + b"\r\n\r\n")


def test_chunks(server):
    chunked = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n"
    for chunks in (b"2\r\n{}\r\n0\r\n\r\n", b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", b"0002\r\n{}\r\n0\r\n\r\n",
                   b"2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n"):
        equal(json.loads(served(server, chunked + chunks, 400)[2])["errcode"], "M_MISSING_PARAM")
    for size in (b"FFFFFFFFFFFFFFFF", b"10000000000000000", b"10000000000000002", b"8000000000000000", b"-1", b"+2",
                 b"0x2", b"",
                 b" 2", b"2 2", b"g", b"\xff", b"2\0", b"7FFFFFFFFFFFFFFF", b"0" * 500 + b"2"):
        refused(server, chunked + size + b"\r\n{}\r\n0\r\n\r\n", 400, 413)
    for chunks in (b"2\r\n{}0\r\n\r\n", b"1\r\n{}\r\n0\r\n\r\n", b"2\n{}\r\n0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n",
                   b"2;" + b"a" * 70000 + b"\r\n{}\r\n",
                   b"2\r\n{}\r\n0\r\n" + b"X-A: b\r\n" * 20000 + b"\r\n", b"2\r\n{}\r\n0\r\nX\r\nY\n\r\n"):
        refused(server, chunked + chunks, 400, 413, 431)
    refused(server, chunked + b"10000\r\n" + b" " * 65536 + b"\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 40, 413)


def test_targets(server):
    served(server, b"GET http://example.com/_matrix/client/versions HTTP/1.1\r\nHost: x\r\n\r\n")
    served(server, b"GET HTTPS://example.com:8448/_matrix/client/versions?a=b HTTP/1.1\r\nHost: x\r\n\r\n")
    served(server, b"GET http://example.com HTTP/1.1\r\nHost: x\r\n\r\n")
    for target in (b"http:///_matrix/client/versions", b"ftp://example.com/", b"example.com:443",
                   b"_matrix/client/versions", b"*", b"?a"):
        refused(server, b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target, 400)
    refused(server, b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400)
    served(server, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 204)
    for target in (b"/..", b"/../../etc/passwd", b"//", b"/%2e%2e/", b"/%00", b"/\xff\xfe", b"/%",
                   b"/_matrix/client/versions%00", b"/#x"):
        served(server, b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target, 404)


def test_upgrade_and_expect(server):
    upgrade = VERSIONS + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    status, headers, _ = served(server, upgrade)
    assert "upgrade" not in headers, headers
    served(server, VERSIONS + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    refused(server, LOGIN + b"Expect: 200-maybe\r\nContent-Length: 2\r\n\r\n{}", 417)
    with Wire(server) as wire:
        wire.send(LOGIN + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        equal(wire.answer()[0], 100)
        wire.send(b"{}")
        equal(wire.answer()[0], 400)
    refused(server, LOGIN + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", 413)


def test_pipelined_requests(server):
    person = Person(server, "pipeliner")
    head = b"Host: x\r\nAuthorization: Bearer %s\r\n" % person.token.encode()
    count = 200
    with Wire(server, 30) as wire:
        for i in range(count):
            body = json.dumps({"n": i}).encode()
            wire.send(b"PUT /_matrix/client/v3/user/%s/account_data/n HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s"
                      b"GET /_matrix/client/v3/user/%s/account_data/n HTTP/1.1\r\n%s\r\n" %
                      (person.id.encode(), head, len(body), body, person.id.encode(), head))
        for i in range(count):
            equal(wire.answer()[0], 200)
            equal(json.loads(wire.answer()[2]), {"n": i})
    with Wire(server) as wire:
        wire.send(VERSIONS + b"\r\n" + VERSIONS + b"Connection: close\r\n\r\n" + VERSIONS + b"\r\n")
        equal([wire.answer()[0], wire.answer()[0], wire.answer()], [200, 200, None])
    with Wire(server) as wire:
        wire.send(b"GET /_matrix/client/versions HTTP/1.0\r\n\r\n" + VERSIONS + b"\r\n")
        equal([wire.answer()[0], wire.answer()], [200, None])


def test_pipelining_without_reading(server):
    """Answers that nobody reads are not made without end."""
    before = resident_kb(server)
    with Wire(server, 3) as wire:
        try:
            for _ in range(200):
                wire.socket.sendall((VERSIONS + b"\r\n") * 1000)
        except OSError:
            pass
        grown = resident_kb(server) - before
        assert ASAN or grown < 20000, f"{grown} KB more"
        served(server, VERSIONS + b"\r\n")


# --- many, slow and leaving ---

def test_500_half_open_connections(server):
    person = Person(server, "calm")
    before, files = resident_kb(server), descriptors(server)
    starts = [b"", b"G", VERSIONS, LOGIN + b"Content-Length: 60000\r\n\r\n" + b" " * 30000,
              LOGIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"]
    wires = [Wire(server) for _ in range(500)]
    for i, wire in enumerate(wires):
        wire.send(starts[i % len(starts)])
    slowest = 0
    for i in range(50):
        began = time.monotonic()
        good(person.call("PUT", f"/user/{person.id}/account_data/x", {"i": i}))
        slowest = max(slowest, time.monotonic() - began)
    grown = resident_kb(server) - before
    for wire in wires:
        wire.socket.close()
    assert slowest < 5, f"a request took {slowest:.1f} s beside them"
    assert ASAN or grown < 30000, f"{grown} KB for 500 connections"
    assert settled(server, files), f"{descriptors(server)} descriptors, {files} before"


def test_clients_that_leave(server):
    person = Person(server, "leaver")
    token = b"Authorization: Bearer %s\r\n" % person.token.encode()
    files = descriptors(server)
    begins = [VERSIONS, LOGIN + b"Content-Length: 100\r\n\r\n{",
              b"GET /_matrix/client/v3/sync?timeout=30000&since=%s HTTP/1.1\r\nHost: x\r\n%s\r\n" %
              (person.sync()["next_batch"].encode(), token),
              b"POST /_matrix/client/v3/createRoom HTTP/1.1\r\nHost: x\r\n%sContent-Length: 2\r\n\r\n{}" % token,
              b"GET /_matrix/client/v3/sync HTTP/1.1\r\nHost: x\r\n%s\r\n" % token]
    for i in range(100):
        with Wire(server) as wire:
            wire.send(begins[i % len(begins)])
            if i % 3 == 0:  # with a reset instead of an end
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif i % 3 == 1:
                wire.socket.shutdown(socket.SHUT_WR)
    good(person.call("GET", "/account/whoami"))
    assert settled(server, files + 10), f"{descriptors(server)} descriptors, {files} before"  # some to the database


def test_slow_clients_are_dropped(server):
    for slow in server.slow:
        slow.join(60)
        assert slow.took is not None, f"still there after a minute: {slow.trickle}"
        assert 20 < slow.took < 50, f"{slow.trickle} dropped after {slow.took:.0f} s"
        assert slow.last is None or slow.last.startswith((b"HTTP/1.1 408", b"HTTP/1.1 100")), slow.last
    served(server, VERSIONS + b"\r\n")


def test_nothing_complained(server):
    with open(server.log, encoding="utf-8", errors="replace") as file:
        errors = [line for line in file if " ERROR " in line or " CRITICAL " in line or "Sanitizer" in line]
    assert not errors, "".join(errors[:10])


run(globals(), rc_login={"address": FREE, "account": FREE, "failed_attempts": FREE})

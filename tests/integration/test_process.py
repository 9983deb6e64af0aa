#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# slow
"""hearthd as a process: signals, draining, inherited sockets, logs, certificates, limits, what it says of bad plugins."""
import contextlib
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import threading
import time

import hearth
from people import Person, equal, quote, run
from process import Wire, certificate, process, unchecked

RESOURCES = [{"names": ["client", "federation"]}]


def tcp(server, **more):
    return {"port": server.port, "bind_addresses": ["127.0.0.1"], "type": "http", "resources": RESOURCES, **more}


@contextlib.contextmanager
def locked_events(server, seconds):
    """Nobody can store events meanwhile."""
    sql = f"BEGIN; LOCK TABLE events IN EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT"
    psql = subprocess.Popen(["psql", "-q", "-d", server.postgres, "-c", sql], stdout=subprocess.DEVNULL)
    time.sleep(0.4)
    yield
    psql.wait()


def drains(s, number):
    """A long poll answers, requests under way are finished, whether they are at work or only half here."""
    alice = Person(s, f"drain{number}")
    room = alice.create()
    since = alice.sync()["next_batch"]
    with process(s) as p:
        idle, poll, partial, working = (Wire(s.port) for _ in range(4))
        idle.ask("GET", "/health")
        equal(idle.answer()[0], 200)
        poll.ask("GET", f"/_matrix/client/v3/sync?timeout=30000&since={since}", token=alice.token)
        path = f"/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/"
        rest = partial.ask("PUT", path + "partial", {"body": "partial", "msgtype": "m.text"}, alice.token, part=10)
        with locked_events(s, 4):
            working.ask("PUT", path + "working", {"body": "working", "msgtype": "m.text"}, alice.token)
            time.sleep(0.3)
            p.signal(number)
            began = time.monotonic()
            status, text = poll.answer()
            equal(status, 200)
            assert json.loads(text)["next_batch"] >= since, text
            assert time.monotonic() - began < 2, "the long poll did not answer at once"
            equal(idle.answer(), None)
        equal(working.answer()[0], 200)
        partial.send(rest)
        equal(partial.answer()[0], 200)
        equal(p.ended(8), 0)
    equal([text for _, text in alice.texts(room)], ["working", "partial"])


def test_sigterm_drains(s):
    drains(s, signal.SIGTERM)


def test_sigint_drains(s):
    drains(s, signal.SIGINT)


def half_a_request(s, person):
    """The server has read its head once it has answered somebody who came later."""
    wire = Wire(s.port)
    wire.ask("PUT", "/_matrix/client/v3/rooms/x/send/y/z", {"body": "x"}, person.token, part=3)
    for _ in range(2):
        s.request("GET", "/health", parse=False)
        time.sleep(0.2)
    return wire


def test_drain_has_an_end(s):
    """A client that never sends the rest holds nothing up for ever; a second signal ends at once."""
    alice = Person(s, "slow")
    with process(s) as p:
        wire = half_a_request(s, alice)
        p.signal(signal.SIGTERM)
        began = time.monotonic()
        equal(p.ended(30), 0)
        assert 8 < time.monotonic() - began < 20, time.monotonic() - began
        assert "1 connections are not done after 10 s and are cut" in p.text(), p.text()[-2000:]
    with process(s) as p:
        wire = half_a_request(s, alice)
        p.signal(signal.SIGINT)
        p.wait_for("stopping")
        p.signal(signal.SIGINT)
        equal(p.ended(5), 130)
        wire.close()


def test_systemd_is_told(s):
    path = os.path.join(s.folder, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(path)
        told.settimeout(10)
        with process(s, environment={"NOTIFY_SOCKET": path}) as p:
            equal(told.recv(4096), b"READY=1")
            p.signal(signal.SIGHUP)
            assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", told.recv(4096))
            equal(told.recv(4096), b"READY=1")
            p.signal(signal.SIGTERM)
            equal(told.recv(4096), b"STOPPING=1")
            equal(p.ended(), 0)


def test_as_a_unit_starts_it(s):
    """ExecStartPre makes the key where it is missing and never another; daemonize does not take the process away."""
    key = os.path.join(s.folder, "signing.key")
    with open(key, encoding="ascii") as file:
        before = file.read()
    command = [os.path.join(hearth.BUILD, "bin/hearthd"), "-c", s.config, "--generate-keys"]
    equal(subprocess.run(command, check=False).returncode, 0)
    with open(key, encoding="ascii") as file:
        equal(file.read(), before)
    with process(s, {"daemonize": True}) as p:
        with open(os.path.join(s.folder, "hearthd.pid"), encoding="ascii") as file:
            equal(int(file.read()), p.process.pid)
        p.signal(signal.SIGTERM)
        equal(p.ended(), 0)


def test_systemd_sockets(s):
    """Sockets that match listeners take their place; the configuration's port is not opened a second time."""
    port = hearth.free_port()
    path = os.path.join(s.folder, "activated")
    first, second = socket.socket(), socket.socket(socket.AF_UNIX)
    first.bind(("127.0.0.1", port))
    second.bind(path)
    for sock in (first, second):
        sock.listen()
    early = Wire(port)  # connects before anybody accepts
    early.ask("GET", "/_matrix/client/versions")

    def inherit():
        os.dup2(first.fileno(), 100)
        os.dup2(second.fileno(), 101)
        os.dup2(100, 3)
        os.dup2(101, 4)

    listeners = [tcp(s, port=port, x_forwarded=True), {"path": path, "type": "http", "resources": RESOURCES}]
    with process(s, {"listeners": listeners}, environment={"LISTEN_FDS": "2"}, prepare=inherit,
                 wrapper=["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"]) as p:
        equal(early.answer()[0], 200)
        for wire in (Wire(port), Wire(path=path)):
            wire.ask("GET", "/health", X_Forwarded_For="203.0.113.7")
            equal(wire.answer(), (200, "OK"))
        p.wait_for("GET /health 200 .*203.0.113.7")
        p.signal(signal.SIGTERM)
        equal(p.ended(), 0)
    assert os.path.exists(path), "a socket of systemd was removed"
    later = Wire(port)  # the socket outlives the process: nobody is turned away while it is replaced
    later.close()


def test_unix_listener(s):
    path = os.path.join(s.folder, "client.sock")
    listeners = [tcp(s), {"path": path, "mode": 640, "type": "http", "resources": RESOURCES}]
    for _ in range(2):  # the second time over what the first left behind
        with process(s, {"listeners": listeners}) as p:
            mode = os.stat(path).st_mode
            assert stat.S_ISSOCK(mode)
            equal(stat.S_IMODE(mode), 0o640)
            wire = Wire(path=path)
            wire.ask("GET", "/_matrix/client/versions", X_Forwarded_For="2001:db8::1, 10.0.0.1")
            equal(wire.answer()[0], 200)
            p.wait_for(r"GET /_matrix/client/versions 200 [\d.]+ms \d+B 2001:db8::1 -")
            p.signal(signal.SIGKILL)
            p.ended()
    with process(s, {"listeners": listeners}) as p:
        p.signal(signal.SIGTERM)
        equal(p.ended(), 0)
        assert not os.path.exists(path)
    with open(path, "w", encoding="ascii") as file:
        file.write("mine")
    with process(s, {"listeners": listeners}, ready=False) as p:
        equal(p.ended(), 1)
        assert f"{path} exists and is no socket" in p.text(), p.text()
    os.unlink(path)


def test_addresses_are_believed_where_told_so(s):
    for x_forwarded, expected in ((True, "203.0.113.7"), (False, "127.0.0.1")):
        with process(s, {"listeners": [tcp(s, x_forwarded=x_forwarded)]}) as p:
            s.request("GET", "/health", parse=False, headers={"X-Forwarded-For": "203.0.113.7"})
            p.wait_for(rf"GET /health 200 .* {re.escape(expected)} -")
            s.request("GET", "/health", parse=False, headers={"X-Forwarded-For": "nonsense\t<x>"})
            p.wait_for(r"GET /health 200 .* 127.0.0.1 -")


def test_access_log_keeps_secrets(s):
    alice = Person(s, "logged")
    with process(s) as p:
        equal(s.request("GET", f"/_matrix/client/v3/account/whoami?access_token={alice.token}&x=1")[0], 200)
        p.wait_for(r"\] *: GET /_matrix/client/v3/account/whoami\?REDACTED&x=1 200 [\d.]+ms \d+B 127.0.0.1 @logged:example.com|"
                   r"GET /_matrix/client/v3/account/whoami\?REDACTED&x=1 200")
        equal(s.request("GET", "/_matrix/client/v3/account/whoami%0aFORGED")[0], 404)
        assert alice.token not in p.text()
        assert "\nFORGED" not in p.text()


def test_json_log(s):
    log = os.path.join(s.folder, "json.log")
    with process(s, {"log_format": "json", "log_file": "json.log"}, log=log) as p:
        s.request("GET", "/health", parse=False)
        p.wait_for("GET /health")
        p.signal(signal.SIGTERM)
        equal(p.ended(), 0)
        lines = [json.loads(line) for line in p.text().splitlines()]
        for line in lines:
            assert {"time", "level", "message"} <= line.keys(), line
        for said in ("ready after", "GET /health", "stopping"):
            assert any(said in line["message"] for line in lines), (said, lines)


def test_log_rotation(s):
    """logrotate's way: the file is moved, SIGHUP, the new one is written; not a line is lost or doubled."""
    log = os.path.join(s.folder, "h.log")
    with process(s, {"log_file": log}, log=log) as p:
        stop = threading.Event()
        asked = []

        def ask():
            while not stop.is_set():
                asked.append(s.request("GET", f"/_matrix/client/versions?n={len(asked)}")[0])

        asking = threading.Thread(target=ask)
        asking.start()
        for i in range(5):
            time.sleep(0.1)
            os.rename(log, f"{log}.{i}")
            p.signal(signal.SIGHUP)
            deadline = time.monotonic() + 5
            while not os.path.exists(log) and time.monotonic() < deadline:
                time.sleep(0.01)
        time.sleep(0.1)
        stop.set()
        asking.join()
        text = ""
        for i in range(5):
            with open(f"{log}.{i}", encoding="utf-8") as file:
                text += file.read()
        numbers = [int(n) for n in re.findall(r"versions\?n=(\d+) ", text + p.text())]
        equal(numbers, list(range(len(asked))))
        assert p.text() and len(asked) > 20
        equal(stat.S_IMODE(os.stat(log).st_mode) & 0o007, 0)
        # A folder that is gone: the old file stays in use, and the server goes on.
        os.rename(log, log + ".last")
        os.mkdir(log)
        p.signal(signal.SIGHUP)
        time.sleep(0.2)
        equal(s.request("GET", "/health", parse=False)[0], 200)
        with open(log + ".last", encoding="utf-8") as file:
            assert "the old file stays in use" in file.read()


def test_log_at_its_limit(s):
    """RLIMIT_FSIZE: what does not fit any more is lost, the server is not."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    with process(s, {"log_file": "limited.log"}, log=os.path.join(s.folder, "limited.log"), prepare=limit) as p:
        for _ in range(200):
            equal(s.request("GET", "/health", parse=False), (200, b"OK"))
        equal(len(p.text()), 8192)
        p.signal(signal.SIGTERM)
        equal(p.ended(), 0)


def test_full_disk_under_the_log(s):
    with process(s, {"log_file": "/dev/full"}, ready=False) as p:
        deadline = time.monotonic() + 20
        status = 0
        while status != 200 and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                status = s.request("GET", "/health", parse=False)[0]
            time.sleep(0.05)
        equal(status, 200)
        p.signal(signal.SIGTERM)
        equal(p.ended(), 0)


def subject(wire):
    """The common name in the certificate that the connection was opened with."""
    der = wire.socket.getpeercert(binary_form=True)
    command = ["openssl", "x509", "-inform", "der", "-noout", "-subject"]
    text = subprocess.run(command, input=der, capture_output=True, check=True)
    return text.stdout.decode().strip().split("CN", 1)[1].strip(" =")


def test_certificates_are_reloaded(s):
    certificate(s.folder, "first.example.com")
    port = hearth.free_port()
    settings = {"listeners": [tcp(s), tcp(s, port=port, tls=True)], "tls_certificate_path": os.path.join(s.folder, "tls.crt"),
                "tls_private_key_path": os.path.join(s.folder, "tls.key")}
    with process(s, settings) as p:
        old = Wire(port, context=unchecked())
        equal(subject(old), "first.example.com")
        old.ask("GET", "/health")
        equal(old.answer(), (200, "OK"))
        certificate(s.folder, "second.example.com")
        p.signal(signal.SIGHUP)
        deadline = time.monotonic() + 5
        while subject(Wire(port, context=unchecked())) != "second.example.com":
            assert time.monotonic() < deadline, "the new certificate is not used"
        old.ask("GET", "/health")
        equal(old.answer(), (200, "OK"))
        with open(os.path.join(s.folder, "tls.crt"), "w", encoding="ascii") as file:
            file.write("not a certificate")
        p.signal(signal.SIGHUP)
        p.wait_for("the old certificates stay in use")
        equal(subject(Wire(port, context=unchecked())), "second.example.com")
        plain = Wire(port)
        plain.ask("GET", "/health")
        equal(plain.answer(), None)


def test_out_of_descriptors(s):
    """More clients than descriptors: they wait, the loop does not spin, and when some leave, others are served."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))

    with process(s, prepare=limit) as p:
        wires = [Wire(s.port) for _ in range(300)]
        time.sleep(1)
        before = p.cpu_seconds()
        time.sleep(2)
        assert p.cpu_seconds() - before < 0.6, f"{p.cpu_seconds() - before} s of CPU in 2 s of waiting"
        wires[0].ask("GET", "/health")
        equal(wires[0].answer(), (200, "OK"))
        for wire in wires:
            wire.close()
        deadline = time.monotonic() + 10
        status = 0
        while status != 200:
            assert time.monotonic() < deadline, "nobody is served after the others have gone"
            with contextlib.suppress(OSError):
                status = s.request("GET", "/_matrix/client/versions")[0]
        assert p.text().count("\n") < 2000, "the log is flooded"


def mishap(s):
    return {"plugin_path": os.path.join(hearth.BUILD, "tests/plugins"),
            "plugins": ["accounts", "admin", "rooms", "sync", "ephemeral", "push", "encryption", "mishap"]}


def test_bad_plugins_are_named(s):
    alice = Person(s, "victim")
    room = alice.create()
    with process(s, mishap(s)) as p:
        alice.say(room, "stall", "stall")
        found = p.wait_for(r"WARNING mishap.*: event.check_spam kept the event loop for (\d+) ms")
        assert 150 < int(found.group(1)) < 5000, found.group(0)
    for text, words, code in (("crash", "SIGSEGV", -11), ("overflow", "stack overflow", -11), ("assert", "SIGABRT", -6)):
        with process(s, mishap(s)) as p:
            with contextlib.suppress(OSError):
                alice.say(room, text, text)
            ended = p.ended()
            assert ended == code or hearth.SANITIZED, (ended, p.text()[-2000:])
            words = r"[\w ]+" if hearth.SANITIZED else words
            p.wait_for(f"hearthd: {words} in plugin 'mishap' while running event.check_spam")
    equal([text for _, text in alice.texts(room)], ["stall"])


run(globals())

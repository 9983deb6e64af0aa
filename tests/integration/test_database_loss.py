#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# slow
"""PostgreSQL in trouble: away, at its limits, dropping sessions, silent in a commit.

HEARTH_AWAY_SECONDS (8): how long it is away.
"""
import contextlib
import os
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import hearth
from people import Person, equal, good, quote, refused, run
from process import Wire, process

AWAY_SECONDS = float(os.environ.get("HEARTH_AWAY_SECONDS", "8"))


def testenv(s, verb):
    subprocess.run([os.path.join(hearth.TOP, "tools/testenv"), verb, s.folder], check=True, stdout=subprocess.DEVNULL)


def psql(s, sql):
    done = subprocess.run(["psql", "-qAt", "-d", s.postgres, "-c", sql], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def send(person, room, text):
    path = f"/rooms/{quote(room)}/send/m.room.message/{text}"
    return person.call("PUT", path, {"msgtype": "m.text", "body": text})


def until_answered(person, room, text, seconds=15):
    deadline = time.monotonic() + seconds
    while True:
        answer = send(person, room, text)
        if answer[0] == 200:
            return answer[1]["event_id"]
        equal(answer[0], 503)
        assert time.monotonic() < deadline, "the database is back, and the server does not notice"
        time.sleep(0.05)


@contextlib.contextmanager
def database_away(s):
    testenv(s, "kill")
    try:
        yield
    finally:
        testenv(s, "restart")


def status_of(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(name + r":\s+(\d+)", file.read()).group(1))


def test_away_for_a_while(s):
    """Requests fail quickly, nothing piles up, /health and what needs no database stay, and all comes back by itself."""
    alice = Person(s, "away")
    room = alice.create()
    first = alice.say(room, "before", "before")
    alice.sync()
    patience = int(AWAY_SECONDS + 50) * 1000
    answers = []
    query = {"since": alice.since, "timeout": patience}
    waiting = threading.Thread(target=lambda: answers.append(alice.call("GET", "/sync", query=query)))
    waiting.start()
    time.sleep(0.2)
    with database_away(s):
        fail_quickly(s, alice, room)
    again = until_answered(alice, room, "after")
    waiting.join(20)
    assert not waiting.is_alive(), "who waited on /sync was not told of what came afterwards"
    equal(answers[0][0], 200)
    equal([e["event_id"] for e in answers[0][1]["rooms"]["join"][room]["timeline"]["events"]], [again])
    equal(alice.texts(room), [(first, "before"), (again, "after")])
    log = s.log_text()
    assert log.count("trying again") < 10, "the log is flooded:\n" + log


def fail_quickly(s, alice, room):
    memory = descriptors = None
    began = time.monotonic()
    asked = []
    while time.monotonic() - began < AWAY_SECONDS:
        started = time.monotonic()
        status, answer = send(alice, room, f"away{len(asked)}")
        asked.append((started - began, time.monotonic() - started))
        equal((status, answer["errcode"]), (503, "M_UNKNOWN"))
        equal(s.request("GET", "/health", parse=False), (200, b"OK"))
        equal(s.request("GET", "/_matrix/client/versions")[0], 200)
        if started - began > 5.5 and memory is None:
            memory = status_of(s.process.pid, "VmRSS")
            descriptors = len(os.listdir(f"/proc/{s.process.pid}/fd"))
    late = [took for at, took in asked if at > 5]
    assert max(took for _, took in asked) < 6, "a request hung"
    assert late and max(late) < 1.5, f"after five seconds requests still take up to {max(late):.1f} s"
    assert hearth.SANITIZED or status_of(s.process.pid, "VmRSS") - memory < 4096, "memory piles up"
    assert len(os.listdir(f"/proc/{s.process.pid}/fd")) <= descriptors + 4, "descriptors pile up"
    wire = Wire(s.port)
    wire.ask("GET", f"/_matrix/client/v3/rooms/{quote(room)}/state", token=alice.token)
    head = wire.socket.recv(4096).decode()
    assert head.startswith("HTTP/1.1 503") and "Retry-After: 1" in head, head


def test_away_at_the_start(s):
    """hearthd does not wait for a database: it says what is wrong and ends, for its supervisor to start it again."""
    s.stop()
    with database_away(s):
        ended = subprocess.run([os.path.join(hearth.BUILD, "bin/hearthd"), "-c", s.config], capture_output=True, text=True,
                               timeout=30, check=False)
    equal(ended.returncode, 1)
    assert re.search(r"^hearthd: the database cannot be reached: .*\.s\.PGSQL\.5432", ended.stderr, re.M), ended.stderr
    s.start()


def test_sessions_are_dropped(s):
    """Each statement or transaction that was under way is repeated, or answers 503; nothing else happens."""
    alice = Person(s, "dropped")
    room = alice.create()
    stop = threading.Event()

    def drop():
        while not stop.is_set():
            psql(s, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE usename = 'hearth' AND pid <> pg_backend_pid()")
            time.sleep(0.15)

    dropping = threading.Thread(target=drop)
    dropping.start()
    try:
        events = [(until_answered(alice, room, f"d{i}"), f"d{i}") for i in range(60)]
        for _ in range(20):
            status, answer = alice.call("GET", f"/rooms/{quote(room)}/messages", query={"dir": "b"})
            assert status in (200, 503), (status, answer)
    finally:
        stop.set()
        dropping.join()
    time.sleep(0.3)
    equal(alice.texts(room), events)


def test_fewer_connections_than_wanted(s):
    """PostgreSQL refuses more sessions: those that are there serve all."""
    alice = Person(s, "few")
    room = alice.create()
    psql(s, "CREATE ROLE few LOGIN CONNECTION LIMIT 3 IN ROLE hearth; GRANT ALL ON ALL TABLES IN SCHEMA public TO few; "
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO few; GRANT ALL ON SCHEMA public TO few")
    args = dict(part.split("=", 1) for part in s.postgres.split())
    with process(s, {"database": {"name": "psycopg2", "args": {**args, "user": "few", "cp_min": 5, "cp_max": 10}}}) as p:
        failures = []

        def ask(worker):
            for i in range(15):
                answer = send(alice, room, f"few{worker}.{i}")
                if answer[0] != 200:
                    failures.append(answer)
                alice.call("GET", f"/rooms/{quote(room)}/state")

        asking = [threading.Thread(target=ask, args=(i,)) for i in range(12)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        equal(failures, [])
        assert "too many connections" in p.text(), p.text()[-3000:]
        assert p.text().count("too many connections") < 10, "the log is flooded"
    equal(len(alice.texts(room)), 180)


def test_cancelled_statements(s):
    """What a timeout or an administrator ends is no error of the client's: 503, and the repetition succeeds."""
    alice = Person(s, "cancelled")
    room = alice.create()
    answers = []
    lock = subprocess.Popen(["psql", "-q", "-d", s.postgres, "-c",
                             "BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT"],
                            stdout=subprocess.DEVNULL)
    time.sleep(0.4)
    asking = threading.Thread(target=lambda: answers.append(send(alice, room, "once")))
    asking.start()
    time.sleep(0.4)
    waiting = "FROM pg_stat_activity WHERE usename = 'hearth' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
    assert psql(s, f"SELECT count(pg_cancel_backend(pid)) {waiting}") != "0"
    asking.join(5)
    lock.wait()
    refused(answers[0], 503, "M_UNKNOWN")
    event = until_answered(alice, room, "once")
    equal(alice.texts(room), [(event, "once")])


class Relay:
    """Stands between hearthd and PostgreSQL, and can keep PostgreSQL's answers to itself."""

    def __init__(self, target):
        self.folder = tempfile.mkdtemp(prefix="hearth-relay-")
        os.chmod(self.folder, 0o755)
        self.target = target
        self.trap = None      # bytes from the client after which the server's answers are swallowed
        self.silent = False
        self.swallowed = 0
        self.hold = None      # bytes from the client after which what it sends is kept back, and its connection ends
        self.held = []        # (server, what was kept back)
        self.pairs = {}
        self.selector = selectors.DefaultSelector()
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(os.path.join(self.folder, ".s.PGSQL.5432"))
        self.listening.listen(50)
        self.selector.register(self.listening, selectors.EVENT_READ)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            for key, _ in self.selector.select(0.05):
                if key.fileobj is self.listening:
                    self.open()
                else:
                    self.carry(key.fileobj, key.data)

    def open(self):
        client, _ = self.listening.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.target)
        self.pairs[client] = server
        self.selector.register(client, selectors.EVENT_READ, False)
        self.selector.register(server, selectors.EVENT_READ, True)

    def other(self, one):
        return self.pairs.get(one) or next((client for client, server in self.pairs.items() if server is one), None)

    def carry(self, one, from_server):
        other = self.other(one)
        try:
            data = one.recv(65536)
        except OSError:
            data = b""
        if not other:
            return
        if not data:
            self.close(other if from_server else one)
        elif from_server and self.silent:
            self.swallowed += len(data)
        else:
            if not from_server and self.trap and self.trap in data:
                self.trap, self.silent = None, True
            if not from_server and self.hold and self.hold in data:
                self.hold = None
                self.keep_back(one, data)
                return
            with contextlib.suppress(OSError):
                other.sendall(data)

    def keep_back(self, client, data):
        """The client believes its connection lost; what it has sent is on its way still."""
        server = self.pairs.pop(client)
        client.settimeout(0.2)
        with contextlib.suppress(OSError):
            while more := client.recv(65536):
                data += more
        for end in (client, server):
            self.selector.unregister(end)
        self.held.append((server, data))
        client.close()

    def deliver(self):
        """What was kept back reaches PostgreSQL, which answers all of it before it hears that nobody listens."""
        for server, data in self.held:
            server.sendall(data)
            server.settimeout(3)
            with contextlib.suppress(OSError):
                while b"Z" not in server.recv(65536):
                    pass
            server.close()
        self.held = []

    def close(self, client):
        server = self.pairs.pop(client)
        for end in (client, server):
            self.selector.unregister(end)
            end.close()

    def cut(self):
        """Ends all connections; later ones are carried again."""
        self.silent = False
        for client in list(self.pairs):
            self.close(client)

    def end(self):
        self.stop.set()
        self.thread.join()
        self.cut()
        self.listening.close()
        shutil.rmtree(self.folder)


def test_lost_in_the_commit(s):
    """The commit happened, its answer did not arrive: the server finds out before it answers, and repeating changes nothing."""
    alice = Person(s, "doubt")
    room = alice.create()
    args = dict(part.split("=", 1) for part in s.postgres.split())
    relay = Relay(os.path.join(args["host"], ".s.PGSQL.5432"))
    try:
        with process(s, {"database": {"name": "psycopg2", "args": {**args, "host": relay.folder}}}) as p:
            events = []
            for i in range(6):
                text = f"doubt{i}"
                send(alice, room, f"warm{i}")
                relay.swallowed = 0
                relay.trap = f'"body":"{text}"'.encode()
                answers = []
                asking = threading.Thread(target=lambda: answers.append(send(alice, room, text)))
                asking.start()
                deadline = time.monotonic() + 5
                while not relay.swallowed and time.monotonic() < deadline:
                    time.sleep(0.01)
                assert relay.swallowed, "PostgreSQL has said nothing"
                time.sleep(0.05)
                relay.cut()
                asking.join(20)
                equal(psql(s, f"SELECT count(*) FROM events WHERE txn_id = '{text}'"), "1")
                equal(answers[0][0], 200)
                equal(until_answered(alice, room, text), answers[0][1]["event_id"])
                events.append((answers[0][1]["event_id"], text))
            equal([(event, text) for event, text in alice.texts(room) if text.startswith("doubt")], events)
            del p
    finally:
        relay.end()


def test_commit_that_comes_late(s):
    """A transaction that was believed lost reaches PostgreSQL after all, behind its own repetition: nothing is there twice."""
    alice, bob = Person(s, "late"), Person(s, "later")
    room = alice.create(preset="public_chat")
    bob.join(room)
    args = dict(part.split("=", 1) for part in s.postgres.split())
    relay = Relay(os.path.join(args["host"], ".s.PGSQL.5432"))
    try:
        with process(s, {"database": {"name": "psycopg2", "args": {**args, "host": relay.folder}}}):
            events = []
            for i in range(4):
                text = f"late{i}"
                send(alice, room, f"early{i}")
                relay.hold = f'"body":"{text}"'.encode()
                status, body = send(alice, room, text)
                equal(status, 200)
                assert relay.held, "nothing was kept back"
                relay.deliver()
                equal(psql(s, f"SELECT count(*) FROM events WHERE txn_id = '{text}'"), "1")
                equal(until_answered(alice, room, text), body["event_id"])
                equal(send(bob, room, f"after{i}")[0], 200)
                events.append((body["event_id"], text))
            equal([(event, text) for event, text in alice.texts(room) if text.startswith("late")], events)
            equal(psql(s, f"SELECT cardinality(extremities) FROM rooms WHERE room_id = '{room}'"), "1")
    finally:
        relay.end()


run(globals())

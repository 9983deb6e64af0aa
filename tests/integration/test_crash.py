#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# slow
"""Kills hearthd and PostgreSQL at random moments under load; what was acknowledged must be there, once, in one order.

HEARTH_CRASH_ROUNDS (5) rounds; HEARTH_CRASH_SEED repeats the choices of a run (not its timing). A round: new rooms, senders,
movers and readers at work, one blow, some more work, and then the proof from what the clients noted.
"""
import os
import random
import signal
import subprocess
import sys
import threading
import time

import hearth
from crash import proof
from crash.client import Client
from crash.load import Mover, Sender
from crash.reader import Reader
from crash.starts import killed_first_starts

FREE = {"per_second": 100000, "burst_count": 100000}
SETTINGS = dict(rc_message=FREE, rc_admin_redaction=FREE, rc_joins={"local": FREE, "remote": FREE}, rc_room_creation=FREE,
                rc_joins_per_room=FREE, log_level="WARNING")
SENDERS = 5
TESTENV = os.path.join(hearth.TOP, "tools/testenv")


class Postgres:
    """The cluster of the test's server, and ways to hurt it."""

    def __init__(self, server):
        self.folder = server.folder
        self.pid_file = os.path.join(server.folder, "pg/data/postmaster.pid")

    def testenv(self, verb):
        subprocess.run([TESTENV, verb, self.folder], check=True, stdout=subprocess.DEVNULL)

    def postmaster(self):
        with open(self.pid_file, encoding="ascii") as file:
            return int(file.readline())

    def backends(self):
        """Process ids of the sessions."""
        listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.postmaster())], capture_output=True, text=True,
                                check=False).stdout
        return [int(line.split()[0]) for line in listed.splitlines() if " hearth hearth " in line]

    def kill(self):
        self.testenv("kill")

    def restart(self):
        self.testenv("restart")

    def signal_backend(self, rng, number):
        backends = self.backends()
        if backends:
            try:
                os.kill(rng.choice(backends), number)
            except ProcessLookupError:
                pass

    def kill_postmaster(self):
        """Its children notice by themselves, and may finish what they are at."""
        master = self.postmaster()
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(master)], capture_output=True, text=True,
                                  check=False).stdout.split()
        os.kill(master, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while any(there(int(pid)) for pid in [master, *children]):
            if time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL's processes do not go away")
            time.sleep(0.02)
        os.unlink(self.pid_file)


def there(pid):
    """Dead but not yet reaped counts, too: PostgreSQL takes such a one for a running server."""
    return os.path.exists(f"/proc/{pid}")


# --- blows ---

def blow_server(rng, server, postgres):
    server.kill()
    server.start()


def blow_postgres(rng, server, postgres):
    postgres.kill()
    time.sleep(rng.uniform(0, 0.4))
    postgres.restart()


def blow_postmaster(rng, server, postgres):
    postgres.kill_postmaster()
    postgres.restart()


def blow_backend(rng, server, postgres):
    """One dead backend makes PostgreSQL drop all others and recover."""
    postgres.signal_backend(rng, signal.SIGKILL)


def blow_session(rng, server, postgres):
    for _ in range(rng.randrange(1, 6)):
        postgres.signal_backend(rng, signal.SIGTERM)
        time.sleep(rng.uniform(0, 0.05))


def blow_both(rng, server, postgres):
    first = threading.Thread(target=postgres.kill)
    first.start()
    time.sleep(rng.uniform(0, 0.03))
    server.kill()
    first.join()
    postgres.restart()
    server.start()


def blow_server_twice(rng, server, postgres):
    """The second time while it starts or has hardly started."""
    server.kill()
    restarting = subprocess.Popen([os.path.join(hearth.BUILD, "bin/hearthd"), "-c", server.config],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(rng.uniform(0, 0.3))
    restarting.kill()
    restarting.wait()
    server.start()


def blow_gentle(rng, server, postgres):
    server.restart(rng.choice([signal.SIGINT, signal.SIGTERM]))


def blow_server_frozen(rng, server, postgres):
    """It sleeps through deadlines, and sometimes through its leases."""
    os.kill(server.process.pid, signal.SIGSTOP)
    time.sleep(rng.choice([0.3, 1, 5]))
    os.kill(server.process.pid, signal.SIGCONT)


def blow_postgres_frozen(rng, server, postgres):
    """A disk that does not answer: then, half of the time, the power goes."""
    sleeping = [*postgres.backends(), postgres.postmaster()]
    for pid in sleeping:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(rng.choice([0.2, 1, 3]))
    if rng.random() < 0.5:
        postgres.kill()
        postgres.restart()
        return
    for pid in sleeping:
        os.kill(pid, signal.SIGCONT)


BLOWS = [blow_server, blow_postgres, blow_backend, blow_session, blow_both, blow_postmaster, blow_server_twice, blow_gentle,
         blow_server_frozen, blow_postgres_frozen]


class Test:
    def __init__(self, server, seed):
        self.server = server
        self.seed = seed
        self.postgres = Postgres(server)
        self.users = [server.register(f"sender{i}") for i in range(SENDERS)]
        self.movers = [server.register(f"mover{i}") for i in range(2)]
        readers = [server.register(f"reader{i}") for i in range(4)]
        self.readers = [Reader(f"reader{i}", server, user, self.rng(f"reader{i}"), limit=limit, after=after)
                        for i, (user, limit, after) in enumerate(zip(readers, (1000, 4, 1000, 4), (False, False, True, True)))]
        self.checker = Client(server, readers[0])
        self.past = []  # (rooms, senders, movers) of earlier rounds
        self.uploaded = set()  # one-time keys
        self.statuses = {}
        # Each once; short runs see these two, and in the course of many seeds all.
        self.blows = BLOWS[:2] + self.rng("blows").sample(BLOWS[2:], len(BLOWS) - 2)

    def rng(self, *name):
        return random.Random(".".join(str(part) for part in (self.seed, *name)))

    def make_room(self, members):
        owner = Client(self.server, self.users[0])
        levels = {"users_default": 50, "state_default": 50, "redact": 50}
        _, answer, _ = owner.ask("POST", "/createRoom", {"preset": "public_chat", "power_level_content_override": levels})
        owner.close()
        for member in members:
            joining = Client(self.server, member)
            joining.ask("POST", f"/rooms/{answer['room_id']}/join", {})
            joining.close()
        return answer["room_id"]

    def upload_keys(self, number):
        """Before the load: a repetition of an upload could bring back a key that was given away already."""
        for reader in self.readers:
            names = [f"signed_curve25519:r{number}k{i}" for i in range(12)]
            client = Client(self.server, (reader.client.id, reader.client.token, reader.client.device))
            client.ask("POST", "/keys/upload", {"one_time_keys": {name: {"key": name, "signatures": {}} for name in names}})
            client.close()
            self.uploaded.update((client.id, name) for name in names)

    def round(self, number):
        rng = self.rng("round", number)
        blow = self.blows[number] if number < len(self.blows) else rng.choice(BLOWS)
        readers = [(r.client.id, r.client.token, r.client.device) for r in self.readers]
        rooms = [self.make_room(readers + self.users[1:]) for _ in range(2)]
        stop = threading.Event()
        recipients = {user: device for user, _, device in readers}
        self.upload_keys(number)
        senders = [Sender(f"r{number}s{i}", self.server, user, self.rng(number, "sender", i), rooms, recipients, stop)
                   for i, user in enumerate(self.users)]
        movers = [Mover(f"r{number}m{i}", self.server, user, self.rng(number, "mover", i), rooms, stop)
                  for i, user in enumerate(self.movers)]
        for reader in self.readers:
            reader.follow()
        for thread in senders + movers:
            thread.start()
        time.sleep(rng.uniform(0.1, 1.2))
        began = time.monotonic()
        try:
            blow(rng, self.server, self.postgres)
            away = time.monotonic() - began
            time.sleep(rng.uniform(0.2, 0.6))
        finally:
            stop.set()
            for thread in senders + movers:
                thread.join()
            for reader in self.readers:
                reader.rest()
        events = self.prove(rooms, senders, movers)
        self.past.append((rooms, senders, movers))
        acknowledged = sum(len(s.record.sent) + len(s.record.redacted) + len(s.record.state) for s in senders)
        repeated = sum(tries > 1 for s in senders for *_, tries in s.record.sent)
        print(f"ok    round {number}: {blow.__name__[5:]}, {away:.1f} s; {acknowledged} acknowledged, {repeated} of them after "
              f"repetition, {events} events, {time.monotonic() - began:.1f} s", flush=True)

    def prove(self, rooms, senders, movers):
        for thread in senders + movers + self.readers:
            if thread.failure:
                raise thread.failure
            for status, count in thread.client.statuses.items():
                self.statuses[status] = self.statuses.get(status, 0) + count
            thread.client.statuses = {}
        for reader in self.readers:
            reader.catch_up()
        for sender in senders:
            sender.client.hurry = 0
            proof.repeats_are_the_same(sender, self.rng("again", sender.name))
            proof.account_holds(sender)
            proof.receipts_hold(sender, self.readers)
        for reader in self.readers:
            reader.catch_up()
            mine = [sender for _, then, _ in self.past for sender in then] + senders
            by_user = {}
            for sender in mine:
                by_user.setdefault(sender.client.id, []).extend(
                    text for recipient, text in sender.record.to_device if recipient == reader.client.id)
            proof.to_device_holds(reader, by_user)
        proof.keys_hold([sender for _, then, _ in self.past for sender in then] + senders, self.uploaded)
        records = [sender.record for sender in senders]
        return sum(proof.room_holds(self.checker, room, self.readers, records, movers) for room in rooms)

    def end(self):
        """After the last round: everything of all rounds once more, by readers of before and by a fresh one."""
        fresh = [Reader(f"fresh{i}", self.server, (old.client.id, old.client.token, old.client.device), self.rng("fresh"), 1000,
                        old.after) for i, old in enumerate(self.readers[1:3])]
        for reader in fresh:
            reader.catch_up()
        for rooms, senders, movers in self.past:
            records = [sender.record for sender in senders]
            for room in rooms:
                proof.room_holds(self.checker, room, self.readers + fresh, records, movers)
            for sender in senders:
                proof.receipts_hold(sender, self.readers + fresh)


def main():
    seed = os.environ.get("HEARTH_CRASH_SEED") or str(random.SystemRandom().randrange(1 << 32))
    rounds = int(os.environ.get("HEARTH_CRASH_ROUNDS", "5"))
    print(f"HEARTH_CRASH_SEED={seed} HEARTH_CRASH_ROUNDS={rounds}", flush=True)
    with hearth.server(**SETTINGS) as server:
        test = Test(server, seed)
        killed_first_starts(server, test.postgres, test.rng("starts"), 3 + rounds // 10)
        print("ok    first starts, killed", flush=True)
        for number in range(rounds):
            test.round(number)
        test.end()
        print("answers by status:", test.statuses, "gaps filled:", sum(reader.gaps for reader in test.readers),
              "one-time keys claimed:", sum(len(s.record.claimed) for _, then, _ in test.past for s in then))
    return 0


sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""What is done to a server, whichever it is, and what it costs there."""
import os
import time
import urllib.parse

from measure import Window, memory, undisturbed

WORDS = "A message of a usual length, as people write them to each other on an ordinary day."
MEMBERS = 8  # of each room that is sent to
HOUSE = 50   # idle readers in one room
SYNC = "/_matrix/client/v3/sync"


def quote(text):
    return urllib.parse.quote(text, safe="")


def message(room, token):
    return ("PUT", f"/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/{{}}", token,
            {"msgtype": "m.text", "body": WORDS})


class Bench:
    """One server, its people and rooms, and the figures that were found."""

    def __init__(self, server, driver, size, progress):
        self.server = server
        self.driver = driver
        self.size = size
        self.figures = {"name": server.name}
        self.progress = progress
        self.mark = f"{int(time.time()) & 0xffffff:x}"
        self.senders = []
        self.idlers = []
        self.keeper = None
        self.sender_rooms = []

    def say(self, text):
        self.progress(f"{self.server.name}: {text}")

    def answers(self, jobs, connections=8):
        return self.driver.answers(self.server.url, jobs, connections)

    def create(self, tokens, **body):
        jobs = [("POST", "/_matrix/client/v3/createRoom", token, body) for token in tokens]
        return [answer["room_id"] for answer in self.answers(jobs)]

    def join(self, pairs):
        self.answers([("POST", f"/_matrix/client/v3/join/{quote(room)}", token, {}) for room, token in pairs])

    def populate(self):
        """Senders, each with a room of MEMBERS; idle readers in houses; a keeper of many rooms."""
        size = self.size
        self.say(f"{size.senders} senders, {size.idle} readers, {size.rooms} rooms")
        self.senders = [self.server.register(f"sender{i}-{self.mark}") for i in range(size.senders)]
        self.sender_rooms = self.create(self.senders, preset="public_chat", name="Bench")
        self.join([(room, self.senders[(i + k) % size.senders]) for i, room in enumerate(self.sender_rooms)
                   for k in range(1, min(MEMBERS, size.senders))])
        self.idlers = [self.server.register(f"reader{i}-{self.mark}") for i in range(size.idle)]
        houses = self.create(self.idlers[::HOUSE], preset="public_chat", name="House")
        self.join([(houses[i // HOUSE], token) for i, token in enumerate(self.idlers) if i % HOUSE])
        self.keeper = self.server.register(f"keeper-{self.mark}")
        rooms = self.create([self.keeper] * size.rooms, preset="private_chat", name="One of many")
        self.driver.http(self.server.url, [message(room, self.keeper) for room in rooms], connections=8, each=size.messages)

    def per_operation(self, window, count):
        return {f"{name}_ms": seconds * 1e3 / count for name, seconds in window.items()}

    def undisturbed(self):
        pids = [os.getpid(), *filter(None, self.server.pids().values())]
        return undisturbed(pids, self.size.real_time)

    def send_jobs(self, count):
        return [message(self.sender_rooms[i], self.senders[i]) for i in range(count)]

    def sends(self):
        self.figures["sends"] = {}
        for count in self.size.sender_counts:
            self.say(f"sends of {count} at once")
            jobs = self.send_jobs(count)
            with self.undisturbed():
                self.driver.http(self.server.url, jobs, count, each=0, seconds=self.size.warm_seconds)
                window = Window(self.server.pids())
                result = self.driver.http(self.server.url, jobs, count, each=0, seconds=self.size.seconds)
            self.figures["sends"][count] = {
                "per_second": result["good"] / result["seconds"], "p50_ms": result["p50_ms"], "p99_ms": result["p99_ms"],
                **self.per_operation(window.end(), result["good"])}

    def restart(self):
        """A start on a database that is there, as an admin's restart is."""
        if self.server.can_restart:
            self.figures.setdefault("starts", []).append(self.server.restart())
            time.sleep(self.size.settle_seconds)

    def starts(self):
        self.say("starts")
        for _ in range(self.size.starts):
            self.restart()

    def idle(self):
        """Long polls that nothing happens to, in a process that has done nothing else since its start."""
        self.say(f"{self.size.idle} idle syncs")
        tokens = [answer["next_batch"] for answer in self.answers([("GET", SYNC, token, None) for token in self.idlers])]
        self.restart()
        empty = memory(self.server.pid) if self.server.pid else None
        jobs = [("GET", f"{SYNC}?timeout=600000&since={quote(since)}", token, None)
                for token, since in zip(self.idlers, tokens)]
        window = Window(self.server.pids())
        held = self.driver.hold(self.server.url, jobs)
        time.sleep(self.size.settle_seconds + 1)
        opened = window.end()
        window = Window(self.server.pids())
        time.sleep(self.size.seconds)
        resting = window.end()
        full = memory(self.server.pid) if self.server.pid else None
        answered = self.driver.release(held)
        self.figures["idle"] = {
            "count": len(jobs), "answered": answered["good"] + answered["bad"], **self.per_operation(opened, len(jobs)),
            "resting_ms_per_second": {name: seconds * 1e3 / self.size.seconds for name, seconds in resting.items()}}
        if empty:
            self.figures["idle"].update(process_mb=empty["rss"] / 1e6, process_private_mb=empty["private"] / 1e6,
                                        above_mb=(full["rss"] - empty["rss"]) / 1e6)

    def initial_sync(self):
        """Cold: the process's first answer. Warm: what it costs after that."""
        self.say(f"initial syncs of {self.size.rooms} rooms")
        self.restart()
        job = [("GET", SYNC, self.keeper, None)]
        self.figures["initial_sync"] = {"rooms": self.size.rooms}
        for name, times in (("cold", 1), ("warm", self.size.syncs)):
            window = Window(self.server.pids())
            result = self.driver.http(self.server.url, job, connections=1, each=times)
            self.figures["initial_sync"][name] = {"p50_ms": result["p50_ms"], "p99_ms": result["p99_ms"],
                                                  **self.per_operation(window.end(), times)}

    def run(self):
        self.populate()
        self.sends()
        self.idle()
        self.initial_sync()
        self.starts()
        if self.server.pid:
            self.figures["memory_mb"] = memory(self.server.pid)["rss"] / 1e6
        return self.figures

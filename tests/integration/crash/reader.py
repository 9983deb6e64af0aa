# SPDX-License-Identifier: Apache-2.0
"""A reader on /sync: what it saw, in its order, and the state that it built, as the specification tells clients to."""
import json
import threading

from crash.client import Client, Wrong, quote


class Seen:
    """One room as a reader knows it."""

    def __init__(self):
        self.timeline = []  # event ids in order
        self.known = set()
        self.state = {}     # (type, state key) -> event id
        self.receipts = {}  # user -> event id


class Reader:
    """Follows its chain of answers. after: asks for state_after. The limit makes gaps, which it fills from /messages."""

    def __init__(self, name, server, user, rng, limit, after):
        self.name = name
        self.client = Client(server, user, rng)
        self.rng = rng
        self.after = after
        self.query = {"filter": json.dumps({"room": {"timeline": {"limit": limit}}})}
        if after:
            self.query["use_state_after"] = "true"
        self.since = None
        self.rooms = {}
        self.to_device = []
        self.stop = threading.Event()
        self.thread = None
        self.failure = None
        self.answers = 0
        self.gaps = 0

    def follow(self):
        """Reads in a thread of its own, until rest()."""
        self.stop.clear()
        self.thread = threading.Thread(target=self.run, name=self.name)
        self.thread.start()

    def rest(self):
        self.stop.set()
        self.thread.join()
        self.stop.clear()

    def run(self):
        try:
            while not self.stop.is_set():
                self.step(self.rng.choice([0, 30, 500]))
        except Exception as failure:
            self.failure = failure
        finally:
            self.client.close()

    def catch_up(self):
        """After the load: until an answer brings nothing more."""
        while self.step(0):
            pass

    def step(self, timeout):
        query = {**self.query, "timeout": timeout, **({"since": self.since} if self.since else {})}
        answered = self.client.ask("GET", "/sync", until=self.stop.is_set, **query)
        if not answered:
            return False
        answer = answered[1]
        self.answers += 1
        for room_id, room in answer["rooms"].get("join", {}).items():
            self.take_room(room_id, room)
        self.to_device += [(e["sender"], e["content"]["text"]) for e in answer.get("to_device", {}).get("events", [])]
        self.since = answer["next_batch"]
        return bool(answer["rooms"].get("join") or answer.get("to_device"))

    def take_room(self, room_id, room):
        seen = self.rooms.setdefault(room_id, Seen())
        events = room.get("timeline", {}).get("events", [])
        if room.get("timeline", {}).get("limited"):
            self.gaps += 1
            self.take_events(seen, self.fill_gap(room_id, seen, room["timeline"]["prev_batch"]))
        self.take_events(seen, events)
        if self.after:
            changes = room.get("state_after", {}).get("events", [])
        else:
            changes = room.get("state", {}).get("events", []) + [e for e in events if "state_key" in e]
        for event in changes:
            seen.state[event["type"], event["state_key"]] = event["event_id"]
        for event in room.get("ephemeral", {}).get("events", []):
            if event["type"] == "m.receipt":
                for event_id, receipts in event["content"].items():
                    for user in receipts.get("m.read", {}):
                        seen.receipts[user] = event_id

    def take_events(self, seen, events):
        for event in events:
            if event["event_id"] in seen.known:
                raise Wrong(f"{self.name} was shown {event['event_id']} twice")
            seen.known.add(event["event_id"])
            seen.timeline.append(event["event_id"])

    def fill_gap(self, room_id, seen, token):
        """The events between the last known one and the token, oldest first."""
        missing = []
        while True:
            _, page, _ = self.client.ask("GET", f"/rooms/{quote(room_id)}/messages", dir="b", limit=100, **{"from": token})
            for event in page["chunk"]:
                if event["event_id"] in seen.known:
                    return missing[::-1]
                missing.append(event)
            if "end" not in page:
                return missing[::-1]
            token = page["end"]

# SPDX-License-Identifier: Apache-2.0
"""What the clients of the crash test do, and what each of them notes of the answers."""
import threading
import time

from crash.client import Client, quote


class Record:
    """What the server has acknowledged to one sender."""

    def __init__(self):
        self.sent = []       # (room, event id, text, tries), in the order of the answers
        self.redacted = []   # (room, redaction's event id, target's event id)
        self.state = []      # (room, event id, state key, text, tries)
        self.to_device = []  # (recipient, text)
        self.receipts = {}   # room -> event id
        self.data = None
        self.made = []       # (room id, name)
        self.claimed = []    # names of one-time keys
        self.members = {}    # room -> membership


class Sender(threading.Thread):
    """Sends until it is told to stop; what it has begun it finishes, however long the server is away."""

    def __init__(self, name, server, user, rng, rooms, recipients, stop):
        """recipients: user ids and their devices."""
        super().__init__(name=name)
        self.client = Client(server, user, rng)
        self.client.hurry = 0.05
        self.rng = rng
        self.rooms = rooms
        self.recipients = recipients
        self.stop = stop
        self.record = Record()
        self.count = 0
        self.failure = None

    def run(self):
        acts = [(self.say, 60), (self.redact, 8), (self.set_state, 8), (self.to_device, 12), (self.receipt, 6),
                (self.account_data, 3), (self.make_room, 1), (self.claim, 4)]
        try:
            while not self.stop.is_set():
                self.count += 1
                self.rng.choices([act for act, _ in acts], [weight for _, weight in acts])[0]()
                time.sleep(self.rng.uniform(0, 0.004))
        except Exception as failure:
            self.failure = failure
        finally:
            self.client.close()

    def text(self):
        return f"{self.name}.{self.count}"

    def say(self):
        room, text = self.rng.choice(self.rooms), self.text()
        path = f"/rooms/{quote(room)}/send/m.room.message/{text}"
        _, answer, tries = self.client.ask("PUT", path, {"msgtype": "m.text", "body": text})
        self.record.sent.append((room, answer["event_id"], text, tries))

    def redact(self):
        redacted = {target for _, _, target in self.record.redacted}
        targets = [(room, event) for room, event, _, _ in self.record.sent[-20:] if event not in redacted]
        if not targets:
            return
        room, event = self.rng.choice(targets)
        path = f"/rooms/{quote(room)}/redact/{quote(event)}/{self.text()}"
        _, answer, _ = self.client.ask("PUT", path, {"reason": self.text()})
        self.record.redacted.append((room, answer["event_id"], event))

    def set_state(self):
        """No transaction id: a repetition may make another event, which the record allows for."""
        room, key, text = self.rng.choice(self.rooms), f"k{self.rng.randrange(6)}", self.text()
        _, answer, tries = self.client.ask("PUT", f"/rooms/{quote(room)}/state/org.test.state/{key}", {"value": text})
        self.record.state.append((room, answer["event_id"], key, text, tries))

    def to_device(self):
        recipient, text = self.rng.choice(list(self.recipients)), self.text()
        body = {"messages": {recipient: {"*": {"text": text}}}}
        self.client.ask("PUT", f"/sendToDevice/org.test/{text}", body)
        self.record.to_device.append((recipient, text))

    def receipt(self):
        """Only ever forward: at an own event, the newest."""
        if self.record.sent:
            room, event, _, _ = self.record.sent[-1]
            self.client.ask("POST", f"/rooms/{quote(room)}/receipt/m.read/{quote(event)}", {})
            self.record.receipts[room] = event

    def account_data(self):
        text = self.text()
        self.client.ask("PUT", f"/user/{quote(self.client.id)}/account_data/org.test", {"value": text})
        self.record.data = text

    def make_room(self):
        """A room that nobody was told of may be there, but then it is there as a whole."""
        name = self.text()
        _, answer, _ = self.client.ask("POST", "/createRoom", {"name": name, "preset": "private_chat"})
        self.record.made.append((answer["room_id"], name))


    def claim(self):
        """A repetition takes another key, but nobody is ever given one that somebody else was given."""
        user = self.rng.choice(list(self.recipients))
        wanted = {"one_time_keys": {user: {self.recipients[user]: "signed_curve25519"}}}
        _, answer, _ = self.client.ask("POST", "/keys/claim", wanted)
        for keys in answer["one_time_keys"].get(user, {}).values():
            self.record.claimed += [(user, name) for name in keys]


class Mover(threading.Thread):
    """Joins and leaves."""

    def __init__(self, name, server, user, rng, rooms, stop):
        super().__init__(name=name)
        self.client = Client(server, user, rng)
        self.client.hurry = 0.05
        self.rng = rng
        self.rooms = rooms
        self.stop = stop
        self.record = Record()
        self.failure = None

    def run(self):
        try:
            while not self.stop.is_set():
                room = self.rng.choice(self.rooms)
                if self.record.members.get(room) == "join":
                    self.client.ask("POST", f"/rooms/{quote(room)}/leave", {}, also=(403,))
                    self.record.members[room] = "leave"
                else:
                    self.client.ask("POST", f"/rooms/{quote(room)}/join", {})
                    self.record.members[room] = "join"
                time.sleep(self.rng.uniform(0, 0.05))
        except Exception as failure:
            self.failure = failure
        finally:
            self.client.close()

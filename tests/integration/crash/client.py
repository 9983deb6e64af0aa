# SPDX-License-Identifier: Apache-2.0
"""A client that asks until it is answered, through lost connections, 503 and servers that are away."""
import http.client
import json
import random
import socket
import time
import urllib.parse


class Wrong(Exception):
    """What no crash excuses."""


def quote(text):
    return urllib.parse.quote(text, safe="")


class Client:
    """One user's one device, used by one thread. Every question is repeated until it is answered for good."""

    patience = 20  # seconds for one answer

    def __init__(self, server, user, rng=None):
        self.server = server
        self.id, self.token, self.device = user
        self.rng = rng or random.Random(0)
        self.connection = None
        self.statuses = {}
        self.hurry = 0  # the share of first tries that are given up after some milliseconds, as impatient clients do

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def once(self, method, path, body, seconds):
        """Status and body; None where no whole answer came."""
        try:
            if not self.connection or not self.connection.sock:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=seconds)
                self.connection.connect()
                self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connection.sock.settimeout(seconds)
            headers = {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"}
            self.connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self.connection.getresponse()
            raw = answer.read()
            return answer.status, json.loads(raw) if raw else None
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return None

    def ask(self, method, path, body=None, until=None, also=(), version="v3", **query):
        """The answer, with the number of tries; None once until() holds and no answer came.

        also: statuses that are answers where an earlier try may have been carried out.
        """
        path = f"/_matrix/client/{version}{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        deadline = time.monotonic() + 120
        tries = 0
        while True:
            hurried = tries == 0 and self.rng.random() < self.hurry
            answer = self.once(method, path, body, self.rng.uniform(0.001, 0.02) if hurried else self.patience)
            tries += 1
            if answer:
                status, answered = answer
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status == 200 or (status in also and tries > 1):
                    return status, answered, tries
                if status not in (503, 429):
                    raise Wrong(f"{method} {path} by {self.id}: {status} {answered} at try {tries}")
            if until and until():
                return None
            if time.monotonic() > deadline:
                raise Wrong(f"{method} {path} by {self.id}: no answer for two minutes, {tries} tries, last {answer}")
            time.sleep(self.rng.uniform(0.01, 0.05))

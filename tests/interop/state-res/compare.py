"""Compares hearth's event auth and state resolution with Synapse's on random rooms.

usage: compare.py DRIVER [--rooms N] [--seed N] [--events N]
"""

import argparse
import collections
import json
import subprocess
import sys
import time

import explained
import generate
import reference


class Driver:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the driver died on: " + json.dumps(question)[:2000])
        answer = json.loads(line)
        if "error" in answer:
            raise SystemExit(f"the driver refused: {answer['error']}: " + json.dumps(question)[:2000])
        return answer


class Comparison:
    def __init__(self, driver):
        self.driver = driver
        self.counts = collections.Counter()
        self.differences = []

    def differ(self, seed, what, detail):
        self.counts["disagreements"] += 1
        if len(self.differences) < 20:
            self.differences.append(f"seed {seed}: {what}: {detail}")

    def verdicts(self, seed, room, what, asked, answered):
        for (pdu, _, theirs), ours in zip(asked, answered, strict=True):
            self.counts[what] += 1
            self.counts[what + " refused"] += theirs != ""
            if (theirs == "") == (ours == ""):
                continue
            reason = explained.why(room, pdu, ours, theirs)
            if reason:
                self.counts["explained: " + reason] += 1
            else:
                self.differ(seed, what, f"v{room.version} ours {ours!r} theirs {theirs!r} {json.dumps(pdu)}")

    def states(self, seed, room, asked, answered):
        for (states, theirs), ours in zip(asked, answered, strict=True):
            self.counts["resolutions"] += 1
            ours = {(kind, key): event_id for kind, key, event_id in ours or []}
            if ours == theirs:
                continue
            wrong = {k: (ours.get(k), theirs.get(k)) for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)}
            self.differ(seed, "resolution", f"v{room.version} (ours, theirs): {wrong}")

    def question(self, room, resolutions, **more):
        sets = [[[[k, s, room.index[i]] for (k, s), i in state.items()] for state in states] for states, _ in resolutions]
        return {"version": room.version, "events": room.pdus, "resolutions": sets, **more}

    def compare(self, seed, events):
        room = generate.room(seed, events)
        invented = [room.invent_resolution(room.events) for _ in range(3)]
        resolutions = room.resolutions + invented
        answer = self.driver.ask(self.question(
            room, resolutions,
            checks=[{"event": pdu, "state": state} for pdu, state, _ in room.checks],
            citations=[{"event": pdu, "cited": cited} for pdu, cited, _ in room.citations]))
        self.counts["rooms"] += 1
        self.counts["events"] += len(room.pdus)
        if answer["ids"] != list(room.events):
            self.differ(seed, "event ids", "")
        self.verdicts(seed, room, "verdicts", room.checks, answer["checks"])
        self.verdicts(seed, room, "citation verdicts", room.citations, answer["citations"])
        self.states(seed, room, resolutions, answer["resolutions"])
        self.compare_rejected(seed, room)

    def compare_rejected(self, seed, room):
        """The same graph, where some events turned out to be rejected."""
        ids = list(room.events)
        rejected = room.rng.sample(ids[1:], len(ids) // 6)
        events = {i: reference.event(room.version, room.pdus[room.index[i]], "rejected" if i in rejected else None) for i in ids}
        resolutions = [room.invent_resolution(events)] if room.number >= 2 else []
        citations = []
        for i in room.rng.sample(ids[1:], min(8, len(ids) - 1)):
            cited = [a for a in room.events[i].auth_event_ids() if room.number < 12 or a != ids[0]]
            verdict = reference.allows_citations(room.events[i], events)
            citations.append((room.pdus[room.index[i]], [room.index[a] for a in cited], verdict))
        answer = self.driver.ask(self.question(
            room, resolutions, rejected=[room.index[i] for i in rejected],
            citations=[{"event": pdu, "cited": cited} for pdu, cited, _ in citations]))
        self.verdicts(seed, room, "citation verdicts", citations, answer["citations"])
        self.states(seed, room, resolutions, answer["resolutions"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--rooms", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--events", type=int, default=30)
    args = parser.parse_args()
    comparison = Comparison(Driver(args.driver))
    start = time.monotonic()
    for seed in range(args.seed, args.seed + args.rooms):
        comparison.compare(seed, args.events)
    print(f"{time.monotonic() - start:.0f} s")
    for name, count in sorted(comparison.counts.items()):
        print(f"{count:8d}  {name}")
    for difference in comparison.differences:
        print(difference)
    sys.exit(1 if comparison.differences else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""/metrics and docs/admin/metrics.md name the same metrics, with the same kinds and labels; the numbers count what happened."""
import os
import re

import hearth
from people import Person, equal, refused, run
from process import process

SAMPLE = re.compile(r'([a-z_:]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+)\})? (-?[0-9.e+-]+|\+Inf|NaN)')


def parse(text):
    """Names to their kind and the set of their own labels; samples to values. Every line must be of Prometheus' form."""
    kinds, labels, values = {}, {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            assert line.split(" ", 3)[3], line
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds, f"{name} comes twice"
            kinds[name] = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            own = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', found.group(2) or ""))
            name = re.sub("_(bucket|sum|count)$", "", found.group(1)) if found.group(1) not in kinds else found.group(1)
            assert name in kinds, f"{name} has no TYPE"
            labels.setdefault(name, set()).update(own.keys() - {"plugin", "le"})
            values[found.group(1), *sorted(value for key, value in own.items())] = float(found.group(3))
    return kinds, labels, values


def documented():
    with open(os.path.join(hearth.TOP, "docs/admin/metrics.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (?:`(\w+)`)? *\|", file.read(), re.M)
    return {name: (kind, {label} if label else set()) for name, kind, label in rows}


def test_the_page_and_the_process_agree(s):
    alice = Person(s, "metrics")
    room = alice.create()
    listener = {"port": s.port, "bind_addresses": ["127.0.0.1"], "type": "http",
                "resources": [{"names": ["client", "metrics"]}]}
    settings = {"listeners": [listener], "plugin_path": os.path.join(hearth.BUILD, "tests/plugins"),
                "plugins": ["accounts", "admin", "rooms", "sync", "ephemeral", "push", "encryption", "mishap"]}
    with process(s, settings):
        for text in ("one", "two", "stall"):
            alice.say(room, text, text)
        alice.sync()
        refused(alice.call("GET", "/rooms/!none:example.com/state"), 403, "M_FORBIDDEN")
        kinds, labels, values = parse(s.request("GET", "/metrics", parse=False)[1].decode())
        again = s.request("GET", "/_synapse/metrics", parse=False)[1].decode()
    page = documented()
    equal({name: kind for name, kind in kinds.items()}, {name: kind for name, (kind, _) in page.items()})
    for name, found in labels.items():
        equal((name, found), (name, page[name][1]))
    equal(parse(again)[0], kinds)
    equal(values["hearth_persisted_events_total", "rooms"], 3)
    equal(values["hearth_http_responses_total", "2xx", "rooms"], 3)
    equal(values["hearth_http_responses_total", "4xx", "rooms"], 1)
    equal(values["hearth_http_request_seconds_count", "GET /_matrix/client/v3/sync", "sync"], 1)
    equal(values["hearth_loop_stalls_total", "event.check_spam", "mishap"], 1)
    assert 1 <= values["hearth_db_connections", "host"] <= 20
    assert values["process_resident_memory_bytes",] > 1e6
    assert 5 < values["process_open_fds",] < values["process_max_fds",]


def test_only_where_it_is_wanted(s):
    listener = {"port": s.port, "bind_addresses": ["127.0.0.1"], "type": "http",
                "resources": [{"names": ["client", "federation"]}]}
    with process(s, {"listeners": [listener]}):
        for path in ("/metrics", "/_synapse/metrics"):
            equal(s.request("GET", path, parse=False)[0], 404)


run(globals())

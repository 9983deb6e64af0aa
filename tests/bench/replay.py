# SPDX-License-Identifier: Apache-2.0
"""The raw limit: what PostgreSQL alone can do with the rows that Hearth writes.

Some events are sent while PostgreSQL logs every statement. Their rows are then written once more, by libpq alone, into a
copy of the database as it was before: as plain INSERTs of the very rows with a plain UPDATE of their room, one commit for
each event or for 64 of them, and as the server's own statements.
"""
import os
import re
import statistics
import time

from measure import Window

EVENTS = "events"  # a transaction that writes here is one of an event
GROUP = 64
GROUP_LANES = 2
WARM = {"single": 10, "group": 6, "statements": 10}
STATEMENT = re.compile(r"^(\d+) LOG:  execute [^:]*: (.*)$")
PARAMETERS = re.compile(r"^(\d+) DETAIL:  parameters: (.*)$")
PARAMETER = re.compile(r"\$\d+ = (?:NULL|'((?:[^']|'')*)')")
WRITES = re.compile(r"^(INSERT|UPDATE|DELETE|WITH)\b")
INSERTS = re.compile(r"\bINSERT INTO (\w+)")
UPDATES = re.compile(r"\bUPDATE (\w+) SET\b")
NULL = "\\N"


def escape(text):
    """As COPY writes it, and the driver reads it."""
    return (text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r"))


def parameters(text):
    return [NULL if match.group(1) is None else escape(match.group(1).replace("''", "'"))
            for match in PARAMETER.finditer(text)]


def transactions_of(log):
    """The writing statements, (sql, parameters), of each logged transaction that wrote an event, as they committed."""
    open_now, found = {}, []
    for line in log:
        if match := STATEMENT.match(line):
            pid, sql = match.groups()
            if sql == "BEGIN":
                open_now[pid] = []
            elif sql == "COMMIT":
                done = open_now.pop(pid, [])
                if any(sql.startswith(f"INSERT INTO {EVENTS} ") for sql, _ in done):
                    found.append(done)
            elif pid in open_now:
                open_now[pid].append((sql, []))
        elif (match := PARAMETERS.match(line)) and open_now.get(match.group(1)):
            open_now[match.group(1)][-1][1].extend(parameters(match.group(2)))
    return [[call for call in done if WRITES.match(call[0])] for done in found]


class Script:
    """The driver's input: statements, and each connection's transactions."""

    def __init__(self):
        self.numbers = {}
        self.lanes = []

    def number(self, sql):
        return self.numbers.setdefault(sql, len(self.numbers))

    def lane(self):
        self.lanes.append([])

    def add(self, events, calls):
        self.lanes[-1].append(f"T {events}")
        self.lanes[-1].extend("\t".join([f"X {self.number(sql)}", *values]) for sql, values in calls)

    def length(self):
        """The transactions of the shortest list."""
        return min(sum(line.startswith("T ") for line in lane) for lane in self.lanes)

    def text(self):
        lines = ["S " + escape(sql) for sql in self.numbers]
        for lane in self.lanes:
            lines.extend(["L", *lane])
        return "\n".join(lines) + "\n"


class Captured:
    """One transaction for each event: its statements, and the rows that they left."""

    def __init__(self, cluster, since_xid, transactions):
        self.cluster = cluster
        self.transactions = transactions
        statements = {sql for done in transactions for sql, _ in done}
        tables = sorted({table for sql in statements for table in INSERTS.findall(sql)})
        updated = {table for sql in statements for table in UPDATES.findall(sql)}
        if updated != {"rooms"}:
            raise RuntimeError(f"an event updates {', '.join(updated)}; update() below knows of rooms alone")
        self.columns = {table: self.columns_of(table) for table in tables}
        rows = {table: self.rows_of(table, since_xid) for table in tables}
        # Sent one after the other, so the order of their numbers is the order of their commits.
        self.rows = [{table: rows[table].get(xid, []) for table in tables} for xid in sorted(rows[EVENTS], key=int)]
        if len(self.rows) != len(transactions):
            raise RuntimeError(f"{len(transactions)} transactions were logged, and {len(self.rows)} left an event")

    def columns_of(self, table):
        return self.cluster.sql(f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 "
                                "AND NOT attisdropped AND attgenerated = '' AND attidentity = '' ORDER BY attnum").split()

    def rows_of(self, table, since_xid):
        found = {}
        lines = self.cluster.sql(f"COPY (SELECT xmin, {', '.join(self.columns[table])} FROM {table} "
                                 f"WHERE xmin::text::bigint > {since_xid}) TO STDOUT").splitlines()
        for line in lines:
            xid, _, values = line.partition("\t")
            found.setdefault(xid, []).append(values)
        return found

    def insert(self, table, rows):
        columns = self.columns[table]
        holes = (", ".join(f"${row * len(columns) + i + 1}" for i in range(len(columns))) for row in range(len(rows)))
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES " + ", ".join(f"({part})" for part in holes), rows

    def update(self, rows):
        """The newest event of each room, as events rows name it."""
        at = [self.columns[EVENTS].index(name) for name in ("room", "stream_ordering", "number", "state_group")]
        newest = {}
        for row in rows:
            values = row.split("\t")
            newest[values[at[0]]] = [values[i] for i in at]
        holes = (", ".join(f"${row * 4 + i + 1}::bigint" for i in range(4)) for row in range(len(newest)))
        return ("UPDATE rooms SET last_ordering = v.ordering, extremities = ARRAY[v.event], state_group = v.state FROM (VALUES "
                + ", ".join(f"({part})" for part in holes) + ") AS v(room, ordering, event, state) WHERE number = v.room",
                [value for values in newest.values() for value in values])

    def as_rows(self, numbers):
        """The rows of these transactions, plainly written by one."""
        calls = []
        for table in self.columns:
            rows = [row for number in numbers for row in self.rows[number][table]]
            if rows:
                calls.append(self.insert(table, rows))
        return calls + [self.update([row for number in numbers for row in self.rows[number][EVENTS]])]


def capture(bench):
    """Events of all senders, one after the other, on a database of which a copy is kept."""
    server, cluster, each = bench.server, bench.server.cluster, bench.size.replayed
    server.stop()
    cluster.copy("hearth", "bench_before")
    server.start()
    start = os.path.getsize(cluster.log)
    since_xid = int(cluster.sql("SELECT txid_current()"))
    cluster.sql("ALTER SYSTEM SET log_line_prefix = '%p '", "ALTER SYSTEM SET log_statement = 'all'",
                "SELECT pg_reload_conf()")
    time.sleep(0.5)
    bench.driver.http(server.url, bench.send_jobs(len(bench.senders)), connections=1, each=each)
    cluster.sql("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")
    server.stop()
    with open(cluster.log, encoding="utf-8") as log:
        log.seek(start)
        transactions = transactions_of(log)
    if len(transactions) != len(bench.senders) * each:
        raise RuntimeError(f"{len(bench.senders) * each} events were sent, and {len(transactions)} transactions logged")
    return Captured(cluster, since_xid, transactions)


def scripts(captured, lanes, each):
    """By name; each has a list of transactions for every connection."""
    rows, statements, groups = Script(), Script(), Script()
    for lane in range(lanes):
        rows.lane()
        statements.lane()
        for number in range(lane * each, (lane + 1) * each):
            rows.add(1, captured.as_rows([number]))
            statements.add(1, captured.transactions[number])
    share = max(1, lanes // GROUP_LANES)
    step = max(1, min(each // 8, GROUP // share))
    for first in range(0, lanes, share):
        groups.lane()
        for at in range(0, each - step + 1, step):
            numbers = [lane * each + at + i for i in range(step) for lane in range(first, min(lanes, first + share))]
            groups.add(len(numbers), captured.as_rows(numbers))
    return {"single": rows, "group": groups, "statements": statements}


def raw_limit(bench):
    bench.say("the raw limit: capturing")
    captured = capture(bench)
    cluster = bench.server.cluster
    figures = {}
    for name, script in scripts(captured, len(bench.senders), bench.size.replayed).items():
        bench.say(f"the raw limit: {name}")
        path = bench.driver.write(name, script.text())
        warm = min(WARM[name], script.length() // 4)
        rates, latencies, seconds, events = [], [], 0.0, 0
        for _ in range(bench.size.replays):
            cluster.copy("bench_before", "bench_replay")
            with bench.undisturbed():
                result, window = bench.driver.replay(cluster.conninfo("bench_replay"), path, warm, {"postgres": cluster.pid})
            rates.append(result["good"] / result["seconds"])
            latencies.append((result["p50_ms"], result["p99_ms"]))
            seconds += window["postgres"]
            events += result["good"]
        figures[name] = {"per_second": statistics.median(rates), "postgres_ms": seconds * 1e3 / events,
                         "p50_ms": statistics.median(p50 for p50, _ in latencies),
                         "p99_ms": statistics.median(p99 for _, p99 in latencies)}
    return figures

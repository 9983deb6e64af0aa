# SPDX-License-Identifier: Apache-2.0
"""The figures as tables, the ratios of two servers, and the goals that --check holds them to."""

MISSING = "-"


def number(value, digits=3):
    if value is None:
        return MISSING
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if value < 10 else f"{value:.1f}"


def table(title, head, rows):
    """A text table: the first column to the left, figures to the right."""
    lines = [[title, *head]] + [[row[0], *(cell if isinstance(cell, str) else number(cell) for cell in row[1:])]
                                for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = []
    for line in lines:
        cells = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        text.append("  ".join(cells))
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def slowest(starts):
    times = [start["ready"] or start["health"] for start in starts or []]
    return max(times) if times else None


def cost_row(name, figures, rate=None):
    return [name, rate, figures["p50_ms"], figures["p99_ms"], figures.get("server_ms"), figures.get("postgres_ms")]


def of_server(figures):
    """The tables of one server."""
    rows = [cost_row(f"send, {count} at once", sends, sends["per_second"]) for count, sends in figures["sends"].items()]
    sync = figures["initial_sync"]
    rows += [cost_row(f"initial sync of {sync['rooms']} rooms, {how}", sync[how]) for how in ("cold", "warm")]
    tables = [table(figures["name"], ["per second", "p50 ms", "p99 ms", "server CPU ms", "PostgreSQL CPU ms"], rows)]
    idle = figures["idle"]
    rest = idle["resting_ms_per_second"]
    rows = [["process after its start, MB", idle.get("process_mb")],
            ["of that its own alone, MB", idle.get("process_private_mb")],
            [f"{idle['count']} idle syncs, MB above", idle.get("above_mb")],
            ["of them answered early", idle["answered"]],
            ["their server CPU, ms in a second", rest.get("server")],
            ["start on an existing database, slowest, s", slowest(figures.get("starts"))]]
    tables.append(table(figures["name"], [""], rows))
    return tables


def of_raw(raw):
    names = {"single": "rows, one commit for each event", "group": "rows, one commit for 64 events",
             "statements": "the server's statements, one commit each"}
    return table("PostgreSQL alone", ["events/s", "p50 ms", "p99 ms", "PostgreSQL CPU ms"],
                 [[names[name], part["per_second"], part["p50_ms"], part["p99_ms"], part["postgres_ms"]]
                  for name, part in raw.items()])


def quotient(over, under):
    return over / under if over is not None and under else None


def ratios(one, other):
    """How many times the one server's CPU the other one spends: (what, server, PostgreSQL)."""
    pairs = [(f"send, {count} at once", one["sends"][count], other["sends"][count]) for count in one["sends"]
             if count in other["sends"]]
    pairs += [(f"initial sync, {how}", one["initial_sync"][how], other["initial_sync"][how]) for how in ("cold", "warm")]
    return [(what, quotient(theirs.get("server_ms"), ours.get("server_ms")),
             quotient(theirs.get("postgres_ms"), ours.get("postgres_ms"))) for what, ours, theirs in pairs]


def goals(results):
    """(what, found, comparison, wanted) of everything that this run can tell."""
    ours, raw = results["servers"][0], results.get("raw")
    most = max(ours["sends"])
    found = []
    if raw:
        found.append((f"sends at {most} senders / raw single commits",
                      ours["sends"][most]["per_second"] / raw["single"]["per_second"], ">=", 0.5))
        for name, words in (("single", "singly"), ("group", "in groups of 64")):
            found.append((f"PostgreSQL CPU of an event / of raw rows {words}",
                          ours["sends"][most]["postgres_ms"] / raw[name]["postgres_ms"], "<=", 3))
    idle = ours["idle"]
    if "above_mb" in idle:
        found += [(f"of {idle['count']} idle syncs answered early", idle["answered"], "<=", 0),
                  (f"MB of {idle['count']} idle syncs", idle["above_mb"], "<", 40),
                  ("MB of an idle process", idle["process_mb"], "<", 25)]
    sync = ours["initial_sync"]
    if "server_ms" in sync["cold"]:
        found += [(f"server CPU ms of an initial sync of {sync['rooms']} rooms, {how}", sync[how]["server_ms"], "<", 150)
                  for how in ("cold", "warm")]
    if ours.get("starts"):
        found.append(("s until ready on an existing database", slowest(ours["starts"]), "<", 0.3))
    for other in results["servers"][1:]:
        for what, server, postgres in ratios(ours, other):
            if server:
                found.append((f"{other['name']}'s server CPU, {what}", server, ">=", 30))
            if postgres:
                found.append((f"{other['name']}'s PostgreSQL CPU, {what}", postgres, ">=", 10))
    return found


def met(goal):
    _, found, comparison, wanted = goal
    return {">=": found >= wanted, "<=": found <= wanted, "<": found < wanted}[comparison]


def text(results, with_goals):
    parts = [part for figures in results["servers"] for part in of_server(figures)]
    if results.get("raw"):
        parts.append(of_raw(results["raw"]))
    for other in results["servers"][1:]:
        parts.append(table(f"{other['name']} / {results['servers'][0]['name']}", ["server CPU", "PostgreSQL CPU"],
                           ratios(results["servers"][0], other)))
    if with_goals and results["servers"][0]["name"] == "hearth":
        parts.append(table("goal", ["found", "wanted", ""],
                           [[goal[0], goal[1], f"{goal[2]} {goal[3]}", "met" if met(goal) else "MISSED"]
                            for goal in goals(results)]))
    return "\n\n".join(parts)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# slow
"""Leases: one process a name, one writer a stream, whatever dies or hangs."""
import os
import signal
import subprocess
import tempfile
import time

import hearth
from people import equal, good, refused, run


def other(s, **settings):
    """A second process on the server's database; not started."""
    folder = tempfile.mkdtemp(prefix="hearth-other-")
    server = hearth.Server(folder, s.postgres, None, settings)
    return server


def until(true, seconds=20):
    deadline = time.time() + seconds
    while not true():
        assert time.time() < deadline, "it does not come about"
        time.sleep(0.1)


def last_line(server):
    """Starts what must refuse; returns its last words."""
    done = subprocess.run([os.path.join(hearth.BUILD, "bin/hearthd"), "-c", server.config], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 1, done
    return done.stderr.strip().split("\n")[-1]


def test_ready_follows_the_database(s):
    well = {"process": "ok", "database": "ok", "leases": "ok", "ready": True}
    equal(s.request("GET", "/ready"), (200, well))
    equal(s.request("GET", "/live", parse=False), (200, b"OK"))
    folder = os.path.dirname(s.config)
    testenv = os.path.join(hearth.TOP, "tools/testenv")
    subprocess.run([testenv, "kill", folder], check=True)
    until(lambda: s.request("GET", "/ready")[0] == 503)
    time.sleep(4)  # leases run out unrenewed
    ill = s.request("GET", "/ready")[1]
    equal((ill["ready"], ill["process"]), (False, "ok"))
    assert ill["database"] != "ok" and ill["leases"] != "ok", ill
    equal(s.request("GET", "/live", parse=False), (200, b"OK"))
    subprocess.run([testenv, "restart", folder], check=True)
    until(lambda: s.request("GET", "/ready") == (200, well))


def test_a_name_is_taken_once(s):
    line = last_line(other(s))
    assert "another hearthd of this name serves this database" in line, line
    assert f"instance 'master' (process {s.process.pid} on " in line, line


def test_a_stream_has_one_writer(s):
    line = last_line(other(s, worker_name="second"))
    assert "'stream." in line and f"is the duty of instance 'master' (process {s.process.pid} on " in line, line


def test_restarts_do_not_wait(s):
    for sig in (signal.SIGTERM, signal.SIGKILL):
        began = time.time()
        s.restart(sig)
        assert time.time() - began < 3, f"{time.time() - began:.1f} s after {sig}"


def test_a_lost_lease_stops_a_transaction(s):
    """The next write after a lease has gone, long before the holder can hear of it."""
    _, token, _ = s.register("robbed")
    room = good(s.client("POST", "/createRoom", {}, token))["room_id"]
    path = f"/rooms/{room}/send/m.room.message/"
    before = good(s.client("PUT", path + "1", {"body": "before"}, token))["event_id"]
    sql = "UPDATE hearth_leases SET token = token + 1 WHERE name = 'stream.events'"
    subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", sql, s.postgres], check=True)
    refused(s.client("PUT", path + "2", {"body": "after"}, token), 503, "M_UNKNOWN")
    equal(s.process.wait(timeout=30), 1)
    s.process = None
    s.start()
    equal(good(s.client("GET", f"/rooms/{room}/messages", token=token, dir="b"))["chunk"][0]["event_id"], before)
    good(s.client("PUT", path + "2", {"body": "after"}, token))


def test_a_lost_job_leaves_its_process_ready(s):
    """It waits for its duty again, at once and not when it would have run next, which may be tomorrow."""
    of_jobs = "FROM hearth_leases WHERE name LIKE 'job.%'"
    tokens = int(s.sql(f"SELECT sum(token) {of_jobs}"))
    s.sql("UPDATE hearth_leases SET token = token + 1 WHERE name LIKE 'job.%'")
    until(lambda: "lost 'job." in s.log_text(), 5)
    time.sleep(0.5)
    equal(s.request("GET", "/ready")[0], 200)
    jobs = int(s.sql(f"SELECT count(*) {of_jobs}"))
    assert jobs > 1, jobs
    until(lambda: int(s.sql(f"SELECT sum(token) {of_jobs}")) == tokens + 2 * jobs, 10)
    equal(s.request("GET", "/ready")[0], 200)


def test_who_slept_cannot_write(s):
    """A stopped process loses its leases; what it then writes fails, and it ends."""
    _, token, _ = s.register("sleeper")
    room = good(s.client("POST", "/createRoom", {}, token))["room_id"]
    heir = other(s)
    os.kill(s.process.pid, signal.SIGSTOP)
    try:
        began = time.time()
        heir.start()  # the holder lives, so its leases have to run out
        assert time.time() - began < 8
        sent = good(heir.client("PUT", f"/rooms/{room}/send/m.room.message/heir", {"body": "heir"}, token))["event_id"]
    finally:
        os.kill(s.process.pid, signal.SIGCONT)
    status, answer = None, None
    try:
        status, answer = s.client("PUT", f"/rooms/{room}/send/m.room.message/late", {"body": "late"}, token)
    except OSError:
        pass  # it has ended by now
    assert status in (None, 503), (status, answer)
    equal(s.process.wait(timeout=30), 1)
    history = good(heir.client("GET", f"/rooms/{room}/messages", token=token, dir="b"))["chunk"]
    equal(history[0]["event_id"], sent)
    heir.stop()
    s.process = None
    s.start()


if __name__ == "__main__":
    run(globals())

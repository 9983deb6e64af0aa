#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# slow
"""An end while the database hangs: a commit cannot be unwound, and must not go on once what it uses is gone."""
import contextlib
import signal
import time

from people import Person, equal, quote, run
from process import Wire, process


@contextlib.contextmanager
def commits_hang(s, seconds):
    """Whoever stores an event waits at its commit."""
    s.sql(f"CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS"
          f" 'BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END'")
    s.sql("CREATE CONSTRAINT TRIGGER hang AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED"
          " FOR EACH ROW EXECUTE FUNCTION hang()")
    try:
        yield
    finally:
        s.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
              " AND datname = current_database()")
        s.sql("DROP TRIGGER hang ON events")
        s.sql("DROP FUNCTION hang")


def test_a_commit_that_hangs(s):
    alice = Person(s, "hanging")
    room = alice.create()
    path = f"/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/hangs"
    with process(s) as p, commits_hang(s, 40):
        wire = Wire(s.port)
        wire.ask("PUT", path, {"body": "hangs", "msgtype": "m.text"}, alice.token)
        time.sleep(0.5)
        p.signal(signal.SIGTERM)
        equal((p.ended(30), p.text() if "Sanitizer" in p.text() else ""), (0, ""))
        assert "task 'rooms.persist' has been running for" in p.text(), p.text()[-2000:]
        assert "did not end and are cut off" in p.text(), p.text()[-2000:]


if __name__ == "__main__":
    run(globals())

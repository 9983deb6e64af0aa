# SPDX-License-Identifier: Apache-2.0
"""What processes cost: CPU seconds and memory, from the kernel's own accounts."""
import contextlib
import os
import time

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """Fields of /proc/PID/stat from the third (state) on; None where the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def _own_cpu(pid):
    # The clock id of another process's CPU clock, as clock_getcpuclockid() makes it: nanoseconds where stat has ticks.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def tree(pid):
    """The process and everything below it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat(name)):
            parents.setdefault(int(fields[1]), []).append(int(name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting.extend(parents.get(found[-1], []))
    return found


def cpu(pid):
    """CPU seconds of the process and everything below it, those that have ended included."""
    total = 0.0
    for member in tree(pid):
        total += _own_cpu(member)
        if fields := _stat(member):
            total += (int(fields[13]) + int(fields[14])) / TICKS
    return total


def memory(pid):
    """Resident bytes of the process and everything below it, and the part of them that is shared with nobody."""
    resident = private = 0
    for member in tree(pid):
        try:
            with open(f"/proc/{member}/smaps_rollup", encoding="ascii") as file:
                for line in file:
                    if line.startswith("Rss:"):
                        resident += int(line.split()[1]) * 1024
                    elif line.startswith("Private_"):
                        private += int(line.split()[1]) * 1024
        except OSError:
            pass
    return {"rss": resident, "private": private}


class Window:
    """CPU seconds of some processes between start and end: Window({"server": pid, ...})."""

    def __init__(self, pids):
        self.pids = {name: pid for name, pid in pids.items() if pid}
        self.before = {name: cpu(pid) for name, pid in self.pids.items()}

    def end(self):
        return {name: max(0.0, cpu(pid) - self.before[name]) for name, pid in self.pids.items()}


def _schedule(pids, policy, priority):
    for pid in pids:
        for member in tree(pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                for thread in os.listdir(f"/proc/{member}/task"):
                    os.sched_setscheduler(int(thread), policy, os.sched_param(priority))


@contextlib.contextmanager
def undisturbed(pids, wanted=True):
    """These processes, and what they start meanwhile, come before all other jobs of the machine (needs root)."""
    if not wanted:
        yield
        return
    _schedule(pids, os.SCHED_RR, 1)
    try:
        yield
    finally:
        _schedule(pids, os.SCHED_OTHER, 0)

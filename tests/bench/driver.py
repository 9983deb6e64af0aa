# SPDX-License-Identifier: Apache-2.0
"""hearth-bench, the program that makes the load (tests/bench/driver)."""
import json
import os
import subprocess
import tempfile

from cluster import TOP
from measure import Window


class Driver:
    def __init__(self, build):
        subprocess.run(["cmake", "--build", os.path.join(TOP, build), "--target", "hearth-bench"], check=True,
                       stdout=subprocess.DEVNULL)
        self.program = os.path.join(TOP, build, "tests/hearth-bench")
        self.files = tempfile.TemporaryDirectory(prefix="hearth-bench-jobs-")

    def finish(self):
        self.files.cleanup()

    def write(self, name, text):
        path = os.path.join(self.files.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def _jobs(self, jobs):
        lines = ("\t".join((method, target, token, "" if body is None else json.dumps(body)))
                 for method, target, token, body in jobs)
        return self.write("jobs", "\n".join(lines))

    def http(self, url, jobs, connections, each=1, seconds=0):
        """Does the jobs, (method, target, token, body) each; every one of them must succeed."""
        command = [self.program, "http", url, "--input", self._jobs(jobs), "--connections", str(connections), "--each",
                   str(each), "--seconds", str(seconds)]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        result = json.loads(run.stdout)
        if result["bad"]:
            raise RuntimeError(run.stderr.strip())
        return result

    def answers(self, url, jobs, connections):
        """The bodies of the answers, in the order of the jobs."""
        path = os.path.join(self.files.name, "bodies")
        command = [self.program, "http", url, "--input", self._jobs(jobs), "--connections", str(connections), "--bodies", path]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = {}
        with open(path, encoding="utf-8") as file:
            for line in file:
                job, status, body = line.rstrip("\n").split("\t", 2)
                if status != "200":
                    raise RuntimeError(f"{jobs[int(job)][:2]} answers {status} {body[:400]}")
                found[int(job)] = json.loads(body)
        return [found[i] for i in range(len(jobs))]

    def hold(self, url, jobs):
        """Has all requests open at once; returns when they are. The caller ends it with release()."""
        command = [self.program, "http", url, "--input", self._jobs(jobs), "--connections", str(len(jobs)), "--hold"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "open\n":
            raise RuntimeError("the long polls do not open")
        return process

    @staticmethod
    def release(process):
        output, _ = process.communicate("")
        return json.loads(output)

    def replay(self, conninfo, transactions, warm, pids):
        """Runs what replay.py wrote: its figures, and the CPU seconds of the processes meanwhile."""
        command = [self.program, "replay", conninfo, "--input", transactions, "--warm", str(warm)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("PostgreSQL does not take the rows")
        window = Window(pids)
        process.stdin.write("\n")
        process.stdin.flush()
        result = process.stdout.readline()
        seconds = window.end()
        process.communicate("")
        if process.returncode or not result:
            raise RuntimeError("PostgreSQL does not take the rows")
        return json.loads(result), seconds

# SPDX-License-Identifier: Apache-2.0
"""The very first start, killed at a random moment: between any two migrations, and inside each."""
import json
import os
import random
import subprocess
import time

import hearth
from crash.client import Wrong


def psql(server, sql):
    subprocess.run(["psql", "-q", "-d", server.postgres, "-c", sql], check=True, stdout=subprocess.DEVNULL)


def program(config):
    return subprocess.Popen([os.path.join(hearth.BUILD, "bin/hearthd"), "-c", config], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)


def killed_first_starts(server, postgres, rng, times):
    """On a new database each; the server itself stands still meanwhile. A later start must find nothing to repair."""
    server.stop()
    with open(server.config, encoding="utf-8") as file:
        config = json.load(file)
    path = os.path.join(server.folder, "first.yaml")
    for i in range(times):
        psql(server, f"CREATE DATABASE first{i} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
        config["database"]["args"]["dbname"] = f"first{i}"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        for _ in range(rng.randrange(1, 4)):
            starting = program(path)
            time.sleep(rng.uniform(0.01, 0.2))
            if rng.random() < 0.3:
                postgres.kill()
                postgres.restart()
            starting.kill()
            starting.communicate()
        whole = program(path)
        try:
            starts(server, whole)
        finally:
            whole.terminate()
            said = whole.communicate()[1].decode(errors="replace")
        if whole.returncode != 0:
            raise Wrong(f"after first starts that were killed: exit code {whole.returncode}\n{said}")
    server.start()


def starts(server, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.register(f"first{random.randrange(1 << 30)}")
            return
        except OSError:
            time.sleep(0.05)
    raise Wrong(f"it does not start: {process.poll()}")

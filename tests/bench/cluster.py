# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL cluster for one measured server: tools/testenv, with the few things that a bench asks of it."""
import os
import shutil
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTENV = os.path.join(TOP, "tools/testenv")


class Cluster:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="hearth-bench-")
        try:
            self.connection = subprocess.run([TESTENV, "start", self.folder], check=True, capture_output=True,
                                             text=True).stdout.strip()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self.log = os.path.join(self.folder, "pg/log")
        with open(os.path.join(self.folder, "pg/data/postmaster.pid"), encoding="ascii") as file:
            self.pid = int(file.readline())

    def stop(self):
        subprocess.run([TESTENV, "stop", self.folder], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def args(self, database="hearth"):
        """As `database: args:` of a homeserver.yaml wants it."""
        return {**dict(part.split("=", 1) for part in self.connection.split()), "dbname": database}

    def conninfo(self, database="hearth"):
        return " ".join(f"{key}={value}" for key, value in self.args(database).items())

    def sql(self, *statements, database="hearth"):
        commands = [part for statement in statements for part in ("-c", statement)]
        return subprocess.run(["psql", self.conninfo(database), "-XAtq", "-v", "ON_ERROR_STOP=1", *commands], check=True,
                              capture_output=True, text=True).stdout

    def copy(self, source, target):
        """A database with the same content; nobody may be connected to the source."""
        self.sql(f"DROP DATABASE IF EXISTS {target}", f"CREATE DATABASE {target} TEMPLATE {source}", database="postgres")

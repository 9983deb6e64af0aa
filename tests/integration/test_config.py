#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Configurations: the bad ones are refused in one line and leave nothing behind, an admin's own one starts.

Each bad one goes to hearthd and, where it needs no server to be found out, to hearthctl check-config: exit code 1,
one line
with file and line that says what was expected and what to do, no file and no table made.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

import hearth
from people import equal

HEARTHD = os.path.join(hearth.BUILD, "bin/hearthd")
HEARTHCTL = os.path.join(hearth.BUILD, "bin/hearthctl")
TESTENV = os.path.join(hearth.TOP, "tools/testenv")
PLACE = r"\S*homeserver\.yaml:%s: "


class Folder:
    """A folder with a configuration, the files in it before and after."""

    def __init__(self, postgres):
        self.path = tempfile.mkdtemp(prefix="hearth-config-")
        self.postgres = dict(part.split("=", 1) for part in postgres.split())
        self.port = hearth.free_port()
        self.processes = []
        self.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        self.run([HEARTHD, "-c", self.write(self.base(), "first.yaml"), "--generate-keys"])
        os.remove(self.at("first.yaml"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.path)

    def at(self, name):
        return os.path.join(self.path, name)

    def base(self, without=(), **changed):
        keys = {
            "server_name": "example.com",
            "signing_key_path": "signing.key",
            "macaroon_secret_key": "secret",
            "registration_shared_secret": "secret",
            "listeners": [{"port": self.port, "type": "http", "bind_addresses": ["127.0.0.1"],
                           "resources": [{"names": ["client"]}]}],
            "database": {"name": "psycopg2", "args": self.postgres},
            "pid_file": "hearthd.pid",
            "log_file": "hearthd.log",
            "bcrypt_rounds": 4,
            **changed,
        }
        return "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items() if key not in without)

    def write(self, content, name="homeserver.yaml"):
        with open(self.at(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(self.at(name), 0o600)
        return self.at(name)

    def run(self, command, timeout=30):
        done = subprocess.run(command, cwd=self.path, capture_output=True, text=True, errors="replace", timeout=timeout)
        return done.returncode, done.stdout, done.stderr

    def files(self):
        return sorted(os.path.join(root, name)[len(self.path):] for root, _,
                      names in os.walk(self.path) for name in names)

    def sql(self, text, database=None):
        command = [psql(), "-h", self.postgres["host"], "-U", self.postgres["user"], "-d", database or
                   self.postgres["dbname"], "-qAt", "-v", "ON_ERROR_STOP=1", "-c", text]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    def tables(self):
        return self.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")

    def refused(self, expected, content=None, paths=None, check=True, **changed):
        """hearthd and check-config refuse it in one line that matches, and nothing is made."""
        if paths is None:
            paths = [self.write(self.base(**changed) if content is None else content)]
        files, tables = self.files(), self.tables()
        options = [word for path in paths for word in ("-c", path)]
        code, out, said = self.run([HEARTHD, *options])
        what = f"{paths} {changed or (content or '')[:80]!r}: hearthd ended with {code} and said {out + said!r}"
        noise = "kept the event loop for", "makecontext/swapcontext"  # on a busy machine; of the address sanitizer
        lines = [line for line in said.strip().split("\n") if not any(word in line for word in noise)]
        right = code == 1 and not out and len(lines) == 1 and re.match("hearthd: " + expected, lines[0])
        assert right, f"{what}, not {expected!r}"
        if check:
            code, out, said = self.run([HEARTHCTL, "check-config", *paths])
            errors = [line for line in out.split("\n") if line.startswith("error: ")]
            what = f"check-config ended with {code} and said {out + said!r}"
            right = code == 1 and errors and re.match("error: " + expected, errors[0])
            assert right, f"{what}, not {expected!r}"
        equal((self.files(), self.tables()), (files, tables))

    def start(self, *paths, env=None):
        """A running hearthd: what it has said until it is ready; the process ends with the folder."""
        options = [word for path in paths for word in ("-c", path)]
        with open(self.at("said"), "wb") as file:
            process = subprocess.Popen([HEARTHD, *options], cwd=self.path, stdout=file, stderr=file,
                                       env={**os.environ, **(env or {})})
        self.processes.append(process)
        for _ in range(600):
            assert process.poll() is None, self.said()
            with contextlib.suppress(OSError):
                self.answer()
                return process
            time.sleep(0.05)
        raise AssertionError(self.said())

    def stop(self):
        process = self.processes.pop()
        process.send_signal(signal.SIGTERM)
        equal(process.wait(30), 0)

    def answer(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/.well-known/matrix/client") as response:
            return json.load(response)

    def said(self):
        text = ""
        for name in "said", "hearthd.log":
            with contextlib.suppress(FileNotFoundError), open(self.at(name), encoding="utf-8", errors="replace") as file:
                text += file.read()
        return text


def psql():
    return shutil.which("psql") or "/usr/bin/psql"


# --- what is wrong in the file ---

def test_wrong_types(f):
    line = PLACE % 10
    for key, value, expected in (("enable_registration", "maybe", "true or false"), ("enable_registration", 1,
            "true or false"),
                                 ("bcrypt_rounds", "many", "an integer"), ("bcrypt_rounds", [], "an integer"),
                                 ("listeners", "hello", "a list"), ("listeners", {"port": 1}, "a list"),
                                 ("rc_message", 7, "a map"), ("rc_message", [], "a map"),
                                 ("session_lifetime", [1], "a duration"), ("session_lifetime", "soon", "a duration"),
                                 ("max_upload_size", "huge", "size"), ("password_config", "x", "a map"),
                                 ("old_signing_keys", [], "a map"), ("modules", {}, "a list"),
                                 ("public_baseurl", ["x"], "a text"), ("auto_join_rooms", "#x:y", "a list"),
                                 ("limit_usage_by_mau", "no!", "true or false"), ("ip_range_blacklist", "x", "a list")):
        place = PLACE % r"\d+" if key in ("listeners", "bcrypt_rounds") else line
        f.refused(place + key + ": found .*expected .*" + expected, **{key: value})
    f.refused(PLACE % r"\d+" + r"rc_message\.per_second: found .*expected a number", rc_message={"per_second": "fast"})
    f.refused(PLACE % r"\d+" + r".*listeners\[\].*port.*expected", listeners=[{"port": "http", "type": "http"}])
    f.refused(PLACE % r"\d+" + r".*port.*(65535|expected)", listeners=[{"port": 70000, "type": "http"}])
    f.refused(PLACE % r"\d+" + "listeners: type must be http or metrics, found gopher", listeners=[{"port": 1,
            "type": "gopher"}])
    f.refused(PLACE % r"\d+" + r"listeners\[\]: found a text, expected a map", listeners=["x"])
    f.refused(PLACE % r"\d+" + "listeners: there is no resource named nonsense", listeners=[{"port": 1,
            "type": "http", "resources": [{"names": ["nonsense"]}]}])


def test_server_names(f):
    f.refused(".*server_name is missing; expected a line such as", without=["server_name"])
    for name in "", "exa mple", "@x", "example.com/", "x" * 300, "http://example.com":
        f.refused(PLACE % 1 + "server_name: .* is no server name", server_name=name)


def test_misspelt_keys(f):
    f.refused(PLACE % 10 + "'enable_registraton' is no known key; did you mean 'enable_registration'",
              enable_registraton=True)
    f.refused(PLACE % 10 + r"'rc_login.adress' is no known key; did you mean 'address'", rc_login={"adress": {}})
    f.refused(PLACE % 5 + r"'listeners\[\].prot' is no known key; did you mean 'port'",
              listeners=[{"prot": 1, "port": f.port, "type": "http"}])


def test_no_yaml(f):
    for text, line, expected in (("server_name: [", 2, "not YAML"), ("server_name: x\n\tlisteners: []", 2, "not YAML"),
                                 ("server_name: x\nserver_name: y", 2,
                                  "'server_name' stands here a second time, first at"),
                                 ("database:\n  name: psycopg2\n  name: sqlite3", 3, "'name' stands here a second time"),
                                 ("- server_name", 1, "found no keys"), ("just a text", 1, "found no keys"),
                                 ("server_name: !!python/object:os.system x", 1, "tag .* is not supported"),
                                 ("server_name: *nothing", 1, ""), ("? [a, b]\n: c", 1, "a key must be"),
                                 ("server_name: \"\\0\"", 1, "NUL"), ("a: b: c", 1, "not YAML"), ("\"", 2, "not YAML"),
                                 ("%YAML 9.9\n---\na: b", 1, "not YAML"), ("a: b\n--- \nc: d", 2, "")):
        f.refused(PLACE % rf"({line}|{line + 1}|1)" + ".*" + expected, content=text)
    for binary in (b"\x7fELF\x02\x01\x01" + b"\0" * 100, b"\x00", b"\xff\xfe\x00x", bytes(range(256)),
                   b"\x89PNG\r\n\x1a\n",
                   b"server_name: \xff\xff", b"a: \xed\xa0\x80"):
        f.refused(PLACE % r"\d+", content=binary)


def test_yaml_that_grows(f):
    """Aliases that contain themselves, or that expand to more than any memory."""
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
    f.refused(PLACE % r"\d+" + "its aliases expand to more than", content=laughs)
    maps = "a0: &a0 {x: y}\n" + "".join(
        f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(10))}}}\n" for i in range(1, 30))
    f.refused(PLACE % r"\d+" + "its aliases expand to more than", content=maps)
    merges = "a0: &a0 {x: y}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], k{i}: 1}}\n" for i in range(1,
            3000))
    f.refused(PLACE % r"\d+", content=merges)
    for cycle in "a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}", "a: &a\n  b: &b [*a, *b]", "&a a: *a", "a: &a *a":
        f.refused(PLACE % r"\d+", content=cycle)
    f.refused(PLACE % r"\d+" + "nested deeper than|" + PLACE % r"\d+" + "not YAML",
              content="a: " + "[" * 5000 + "]" * 5000)
    f.refused(PLACE % r"\d+", content="a: " + "{b: " * 5000 + "x" + "}" * 5000)
    f.refused(r"\S*homeserver\.yaml(:\d+)?: .*(larger|more) than", content="a: [" + "x, " * 3000000 + "x]")


def test_files_that_are_not_there(f):
    f.refused(r".*absent\.yaml: cannot be opened: No such file", paths=[f.at("absent.yaml")])
    good = f.write(f.base())
    f.refused(r".*absent\.yaml: cannot be opened: No such file", paths=[good, f.at("absent.yaml")])
    f.refused(r".*server_name is missing", content="")
    f.refused(r".*server_name is missing", content="# only this\n")
    os.mkdir(f.at("folder"))
    f.refused(r".*server_name is missing", paths=[f.at("folder")])
    os.mkdir(f.at("folder/a.yaml"))
    f.refused(r".*a\.yaml: cannot be read: Is a directory", paths=[f.at("folder")])
    equal(f.run([HEARTHD])[0], 1)


def test_keys(f):
    line = PLACE % 2
    f.refused(line + r"signing_key_path: there is no file .*nowhere.*--generate-keys", signing_key_path="nowhere")
    f.refused(line + r"signing_key_path: .*Is a directory", signing_key_path=".")
    f.write("ed25519 a_x nonsense\n", "bad.key")
    f.refused(r".*bad\.key.*:1: ", signing_key_path="bad.key")
    f.write("", "empty.key")
    f.refused(r".*empty\.key.*", signing_key_path="empty.key")
    f.write(bytes(range(256)), "binary.key")
    f.refused(r".*binary\.key.*", signing_key_path="binary.key")
    f.refused(PLACE % r"\d+" + ".*macaroon_secret_key_path.*No such file", without=["macaroon_secret_key"],
              macaroon_secret_key_path="nowhere")
    if os.getuid() != 0:  # root reads everything
        os.chmod(f.write("ed25519 a_x y\n", "closed.key"), 0)
        f.refused(line + r"signing_key_path: .*closed\.key.*Permission denied", signing_key_path="closed.key")
    f.refused(PLACE % 5 + "listeners: tls: true needs tls_certificate_path",
              listeners=[{"port": f.port, "type": "http", "tls": True, "resources": [{"names": ["client"]}]}])
    f.refused(PLACE % r"\d+" + ".*nowhere.*No such file", check=False, tls_certificate_path="nowhere",
              tls_private_key_path="nowhere",
              listeners=[{"port": f.port, "type": "http", "tls": True, "resources": [{"names": ["client"]}]}])


def test_logs(f):
    f.refused(PLACE % 10 + "log level 'LOUD': expected DEBUG, INFO", log_level="LOUD")
    f.refused(PLACE % 10 + "log_format 'xml': expected human or json", log_format="xml")
    f.refused(PLACE % 10 + r"log_config: .*nowhere.*No such file", log_config="nowhere")
    f.write("root: [", "bad.log.yaml")
    f.refused(PLACE % 10 + r"log_config: \S*bad\.log\.yaml:\d+: not YAML", log_config="bad.log.yaml")
    f.refused(r".*no/such/folder.*No such file", check=False, log_file="no/such/folder/log")


# --- what is wrong around it ---

def test_port_in_use(f):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", f.port))
        taken.listen()
        f.refused(PLACE % 5 + r"cannot listen on 127\.0\.0\.1 port \d+: Address already in use; stop what uses it, or",
                  check=False)
    f.refused(PLACE % 5 + "cannot listen on 192.0.2.1", check=False,
              listeners=[{"port": f.port, "type": "http", "bind_addresses": ["192.0.2.1"], "resources": []}])
    unix = {"type": "http", "resources": [{"names": ["client"]}]}
    f.write("no socket", "file")
    f.refused(PLACE % 5 + ".*/file exists and is no socket", check=False, listeners=[{"path": f.at("file"), **unix}])
    f.refused(PLACE % 5 + "cannot listen on .*No such file", check=False, listeners=[{"path": f.at("no/socket"), **unix}])
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(f.at("taken.sock"))
        taken.listen()
        f.refused(PLACE % 5 + "another process listens on", check=False, listeners=[{"path": f.at("taken.sock"), **unix}])
    os.remove(f.at("taken.sock"))


def test_databases(f):
    line = PLACE % 6
    f.refused(line + r"database\.name: sqlite3 is not supported; use PostgreSQL .*\./quickstart",
              database={"name": "sqlite3", "args": {"database": "/tmp/homeserver.db"}})
    f.refused(line + r"database\.name: unknown engine 'mysql'; expected psycopg2", database={"name": "mysql"})
    f.refused(r".*database.*", without=["database"])
    f.refused(line + "database: found .*expected a map", database="postgres://x")
    f.refused(line + "database.args.hots: libpq knows no such connection parameter",
              database={"name": "psycopg2", "args": {**f.postgres, "hots": "x"}})
    f.refused(line + r"database\.args\.cp_max: .*expected", database={"name": "psycopg2", "args": {**f.postgres,
            "cp_max": "x"}})
    f.refused(PLACE % r"\d+" + "databases: one database is supported", without=["database"], databases={"main": {}})
    for args in ({**f.postgres, "dbname": "nowhere"}, {**f.postgres, "host": f.path}, {**f.postgres,
            "user": "nobody_known"},
                 {**f.postgres, "host": "127.0.0.1", "port": hearth.free_port()}, {**f.postgres,
                         "host": "no.such.host.invalid"}):
        f.refused(".*database.*", check=False, database={"name": "psycopg2", "args": args})


def test_database_of_the_wrong_kind(f):
    f.sql("CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    f.refused(".*UTF8.*createdb", check=False, database={"name": "psycopg2", "args": {**f.postgres, "dbname": "ascii"}})
    equal(f.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "ascii"), ["0"])


class OldPostgres(threading.Thread):
    """Says no more than that it is PostgreSQL 9.6."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    @staticmethod
    def parameter(name, value):
        body = name.encode() + b"\0" + value.encode() + b"\0"
        return b"S" + (len(body) + 4).to_bytes(4, "big") + body

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    while connection.recv(1024)[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):  # TLS, GSS: no
                        connection.sendall(b"N")
                    connection.sendall(b"R\0\0\0\x08\0\0\0\0" + self.parameter("server_version", "9.6.24") +
                                       self.parameter("server_encoding", "UTF8") + self.parameter("client_encoding",
                                               "UTF8") +
                                       b"Z\0\0\0\x05I")
                    while connection.recv(1024):
                        pass


def test_database_too_old(f):
    old = OldPostgres()
    old.start()
    f.refused(r".*PostgreSQL 9\.6\.24 is too old; Hearth needs version \d+", check=False,
              database={"name": "psycopg2", "args": {**f.postgres, "host": "127.0.0.1", "port": old.port}})
    old.listener.close()


def test_database_too_new(f):
    """The last of the plugins is ahead: the first are not touched either."""
    f.sql("CREATE TABLE hearth_migrations (plugin text NOT NULL, number bigint NOT NULL, name text NOT NULL, applied_ts"
          " bigint NOT NULL, PRIMARY KEY (plugin, number)); INSERT INTO hearth_migrations VALUES ('rooms', 9999, 'x', 0)")
    f.refused("plugin rooms: the database has migration 9999, this version knows up to .*; install a newer rooms",
              check=False)
    f.sql("DROP TABLE hearth_migrations")


# --- what is right ---

def warnings(text):
    """What is said of the configuration; a machine that is busy stalls the loop, and that is said, too."""
    lines = [line.split(" WARNING ", 1)[1] for line in text.split("\n") if " WARNING " in line]
    return [line for line in lines if "kept the event loop for" not in line]


def test_start_writes_its_files(f):
    f.start(f.write(f.base()))
    assert {"/hearthd.log", "/hearthd.pid"} <= set(f.files())
    equal(warnings(f.said()), [])
    f.stop()
    assert "/hearthd.pid" not in f.files()


def test_several_files(f):
    """A folder stands for its sorted *.yaml, a later top-level key replaces an earlier one whole."""
    os.mkdir(f.at("conf.d"))
    f.write("public_baseurl: https://one.example/\n", "conf.d/10-one.yaml")
    f.write("public_baseurl: https://two.example/\nlog_file: two.log\n", "conf.d/20-two.yaml")
    f.write("public_baseurl: https://three.example/\n", "conf.d/30-three.yml")
    f.write("public_baseurl: https://four.example/\n", "conf.d/.hidden.yaml")
    base = f.write(f.base(log_level="INFO"))
    later = f.write("log_format: json\n", "later.yaml")
    f.start(base, f.at("conf.d"), later)
    equal(f.answer()["m.homeserver"]["base_url"].rstrip("/"), "https://two.example")
    with open(f.at("two.log"), encoding="utf-8") as file:
        json.loads(file.readline())
    f.stop()
    f.refused(r".*later\.yaml:1: listeners: found .*expected a list", paths=[base, f.write("listeners: x\n",
            "later.yaml")])


def test_generate(f):
    os.mkdir(f.at("new"))
    options = ["-H", "generated.example", "--data-directory", "new", "--report-stats", "no", "--config-directory", "new"]
    code, out, said = f.run([HEARTHD, "-c", "new/homeserver.yaml", "--generate-config", *options])
    equal((code, said), (0, ""))
    equal([name for name in f.files() if name.startswith("/new")], ["/new/generated.example.signing.key",
                                                                    "/new/homeserver.yaml"])
    for name in "homeserver.yaml", "generated.example.signing.key":
        equal((name, os.stat(f.at("new/" + name)).st_mode & 0o077), (name, 0))
    code, out, said = f.run([HEARTHCTL, "check-config", "new/homeserver.yaml"])
    equal((code, out), (0, "0 errors, 0 warnings\n"))
    with open(f.at("new/homeserver.yaml"), encoding="utf-8") as file:
        before = file.read()
    code, _, said = f.run([HEARTHD, "-c", "new/homeserver.yaml", "--generate-config", *options])
    assert code == 1 and "stays as it is" in said, said
    for wrong in (["-H", "no name"], []):
        code, _, said = f.run([HEARTHD, "-c", "other.yaml", "--generate-config", *wrong])
        assert code == 1 and said.count("\n") == 1 and not os.path.exists(f.at("other.yaml")), said
    key = f.at("new/generated.example.signing.key")
    with open(key, encoding="ascii") as file:
        first = file.read()
    equal(f.run([HEARTHD, "-c", "new/homeserver.yaml", "--generate-keys"])[0], 0)
    with open(key, encoding="ascii") as file:
        equal(file.read(), first)
    os.remove(key)
    equal(f.run([HEARTHD, "-c", "new/homeserver.yaml", "--generate-keys"])[0], 0)
    assert os.path.exists(key)
    with open(f.at("new/homeserver.yaml"), encoding="utf-8") as file:
        equal(file.read(), before)


PYTHON_LOGGING = """
version: 1
formatters:
  precise:
    format: '%(asctime)s - %(name)s - %(lineno)d - %(levelname)s - %(request)s - %(message)s'
handlers:
  file:
    class: logging.handlers.TimedRotatingFileHandler
    formatter: precise
    filename: python.log
    when: midnight
    backupCount: 3
    encoding: utf8
  buffer:
    class: synapse.logging.handlers.PeriodicallyFlushingMemoryHandler
    target: file
  console:
    class: logging.StreamHandler
    formatter: precise
loggers:
  synapse.storage.SQL:
    level: INFO
root:
  level: WARNING
  handlers: [buffer]
disable_existing_loggers: false
"""


def test_python_logging(f):
    """Level and file are taken, and what is not taken is said once."""
    f.write(PYTHON_LOGGING.replace("level: WARNING", "level: INFO"), "log.yaml")
    config = f.write(f.base(without=["log_file"], log_config="log.yaml"))
    for level in "INFO", "WARNING":
        f.write(PYTHON_LOGGING.replace("level: WARNING", f"level: {level}"), "log.yaml")
        with contextlib.suppress(FileNotFoundError):
            os.remove(f.at("python.log"))
        f.start(config)
        f.stop()
        with open(f.at("python.log"), encoding="utf-8") as file:
            text = file.read()
        equal((level, text.count("the root level and the file name are taken"), "host: ready" in text),
              (level, 1, level == "INFO"))


# --- an admin's own file ---

# What Synapse's own --generate-config writes, with PostgreSQL in SQLite's place.
GENERATED = """
server_name: "example.com"
pid_file: homeserver.pid
listeners:
  - port: {port}
    resources:
    - compress: false
      names:
      - client
      - federation
    tls: false
    type: http
    x_forwarded: true
    bind_addresses: ['127.0.0.1']
database:
  name: psycopg2
  txn_limit: 10000
  args:
    user: {user}
    dbname: {dbname}
    host: {host}
    cp_min: 5
    cp_max: 10
log_config: "log.yaml"
media_store_path: media_store
registration_shared_secret: "kyD&6Q#t"
report_stats: false
macaroon_secret_key: "P;x*~5"
form_secret: "0lCN+k"
signing_key_path: "signing.key"
trusted_key_servers:
  - server_name: "matrix.org"
"""


def test_a_file_that_synapse_generates(f):
    f.write(PYTHON_LOGGING, "log.yaml")
    config = f.write(GENERATED.format(port=f.port, **f.postgres))
    code, out, _ = f.run([HEARTHCTL, "check-config", config])
    assert code == 0 and out.endswith("0 errors, 1 warning\n"), out
    f.start(config)
    f.stop()
    with open(f.at("python.log"), encoding="utf-8") as file:
        text = warnings(file.read())
    equal(len(text), 2)
    for line, expected in zip(text, ("the root level and the file name are taken",
                                     "'trusted_key_servers' is not acted on by this version")):
        assert expected in line, text


def test_every_key_at_once(f):
    """Warnings only for what is not there yet, once for each key."""
    f.write(PYTHON_LOGGING, "log.yaml")
    every = os.path.join(os.path.dirname(os.path.abspath(__file__)), "every_key.yaml")
    shutil.copy(every, f.at("every.yaml"))
    f.start(f.at("every.yaml"), f.write(f.base()))
    f.stop()
    text = warnings(f.said())
    about = [line.split(": ", 2)[2] for line in text if "is not acted on by this version" in line]
    equal(len(about), len(set(about)))
    assert len(about) > 50, about
    rest = [line for line in text if "is not acted on by this version" not in line]
    for word in "root level", "Python module":
        equal((word, sum(word in line for line in rest)), (word, 1))
    # A slow machine's stalls are no complaint about the configuration.
    allowed = ("root level", "Python module", "kept the event loop")
    equal([line for line in rest if not any(text in line for text in allowed)], [])


def main():
    failed = 0
    home = tempfile.mkdtemp(prefix="hearth-config-pg-")
    postgres = subprocess.run([TESTENV, "start", home], check=True, capture_output=True, text=True).stdout.strip()
    try:
        for name, test in list(globals().items()):
            if not name.startswith("test_") or (len(sys.argv) > 1 and name not in sys.argv[1:]):
                continue
            try:
                with Folder(postgres) as folder:
                    test(folder)
                print("ok   ", name)
            except Exception:
                failed += 1
                print("FAIL ", name)
                traceback.print_exc()
    finally:
        subprocess.run([TESTENV, "stop", home], check=False)
        shutil.rmtree(home, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

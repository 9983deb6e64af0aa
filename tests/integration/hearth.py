# SPDX-License-Identifier: Apache-2.0
"""A hearthd of its own for a test: PostgreSQL from tools/testenv, a temporary configuration, a free port.

    with hearth.server(enable_registration=True, ...) as server:
        status, body = server.request("GET", "/_matrix/client/versions")
"""
import contextlib
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("HEARTH_BUILD", "build/debug"))
SANITIZED = os.path.basename(BUILD) in ("asan", "tsan")  # memory and exit codes are not what they are otherwise
SECRET = "shared secret of the tests"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, folder, postgres, plugins, settings):
        self.folder = folder
        self.postgres = postgres
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = os.path.join(folder, "hearthd.log")
        self.process = None
        self.recorded = True  # whether tools/make-status counts what was answered
        args = dict(part.split("=", 1) for part in postgres.split())
        config = {
            "server_name": "example.com",
            "pid_file": os.path.join(folder, "hearthd.pid"),
            "listeners": [{"port": self.port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": False,
                           "resources": [{"names": ["client", "federation", "metrics"]}]}],
            "database": {"name": "psycopg2", "args": args},
            "signing_key_path": os.path.join(folder, "signing.key"),
            "media_store_path": os.path.join(folder, "media"),
            "registration_shared_secret": SECRET,
            "macaroon_secret_key": "macaroons of the tests",
            "form_secret": "forms of the tests",
            "report_stats": False,
            "bcrypt_rounds": 4,
            **settings,
        }
        plugins = plugins or os.environ.get("HEARTH_PLUGINS", "").split()  # none: all that are there
        if plugins:
            config["plugins"] = plugins
        self.config = os.path.join(folder, "homeserver.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(config, file, indent=1)  # JSON is YAML
        if not os.path.exists(config["signing_key_path"]):
            subprocess.run([os.path.join(BUILD, "bin/hearthd"), "-c", self.config, "--generate-keys"], check=True)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([os.path.join(BUILD, "bin/hearthd"), "-c", self.config], stdout=log, stderr=log)
        deadline = time.time() + 60
        while time.time() < deadline:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                if self.request("GET", "/health", parse=False)[0] == 200:
                    return self
            time.sleep(0.05)
        self.kill()
        raise RuntimeError("hearthd does not start:\n" + self.log_text())

    def stop(self, sig=signal.SIGTERM):
        """Ends it. One that was asked to end must do so without complaint: sanitizers report leaks by the exit code."""
        process, self.process = self.process, None
        if process and process.poll() is None:
            process.send_signal(sig)
            process.wait(timeout=30)
            if sig != signal.SIGKILL and process.returncode != 0:
                raise RuntimeError(f"hearthd ended with {process.returncode}:\n" + self.log_text())

    def kill(self):
        self.stop(signal.SIGKILL)

    def restart(self, sig=signal.SIGTERM):
        self.stop(sig)
        return self.start()

    def sql(self, text):
        done = subprocess.run(["psql", "-qAt", "-d", self.postgres, "-c", text], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-6000:]

    def request(self, method, path, body=None, token=None, parse=True, headers=None, **query):
        """Status and parsed body (None where it is no JSON)."""
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
        if data is not None and not request.has_header("Content-type"):
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", "Bearer " + token)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                status, raw = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, raw = error.code, error.read()
        if not parse:
            return status, raw
        try:
            return status, json.loads(raw)
        except ValueError:
            return status, None

    def client(self, method, path, body=None, token=None, version="v3", **query):
        return self.request(method, f"/_matrix/client/{version}{path}", body, token, **query)

    def register(self, name, password="secret password", admin=False):
        """A new user by the shared secret: user id, access token, device id."""
        path = "/_synapse/admin/v1/register"
        status, nonce = self.request("GET", path)
        assert status == 200, nonce
        parts = [nonce["nonce"], name, password, "admin" if admin else "notadmin"]
        mac = hmac.new(SECRET.encode(), "\0".join(parts).encode(), hashlib.sha1).hexdigest()
        status, made = self.request("POST", path, {"nonce": parts[0], "username": name, "password": password, "admin": admin,
                                                   "mac": mac})
        assert status == 200, made
        return made["user_id"], made["access_token"], made["device_id"]


def record_driven(log):
    """Leaves what the server answered well in BUILD/driven/TEST, for tools/make-status."""
    name = os.path.basename(sys.argv[0])
    if not name.startswith("test_"):  # below tests/interop or tests/sdk
        name = os.path.relpath(os.path.abspath(sys.argv[0]), os.path.join(TOP, "tests"))
    path = os.path.join(BUILD, "driven", name.replace("/", "_"))
    with open(log, encoding="utf-8", errors="replace") as file:
        seen = set(re.findall(r"(GET|PUT|POST|DELETE|PATCH) (/[^ ?]*)\S* [23]\d\d \d", file.read()))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        seen |= {tuple(line.split()) for line in file}
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(sorted(f"{method} {path}\n" for method, path in seen))


@contextlib.contextmanager
def server(plugins=None, **settings):
    folder = tempfile.mkdtemp(prefix="hearth-test-")
    testenv = os.path.join(TOP, "tools/testenv")
    postgres = subprocess.run([testenv, "start", folder], check=True, capture_output=True, text=True).stdout.strip()
    running = None
    try:
        running = Server(folder, postgres, plugins, settings).start()
        yield running
    except BaseException:
        if running:
            print(running.log_text())
        raise
    finally:
        try:
            if running:
                running.stop()
                if running.recorded:
                    record_driven(running.log)
        finally:
            subprocess.run([testenv, "stop", folder], check=False)
            shutil.rmtree(folder, ignore_errors=True)

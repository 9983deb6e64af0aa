# SPDX-License-Identifier: Apache-2.0
"""The homeservers that the bench starts, and one that it only finds by its URL. All are driven alike."""
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import time
import urllib.parse

from cluster import TOP, Cluster

SECRET = "shared secret of the bench"
FREE = {"per_second": 1000000, "burst_count": 1000000}
UNLIMITED = {
    "rc_message": FREE, "rc_registration": FREE, "rc_admin_redaction": FREE, "rc_room_creation": FREE,
    "rc_login": {"address": FREE, "account": FREE, "failed_attempts": FREE},
    "rc_joins": {"local": FREE, "remote": FREE}, "rc_joins_per_room": FREE,
    "rc_invites": {"per_room": FREE, "per_user": FREE, "per_issuer": FREE}, "rc_presence": {"per_user": FREE},
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A homeserver at a URL: what the bench needs to be told of it, and how users are made there."""

    def __init__(self, name, url, secret, pid=None, postgres_pid=None):
        self.name = name
        self.url = url.rstrip("/")
        self.secret = secret
        self.pid = pid
        self.postgres_pid = postgres_pid
        self.can_restart = False
        self.connection = None

    def pids(self):
        return {"server": self.pid, "postgres": self.postgres_pid}

    def request(self, method, path, body=None, token=None):
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = "Bearer " + token
        for last in (False, True):
            if not self.connection:
                parts = urllib.parse.urlsplit(self.url)
                self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
            try:
                self.connection.request(method, path, None if body is None else json.dumps(body), headers)
                response = self.connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException):
                self.connection = None
                if last:
                    raise
        return None

    def finish(self):
        """Nothing of it is ours to stop."""

    def register(self, name):
        """A new user's access token."""
        path = "/_synapse/admin/v1/register"
        nonce = json.loads(self.request("GET", path)[1])["nonce"]
        mac = hmac.new(self.secret.encode(), "\0".join([nonce, name, "secret password", "notadmin"]).encode(), hashlib.sha1)
        status, answer = self.request("POST", path, {"nonce": nonce, "username": name, "password": "secret password",
                                                     "admin": False, "mac": mac.hexdigest()})
        if status != 200:
            raise RuntimeError(f"{self.name} does not register '{name}': {answer.decode()}")
        return json.loads(answer)["access_token"]


class Started(Server):
    """A server of our own, with a cluster of its own. Subclasses say how it is configured and started."""

    patience_seconds = 60

    def __init__(self, name):
        self.cluster = Cluster()
        try:
            port = free_port()
            super().__init__(name, f"http://127.0.0.1:{port}", SECRET, postgres_pid=self.cluster.pid)
            self.folder = self.cluster.folder
            self.log = os.path.join(self.folder, "server.log")
            self.config = os.path.join(self.folder, "homeserver.yaml")
            self.can_restart = True
            self.process = None
            self.configure(port)
        except BaseException:
            self.cluster.stop()
            raise

    def settings(self, port):
        return {
            "server_name": "bench.example.com", "pid_file": os.path.join(self.folder, "server.pid"),
            "listeners": [{"port": port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": False,
                           "resources": [{"names": ["client"]}]}],
            "database": {"name": "psycopg2", "args": self.cluster.args()},
            "signing_key_path": os.path.join(self.folder, "signing.key"),
            "media_store_path": os.path.join(self.folder, "media"), "registration_shared_secret": SECRET,
            "macaroon_secret_key": "macaroons of the bench", "form_secret": "forms of the bench", "report_stats": False,
            "bcrypt_rounds": 4, "presence": {"enabled": False}, "trusted_key_servers": [], "suppress_key_server_warning": True,
            # A repeated initial sync shall be worked out again, not be answered from the last answer.
            "caches": {"sync_response_cache_duration": "0s"}, **UNLIMITED,
        }

    def write_config(self, settings):
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(settings, file, indent=1)  # JSON is YAML

    def start(self):
        """Starts it; seconds until it says READY=1 (None: it never did) and until GET /health answers."""
        path = os.path.join(self.folder, "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(self.log, "ab") as log:
            notify.bind(path)
            notify.setblocking(False)
            begin = time.monotonic()
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.folder,
                                            env={**os.environ, "NOTIFY_SOCKET": path})
            self.pid = self.process.pid
            self.connection = None
            ready = healthy = None
            while healthy is None or (ready is None and time.monotonic() - begin < healthy + 1):
                if self.process.poll() is not None or time.monotonic() - begin > self.patience_seconds:
                    raise RuntimeError(f"{self.name} does not start:\n{self.log_end()}")
                with contextlib.suppress(BlockingIOError):
                    if ready is None and b"READY=1" in notify.recv(4096):
                        ready = time.monotonic() - begin
                if healthy is None and self.healthy():
                    healthy = time.monotonic() - begin
                time.sleep(0.002)
        return {"ready": ready, "health": healthy}

    def healthy(self):
        try:
            return self.request("GET", "/health")[0] == 200
        except OSError:
            return False

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = self.pid = self.connection = None

    def restart(self):
        self.stop()
        return self.start()

    def log_end(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def finish(self):
        self.stop()
        self.cluster.stop()


class Hearth(Started):
    def __init__(self, build):
        self.hearthd = os.path.join(TOP, build, "bin/hearthd")
        super().__init__("hearth")

    def configure(self, port):
        self.write_config(self.settings(port))
        subprocess.run([self.hearthd, "-c", self.config, "--generate-keys"], check=True, capture_output=True)

    def command(self):
        return [self.hearthd, "-c", self.config]


class Synapse(Started):
    """The reference implementation from PyPI, in a virtual environment below build/."""

    patience_seconds = 180
    venv = os.path.join(TOP, "build/venv/bench-synapse")

    def __init__(self):
        self.install()
        super().__init__("synapse")

    def install(self):
        here = os.path.dirname(os.path.abspath(__file__))
        wanted, had = os.path.join(here, "requirements.txt"), os.path.join(self.venv, "requirements.txt")
        with open(wanted, encoding="utf-8") as file:
            requirements = file.read()
        if os.path.exists(had):
            with open(had, encoding="utf-8") as file:
                if file.read() == requirements:
                    return
        subprocess.run(["python3", "-m", "venv", "--clear", self.venv], check=True)
        subprocess.run([os.path.join(self.venv, "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "-r", wanted],
                       check=True)
        with open(had, "w", encoding="utf-8") as file:
            file.write(requirements)

    def configure(self, port):
        log_config = os.path.join(self.folder, "log.yaml")
        with open(log_config, "w", encoding="utf-8") as file:
            json.dump({"version": 1, "handlers": {"console": {"class": "logging.StreamHandler"}},
                       "root": {"level": "WARNING", "handlers": ["console"]}}, file)
        database = {"name": "psycopg2", "args": {**self.cluster.args(), "cp_min": 5, "cp_max": 10}}
        self.write_config({**self.settings(port), "database": database, "log_config": log_config})
        subprocess.run([*self.command(), "--generate-keys"], check=True, capture_output=True, cwd=self.folder)

    def command(self):
        return [os.path.join(self.venv, "bin/python"), "-m", "synapse.app.homeserver", "-c", self.config]

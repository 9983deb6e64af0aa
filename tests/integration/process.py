# SPDX-License-Identifier: Apache-2.0
"""A hearthd started in unusual ways: other listeners, inherited sockets, limits, a notification socket."""
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time

import hearth


class Process:
    """Runs on the database and keys of a test's server, which is stopped; its log can be read whole."""

    def __init__(self, server, settings=None, environment=None, prepare=None, wrapper=(), log=None):
        with open(server.config, encoding="utf-8") as file:
            config = json.load(file)
        config.update(settings or {})
        self.server = server
        self.config = os.path.join(server.folder, "process.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({key: value for key, value in config.items() if value is not None}, file)
        self.log = log or os.path.join(server.folder, "process.log")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.log)
        command = [*wrapper, os.path.join(hearth.BUILD, "bin/hearthd"), "-c", self.config]
        with open(os.path.join(server.folder, "process.log"), "ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **(environment or {})},
                                            close_fds=False, preexec_fn=prepare)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for(self, pattern, seconds=30):
        """The match, once the log has it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                found = re.search(pattern, self.text())
                if found:
                    return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        found = re.search(pattern, self.text())
        assert found, f"no {pattern!r} in:\n{self.text()[-4000:]}"
        return found

    def signal(self, number):
        self.process.send_signal(number)

    def ended(self, seconds=30):
        return self.process.wait(timeout=seconds)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


@contextlib.contextmanager
def process(server, settings=None, ready=True, **more):
    """A Process in the stead of the test's server, which runs again afterwards."""
    server.stop()
    started = Process(server, settings, **more)
    try:
        if ready:
            started.wait_for("ready after")
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.wait()
        server.start()


class Wire:
    """One connection, to which a test may say less than a whole request."""

    def __init__(self, port=None, path=None, context=None):
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.socket.settimeout(30)
        self.socket.connect(path or ("127.0.0.1", port))
        if context:
            self.socket = context.wrap_socket(self.socket)
        self.response = None

    def send(self, text):
        self.socket.sendall(text.encode())
        return self

    def ask(self, method, path, body=None, token=None, part=None, **headers):
        """Sends a request, or its first part bytes, and returns what is left unsent."""
        data = json.dumps(body) if body is not None else ""
        given = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *given]
        if token:
            lines.append("Authorization: Bearer " + token)
        if body is not None:
            lines.append(f"Content-Length: {len(data)}")
        text = "\r\n".join(lines) + "\r\n\r\n" + data
        cut = len(text) if part is None else len(text) - part
        self.send(text[:cut])
        return text[cut:]

    def answer(self):
        """Status and text; None where the connection ended."""
        response = http.client.HTTPResponse(self.socket)
        try:
            response.begin()
            return response.status, response.read().decode()
        except (http.client.HTTPException, OSError):
            return None

    def close(self):
        self.socket.close()


def unchecked():
    """TLS that takes any certificate: tests compare it themselves."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def certificate(folder, name):
    """Writes tls.crt and tls.key of a self-signed certificate for that name."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-keyout", os.path.join(folder, "tls.key"), "-out", os.path.join(folder, "tls.crt")],
                   check=True, capture_output=True)

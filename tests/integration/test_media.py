#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uploads and downloads: what comes back, who may have it, what is refused."""
import os
import threading
import urllib.error
import urllib.request

import hearth
import people
from people import Person, equal, good, quote, refused

LIMIT = 200000


def upload(person, data, content_type="image/png", **query):
    return person.server.request("POST", "/_matrix/media/v3/upload", data, person.token,
                                 headers={"Content-Type": content_type}, **query)


def mxc(answer):
    uri = good(answer)["content_uri"]
    assert uri.startswith("mxc://example.com/"), uri
    return uri[len("mxc://"):]


def download(person, path, token=True):
    """Status, headers and bytes."""
    request = urllib.request.Request(f"{person.server.url}/_matrix/client/v1/media/download/{path}")
    if token:
        request.add_header("Authorization", "Bearer " + person.token)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_what_is_uploaded_comes_back(s):
    alice, bob = Person(s, "alice"), Person(s, "bob")
    data = bytes(range(256)) * 40
    media = mxc(upload(alice, data, filename="a cat.png"))
    status, headers, body = download(bob, media)
    equal((status, body, headers["Content-Type"]), (200, data, "image/png"))
    equal(headers["Content-Disposition"], "inline; filename*=utf-8''a%20cat.png")
    assert "sandbox" in headers["Content-Security-Policy"]
    equal((headers["X-Content-Type-Options"], headers["Cross-Origin-Resource-Policy"]), ("nosniff", "cross-origin"))
    equal(download(bob, media + "/" + quote("b\r\nX: y"))[1]["Content-Disposition"], "inline; filename*=utf-8''b%0D%0AX%3A%20y")
    s.restart(9)
    equal(download(bob, media)[2], data)


def test_types(s):
    person = Person(s, "types")
    for given, kind in ("text/html", "attachment"), ("text/plain", "inline"), ("image/svg+xml", "attachment"):
        headers = download(person, mxc(upload(person, b"<script>", given)))[1]
        equal((headers["Content-Type"], headers["Content-Disposition"]), (given, kind))
    empty = download(person, mxc(upload(person, b"", "text/plain")))
    equal((empty[0], empty[2]), (200, b""))
    equal(upload(person, b"x", "t" * 300)[0], 400)


def test_who_may(s):
    person = Person(s, "who")
    media = mxc(upload(person, b"secret"))
    equal(download(person, media, token=False)[0], 401)
    refused(s.request("POST", "/_matrix/media/v3/upload", b"x"), 401, "M_MISSING_TOKEN")
    for path in "example.com/nosuchthing", "elsewhere.example/" + media.split("/")[1], "example.com/" + quote("../../signing.key"):
        equal((path, download(person, path)[0]), (path, 404))
    for path in "example.com/" + "a" * 300, "exa%00mple.com/x":
        equal((path, download(person, path)[0]), (path, 400))


def test_limits(s):
    person = Person(s, "limits")
    for path in "/_matrix/client/v1/media/config", "/_matrix/media/v3/config", "/_matrix/media/r0/config":
        equal(good(s.request("GET", path, token=person.token)), {"m.upload.size": LIMIT})
    mxc(upload(person, b"x" * LIMIT))
    refused(upload(person, b"x" * (LIMIT + 1)), 413, "M_TOO_LARGE")


def test_many_at_once(s):
    person = Person(s, "many")
    found = []

    def one(i):
        data = os.urandom(50000 + i)
        found.append(download(person, mxc(upload(person, data)))[2] == data)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(found, [True] * 16)


def test_a_file_that_is_gone(s):
    person = Person(s, "gone")
    media = mxc(upload(person, b"short lived"))
    name = media.split("/")[1]
    path = os.path.join(s.folder, "media/local_content", name[:2], name[2:4], name[4:])
    with open(path, "rb") as file:
        equal(file.read(), b"short lived")
    os.unlink(path)
    equal(download(person, media)[0], 404)


people.run(globals(), max_upload_size=LIMIT)

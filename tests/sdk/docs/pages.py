#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles and runs what stands in docs/plugin-author: pages.py PREFIX WORK-FOLDER

The word behind a code fence's language says what becomes of a block:
    c                all such blocks of a page are one file, compiled; sql blocks are executed, yaml and python blocks parsed
    c FILE, cmake FILE   appended to that file of the page's folder
    sh build, sh test    run in that folder;  sh ask  while a server runs, its output being the block  json answer
    sh               run
"""
import glob
import json
import os
import re
import subprocess
import sys

import yaml

import hearth

PREFIX, WORK = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PAGES = os.path.join(hearth.TOP, "docs/plugin-author")
ENVIRONMENT = {**os.environ, "PATH": f"{PREFIX}/bin:{os.environ['PATH']}", "CMAKE_PREFIX_PATH": PREFIX,
               "CMAKE_INSTALL_PREFIX": PREFIX, "CFLAGS": "-Wall -Wextra -Werror -Wno-missing-field-initializers"}
FENCE = re.compile(r"^```(\w*) ?([\w./]*)\n(.*?)^```$", re.S | re.M)
COMPILE = ["gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers",
           "-Wno-unused-function", "-Wno-unused-const-variable", f"-I{PREFIX}/include", "-c", "-fPIC"]


def run(command, folder, what):
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False,
                          shell=isinstance(command, str), executable="/bin/bash" if isinstance(command, str) else None)
    if done.returncode:
        sys.exit(f"{what}: {command if isinstance(command, str) else ' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def script(text):
    # CMake takes the install prefix of the environment since 3.29 alone.
    return "set -e\n" + text.replace("cmake -B build", f"cmake -B build -DCMAKE_INSTALL_PREFIX={PREFIX}")


class Page:
    def __init__(self, path):
        self.name = os.path.basename(path).removesuffix(".md")
        self.folder = os.path.join(WORK, self.name)
        os.makedirs(self.folder)
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.blocks = FENCE.findall(self.text)
        assert self.text.count("\n```") == 2 * len(self.blocks), f"{path}: a fence that this test does not see"

    def of(self, language, word=""):
        return [text for found, what, text in self.blocks if (found, what) == (language, word)]

    def write_files(self):
        for language, name, text in self.blocks:
            if language in ("c", "cmake") and name:
                with open(os.path.join(self.folder, name), "a", encoding="utf-8") as file:
                    file.write(text)

    def compile(self):
        code = "\n".join(self.of("c"))
        if code:
            file = os.path.join(self.folder, "page.c")
            with open(file, "w", encoding="utf-8") as out:
                out.write(code)
            run([*COMPILE, "-o", "page.o", "page.c"], self.folder, self.name)

    def parse(self):
        for text in self.of("yaml"):
            yaml.safe_load(text)
        for text in self.of("python"):
            compile(text, self.name, "exec")

    def sql(self, server):
        connection = dict(part.split("=", 1) for part in server.postgres.split())
        for text in self.of("sql"):
            run(["psql", "-v", "ON_ERROR_STOP=1", "-q", "-h", connection["host"], "-U", connection["user"], "-d",
                 connection["dbname"], "-c", f"BEGIN; {text} ROLLBACK"], self.folder, self.name)

    def shell(self, word=""):
        return [run(script(text), self.folder, self.name) for text in self.of("sh", word)]


def check_links(pages):
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.text):
            assert os.path.exists(os.path.join(PAGES, target)), f"{page.name}: {target} is not there"
    listed = set(re.findall(r"\((\w[\w-]*)\.md\)", next(p.text for p in pages if p.name == "README")))
    assert listed == {p.name for p in pages} - {"README"}, "README.md lists the pages"


def check_hooks(page, server):
    """The table of hooks.md is that of the plugins."""
    listed = run([f"{PREFIX}/bin/hearthctl", "plugins", "-c", server.config], WORK, "hearthctl")
    declared = set(re.findall(r"^  runs hook (\S+)$", listed, re.M))
    documented = {name for row in re.findall(r"^\| (`[^|]+) \|", page.text, re.M) for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", row)}
    assert declared == documented, f"hooks.md: {sorted(declared ^ documented)}"


def main():
    pages = [Page(path) for path in sorted(glob.glob(os.path.join(PAGES, "*.md")))]
    by_name = {page.name: page for page in pages}
    check_links(pages)
    for page in pages:
        page.write_files()
        page.compile()
        page.parse()
    first, testing = by_name["README"], by_name["testing"]
    print("\n".join(first.shell("build")))
    for name in ("hello.c", "CMakeLists.txt"):  # the test's page goes on where the first one ends
        with open(os.path.join(first.folder, name), encoding="utf-8") as file:
            before = file.read()
        path = os.path.join(testing.folder, name)
        after = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
        with open(path, "w", encoding="utf-8") as file:
            file.write(before + after)
    print("\n".join(testing.shell("test")))
    plugins = ["accounts", "admin", "rooms", "sync", "ephemeral", "encryption", "push", "directory", "hello"]
    with hearth.server(plugins=plugins) as server:
        for question, answer in zip(first.of("sh", "ask"), first.of("json", "answer")):
            said = run(question.replace("http://127.0.0.1:8008", server.url), WORK, "README")
            assert json.loads(said) == json.loads(answer), said
        for page in pages:
            page.sql(server)
            page.shell()
        check_hooks(by_name["hooks"], server)


if __name__ == "__main__":
    main()

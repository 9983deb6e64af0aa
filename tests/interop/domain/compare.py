# SPDX-License-Identifier: Apache-2.0
"""Compares the domain library with canonicaljson, signedjson and Synapse's event code on generated input.

usage: compare.py DRIVER SEED CASES

Every question goes to tests/tools/matrix_driver and to the other implementation; each disagreement is printed with the
input that shows it, and makes the run fail.
"""
import hashlib
import subprocess
import sys

import canonicaljson
import signedjson.key
import signedjson.sign
from synapse.api.errors import SynapseError
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import compute_content_hash, compute_event_reference_hash
from synapse.events import make_event_from_dict
from synapse.events.utils import validate_canonicaljson
from synapse.synapse_rust.acl import ServerAclEvaluator
from synapse.synapse_rust.events import redact_event_dict
from unpaddedbase64 import encode_base64

from generate import Generator
from strict import Refused, parse_strictly

SHOWN = 20  # disagreements that are printed


class Driver:
    """matrix_driver, one question at a time."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, command, text):
        """(True, result) or (False, message)."""
        data = text if isinstance(text, bytes) else text.encode()
        self.process.stdin.write(command.encode() + b" " + data + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"matrix_driver ended at: {command} {data!r}")
        status, _, result = answer.rstrip(b"\n").partition(b" ")
        return status == b"ok", result

    def ask_json(self, command, **request):
        return self.ask(command, canonicaljson.encode_canonical_json(request))

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Comparison:
    def __init__(self, driver, generator):
        self.driver = driver
        self.generator = generator
        self.counts = {}
        self.disagreements = 0

    def expect(self, subject, given, ours, theirs):
        self.counts[subject] = self.counts.get(subject, 0) + 1
        if ours == theirs:
            return
        self.disagreements += 1
        if self.disagreements <= SHOWN:
            print(f"{subject}: {given!r}\n  ours:   {ours!r}\n  theirs: {theirs!r}")

    def canonical_form(self):
        value = self.generator.value()
        text = self.generator.written(value)
        theirs = canonicaljson.encode_canonical_json(value)
        self.expect("canonical form", text, self.driver.ask("canonical", text), (True, theirs))

    def strict_form(self):
        """What room version 6 and later take."""
        value = self.generator.value()
        text = self.generator.written(value)
        try:
            validate_canonicaljson(value)
            theirs = (True, canonicaljson.encode_canonical_json(value))
        except SynapseError:
            theirs = (False, b"")
        ok, result = self.driver.ask("canonical-strict", text)
        self.expect("strict canonical form", text, (ok, result if ok else b""), theirs)

    def acceptance(self):
        """Damaged texts: Python's parser with what Matrix forbids on top decides."""
        text = self.generator.damaged(self.generator.written(self.generator.value()).encode())
        try:
            theirs = (True, canonicaljson.encode_canonical_json(parse_strictly(text)))
        except Refused:
            theirs = (False, b"")
        ok, result = self.driver.ask("canonical", text)
        self.expect("accepted or refused", text, (ok, result if ok else b""), theirs)
        self.counts["... of which accepted"] = self.counts.get("... of which accepted", 0) + theirs[0]

    def signature(self):
        seed = self.generator.bytes(32)
        key = signedjson.key.decode_signing_key_base64("ed25519", "a_1", encode_base64(seed))
        value = self.generator.object()
        request = dict(seed=encode_base64(seed), version="a_1", signer="domain", object=value)
        ours = self.driver.ask_json("sign", **request)
        signed = signedjson.sign.sign_json(dict(value), "domain", key)
        self.expect("signature", value, ours, (True, canonicaljson.encode_canonical_json(signed)))
        self.verification(key, signed)

    def verification(self, key, signed):
        public = signedjson.key.get_verify_key(key)
        if self.generator.chance(0.5):
            signed = self.generator.tampered(signed)
        try:
            signedjson.sign.verify_signed_json(dict(signed), "domain", public)
            theirs = True
        except signedjson.sign.SignatureVerifyException:
            theirs = False
        ok, _ = self.driver.ask_json("verify", public_key=encode_base64(public.encode()), signer="domain",
                                     key_id="ed25519:a_1", object=signed)
        self.expect("signature verified", signed, ok, theirs)

    def event(self):
        name = str(self.generator.between(1, 12))
        version = KNOWN_ROOM_VERSIONS[name]
        pdu = self.generator.event(version)
        redacted = redact_event_dict(version, pdu)
        redacted.pop("unsigned")  # Synapse keeps an object of its own there; no hash or signature covers it
        ours = self.driver.ask_json("redact", room_version=name, event=pdu)
        self.expect("redaction", (name, pdu), ours, (True, canonicaljson.encode_canonical_json(redacted)))
        if not self.is_canonical(version, pdu):
            ours = self.driver.ask_json("content-hash", room_version=name, event=pdu)
            self.expect("content hash refused", (name, pdu), ours[0], False)
            return
        event = make_event_from_dict(pdu, version)
        _, content_hash = compute_content_hash(event.get_pdu_json(), hashlib.sha256)
        ours = self.driver.ask_json("content-hash", room_version=name, event=pdu)
        self.expect("content hash", (name, pdu), ours, (True, encode_base64(content_hash).encode()))
        _, reference_hash = compute_event_reference_hash(event)
        ours = self.driver.ask_json("reference-hash", room_version=name, event=pdu)
        self.expect("reference hash", (name, pdu), ours, (True, encode_base64(reference_hash).encode()))
        ours = self.driver.ask_json("event-id", room_version=name, event=pdu)
        self.expect("event id", (name, pdu), ours, (True, event.event_id.encode()))

    def access_control_list(self):
        content, host = self.generator.acl(), self.generator.host()
        evaluator = ServerAclEvaluator(content["allow_ip_literals"], content["allow"], content["deny"])
        theirs = b"allowed" if evaluator.server_matches_acl_event(host) else b"denied"
        ours = self.driver.ask_json("acl", content=content, server=host)
        self.expect("server ACL", (content, host), ours, (True, theirs))

    @staticmethod
    def is_canonical(version, pdu):
        if not version.strict_canonicaljson:
            return True
        try:
            validate_canonicaljson(pdu)
        except SynapseError:
            return False
        return True


def main():
    path, seed, cases = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    comparison = Comparison(Driver(path), Generator(seed))
    for _ in range(cases):
        comparison.canonical_form()
        comparison.strict_form()
        comparison.acceptance()
        comparison.signature()
        comparison.event()
        comparison.access_control_list()
    for subject, count in comparison.counts.items():
        print(f"{count:7} {subject}")
    print(f"{comparison.disagreements:7} disagreements (seed {seed})")
    ended = comparison.driver.close()
    return 1 if comparison.disagreements or ended else 0


sys.exit(main())

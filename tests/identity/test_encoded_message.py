"""EC2's encoded authorization messages, and the denial that carries one."""

from __future__ import annotations

import base64
import json
import re

from cloudjar.identity import encoded_message, explain
from cloudjar.identity.policy import AuthzRequest, Decision
from cloudjar.kernel.principal import Principal

SEED = b"s" * 16


def test_what_was_encoded_is_decoded_in_the_same_world_only():
    text = encoded_message.encode({"allowed": False, "context": {"action": "ec2:RunInstances"}}, SEED)
    assert re.fullmatch(r"[\w-]+", text)
    assert json.loads(encoded_message.decode(text, SEED)) == {"allowed": False, "context": {"action": "ec2:RunInstances"}}
    assert encoded_message.decode(text, b"t" * 16) is None


def test_a_changed_or_broken_message_is_not_decoded():
    text = encoded_message.encode({"allowed": False}, SEED)
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    for place in (0, 15, 16, len(raw) - 1):
        changed = bytearray(raw)
        changed[place] ^= 1
        assert encoded_message.decode(base64.urlsafe_b64encode(bytes(changed)).decode(), SEED) is None
    for nonsense in ("", "x", "====", "é", "A" * 100):
        assert encoded_message.decode(nonsense, SEED) is None


def test_a_denied_call_of_ec2_brings_its_encoded_message():
    ann = Principal("user", "000000000000", "arn:aws:iam::000000000000:user/ann", "AIDA1")
    request = AuthzRequest(ann, "ec2:RunInstances", "arn:aws:ec2:us-east-1:000000000000:instance/*", {}, "000000000000")
    error = explain.access_denied("ec2", "ec2", request, Decision(False), "sealed")
    assert (error.code, error.status) == ("UnauthorizedOperation", 403)
    assert error.message.startswith("You are not authorized to perform this operation. User: arn:aws:iam::000000000000:user/ann")
    assert error.message.endswith("Encoded authorization failure message: sealed")

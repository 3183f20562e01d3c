"""POST policies: what a signed form may upload. Source: "Creating a POST policy" in the Amazon S3 API Reference."""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloudjar.services.s3 import errors

_NEED_NO_CONDITION = frozenset(("x-amz-signature", "awsaccesskeyid", "signature", "file", "policy"))


@dataclass(slots=True)
class Sizes:
    """How many bytes the file may have."""

    least: int
    most: int


def check_policy(document: str, fields: Mapping[str, str], bucket: str, now: datetime) -> Sizes | None:
    """Holds a form against its policy; gives the file's permitted sizes. Raises AccessDenied or InvalidPolicyDocument."""
    policy = _decode(document)
    try:
        expiration = datetime.fromisoformat(str(policy["expiration"]))
    except (KeyError, ValueError):
        raise errors.invalid_policy("Invalid Policy: Invalid 'expiration' value") from None
    if (expiration if expiration.tzinfo else expiration.replace(tzinfo=UTC)) <= now:
        raise errors.against_policy("Policy expired.")
    conditions = policy.get("conditions")
    if not isinstance(conditions, list):
        raise errors.invalid_policy("Invalid Policy: Policy missing conditions.")
    given = {**fields, "bucket": bucket}
    covered: set[str] = set()
    sizes = None
    for condition in conditions:
        for operator, name, value in _read(condition):
            if operator == "content-length-range":
                sizes = Sizes(int(name), int(value))
                continue
            covered.add(name)
            here = given.get(name, "")
            if not (here == value if operator == "eq" else here.startswith(value)):
                shown = json.dumps(condition, separators=(", ", ": ")) if isinstance(condition, list) else f'["eq", "${name}", "{value}"]'
                raise errors.against_policy(f"Policy Condition failed: {shown}")
    extra = [name for name in fields if name not in covered and name not in _NEED_NO_CONDITION and not name.startswith("x-ignore-")]
    if extra:
        raise errors.against_policy(f"Extra input fields: {', '.join(extra)}")
    return sizes


def _decode(document: str) -> dict[str, Any]:
    try:
        policy = json.loads(binascii.a2b_base64(document))
    except (ValueError, RecursionError):
        raise errors.invalid_policy("Invalid Policy: Invalid JSON.") from None
    if not isinstance(policy, dict):
        raise errors.invalid_policy("Invalid Policy: Invalid JSON.")
    return policy


def _read(condition: Any) -> list[tuple[str, str, str]]:
    """(operator, field, value) of a condition in either of its two forms."""
    if isinstance(condition, dict) and all(isinstance(value, str) for value in condition.values()):
        return [("eq", name.lower(), value) for name, value in condition.items()]
    if isinstance(condition, list) and len(condition) == 3:
        operator, first, second = str(condition[0]).lower(), str(condition[1]), str(condition[2])
        if operator == "content-length-range" and first.isdecimal() and second.isdecimal():
            return [(operator, first, second)]
        if operator in ("eq", "starts-with") and first.startswith("$"):
            return [(operator, first[1:].lower(), second)]
    raise errors.invalid_policy("Invalid Policy: Invalid simple condition.")

"""Message attributes of a published message: what is allowed, and how long they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from cloudjar.services.sns import errors

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_TYPE = re.compile(r"(String|Number|Binary|String\.Array)(\.[^\s]+)?")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")

Attributes = dict[str, dict[str, Any]]


def check(given: Mapping[str, Mapping[str, Any]]) -> Attributes:
    """The attributes, with only what counts of each. Raises ParameterValueInvalid."""
    return {name: _check_one(name, value) for name, value in given.items()}


def _check_one(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    if not _NAME.fullmatch(name) or name.startswith(".") or name.endswith(".") or ".." in name:
        raise errors.invalid_value(f"Invalid non-alphanumeric character was found in the message attribute name: {name}")
    if name.lower().startswith(("aws.", "amazon.")) and not name.startswith("AWS.SNS."):
        raise errors.invalid_value(f"The message attribute name '{name}' is reserved.")
    kind = value.get("DataType") or ""
    if not kind:
        raise errors.invalid_value(f"The message attribute '{name}' must contain non-empty message attribute type.")
    if not _TYPE.fullmatch(kind):
        raise errors.invalid_value(
            f"The message attribute '{name}' has an invalid message attribute type, "
            "the set of supported type prefixes is Binary, Number, and String."
        )
    member = "BinaryValue" if kind.startswith("Binary") else "StringValue"
    content = value.get(member)
    if not content:
        raise errors.invalid_value(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{kind}'."
        )
    if kind.startswith("Number") and not _NUMBER.fullmatch(content.strip()):
        raise errors.invalid_value(f"Could not cast message attribute '{name}' value to number.")
    if kind.startswith("String.Array") and not _is_array(content):
        raise errors.invalid_value(f"The message attribute '{name}' must be a JSON array of strings, numbers, true, false and null.")
    return {"DataType": kind, member: content}


def size(attributes: Attributes) -> int:
    """Bytes that attributes add to a message."""
    total = 0
    for name, value in attributes.items():
        binary = value.get("BinaryValue")
        content = value["StringValue"].encode("utf-8", "surrogatepass") if binary is None else binary
        total += len(name.encode()) + len(value["DataType"].encode()) + len(content)
    return total


def _is_array(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False

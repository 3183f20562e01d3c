"""Message attributes: what is allowed, how long they are, their MD5, and which a receiver asked for.

Source: "Amazon SQS message metadata" and "Calculating the MD5 message digest for message attributes", SQS Developer Guide.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from cloudjar.services.sqs import errors

MOST = 10
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
# What XML 1.0 has no place for. (Said as what it has, it takes ten times as long to compile.)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Attributes = dict[str, dict[str, Any]]


def check_text(text: str) -> None:
    """InvalidMessageContents for letters that XML does not have."""
    if _FORBIDDEN.search(text):
        raise errors.invalid_characters()


def check(given: Mapping[str, Mapping[str, Any]]) -> Attributes:
    """The attributes, with only what counts of each. Raises InvalidParameterValue, InvalidMessageContents."""
    if len(given) > MOST:
        raise errors.invalid_parameter(f"Number of message attributes [{len(given)}] exceeds the allowed maximum [{MOST}].")
    return {name: _check_one(name, value) for name, value in given.items()}


def _check_one(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    if not _NAME.fullmatch(name) or name.startswith(".") or name.endswith(".") or ".." in name:
        raise errors.invalid_attribute_name(name, "It can contain A-Z, a-z, 0-9, _, - and ., no . at either end, and no two in a row.")
    if name.lower().startswith(("aws.", "amazon.")):
        raise errors.invalid_attribute_name(name, "Names that start with AWS. or Amazon. are reserved.")
    data_type = value.get("DataType")
    if not data_type:
        raise errors.invalid_parameter(f"The message attribute '{name}' must contain a non-empty message attribute type.")
    base = data_type.partition(".")[0]
    if base not in ("String", "Number", "Binary") or len(data_type) > 256:
        raise errors.invalid_parameter(
            f"The message attribute '{name}' has an invalid message attribute type, "
            "the set of supported type prefixes is Binary, Number, and String."
        )
    if value.get("StringListValues") or value.get("BinaryListValues"):
        raise errors.invalid_parameter(f"Message attribute list values in SendMessage operation are not supported: '{name}'.")
    member = "BinaryValue" if base == "Binary" else "StringValue"
    content = value.get(member)
    if not content:
        raise errors.invalid_parameter(
            f"The message attribute '{name}' must contain a non-empty message attribute value for message attribute type '{data_type}'."
        )
    if base != "Binary":
        check_text(content)
    if base == "Number" and not _NUMBER.fullmatch(content.strip()):
        raise errors.invalid_parameter(f"Can't cast the value of message (user) attribute '{name}' to a number.")
    return {"DataType": data_type, member: content}


def size(attributes: Attributes) -> int:
    """Bytes that attributes add to a message: their names, types and values."""
    return sum(len(name.encode()) + len(value["DataType"].encode()) + len(_content(value)[1]) for name, value in attributes.items())


def md5(attributes: Attributes) -> str:
    """The digest that clients check."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        kind, content = _content(value)
        for part in (name.encode(), value["DataType"].encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        digest.update(kind + len(content).to_bytes(4, "big") + content)
    return digest.hexdigest()


def selected(attributes: Attributes, wanted: list[str]) -> Attributes:
    """Those that MessageAttributeNames asks for: "All", ".*", names, and prefixes such as "bar.*"."""
    if not attributes or not wanted:
        return {}
    if "All" in wanted or ".*" in wanted:
        return attributes
    prefixes = tuple(each[:-1] for each in wanted if each.endswith(".*"))
    return {name: value for name, value in attributes.items() if name in wanted or (prefixes and name.startswith(prefixes))}


def _content(value: Mapping[str, Any]) -> tuple[bytes, bytes]:
    binary = value.get("BinaryValue")
    return (b"\2", binary) if binary is not None else (b"\1", value["StringValue"].encode())

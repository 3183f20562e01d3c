"""The condition operators: names, and what one value must look like.

Source: "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Literal

import msgspec

Family = Literal["string", "numeric", "date", "bool", "binary", "ip", "arn", "null"]
Quantifier = Literal["", "ForAllValues", "ForAnyValue"]

# name in lower case -> (family, comparison, negated)
_OPERATORS: dict[str, tuple[Family, str, bool]] = {
    "stringequals": ("string", "equals", False),
    "stringnotequals": ("string", "equals", True),
    "stringequalsignorecase": ("string", "ignorecase", False),
    "stringnotequalsignorecase": ("string", "ignorecase", True),
    "stringlike": ("string", "like", False),
    "stringnotlike": ("string", "like", True),
    "numericequals": ("numeric", "eq", False),
    "numericnotequals": ("numeric", "eq", True),
    "numericlessthan": ("numeric", "lt", False),
    "numericlessthanequals": ("numeric", "le", False),
    "numericgreaterthan": ("numeric", "gt", False),
    "numericgreaterthanequals": ("numeric", "ge", False),
    "dateequals": ("date", "eq", False),
    "datenotequals": ("date", "eq", True),
    "datelessthan": ("date", "lt", False),
    "datelessthanequals": ("date", "le", False),
    "dategreaterthan": ("date", "gt", False),
    "dategreaterthanequals": ("date", "ge", False),
    "bool": ("bool", "eq", False),
    "binaryequals": ("binary", "eq", False),
    "ipaddress": ("ip", "in", False),
    "notipaddress": ("ip", "in", True),
    "arnequals": ("arn", "like", False),
    "arnlike": ("arn", "like", False),
    "arnnotequals": ("arn", "like", True),
    "arnnotlike": ("arn", "like", True),
    "null": ("null", "null", False),
}


class UnknownOperator(Exception):
    """Not a condition operator of IAM."""


class Operator(msgspec.Struct, frozen=True):
    family: Family
    comparison: str
    negated: bool
    quantifier: Quantifier
    if_exists: bool


def parse_operator(name: str) -> Operator:
    """`ForAnyValue:StringLikeIfExists` in its parts; UnknownOperator if it is none of IAM's."""
    quantifier, colon, base = name.rpartition(":")
    marks: dict[str, Quantifier] = {"": "", "forallvalues": "ForAllValues", "foranyvalue": "ForAnyValue"}
    base = base.lower()
    if_exists = base.endswith("ifexists")
    base = base.removesuffix("ifexists")
    found = _OPERATORS.get(base)
    if found is None or (colon and not quantifier) or quantifier.lower() not in marks or (base == "null" and (if_exists or colon)):
        raise UnknownOperator(name)
    return Operator(*found, marks[quantifier.lower()], if_exists)


def check_value(operator: Operator, text: str) -> bool:
    """Whether a policy's value is one that the operator can compare."""
    match operator.family:
        case "bool" | "null":
            return text.lower() in ("true", "false")
        case "numeric":
            return number(text) is not None
        case "date":
            return moment(text) is not None
        case "binary":
            return octets(text) is not None
        case "ip":
            return network(text) is not None
    return True


def number(text: str) -> float | None:
    """A finite number; None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 and "_" not in text else None


def moment(text: str) -> float | None:
    """Epoch seconds of an ISO 8601 date or of a number of seconds; None for anything else."""
    if text.lstrip("-").replace(".", "", 1).isdecimal():
        return number(text)
    try:
        value = datetime.fromisoformat(text)
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def octets(text: str) -> bytes | None:
    """The bytes of a base64 text."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def network(text: str) -> tuple[int, int, int] | None:
    """A CIDR block or an address as (IP version, network, mask)."""
    import ipaddress

    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return found.version, int(found.network_address), int(found.netmask)


def address(text: str) -> tuple[int, int] | None:
    """An address as (IP version, integer)."""
    import ipaddress

    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return found.version, int(found)

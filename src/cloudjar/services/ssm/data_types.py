"""Data types: what the value of a parameter has to look like.

Source: "Parameter data types in Parameter Store", AWS Systems Manager User Guide. Where it leaves the form open, the usual one counts.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.services.ssm import errors, public

TEXT, IMAGE, INTEGRATION = "text", "aws:ec2:image", "aws:ssm:integration"
_IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})").fullmatch
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)").fullmatch


def chosen(wanted: str | None, present: str | None, kind: str) -> str:
    """The data type of a new version: that of the request, or of the version before. Raises ValidationException."""
    data_type = wanted or present or TEXT
    if data_type == INTEGRATION:
        raise not_implemented("ssm", "PutParameter", f"the data type {INTEGRATION}: integrations belong to Automation")
    if data_type not in (TEXT, IMAGE) and data_type not in _CHECKS:
        raise errors.bad_data_type(data_type)
    if present is not None and present != data_type and IMAGE in (present, data_type):
        raise errors.invalid(f"A parameter cannot be changed to or from the data type {IMAGE}.")
    if (data_type == IMAGE and kind != "String") or (data_type in _SINGLE and kind == "StringList"):
        raise errors.invalid(f"The data type {data_type} does not support parameters of the type {kind}.")
    return data_type


def check(data_type: str, kind: str, value: str) -> None:
    """ValidationException unless the value, or each item of a list, is of its data type. Images are another matter."""
    test = _CHECKS.get(data_type)
    if test is None:
        return
    for each in value.split(",") if kind == "StringList" else [value]:
        if not test(each):
            raise errors.not_of_data_type(data_type)


def is_image(ctx: Context, value: str) -> bool:
    """Whether EC2 shows the caller an image of this id; NotImplemented where there is no EC2."""
    try:
        found = ctx.call("ec2", "DescribeImages", {"ImageIds": [value]}) if _IMAGE_ID(value) else {}
    except AwsError as problem:
        if problem.code == "NotImplemented":
            raise
        return False
    return bool(found.get("Images"))


def _parses(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def test(value: str) -> bool:
        try:
            parse(value)
        except (ValueError, RecursionError):
            return False
        return True

    return test


def _binary(value: str) -> bytes:
    return base64.b64decode(value, validate=True)


def _without_comments(value: str) -> str:
    return _COMMENT.sub(lambda found: found[1] or " ", value)


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and not re.search(r"\s", value)


def _is_host(value: str) -> bool:
    return len(value) <= 253 and all(_LABEL(label) for label in value.split("."))


def _is_email(value: str) -> bool:
    name, at, host = value.rpartition("@")
    return bool(at) and re.fullmatch(r"[^\s@]{1,64}", name) is not None and _is_host(host)


_CHECKS: dict[str, Callable[[str], bool]] = {
    "aws:region": lambda value: value in public.region_names(),
    "aws:account:id": lambda value: re.fullmatch(r"[0-9]{12}", value) is not None,
    "boolean": lambda value: value in ("true", "false"),
    "integer": lambda value: re.fullmatch(r"[+-]?[0-9]+", value) is not None,
    "float": lambda value: re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", value) is not None,
    "binary": _parses(_binary),
    "hostname": _is_host,
    "email": _is_email,
    "ipv4-address": _parses(ipaddress.IPv4Address),
    "ipv6-address": _parses(ipaddress.IPv6Address),
    "url": _is_url,
    "json": _parses(json.loads),
    "jsonc": _parses(lambda value: json.loads(_without_comments(value))),
}
_SINGLE = ("binary", "json", "jsonc")
"""What holds commas, or may be no list, of itself."""

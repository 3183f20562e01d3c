"""Scalars on the wire: timestamps, numbers, booleans and blobs, read strictly and written as AWS writes them."""

from __future__ import annotations

import math
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any


class Malformed(Exception):
    """A value that the protocol cannot read. The codec turns it into the service's own client error.

    `kind` is the wanted type ("integer", "timestamp", ...) or "document" for a body that is no JSON, XML or CBOR at all;
    `where` is "body", "query", "header" or "uri".
    """

    def __init__(self, kind: str, value: object = "", name: str = "", where: str = "body", message: str = "") -> None:
        super().__init__(f"{where} {name}: {value!r} is no {kind}")
        self.kind = kind
        self.value = value
        self.name = name
        self.where = where
        self.message = message


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def from_epoch(seconds: float) -> datetime:
    """The instant so many seconds after 1970; ValueError when no datetime can hold it."""
    try:
        return EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError) as error:
        raise ValueError("timestamp out of range") from error


def from_iso8601(text: str) -> datetime:
    """An ISO 8601 instant in UTC; one without an offset is taken as UTC. ValueError if it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def from_rfc822(text: str) -> datetime:
    """An HTTP date: "Tue, 29 Apr 2014 18:30:38 GMT". ValueError if it is none."""
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError(text) from error


def read_timestamp(text: str) -> datetime:
    """A timestamp as text in any of AWS's three formats: clients mix them up and AWS takes all of them. ValueError if it is none."""
    if text[:4].isdigit() and text[4:5] == "-":
        return from_iso8601(text)
    if text[:1].isalpha():
        return from_rfc822(text)
    if "T" in text or "-" in text[1:]:
        return from_iso8601(text)
    return from_epoch(float(text))


def to_epoch(moment: datetime) -> int | float:
    """Seconds since 1970: a whole number where it is one, else with the microseconds."""
    delta = _aware(moment) - EPOCH
    seconds = delta.days * 86400 + delta.seconds
    return (seconds * 1_000_000 + delta.microseconds) / 1_000_000 if delta.microseconds else seconds


def to_iso8601(moment: datetime) -> str:
    """ "2014-04-29T18:30:38Z"; milliseconds where there are any, microseconds only where milliseconds would lose some."""
    moment = _aware(moment)
    micros = moment.microsecond
    text = f"{moment.year:04}-{moment.month:02}-{moment.day:02}T{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    if not micros:
        return text + "Z"
    return f"{text}.{micros // 1000:03}Z" if micros % 1000 == 0 else f"{text}.{micros:06}Z"


def to_iso8601_millis(moment: datetime) -> str:
    """ "2014-04-29T18:30:38.000Z": the form of EC2 and of S3's XML, which always carries milliseconds."""
    moment = _aware(moment)
    return (
        f"{moment.year:04}-{moment.month:02}-{moment.day:02}T{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
        f".{moment.microsecond // 1000:03}Z"
    )


def to_rfc822(moment: datetime) -> str:
    """ "Tue, 29 Apr 2014 18:30:38 GMT"."""
    moment = _aware(moment)
    return (
        f"{DAYS[moment.weekday()]}, {moment.day:02} {MONTHS[moment.month - 1]} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"
    )


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def timestamp_writer(wire_format: str) -> Callable[[datetime], Any]:
    """The writer of one timestampFormat: "iso8601", "rfc822" or "unixTimestamp"."""
    kind = wire_format.lower()
    return to_rfc822 if kind == "rfc822" else to_epoch if kind.startswith("unix") else to_iso8601


def read_integer(text: str) -> int:
    """A decimal integer, without Python's underscores, blanks and foreign digits. ValueError if it is none."""
    if len(text) > 32 or not text.isascii() or not text.lstrip("+-").isdigit():
        raise ValueError(text[:32])
    return int(text)


def read_float(text: str) -> float:
    """A decimal number, "NaN", "Infinity" or "-Infinity". ValueError if it is none."""
    if not text.isascii() or "_" in text or text != text.strip():
        raise ValueError(text)
    return float(text)


def read_boolean(text: str) -> bool:
    """ "true" or "false", in any case. ValueError if it is neither."""
    lowered = text.lower()
    if lowered == "true":
        return True
    if lowered == "false":
        return False
    raise ValueError(text)


def read_blob(text: str) -> bytes:
    """Base64, strictly. ValueError if it is none."""
    return a2b_base64(text.encode("ascii"), strict_mode=True) if text else b""


def write_blob(data: bytes | str) -> str:
    """Base64."""
    return b64encode(data.encode() if isinstance(data, str) else data).decode("ascii")


def write_float(value: float) -> str:
    """A number as text, with AWS's words for what is no number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return str(value)


def write_boolean(value: bool) -> str:
    """ "true" or "false"."""
    return "true" if value else "false"


def same(value: Any) -> Any:
    """The value as it is."""
    return value


TEXT_READERS: dict[str, Callable[[str], Any]] = {
    "string": same,
    "character": same,
    "integer": read_integer,
    "long": read_integer,
    "float": read_float,
    "double": read_float,
    "boolean": read_boolean,
    "timestamp": read_timestamp,
    "blob": read_blob,
}

TEXT_WRITERS: dict[str, Callable[[Any], str]] = {
    "string": str,
    "character": str,
    "integer": str,
    "long": str,
    "float": write_float,
    "double": write_float,
    "boolean": write_boolean,
    "timestamp": to_iso8601,
    "blob": write_blob,
}


def text_writer(kind: str, wire_format: str = "") -> Callable[[Any], str]:
    """How a scalar becomes text in a form, an XML document, a header or a query string."""
    if kind == "timestamp" and wire_format:
        write = timestamp_writer(wire_format)
        return lambda moment: str(write(moment))
    return TEXT_WRITERS[kind]

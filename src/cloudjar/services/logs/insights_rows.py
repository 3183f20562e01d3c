"""Log events as Logs Insights sees them: with the fields that it discovers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from cloudjar.services.logs.groups import LogEvent
from cloudjar.services.logs.insights_expression import stamp

_REPORT = re.compile(r"([A-Z][A-Za-z ]+): ([\d.]+) (ms|MB)")
_REQUEST = re.compile(r"(START|END|REPORT) RequestId: (\S+)")
_JSON = msgspec.json.Decoder(dict[str, Any]).decode
_BYTES = 1_000_000
MOST_FIELDS = 200
"""Fields that are discovered in one event."""


class LogRow(dict[str, Any]):
    """One event, and what a query has made of it. The message is looked into when a field is first asked for that is not there."""

    __slots__ = ("_event", "_fields", "_log", "_stream", "message", "now", "time")

    def __init__(self, event: LogEvent, stream: str, log: str, now: float) -> None:
        self._event = event
        self._stream = stream
        self._log = log
        self._fields: Any = None
        self.message = event.message
        self.time = event.time
        self.now = now

    def get(self, name: str, default: Any = None) -> Any:
        if self:
            if name in self:
                return self[name]
            first, _, rest = name.partition(".")
            if rest and first in self:
                made = self[first]
                return _at(made, rest.split(".")) if isinstance(made, dict | list) else default
        if name[:1] == "@":
            own = _OWN.get(name)
            if own is not None:
                return own(self)
        fields = self._fields
        if fields is None:
            fields = self._fields = _looked_into(self._event.transformed or self.message)
        found = fields.get(name)
        if found is not None and not isinstance(found, dict | list):
            return found
        if "." in name:
            found = _at(fields, name.split("."))
            return default if found is None or isinstance(found, dict | list) else found
        return default


def values_at(row: dict[str, Any], name: str) -> Any:
    """A field with all that is in it: lists and maps are fields of their own otherwise."""
    found = row.get(name)
    if found is None and isinstance(row, LogRow):
        found = _at(_looked_into(row._event.transformed or row.message), name.split("."))
    return found


_OWN: dict[str, Callable[[LogRow], Any]] = {
    "@now": lambda row: row.now,
    "@time": lambda row: row.time,
    "@timestamp": lambda row: stamp(row.time),
    "@ingestionTime": lambda row: stamp(row._event.ingested),
    "@message": lambda row: row.message,
    "@logStream": lambda row: row._stream,
    "@log": lambda row: row._log,
    "@ptr": lambda row: row._event.id,
}


def _at(value: Any, names: list[str]) -> Any:
    """What a path of names and numbers leads to; names that have dots themselves are found too."""
    for at, name in enumerate(names):
        if isinstance(value, list):
            value = value[int(name)] if name.isdecimal() and int(name) < len(value) else None
        elif isinstance(value, dict):
            rest = ".".join(names[at:])
            if rest in value:
                return value[rest]
            value = value.get(name)
        else:
            return None
    return value


def _looked_into(message: str) -> dict[str, Any]:
    text = message.lstrip()
    if text.startswith("{"):
        try:
            found: dict[str, Any] = _JSON(text)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return {}
        return found
    return _of_lambda(text)


def discovered(message: str) -> dict[str, Any]:
    """All fields that a message has, nested ones under their paths."""
    found: dict[str, Any] = {}
    _flatten(_looked_into(message), "", found)
    return found


def _of_lambda(text: str) -> dict[str, Any]:
    """The fields of a function's own lines."""
    request = _REQUEST.match(text)
    if request is None:
        return {}
    found: dict[str, Any] = {"@type": request[1], "@requestId": request[2]}
    for name, number, unit in _REPORT.findall(text):
        words = name.split()
        field = "@" + words[0].lower() + "".join(words[1:])
        found[field] = float(number) * (_BYTES if unit == "MB" else 1)
    return found


def _flatten(value: Any, prefix: str, found: dict[str, Any]) -> None:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        if len(found) >= MOST_FIELDS:
            return
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(inner, dict | list):
            _flatten(inner, name, found)
        elif inner is not None:
            found[name] = inner

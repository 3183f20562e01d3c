"""Log events as Logs Insights sees them: with the fields that it discovers."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cloudjar.services.logs.groups import LogEvent
from cloudjar.services.logs.insights_expression import stamp

_REPORT = re.compile(r"([A-Z][A-Za-z ]+): ([\d.]+) (ms|MB)")
_REQUEST = re.compile(r"(START|END|REPORT) RequestId: (\S+)")
_BYTES = 1_000_000
MOST_FIELDS = 200
"""Fields that are discovered in one event."""


class LogRow(dict[str, Any]):
    """One event. What its message holds is looked into when a field is first asked for that is not there."""

    __slots__ = ("_event", "_looked", "message", "time")

    def __init__(self, event: LogEvent, stream: str, log: str) -> None:
        super().__init__({"@time": event.time, "@message": event.message, "@logStream": stream, "@log": log, "@ptr": event.id})
        self._event = event
        self._looked = False
        self.message = event.message
        self.time = event.time

    def get(self, name: str, default: Any = None) -> Any:
        if name in self:
            return self[name]
        if name == "@timestamp":
            return stamp(self.time)
        if name == "@ingestionTime":
            return stamp(self._event.ingested)
        if not self._looked:
            self._looked = True
            for key, value in _discovered(self.message).items():
                self.setdefault(key, value)
            return super().get(name, default)
        return default


def _discovered(message: str) -> dict[str, Any]:
    text = message.lstrip()
    if text.startswith("{"):
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return {}
        found: dict[str, Any] = {}
        _flatten(value, "", found)
        return found
    request = _REQUEST.match(text)
    if request is None:
        return {}
    found = {"@type": request[1], "@requestId": request[2]}
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

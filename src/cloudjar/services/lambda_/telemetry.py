"""The Telemetry API, and the Logs API before it: what happens in an environment, told to those of its extensions that subscribed.

https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html, https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from cloudjar.services.lambda_.invocation import stamp
from cloudjar.services.lambda_.runtime_api import Refused

TELEMETRY, LOGS = "telemetry", "logs"
_KINDS = ("platform", "function", "extension")
_SCHEMAS = {TELEMETRY: ("2022-07-01", "2022-12-13", "2025-01-29"), LOGS: ("2020-08-15", "2021-03-18")}
# (member, least, most, default)
_BUFFERING = (("maxItems", 1000, 10_000, 10_000), ("maxBytes", 262_144, 1_048_576, 262_144), ("timeoutMs", 25, 30_000, 1000))
_RESERVED_PORT = 9001
_BACKLOG = 1000
_ONLY_TELEMETRY = (
    "initStart",
    "initRuntimeDone",
    "initReport",
    "restoreStart",
    "restoreRuntimeDone",
    "restoreReport",
    "telemetrySubscription",
)
_ONLY_LOGS = ("end", "fault", "logsSubscription")
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between the attempts to deliver a batch."""
_FALLEN_BEHIND = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."


class Destination(Struct, frozen=True):
    """Where a subscriber listens, inside the sandbox."""

    protocol: str
    method: str
    port: int
    path: str


Send = Callable[[Destination, bytes], Awaitable[bool]]
"""Delivers a batch; whether it was taken."""


class Telemetry:
    """The records of one environment, and who subscribed to them."""

    def __init__(self, now: Callable[[], datetime], send: Send, *, init_type: str = "on-demand") -> None:
        self._now = now
        self._send = send
        self._subscribers: dict[str, Subscriber] = {}
        self._backlog: deque[tuple[str, str, Any]] | None = deque(maxlen=_BACKLOG)
        self.init_type = init_type

    def platform(self, kind: str, record: Any) -> None:
        """Lambda itself has something to tell: "start", "report", ..."""
        self._add(f"platform.{kind}", record)

    def line(self, kind: str, text: str) -> None:
        """A line of output of the "function", or of an "extension"."""
        self._add(kind, text)

    def subscribe(self, name: str, api: str, body: bytes) -> list[str]:
        """Takes a subscription; gives its types. Raises Refused."""
        wanted = _subscription(api, body)
        if self._backlog is None:
            raise Refused(403, f"{_service(api)}.Closed", f"{_service(api)} API subscription is closed already")
        known = self._subscribers.get(name)
        if known is not None and known.api != api:
            raise Refused(403, f"{_service(api)}.ValidationError", "The extension has subscribed through the other API already")
        subscriber = self._subscribers[name] = Subscriber(api, wanted, self._send, self._now)
        for record in self._backlog:
            subscriber.add(*record)
        kind, label = ("telemetrySubscription", "TELEMETRY") if api == TELEMETRY else ("logsSubscription", "LOGS")
        self.platform(kind, {"name": name, "state": "Subscribed", "types": wanted["types"]})
        return [label, *wanted["types"]]

    def initialised(self) -> None:
        """From here on nobody may subscribe, and what has been told is not told again."""
        self._backlog = None

    async def flush(self) -> None:
        """Delivers what is there, to those who listen."""
        await asyncio.gather(*(subscriber.flush() for subscriber in self._subscribers.values()))

    def close(self) -> None:
        """Nobody listens any more."""
        for subscriber in self._subscribers.values():
            subscriber.close()

    def _add(self, kind: str, record: Any) -> None:
        time = stamp(self._now())
        if self._backlog is not None:
            self._backlog.append((time, kind, record))
        for subscriber in self._subscribers.values():
            subscriber.add(time, kind, record)


class Subscriber:
    """One subscription: its buffer, and the delivery of its batches, one at a time."""

    def __init__(self, api: str, wanted: dict[str, Any], send: Send, now: Callable[[], datetime]) -> None:
        self.api = api
        self._now = now
        self._types = tuple(wanted["types"])
        self._has_runtime_done = api == TELEMETRY or wanted["schema"] != "2020-08-15"
        self._items, self._bytes = wanted["maxItems"], wanted["maxBytes"]
        self._seconds = wanted["timeoutMs"] / 1000
        self._destination: Destination = wanted["destination"]
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._buffer: deque[bytes] = deque()
        self._size = 0
        self._dropped = [0, 0]
        self._alarm: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None

    def add(self, time: str, kind: str, record: Any) -> None:
        """Buffers a record, if it is of a kind that was asked for."""
        group, _, name = kind.partition(".")
        if group not in self._types or name in (_ONLY_LOGS if self.api == TELEMETRY else _ONLY_TELEMETRY):
            return
        if name == "runtimeDone" and not self._has_runtime_done:
            return
        text = json.dumps({"time": time, "type": kind, "record": record}, separators=(",", ":")).encode()
        # Twice the buffer, for what comes while a batch is on its way; no more, whatever happens.
        if self._size + len(text) > 2 * self._bytes or len(self._buffer) >= 2 * self._items:
            self._dropped = [self._dropped[0] + 1, self._dropped[1] + len(text)]
            return
        self._buffer.append(text)
        self._size += len(text)
        if self._size >= self._bytes or len(self._buffer) >= self._items:
            self._start()
        elif self._alarm is None:
            self._alarm = self._loop.call_later(self._seconds, self._start)

    async def flush(self) -> None:
        """Delivers what is there now."""
        self._start()
        if self._sending is not None:
            await asyncio.gather(self._sending, return_exceptions=True)

    def close(self) -> None:
        """The end."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._sending is not None:
            self._sending.cancel()

    def _start(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._buffer and (self._sending is None or self._sending.done()):
            self._sending = self._loop.create_task(self._deliver())

    async def _deliver(self) -> None:
        while self._buffer:
            batch, self._buffer, self._size = list(self._buffer), deque(), 0
            http = self._destination.protocol == "HTTP"
            data = b"[" + b",".join(batch) + b"]" if http else b"".join(one + b"\n" for one in batch)
            for pause in _PAUSES:
                if await self._send(self._destination, data):
                    break
                await asyncio.sleep(pause)
            else:
                self._dropped = [self._dropped[0] + len(batch), self._dropped[1] + len(data)]
                return
            records, size = self._dropped
            if records and "platform" in self._types:
                self._dropped = [0, 0]
                dropped = {"droppedBytes": size, "droppedRecords": records, "reason": _FALLEN_BEHIND}
                self.add(stamp(self._now()), "platform.logsDropped", dropped)


def _service(api: str) -> str:
    return "Telemetry" if api == TELEMETRY else "Logs"


def _subscription(api: str, body: bytes) -> dict[str, Any]:
    """A request, checked: schema, types, buffering and destination. Raises Refused."""
    problems: list[str] = []
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise Refused(400, f"{_service(api)}.ValidationError", "The request could not be parsed as JSON")
    schema = asked.get("schemaVersion") or _SCHEMAS[api][0]
    if schema not in _SCHEMAS[api]:
        problems.append("schemaVersion is not supported")
    types = asked.get("types")
    if not isinstance(types, list) or not types:
        problems.append("types should not be empty")
        types = []
    elif any(one not in _KINDS for one in types):
        problems.append("types should be platform, function or extension")
    wanted: dict[str, Any] = {"schema": schema, "types": list(dict.fromkeys(map(str, types)))}
    buffering = asked.get("buffering") or {}
    for member, least, most, default in _BUFFERING:
        value = buffering.get(member, default) if isinstance(buffering, dict) else None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            problems.append(f"{member} should be between {least} and {most}")
        wanted[member] = value
    given = asked.get("destination")
    wanted["destination"] = _destination(given if isinstance(given, dict) else {}, problems)
    if problems:
        raise Refused(400, f"{_service(api)}.ValidationError", "; ".join(problems))
    return wanted


def _destination(given: dict[str, Any], problems: list[str]) -> Destination:
    protocol, method = str(given.get("protocol") or ""), str(given.get("method") or "POST")
    if protocol not in ("HTTP", "TCP"):
        problems.append("destination protocol should be HTTP or TCP")
    if protocol == "TCP":
        port = given.get("port")
        if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536 or port == _RESERVED_PORT:
            problems.append("port is not valid")
            port = 0
        return Destination(protocol, "", port, "")
    try:
        url = urlsplit(str(given.get("URI") or ""))
        name, port = url.hostname, url.port
    except ValueError:
        url, name, port = urlsplit(""), "", None
    if url.scheme != "http":
        problems.append("URI scheme should be http")
    # Only to what is inside: anything else would have the jar speak to others in the function's name.
    if name not in ("sandbox.localdomain", "sandbox"):
        problems.append("URI host should be sandbox.localdomain")
    if port is None:
        problems.append("URI port is not provided")
    elif port == _RESERVED_PORT or not port:
        problems.append(f"URI port {port} is reserved")
    if method not in ("POST", "PUT"):
        problems.append("destination method should be POST or PUT")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    if not all(" " < letter < "\x7f" for letter in path):
        problems.append("URI path is not valid")
    return Destination(protocol, method, port or 0, path)

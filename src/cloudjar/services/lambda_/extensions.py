"""Extensions of one execution environment: the Extensions API as a state machine, without sockets.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cloudjar.services.lambda_.entrypoint import LaunchError, why_not
from cloudjar.services.lambda_.environment import OPT, PIPE, SUPERVISOR
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.runtime_api import Deliver, Refused

if TYPE_CHECKING:
    from cloudjar.services.lambda_.invocation import Invocation

FOLDER = "extensions"
"""Every file in this folder of the layers is an external extension."""
MOST = 10
SHUTDOWN_SECONDS = 2.0
INTERNAL_SHUTDOWN_SECONDS = 0.5
INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"
_EXIT_SECONDS = 0.5
"""How long an extension that has reported an error may take to exit, so that its exit code is known."""

Failed = Callable[[str, str], None]
"""Told an error's type and message when an extension has failed, and with it the environment."""


class Extension:
    """One extension, external or internal."""

    def __init__(self, name: str, id: str, *, external: bool) -> None:
        self.name = name
        self.id = id
        self.external = external
        self.events: tuple[str, ...] = ()
        self.state = "Started"
        self.error = ""
        self.deliver: Deliver | None = None
        """It waits for an event."""
        self.pending: dict[str, Any] | None = None
        """An event that it has not asked for yet."""
        self.is_running = external

    @property
    def is_registered(self) -> bool:
        """Whether it has said what it wants to hear of."""
        return self.state not in ("Started", "LaunchError")


def external(opt: str) -> tuple[str, ...]:
    """The names of the external extensions in a folder of layers. Raises LaunchError for one that cannot be executed."""
    folder = os.path.join(opt, FOLDER)
    if not opt or not os.path.isdir(folder):
        return ()
    names = tuple(sorted(name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name))))
    for name in names:
        problem = why_not(os.path.join(folder, name), opt, OPT)
        if problem:
            raise LaunchError(f"fork/exec {OPT}/{FOLDER}/{name}: {problem}")
    return names


def supervised(names: Sequence[str], argv: Sequence[str]) -> tuple[str, ...]:
    """The command that starts external extensions, and then a runtime."""
    paths = [f"{OPT}/{FOLDER}/{name}" for name in names]
    return ("/bin/sh", SUPERVISOR, PIPE, str(len(paths)), *paths, *argv)


class Extensions:
    """The extensions of one environment, from their start to its end."""

    def __init__(self, env_id: str, version: Version, account: str, names: Sequence[str], failed: Failed) -> None:
        self._env_id = env_id
        self._version = version
        self._account = account
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._events = 0
        self.is_open = True
        """Whether extensions may still register: until initialisation is over."""
        self.is_ending = False
        self.external = tuple(names)
        self.all = {name: Extension(name, self._id(name), external=True) for name in names}

    # What extensions ask

    def register(self, name: str, body: bytes, features: str) -> tuple[str, dict[str, Any]]:
        """A new extension's identifier, and what it is told of the function. Raises Refused."""
        if not name:
            raise _no("Extension.InvalidExtensionName", "Empty extension name")
        if not self.is_open:
            raise _no("Extension.RegistrationClosed", "Extension registration closed already")
        known = self.all.get(name)
        if known is not None and known.is_registered:
            raise _no("Extension.AlreadyRegistered", "Extension with this name already registered")
        events = _events(body)
        if known is None:
            if SHUTDOWN in events:
                raise _no("Extension.InvalidEventType", "SHUTDOWN event is not supported for internal extensions")
            if len(self.all) >= MOST:
                raise _no("Extension.TooManyExtensions", f"Extension limit ({MOST}) reached")
            known = self.all[name] = Extension(name, self._id(name), external=False)
        known.events, known.state = events, "Registered"
        self._news.set()
        told = {"functionName": self._version.name, "functionVersion": self._version.label, "handler": self._version.handler}
        if "accountid" in [feature.strip().lower() for feature in features.split(",")]:
            told["accountId"] = self._account
        return known.id, told

    def next(self, id: str, deliver: Deliver) -> None:
        """An extension is done with what it had, and waits for an event. Raises Refused."""
        extension = self.find(id)
        if extension.error:
            raise _no("Extension.InvalidExtensionState", f"State transition from {extension.state} to Ready failed")
        extension.state, extension.deliver = "Ready", deliver
        if extension.pending is not None:
            pending, extension.pending = extension.pending, None
            self._give(extension, pending)
        self._news.set()

    def gone(self, deliver: Deliver) -> None:
        """The connection on which an extension waited has ended."""
        for extension in self.all.values():
            if extension.deliver == deliver:
                extension.deliver = None

    def error(self, id: str, phase: str, error_type: str) -> None:
        """An extension reports that it cannot go on: "init" or "exit". Raises Refused."""
        extension = self.find(id)
        if not error_type:
            raise _no("MissingHeader", "Missing Lambda-Extension-Function-Error-Type header")
        if phase == "init" and extension.state != "Registered":
            raise _no("Extension.InvalidExtensionState", f"State transition from {extension.state} to InitError failed")
        extension.state, extension.error = "InitError" if phase == "init" else "ExitError", error_type
        self._loop.call_later(_EXIT_SECONDS, self._fail, extension, 0)

    def find(self, id: str) -> Extension:
        """The extension with this identifier. Raises Refused."""
        if not id:
            raise _no("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        for extension in self.all.values():
            if extension.id == id and extension.is_registered:
                return extension
        raise _no("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")

    # What the environment tells

    async def registered(self) -> None:
        """Returns once every external extension has registered."""
        await self._until(lambda: all(self.all[name].is_registered for name in self.external))

    async def at_rest(self) -> None:
        """Returns once every extension waits for an event."""
        await self._until(lambda: all(e.deliver is not None for e in self.all.values() if e.is_running or not e.external))

    @property
    def is_at_rest(self) -> bool:
        """Whether every extension waits for an event."""
        return all(e.deliver is not None for e in self.all.values())

    def invoke(self, invocation: Invocation, deadline: float) -> None:
        """An invocation begins."""
        event = {
            "eventType": INVOKE,
            "deadlineMs": int(deadline * 1000),
            "requestId": invocation.request_id,
            "invokedFunctionArn": invocation.arn,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": invocation.trace_id},
        }
        for extension in self.all.values():
            if INVOKE in extension.events:
                self._tell(extension, event)

    async def shut_down(self, reason: str, deadline: float) -> None:
        """The environment ends: returns once every extension that wanted to hear of it is done."""
        event = {"eventType": SHUTDOWN, "shutdownReason": reason, "deadlineMs": int(deadline * 1000)}
        told = [extension for extension in self.all.values() if SHUTDOWN in extension.events and extension.is_running]
        for extension in told:
            self._tell(extension, event)
        await self._until(lambda: all(not e.is_running or e.deliver is not None for e in told))

    def exited(self, number: int, code: int) -> None:
        """The process of an external extension has ended."""
        extension = self.all[self.external[number]]
        extension.is_running, extension.deliver = False, None
        self._news.set()
        if not self.is_ending:
            self._fail(extension, code)

    # Inside

    def _id(self, name: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._env_id}/{name}"))

    def _tell(self, extension: Extension, event: dict[str, Any]) -> None:
        if extension.deliver is None:
            extension.pending = event
        else:
            self._give(extension, event)

    def _give(self, extension: Extension, event: dict[str, Any]) -> None:
        deliver, extension.deliver = extension.deliver, None
        assert deliver is not None
        self._events += 1
        headers = {"Lambda-Extension-Event-Identifier": self._id(f"{extension.name}/{self._events}")}
        deliver(headers, json.dumps(event, separators=(",", ":")).encode())

    def _fail(self, extension: Extension, code: int) -> None:
        if self.is_ending:
            return
        self.is_ending = True
        kind = {"InitError": "Extension.InitError", "ExitError": "Extension.ExitError"}.get(extension.state, "Extension.Crash")
        extension.error = extension.error or "UnknownError"
        self._failed(kind, f"exit code {code}")

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._news.clear()
            await self._news.wait()


def _events(body: bytes) -> tuple[str, ...]:
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError) as problem:
        raise _no("InvalidRequestFormat", str(problem)) from None
    events = asked.get("events") if isinstance(asked, dict) else None
    if not isinstance(events, list | None):
        raise _no("InvalidRequestFormat", "events must be an array of strings")
    for event in events or ():
        if event not in (INVOKE, SHUTDOWN):
            raise _no("Extension.InvalidEventType", f"{event}: invalid event type")
    return tuple(dict.fromkeys(events or ()))


def _no(kind: str, message: str) -> Refused:
    return Refused(403, kind, message)

"""Marks on a service's functions. They only mark: nothing registers itself at import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

F = TypeVar("F", bound=Callable[..., Any])

MARK = "__cloudjar__"
"""The attribute that a marked function carries: an instance of one of the classes below."""


class OperationMark(msgspec.Struct, frozen=True):
    on: Callable[[Any, dict[str, Any]], Any] | None = None
    """(ctx, req) -> the ARN or ARNs that IAM is asked about; None means "*"."""
    modelled: bool = False
    """True where state and answers are right but nothing outside moves."""


class TimerMark(msgspec.Struct, frozen=True):
    pass


class EventMark(msgspec.Struct, frozen=True):
    source: str
    """A source, or the beginning of one and a star: "aws.*"."""
    detail_type: str | None

    def hears(self, source: str, detail_type: str) -> bool:
        """Whether such events are meant for it."""
        if self.source != source and not (self.source.endswith("*") and source.startswith(self.source[:-1])):
            return False
        return self.detail_type in (None, detail_type)


class EffectMark(msgspec.Struct, frozen=True):
    pass


class TargetMark(msgspec.Struct, frozen=True):
    pass


class GaugesMark(msgspec.Struct, frozen=True):
    namespace: str
    names: frozenset[str]
    """The metrics that it tells."""
    seconds: int
    """How often AWS tells them."""


def operation(*, on: Callable[[Any, dict[str, Any]], Any] | None = None, modelled: bool = False) -> Callable[[F], F]:
    """Marks an AWS operation, `(ctx, req) -> dict | None`; the function's name is the operation's, in snake case.

    A `def` runs in one transaction, to its end. An `async def` may wait, and touches state inside `with ctx.transaction():`.
    """
    return _marking(OperationMark(on, modelled))


def timer(function: F) -> F:
    """Marks a handler for `ctx.after`: `(ctx, *args) -> None`, in one transaction."""
    return _marking(TimerMark())(function)


def on_event(source: str, detail_type: str | None = None) -> Callable[[F], F]:
    """Marks a subscriber, `(ctx, event) -> None`, in one transaction, in a service's `listeners.py`. `source` may end with a star."""
    return _marking(EventMark(source, detail_type))


def effect(function: F) -> F:
    """Marks a handler for `ctx.effect`: `async (ctx, *args) -> None`, outside any transaction, safe to run twice."""
    return _marking(EffectMark())(function)


def target(function: F) -> F:
    """Marks a way into what events are sent to and no operation reaches: `async (ctx, arn, payload, settings) -> dict`."""
    return _marking(TargetMark())(function)


def gauges(namespace: str, *names: str, seconds: int = 60) -> Callable[[F], F]:
    """Marks a reading of what a resource holds now, `(ctx, dimensions) -> [(name, value, unit), ...]`, in a service's `gauges.py`.

    It is read when the resource was used (`ctx.used`), and whenever an alarm or a caller looks at one of the metrics.
    """
    return _marking(GaugesMark(namespace, frozenset(names), seconds))


def _marking(mark: Any) -> Callable[[F], F]:
    def put_mark(function: F) -> F:
        setattr(function, MARK, mark)
        return function

    return put_mark


def name_of(function: Callable[..., Any]) -> str:
    """A marked function's name, as records keep it: "services.lambda_.invoke:retry"."""
    return f"{function.__module__.removeprefix('cloudjar.')}:{function.__name__}"

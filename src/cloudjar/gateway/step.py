"""Running a call that for the most part never suspends, without paying for a task."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, TypeVar, cast

T = TypeVar("T")

_EAGER_TASKS = sys.version_info >= (3, 12)
_eager_task: Callable[..., asyncio.Task[Any]] = asyncio.Task
"""With `eager_start`, which type checkers of an older Python do not know, a task makes its first step at once, in a context of its own."""


def start(call: Coroutine[Any, Any, T]) -> T | asyncio.Task[T]:
    """Run `call` up to where it first suspends: its result if it never does, else the task that goes on with it. Raises what it raises.

    The call has one context of its own throughout. Before Python 3.12 its first step is made by hand: asyncio.current_task() is None in
    it, and asyncio.timeout() and TaskGroup cannot be entered before the first suspension.
    """
    if _EAGER_TASKS:
        task = _eager_task(call, loop=asyncio.get_running_loop(), eager_start=True)
        return task.result() if task.done() else task
    context = contextvars.copy_context()
    try:
        waiting_for = context.run(call.send, None)
    except StopIteration as finished:
        return cast(T, finished.value)
    return asyncio.get_running_loop().create_task(_resume(call, waiting_for), context=context)


@types.coroutine
def _resume(call: Coroutine[Any, Any, T], waiting_for: Any) -> Generator[Any, Any, T]:
    """Go on with a coroutine that has been stepped by hand: hand the task what that step waits for, then step on as the task does."""
    while True:
        step: Callable[[], Any] = partial(call.send, None)
        try:
            yield waiting_for
        except BaseException as error:
            step = partial(call.throw, error)
        try:
            waiting_for = step()
        except StopIteration as finished:
            return cast(T, finished.value)

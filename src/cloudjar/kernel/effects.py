"""Effects: work on the outside world as records; run after commit, and again after a crash, until done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from cloudjar.kernel import marks
from cloudjar.kernel.records import Record, record, replace

if TYPE_CHECKING:
    from cloudjar.kernel.context import Context
    from cloudjar.kernel.world import World

ATTEMPTS = 5
TRACE = "x-amzn-trace-id"


@record("kernel.effect", key="id", scope="world")
class Effect(Record):
    """Work that was wanted and is not known to be done."""

    id: int
    handler: str
    args: list[Any]
    account: str
    region: str
    error: str = ""
    """Why it was given up; "" while it is wanted."""
    trace: str = ""
    """The trace header of the call that wanted it: what it calls carries that on."""


def add(ctx: Context, handler: Callable[..., Awaitable[None]], args: tuple[Any, ...]) -> None:
    """Stores an effect; see `Context.effect`."""
    if not isinstance(getattr(handler, marks.MARK, None), marks.EffectMark):
        raise TypeError(f"{handler!r} is not marked @effect")
    trace = ctx.call_info.headers.get(TRACE, "")
    effect = Effect(ctx.world.step(ctx._open(), "effect"), marks.name_of(handler), list(args), ctx.account, ctx.region, trace=trace)
    ctx.put(effect)
    ctx.on_commit(lambda: ctx.world.start_effect(effect))


def pending(world: World) -> list[Effect]:
    """The effects that are not done, oldest first."""
    with world.reading() as ctx:
        return [effect for effect in ctx.where(Effect) if not effect.error]


async def run(world: World, effect: Effect, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Runs one effect to its end; retries failures, doubling the pause; then marks it given up."""
    handler = world.host.resolve(effect.handler, marks.EffectMark)
    for attempt in range(ATTEMPTS):
        try:
            await handler(world.async_context(effect.account, effect.region, effect.handler, effect.trace), *effect.args)
            break
        except Exception as error:  # the effects' rim: the record stays until the work is done or given up
            world.host.log_failure(f"effect {effect.handler}", error)
            if attempt + 1 == ATTEMPTS:
                _give_up(world, effect, repr(error))
                return
            await sleep(2**attempt / 10)
    with world.store.transaction() as txn:
        world.context(txn).delete(effect)


def _give_up(world: World, effect: Effect, error: str) -> None:
    with world.store.transaction() as txn:
        world.context(txn).put(replace(effect, error=error))

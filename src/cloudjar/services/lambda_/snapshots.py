"""Snapshots of initialised versions (SnapStart): sandboxes that have run the version's own initialisation and wait to go on.

AWS keeps one snapshot of a sandbox and starts any number from it. Here each one is initialised by itself, before it is needed
where there is time for it; so nothing in them is the same that should not be, and what is random is random.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from cloudjar.kernel.clock import monotonic_seconds
from cloudjar.kernel.context import Context
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.execution import ExecutionEnvironment
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.invocation import Outcome, Restored
from cloudjar.services.lambda_.standby import Key, Standbys
from cloudjar.services.lambda_.system_log import SystemLog

if TYPE_CHECKING:
    from cloudjar.kernel.world import World

SNAPSHOTS = 4
"""How many a world keeps: one for each of the versions that were published or restored last."""
# https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks.html
_INIT_SECONDS = 130.0
"""What initialisation may take, or the function's own timeout where that is longer."""
_RESTORE_SECONDS = 10.0
_EXPIRY = timedelta(minutes=5)


class Maker(Protocol):
    """Who makes, starts and ends environments: the pool."""

    def make(self, ctx: Context, version: Version) -> ExecutionEnvironment:
        """An environment with credentials, not yet started. Raises AwsError."""
        ...

    async def start(self, env: ExecutionEnvironment, ctx: Context, request_id: str, seconds: float) -> Outcome | None:
        """Starts the runtime and waits for it to be initialised; what went wrong if it did."""
        ...

    async def end(self, env: ExecutionEnvironment) -> None:
        """Ends it."""
        ...


class Snapshots:
    """The snapshots of one world."""

    def __init__(self, world: World, maker: Maker, is_busy: Callable[[], bool]) -> None:
        self._world = world
        self._maker = maker
        self._kept = Standbys(self._another, maker.end, is_busy, SNAPSHOTS)

    async def initialise(self, ctx: Context, version: Version) -> Outcome | None:
        """Initialises a published version once, and keeps the sandbox; what went wrong if it does not come up. Raises AwsError."""
        env, problem = await self._made(ctx, version, "")
        if problem is not None:
            await self._maker.end(env)
            return problem
        self._kept.keep(_key(ctx, version), env)
        return None

    async def restore(self, ctx: Context, version: Version, request_id: str) -> tuple[ExecutionEnvironment, Outcome | None]:
        """A sandbox that was initialised before, or is now, and has gone on from there; what went wrong if it cannot be initialised.

        Raises SnapStartException, SnapStartTimeoutException, and what making one raises.
        """
        started = monotonic_seconds()
        env = await self._taken(_key(ctx, version))
        if env is None:
            env, problem = await self._made(ctx, version, request_id)
            if problem is not None:
                return env, problem
        try:
            env.log.take_tail()
            lines = SystemLog(version, self._world.clock.now, env.telemetry)
            env.log.write(lines.restore_start(env.runtime))
            going_on = monotonic_seconds()
            problem = await env.restore(request_id, _RESTORE_SECONDS)
            now = monotonic_seconds()
            env.restored = Restored((now - started) * 1000, (now - going_on) * 1000)
            env.log.write(lines.restore_report(env.restored.duration_ms, problem))
            if problem is not None:
                raise errors.not_restored(problem.status)
        except BaseException:
            await self._maker.end(env)
            raise
        # The next one that is needed.
        self._kept.want(_key(ctx, version), version)
        return env, None

    def retire(self, account: str, region: str, name: str, numbers: set[int] | None) -> None:
        """Ends those of a function, or of some of its versions."""
        self._kept.retire(account, region, name, numbers)

    async def close(self) -> None:
        """Ends all."""
        await self._kept.close()

    async def _taken(self, key: Key) -> ExecutionEnvironment | None:
        env = self._kept.take(key)
        if env is not None and env.expires is not None and self._world.clock.now() >= env.expires - _EXPIRY:
            # What it has initialised holds credentials that are about to expire.
            await self._maker.end(env)
            return None
        return env

    async def _made(self, ctx: Context, version: Version, request_id: str) -> tuple[ExecutionEnvironment, Outcome | None]:
        env = self._maker.make(ctx, version)
        try:
            problem = await self._maker.start(env, ctx, request_id, max(_INIT_SECONDS, version.timeout_seconds))
        except BaseException:
            await self._maker.end(env)
            raise
        env.init_ms = None
        env.log.flush()
        return env, problem

    async def _another(self, key: Key, version: Version) -> ExecutionEnvironment:
        env, problem = await self._made(self._world.async_context(key[0], key[1]), version, "")
        if problem is not None:
            await self._maker.end(env)
            raise OSError(f"{version.name} can no longer be initialised: {problem.error}")
        return env


def _key(ctx: Context, version: Version) -> Key:
    return (ctx.account, ctx.region, version.name, version.number, version.revision, "")

"""How an environment with extensions ends: by itself, for as long as Lambda would wait.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
"""

from __future__ import annotations

import asyncio
from typing import Any

from cloudjar.kernel.clock import wall_seconds
from cloudjar.services.lambda_.execution import ExecutionEnvironment
from cloudjar.services.lambda_.extensions import INTERNAL_SHUTDOWN_SECONDS, SHUTDOWN_SECONDS, Extensions


async def shut_down(env: ExecutionEnvironment, extensions: Extensions) -> None:
    """Has the runtime and then the extensions end by themselves."""
    extensions.is_ending, env.alive = True, False
    has_external = bool(extensions.external)
    seconds = SHUTDOWN_SECONDS if has_external else INTERNAL_SHUTDOWN_SECONDS
    if env.telemetry is not None:
        await asyncio.wait({asyncio.ensure_future(env.telemetry.flush())}, timeout=seconds / 2)
    try:
        stopping: asyncio.Future[Any] = asyncio.ensure_future(env.driver.stop(env.id, seconds))
        telling: asyncio.Future[Any] = asyncio.ensure_future(_tell(env, extensions, wall_seconds() + seconds))
        await asyncio.wait({stopping, telling} if has_external else {stopping}, return_when=asyncio.FIRST_COMPLETED)
        telling.cancel()
        stopping.cancel()
        await asyncio.gather(telling, stopping, return_exceptions=True)
    finally:
        if env.telemetry is not None:
            env.telemetry.close()
    env.drain()


async def _tell(env: ExecutionEnvironment, extensions: Extensions, deadline: float) -> None:
    """The runtime ends first."""
    while not env.runtime_gone:
        await asyncio.sleep(0.005)
    await extensions.shut_down(env.ending, deadline)

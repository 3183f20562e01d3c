"""Putting an execution environment into a sandbox: what it is made of, and how it is started."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cloudjar.kernel.context import Context
from cloudjar.services.lambda_ import environment, interpreters, sealed_code
from cloudjar.services.lambda_.deploy import Deployments
from cloudjar.services.lambda_.entrypoint import WRAPPER, InvalidEntrypoint, entrypoint
from cloudjar.services.lambda_.execution import ExecutionEnvironment
from cloudjar.services.lambda_.extensions import external, supervised
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.layers import layer_code
from cloudjar.services.lambda_.pipe import Pipe
from cloudjar.services.lambda_.runtime_api import plane
from cloudjar.services.lambda_.runtimes import RUNTIMES

if TYPE_CHECKING:
    from cloudjar.kernel.world import World


def can_stand_by(version: Version) -> bool:
    """Whether its runtime knows how to wait. A wrapper's script does not, and a debugger must find the one that is called."""
    own = version.environment or {}
    return RUNTIMES[version.runtime].family in ("python", "nodejs") and WRAPPER not in own and not environment.debug_port(version)


async def launch(world: World, env: ExecutionEnvironment, ctx: Context, starts: asyncio.Semaphore) -> None:
    """Puts the environment into a sandbox. Raises InvalidEntrypoint, ComputeError, OSError, AwsError."""
    version = env.version
    deployments = world.part(Deployments)
    with ctx.transaction():
        layers = [layer_code(ctx, arn) for arn in version.layers]
        key = sealed_code.key_of(ctx, version)
    task, opt = await deployments.task(version.code, key=key), await deployments.opt(layers)
    argv = entrypoint(version, task, opt)
    runtime = RUNTIMES[version.runtime]
    interpreter = interpreters.find(runtime)
    classes = await deployments.java_classes(interpreter)
    env.disk = await env.driver.disk(version.storage_mb << 20)
    env.temporary = "" if env.disk else deployments.temporary()
    env.network = await world.host.network(world)
    inside = await env.network.listen(*environment.RUNTIME_API) if env.network else None
    env.socket = await plane(world.host).listen(env, inside)
    names = external(opt)
    if names and env.pipe is not None:
        raise InvalidEntrypoint("extensions start with an invocation, not before")
    if names:
        env.pipe = Pipe(deployments.pipe())
        env.have_extensions(names)
        argv = supervised(names, argv)
    elif env.pipe is not None:
        argv = (*argv, environment.PIPE)
    found = await variables(world, env, ctx.region)
    spec = environment.spec(
        env.id,
        version,
        argv,
        found,
        task=task,
        opt=opt,
        temporary=env.disk.path if env.disk else env.temporary,
        limits_files=env.disk is None,
        bootstraps=deployments.bootstraps(interpreter, runtime.family),
        classes=classes,
        pipe=env.pipe.path if env.pipe else "",
        network=env.network.id if env.network else "host",
        supervised=bool(names),
    )
    async with starts:
        await env.start(spec)
    port = environment.debug_port(version)
    if port and env.network is not None:
        network = env.network
        forward = world.host.plane("lambda_api").Forward(lambda: network.connect(port))
        try:
            await forward.listen(port)
        except OSError:
            # Another environment of the function has it: a debugger attaches to one.
            return
        network.on_close(forward.close)


async def variables(world: World, env: ExecutionEnvironment, region: str) -> dict[str, str]:
    """The environment of its runtime, once its socket is open."""
    assert env.socket is not None
    # The jar: SDKs take it from here. A function that sets its own keeps it.
    around = env.network.env if env.network else {"AWS_ENDPOINT_URL": await world.host.endpoint(world)}
    found = environment.variables(
        env.version, region=region, stream=env.stream, runtime_api=env.socket.address, around=around, session=env.session
    )
    found["AWS_LAMBDA_INITIALIZATION_TYPE"] = env.init_type
    return found

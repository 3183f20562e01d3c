"""The pool: warm execution environments of one world, made when needed, reaped when idle."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudjar.compute.driver import Driver, StartFailed
from cloudjar.kernel.clock import monotonic_seconds
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.principal import Principal
from cloudjar.services.lambda_ import environment, errors
from cloudjar.services.lambda_.concurrency import ACCOUNT_LIMIT
from cloudjar.services.lambda_.deploy import Deployments
from cloudjar.services.lambda_.entrypoint import InvalidEntrypoint, entrypoint
from cloudjar.services.lambda_.execution import INIT_SECONDS, ExecutionEnvironment
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.invocation import (
    Invocation,
    Outcome,
    crash_lines,
    end_line,
    failure,
    init_report_line,
    report_line,
    start_line,
)
from cloudjar.services.lambda_.logs import ship
from cloudjar.services.lambda_.runtime_api import plane

if TYPE_CHECKING:
    from cloudjar.kernel.world import World

IDLE_SECONDS = 600.0
"""Wall seconds after which an idle environment is ended."""
SANDBOXES = 256
"""How many environments a world keeps at once; further calls wait their turn."""
_STARTS = 8
"""How many start at once: more would only slow each other down."""
_EXPIRY = timedelta(minutes=5)

Key = tuple[str, str, str, int, str]


class Finished:
    """An invocation that has ended, as Invoke answers it."""

    __slots__ = ("log", "outcome")

    def __init__(self, outcome: Outcome, log: str) -> None:
        self.outcome = outcome
        self.log = log


class Pool:
    """Environments by function version. What they are made of is in records; nothing here must last."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._idle: dict[Key, deque[ExecutionEnvironment]] = {}
        self._all: set[ExecutionEnvironment] = set()
        self._busy: dict[tuple[str, str, str], int] = {}
        self._in_account: dict[tuple[str, str], int] = {}
        self._numbers = 0
        self._reaper: asyncio.TimerHandle | None = None
        self._places = asyncio.Semaphore(SANDBOXES)
        self._starts = asyncio.Semaphore(_STARTS)
        self._running: set[asyncio.Task[Finished]] = set()
        self._closed = False

    async def invoke(self, ctx: Context, version: Version, invocation: Invocation, reserved: int | None) -> Finished:
        """Runs one invocation to its end, even if the caller goes away. Raises TooManyRequestsException."""
        function, account = (ctx.account, ctx.region, version.name), (ctx.account, ctx.region)
        busy = self._busy.get(function, 0)
        if reserved is not None and busy >= reserved:
            raise errors.throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
        if reserved is None and self._in_account.get(account, 0) >= ACCOUNT_LIMIT:
            raise errors.throttled("ConcurrentInvocationLimitExceeded")
        self._busy[function] = busy + 1
        self._in_account[account] = self._in_account.get(account, 0) + 1
        hold = f"lambda:{version.name}"
        self._world.clock.hold(hold)
        task = asyncio.get_running_loop().create_task(self._run(ctx.at(), version, invocation))
        self._running.add(task)

        def ended(_: Any) -> None:
            self._running.discard(task)
            self._busy[function] -= 1
            self._in_account[account] -= 1
            self._world.clock.release(hold)
            self._world.wake()

        task.add_done_callback(ended)
        return await asyncio.shield(task)

    async def _run(self, ctx: Context, version: Version, invocation: Invocation) -> Finished:
        key = (ctx.account, ctx.region, version.name, version.number, version.revision)
        env = self._warm(key)
        problem: Outcome | None = None
        spent = 0.0
        if env is None:
            await self._place()
            env, problem, spent = await self._cold(ctx, version, invocation)
        request_id = invocation.request_id
        before = env.take_lines()
        started = self._world.clock.now()
        if problem is None:
            outcome, milliseconds = await env.run(invocation)
        else:
            outcome, milliseconds = problem, spent
        now = self._world.clock.now()
        lines = [*before, (started, start_line(request_id, version.label)), *env.take_lines()]
        lines += [(now, text) for text in crash_lines(request_id, outcome, version.timeout_seconds, now)]
        report = env.report(milliseconds)
        lines += [(now, end_line(request_id)), (now, report_line(request_id, report, outcome))]
        try:
            self._ship(ctx, env, lines)
        finally:
            if env.alive and not self._closed:
                self._give_back(key, env)
            else:
                await self._discard(env)
        return Finished(outcome, "".join(text for _, text in lines if not text.startswith("INIT_START")))

    # Environments

    def _warm(self, key: Key) -> ExecutionEnvironment | None:
        idle = self._idle.get(key)
        now = self._world.clock.now()
        while idle:
            # The last one used is the likeliest to be in the caches, and lets the others grow old.
            env = idle.pop()
            if env.alive and (env.expires is None or now < env.expires - _EXPIRY):
                return env
            self._end_later(env)
        return None

    async def _place(self) -> None:
        """Waits for room for one more environment; an idle one of another function makes it."""
        if self._places.locked():
            oldest = min((e for idle in self._idle.values() for e in idle), key=lambda e: e.idle_since, default=None)
            if oldest is not None:
                for idle in self._idle.values():
                    if oldest in idle:
                        idle.remove(oldest)
                await self._discard(oldest)
        await self._places.acquire()

    async def _cold(self, ctx: Context, version: Version, invocation: Invocation) -> tuple[ExecutionEnvironment, Outcome | None, float]:
        """A new environment; what went wrong if it did not come up, and the milliseconds of the invocation that went into it."""
        request_id = invocation.request_id
        try:
            async with self._starts:
                env = await self._make(ctx, version)
        except BaseException:
            self._places.release()
            raise
        problem = await self._start(env, ctx, request_id, INIT_SECONDS)
        if problem is None:
            return env, None, 0.0
        failed = env
        spent = failed.init_ms or 0.0
        if problem.error == "Runtime.InvalidEntrypoint":
            return failed, problem, spent
        # Lambda tries again within the invocation, and its time limit.
        failed.lines.append((self._world.clock.now(), init_report_line(spent, "init", problem)))
        lines = failed.take_lines()
        await self._end(failed)
        env = await self._make(ctx, version, stream=failed.stream)
        started = monotonic_seconds()
        problem = await self._start(env, ctx, request_id, float(version.timeout_seconds))
        spent = (monotonic_seconds() - started) * 1000
        if problem is not None:
            env.lines.append((self._world.clock.now(), init_report_line(spent, "invoke", problem)))
            if problem.status == "timeout":
                await env.kill()
        env.lines = lines + env.lines
        env.init_ms = None
        return env, problem, spent

    async def _make(self, ctx: Context, version: Version, stream: str = "") -> ExecutionEnvironment:
        """An environment with credentials, not yet started."""
        world = self._world
        self._numbers += 1
        driver: Driver = world.host.driver()
        with ctx.transaction():
            date = ctx.now.strftime("%Y/%m/%d")
            stream = stream or f"{date}/[{version.label}]{ctx.ids.hex(32)}"
            env = ExecutionEnvironment(f"lambda-{world.name}-{self._numbers}", version, driver, stream=stream, now=world.clock.now)
            self._all.add(env)
            try:
                answer = ctx.as_service("lambda.amazonaws.com").call(
                    "sts", "AssumeRole", {"RoleArn": version.role, "RoleSessionName": version.name.ljust(2, "-")}
                )
            except AwsError as error:
                self._all.discard(env)
                if error.code in ("AccessDenied", "NoSuchEntity"):
                    raise AwsError(
                        "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.", status=403
                    ) from None
                raise
        credentials, user = answer["Credentials"], answer["AssumedRoleUser"]
        env.expires = credentials["Expiration"]
        env.principal = Principal(
            "assumed-role", ctx.account, user["Arn"], user["AssumedRoleId"], credentials["AccessKeyId"], role_arn=version.role
        )
        env.session = environment.Session(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
        return env

    async def _start(self, env: ExecutionEnvironment, ctx: Context, request_id: str, seconds: float) -> Outcome | None:
        """Starts the runtime and waits for it to be ready; what went wrong if it did."""
        world, version = self._world, env.version
        deployments = world.part(Deployments)
        task, opt = await deployments.task(version.code), await deployments.opt(version.layers)
        # The version's own name changes with AWS's patches; the runtime's is what tells a reader something.
        env.lines.append((world.clock.now(), f"INIT_START Runtime Version: {version.runtime}\tRuntime Version ARN: \n"))
        try:
            argv = entrypoint(version, task, opt)
        except InvalidEntrypoint as problem:
            return failure("Runtime.InvalidEntrypoint", str(problem), request_id)
        env.temporary = deployments.temporary()
        env.socket = await plane(world.host).listen(env)
        variables = environment.variables(
            version,
            region=ctx.region,
            stream=env.stream,
            runtime_api=env.socket.address,
            endpoint=await world.host.endpoint(world),
            session=env.session,
        )
        try:
            await env.start(environment.spec(env.id, version, argv, variables, task=task, opt=opt, temporary=env.temporary))
        except StartFailed as problem:
            raise errors.service_failed(f"The sandbox could not be started: {problem}") from None
        return await env.initialise(request_id, seconds)

    def _give_back(self, key: Key, env: ExecutionEnvironment) -> None:
        env.idle_since = monotonic_seconds()
        self._idle.setdefault(key, deque()).append(env)
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_later(IDLE_SECONDS / 10, self._reap)

    def _reap(self) -> None:
        """Ends what has been idle too long, and what belongs to versions that have changed since."""
        self._reaper = None
        oldest = monotonic_seconds() - IDLE_SECONDS
        for key, idle in list(self._idle.items()):
            while idle and idle[0].idle_since < oldest:
                self._end_later(idle.popleft())
            if not idle:
                del self._idle[key]
        if self._idle:
            self._reaper = asyncio.get_running_loop().call_later(IDLE_SECONDS / 10, self._reap)

    def retire(self, account: str, region: str, name: str, numbers: set[int] | None) -> None:
        """Ends the idle environments of a function, or of some of its versions."""
        for key in [k for k in self._idle if k[:3] == (account, region, name) and (numbers is None or k[3] in numbers)]:
            for env in self._idle.pop(key):
                self._end_later(env)

    def _end_later(self, env: ExecutionEnvironment) -> None:
        asyncio.get_running_loop().create_task(self._discard(env))

    async def _discard(self, env: ExecutionEnvironment) -> None:
        if env in self._all:
            self._all.discard(env)
            self._places.release()
            await self._end(env)

    async def _end(self, env: ExecutionEnvironment) -> None:
        self._all.discard(env)
        env.close()
        await env.kill()
        if env.temporary:
            await self._world.host.offload(self._world.part(Deployments).remove, env.temporary)

    async def close(self) -> None:
        """Ends every environment."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.gather(*(self._end(env) for env in list(self._all)), return_exceptions=True)

    def _ship(self, ctx: Context, env: ExecutionEnvironment, lines: list[tuple[datetime, str]]) -> None:
        if env.principal is not None:
            ship(ctx.at(principal=env.principal), env.version.logs_to, env.stream, lines)


def retire(ctx: Context, name: str, number: int | None = 0) -> None:
    """Once this transaction has committed: ends idle environments of a version that has changed; None: of all of them."""
    pool, account, region = ctx.world.part(Pool), ctx.account, ctx.region
    ctx.on_commit(lambda: pool.retire(account, region, name, None if number is None else {number}))

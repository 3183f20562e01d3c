"""The pool: warm execution environments of one world, made when needed, reaped when idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from cloudjar.compute.driver import ComputeError, Driver
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.principal import Principal
from cloudjar.services.lambda_ import environment, errors, interpreters, metering, sealed_environment
from cloudjar.services.lambda_.concurrency import ACCOUNT_LIMIT
from cloudjar.services.lambda_.deploy import Deployments
from cloudjar.services.lambda_.entrypoint import InvalidEntrypoint
from cloudjar.services.lambda_.execution import INIT_SECONDS, ExecutionEnvironment
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.invocation import Invocation, Outcome, failure
from cloudjar.services.lambda_.launch import can_stand_by, launch, variables
from cloudjar.services.lambda_.logs import ship
from cloudjar.services.lambda_.names import function_arn
from cloudjar.services.lambda_.pipe import Pipe
from cloudjar.services.lambda_.places import Places
from cloudjar.services.lambda_.runtimes import RUNTIMES
from cloudjar.services.lambda_.shutdown import shut_down
from cloudjar.services.lambda_.snapshots import Snapshots
from cloudjar.services.lambda_.standby import Key, Standbys
from cloudjar.services.lambda_.system_log import SystemLog

if TYPE_CHECKING:
    from cloudjar.kernel.world import World

_STARTS = 8
"""How many start at once: more would only slow each other down."""

_DEBUG_SECONDS = 3600.0
"""What an invocation may take while a debugger may hold it."""
_NOT_REPEATED = ("Runtime.InvalidEntrypoint", "Extension.LaunchError")


class Finished:
    """An invocation that has ended, as Invoke answers it."""

    __slots__ = ("log", "outcome", "store")

    def __init__(self, outcome: Outcome, log: str, store: Callable[[], None]) -> None:
        self.outcome = outcome
        self.log = log
        self.store = store
        """Stores its log and its metrics."""


class Pool:
    """Environments by function version. What they are made of is in records; nothing here must last."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._all: set[ExecutionEnvironment] = set()
        self._busy: dict[tuple[str, str, str], int] = {}
        self._in_account: dict[tuple[str, str], int] = {}
        self._numbers = 0
        self.places = Places(world.clock.now, self.end, self._end_later)
        self.init_seconds = INIT_SECONDS
        self._starts = asyncio.Semaphore(_STARTS)
        self._ending: set[asyncio.Task[None]] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False
        self._provisioned: dict[Key, int] = {}
        self._standbys = Standbys(self._stand_by, self.end, lambda: bool(self._running))
        self.snapshots = Snapshots(world, self, lambda: bool(self._running))

    async def invoke(self, ctx: Context, version: Version, invocation: Invocation, reserved: int | None) -> Finished:
        """Runs one invocation to its end, even if the caller goes away. Raises TooManyRequestsException and SnapStart's exceptions."""
        if version.has_snapshot and version.state != "Active":
            raise errors.snapshot_not_ready() if version.state == "Pending" else errors.in_state(version.state)
        function, account = (ctx.account, ctx.region, version.name), (ctx.account, ctx.region)
        busy = self._busy.get(function, 0)
        if reserved is not None and busy >= reserved:
            metering.throttled(ctx, invocation.arn)
            raise errors.throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
        if reserved is None and self._in_account.get(account, 0) >= ACCOUNT_LIMIT:
            metering.throttled(ctx, invocation.arn)
            raise errors.throttled("ConcurrentInvocationLimitExceeded")
        self._busy[function] = busy + 1
        self._in_account[account] = self._in_account.get(account, 0) + 1
        metering.started(ctx, invocation.arn, busy + 1, self._in_account[account], reserved)
        hold = f"lambda:{version.name}"
        self._world.clock.hold(hold)
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Finished] = loop.create_future()

        async def run() -> None:
            try:
                finished = await self._run(ctx.at(), version, invocation, answered)
            except Exception as problem:
                if answered.done():
                    # The caller has an answer already: what extensions did afterwards has failed.
                    self._world.host.log_failure(f"an invocation of {version.name}", problem)
                else:
                    answered.set_exception(problem)
            else:
                if not answered.done():
                    answered.set_result(finished)
                # Once whoever waits has answered, and before the next request is read: who has seen the end finds the log.
                loop.call_soon(loop.call_soon, finished.store)
            finally:
                _less(self._busy, function)
                _less(self._in_account, account)
                self._world.clock.release(hold)
                self._world.may_be_idle()

        def ended(task: asyncio.Task[None]) -> None:
            self._running.discard(task)
            answered.cancel()

        task = loop.create_task(run())
        self._running.add(task)
        task.add_done_callback(ended)
        return await answered

    async def _run(self, ctx: Context, version: Version, invocation: Invocation, answered: asyncio.Future[Finished]) -> Finished:
        key = (ctx.account, ctx.region, version.name, version.number, version.revision, invocation.tenant)
        request_id = invocation.request_id
        problem: Outcome | None = None
        milliseconds = 0.0
        env = await self.places.acquire(key)
        if env is None:
            if version.has_snapshot:
                env, problem = await self._restored(ctx, version, invocation)
            else:
                env, problem, milliseconds = await self._cold(ctx, version, invocation)
        reusable = False
        try:
            lines, trace = SystemLog(version, self._world.clock.now, env.telemetry, invocation.tenant), invocation.trace_id
            env.log.write(lines.start(request_id, trace))
            if problem is None:
                limit = _DEBUG_SECONDS if environment.debug_port(env.version) else version.timeout_seconds - milliseconds / 1000
                outcome, took = await env.run(invocation, limit)
                milliseconds += took
                if outcome.status == "timeout":
                    # What ending it took is nobody's.
                    milliseconds = min(milliseconds, version.timeout_seconds * 1000.0)
                env.log.write(lines.runtime_done(request_id, took, outcome, trace))
                if env.extensions is not None and env.alive and not env.extensions.is_at_rest:
                    if not invocation.wants_log and not answered.done():
                        # The caller has the answer while extensions finish their work.
                        answered.set_result(Finished(outcome, "", env.log.flush))
                    problem, took = await env.wait_for_extensions(request_id, version.timeout_seconds - milliseconds / 1000)
                    milliseconds += took
                    where = metering.dimensions(invocation.arn, version.label)
                    metering.add(ctx, "PostRuntimeExtensionsDuration", where, round(took, 2), metering.MILLISECONDS)
                    outcome = problem or outcome
            else:
                outcome = problem
            for line in lines.crash(request_id, outcome):
                env.log.write(line)
            env.log.write(lines.end(request_id))
            env.log.write(lines.report(request_id, env.report(milliseconds), outcome, trace))
            reusable = env.alive and not self._closed
            log, failed = env.log, bool(outcome.error)

            def store() -> None:
                log.flush()
                metering.ended(ctx, invocation.arn, version.label, round(milliseconds, 2), failed)

            return Finished(outcome, log.take_tail(), store)
        finally:
            if reusable:
                self.places.give_back(key, env)
            else:
                self._end_later(env)

    # Environments

    async def _cold(self, ctx: Context, version: Version, invocation: Invocation) -> tuple[ExecutionEnvironment, Outcome | None, float]:
        """A new environment; what went wrong if it did not come up, and the milliseconds of the invocation that went into it."""
        request_id = invocation.request_id
        env = None
        try:
            env = self.make(ctx, version)
            problem = await self.start(env, ctx, request_id, self.init_seconds)
            if problem is None or problem.error in _NOT_REPEATED:
                return env, problem, 0.0
            # Lambda tries again within the invocation, and its time limit.
            env.log.write(SystemLog(version, self._world.clock.now, env.telemetry).init_report(env.init_ms or 0.0, "init", problem))
            await self.end(env)
            failed, env = env, None
            env = self.make(ctx, version, stream=failed.stream)
            env.log.tail = failed.log.tail
            problem = await self.start(env, ctx, request_id, float(version.timeout_seconds))
        except BaseException:
            if env is not None:
                await self.end(env)
            self.places.free()
            raise
        spent, env.init_ms = env.init_ms or 0.0, None
        if problem is not None:
            env.log.write(SystemLog(version, self._world.clock.now, env.telemetry).init_report(spent, "invoke", problem))
            await env.kill()
        return env, problem, spent

    async def _restored(self, ctx: Context, version: Version, invocation: Invocation) -> tuple[ExecutionEnvironment, Outcome | None]:
        """An environment that goes on from a snapshot; what went wrong if it could not even be initialised."""
        try:
            return await self.snapshots.restore(ctx, version, invocation.request_id)
        except BaseException:
            self.places.free()
            raise

    def _new(self, account: str, version: Version, driver: Driver) -> ExecutionEnvironment:
        self._numbers += 1
        id = f"lambda-{self._world.name}-{self._numbers}"
        return ExecutionEnvironment(id, version, driver, account=account, now=self._world.clock.now)

    def make(self, ctx: Context, version: Version, stream: str = "") -> ExecutionEnvironment:
        """An environment with credentials, not yet started. Raises AccessDeniedException."""
        world = self._world
        try:
            driver: Driver = world.host.driver()
        except ComputeError as problem:
            raise errors.service_failed(f"This machine cannot run functions: {problem}") from None
        with ctx.transaction():
            date = ctx.now.strftime("%Y/%m/%d")
            stream = stream or f"{date}/[{version.label}]{ctx.ids.hex(32)}"
            try:
                answer = ctx.as_service("lambda.amazonaws.com", function_arn(ctx, version.name)).call(
                    "sts", "AssumeRole", {"RoleArn": version.role, "RoleSessionName": version.name.ljust(2, "-")}
                )
            except AwsError as error:
                if error.code in ("AccessDenied", "NoSuchEntity"):
                    raise errors.role_not_assumable_now() from None
                raise
        credentials, user = answer["Credentials"], answer["AssumedRoleUser"]
        principal = Principal(
            "assumed-role", ctx.account, user["Arn"], user["AssumedRoleId"], credentials["AccessKeyId"], role_arn=version.role
        )
        acting = ctx.at(principal=principal)
        # A standby has served nobody yet.
        key = (ctx.account, ctx.region, version.name, version.number, version.revision, "")
        with acting.transaction():
            opened = sealed_environment.open_for_role(acting, version)
        env = self._standbys.take(key) or self._new(ctx.account, version, driver)
        env.version = opened
        if not version.has_snapshot:
            self._stand_by_soon(key, version)
        env.stream, env.log.ship = stream, lambda lines: ship(acting, version.logs_to, stream, lines)
        env.expires = credentials["Expiration"]
        env.session = environment.Session(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
        self._all.add(env)
        return env

    async def start(self, env: ExecutionEnvironment, ctx: Context, request_id: str, seconds: float) -> Outcome | None:
        """Starts the runtime and waits for it to be ready; what went wrong if it did."""
        version = env.version
        interpreter = interpreters.find(RUNTIMES[version.runtime])
        really = f" ({interpreter.version} of this machine)" if interpreter and interpreter.version else ""
        env.runtime = f"{version.runtime}{really}"
        env.log.write(SystemLog(version, self._world.clock.now).init_start(env.runtime), in_tail=False)
        try:
            if env.pipe is None:
                await launch(self._world, env, ctx, self._starts)
            else:
                env.pipe.send(await variables(self._world, env, ctx.region))
        except InvalidEntrypoint as problem:
            return failure(problem.kind, str(problem), request_id)
        except (ComputeError, OSError) as problem:
            raise errors.service_failed(f"The sandbox could not be started: {problem}") from None
        return await env.initialise(request_id, seconds)

    async def _stand_by(self, key: Key, version: Version) -> ExecutionEnvironment:
        """A new standby of a version. Raises ComputeError, AwsError, OSError."""
        world = self._world
        env = self._new(key[0], version, world.host.driver())
        self._all.add(env)
        try:
            env.pipe = Pipe(world.part(Deployments).pipe())
            await launch(world, env, world.async_context(key[0], key[1]), self._starts)
        except InvalidEntrypoint as problem:
            await self.end(env)
            raise OSError(str(problem)) from None
        except BaseException:
            await self.end(env)
            raise
        return env

    async def _discard(self, env: ExecutionEnvironment) -> None:
        if env in self._all:
            await self.end(env)
            self.places.free()

    async def end(self, env: ExecutionEnvironment) -> None:
        """Ends an environment, and removes what was its own."""
        self._all.discard(env)
        if env.extensions is not None and env.is_started:
            await shut_down(env, env.extensions)
        env.close()
        await env.kill()
        if env.disk:
            await env.disk.close()
        if env.temporary:
            await self._world.host.offload(self._world.part(Deployments).remove, env.temporary)

    def _end_later(self, env: ExecutionEnvironment) -> None:
        self._in_background(self._discard(env))
        if env.provisioned:
            # Another takes its place, if it is still wanted.
            env.provisioned = False
            for key, count in self._provisioned.items():
                if key[2:] == (env.version.name, env.version.number, env.version.revision, "") and not self._closed:
                    self._in_background(self._refill(key, env.version, count))

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    # Provisioned concurrency

    async def provision(self, ctx: Context, version: Version, count: int) -> Outcome | None:
        """Keeps so many environments of a version ready; what went wrong if one cannot be initialised. Raises AwsError."""
        key = (ctx.account, ctx.region, version.name, version.number, version.revision, "")
        self._provisioned[key] = count
        while self._provisioned.get(key) == count and self._count_provisioned(version) < count:
            if not self.places.take():
                raise errors.throttled("ConcurrentInvocationLimitExceeded")
            env = None
            try:
                env = self.make(ctx, version)
                env.provisioned = True
                problem = await self.start(env, ctx, "", self.init_seconds)
            except BaseException:
                if env is not None:
                    await self.end(env)
                self.places.free()
                raise
            if problem is not None:
                self._provisioned.pop(key, None)
                env.provisioned = False
                await self._discard(env)
                return problem
            env.init_ms = None
            env.provisioned = key in self._provisioned
            env.log.flush()
            self.places.give_back(key, env)
        return None

    def unprovision(self, ctx: Context, name: str, but: set[int]) -> None:
        """Lets the environments of a function's other versions grow old like all others."""
        for key in [k for k in self._provisioned if k[:3] == (ctx.account, ctx.region, name) and k[3] not in but]:
            del self._provisioned[key]
            for env in self.places.idle(key):
                env.provisioned = False

    def _count_provisioned(self, version: Version) -> int:
        return sum(e.provisioned and (e.version.name, e.version.revision) == (version.name, version.revision) for e in self._all)

    async def _refill(self, key: Key, version: Version, count: int) -> None:
        try:
            await self.provision(self._world.async_context(key[0], key[1]), version, count)
        except AwsError as error:
            self._world.host.log_failure(f"provisioned concurrency of {version.name}", error)

    def retire(self, account: str, region: str, name: str, numbers: set[int] | None) -> None:
        """Ends the idle environments of a function, or of some of its versions."""
        self._standbys.retire(account, region, name, numbers)
        self.snapshots.retire(account, region, name, numbers)
        self.places.retire(account, region, name, numbers)

    async def close(self) -> None:
        """Ends every environment."""
        self._closed = True
        await self._standbys.close()
        await self.snapshots.close()
        self.places.close()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, *self._ending, return_exceptions=True)
        await asyncio.gather(*(self.end(env) for env in list(self._all)), return_exceptions=True)

    def expect(self, account: str, region: str, version: Version) -> None:
        """A version is new or has changed: somebody will call it."""
        self._stand_by_soon((account, region, version.name, version.number, version.revision, ""), version)

    def _stand_by_soon(self, key: Key, version: Version) -> None:
        if can_stand_by(version):
            self._standbys.want(key, version)


def _less(counts: dict[Any, int], key: Any) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def retire(ctx: Context, name: str, number: int | None = 0) -> None:
    """Once this transaction has committed: ends idle environments of a version that has changed; None: of all of them."""
    pool, account, region = ctx.world.part(Pool), ctx.account, ctx.region
    ctx.on_commit(lambda: pool.retire(account, region, name, None if number is None else {number}))


def expect(ctx: Context, version: Version) -> None:
    """Once this transaction has committed: may have a standby of a version that is new or has changed."""
    pool, account, region = ctx.world.part(Pool), ctx.account, ctx.region
    ctx.on_commit(lambda: pool.expect(account, region, version))

"""The jar: one daemon, its worlds and their endpoints. It is the kernel's Host."""

from __future__ import annotations

import asyncio
import collections
import importlib
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import CoroutineType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from cloudjar.gateway.authenticate import Authenticator
from cloudjar.gateway.authorize import Judge, Mode
from cloudjar.gateway.endpoints import Endpoints
from cloudjar.gateway.pipeline import handle
from cloudjar.gateway.tls import Authority
from cloudjar.identity.credentials import Session
from cloudjar.kernel.blobs import BlobStore
from cloudjar.kernel.clock import wall_seconds
from cloudjar.kernel.context import Call, Context
from cloudjar.kernel.effects import TRACE
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.host import Question
from cloudjar.kernel.ids import Ids, secret_bytes, uuids
from cloudjar.kernel.marks import GaugesMark
from cloudjar.kernel.meter import Batch
from cloudjar.kernel.offload import Offload
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.world import World
from cloudjar.kernel.worlds import DEFAULT, Worlds
from cloudjar.services.cloudtrail.recorder import Recorder
from cloudjar.services.registry import Operation, Services
from cloudjar.wire.codec import Codec
from cloudjar.wire.http import Request, Response
from cloudjar.wire.models import Models, OperationModel
from cloudjar.wire.route import Route
from cloudjar.wire.validate import validate

if TYPE_CHECKING:
    from cloudjar.compute.driver import Driver
    from cloudjar.compute.networks import Network
    from cloudjar.gateway.init_scripts import InitScripts

T = TypeVar("T")

CALLS_KEPT = 1000
FLUSH_SECONDS = 1.0
SWEEP_SECONDS = 3600.0
"""How often blob files that nothing holds any more are removed, and how old they are then at least."""


class CallRecord(msgspec.Struct, frozen=True):
    """One past call, for `/_cloudjar/calls`."""

    request_id: str
    time: datetime
    world: str
    service: str
    operation: str
    region: str
    account: str
    principal: str
    status: int
    error: str
    message: str
    milliseconds: float


_Noted = tuple[str, str, datetime, str, str, Route | None, Principal, int, AwsError | None, float]


class Jar:
    """Everything that one daemon holds. Made inside a running event loop; `stop` ends it."""

    def __init__(
        self,
        directory: Path | None = None,
        *,
        ephemeral: bool = False,
        durability: str = "second",
        seed: bytes | None = None,
        listen: Sequence[str] = ("127.0.0.1",),
        log: logging.Logger | None = None,
        wall: Callable[[], float] = wall_seconds,
        iam: Mode = "enforce",
        strict: bool = False,
    ) -> None:
        """`ephemeral` removes the directory at the end; None for it means a temporary one. `durability` is "second" or "full".

        `listen` are the addresses or names that endpoints are bound to. `iam` is "enforce", "audit" or "off"; `strict` refuses the
        access keys that need no secret.
        """
        self.ephemeral = ephemeral or directory is None
        self.durability = durability
        self.directory = directory or Path(tempfile.mkdtemp(prefix="cloudjar-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log = log or logging.getLogger("cloudjar")
        self.wall = wall
        self.started = wall()
        self.models = Models()
        self.codec = Codec(self.models)
        self.services = Services(self.models)
        self.authenticator = Authenticator(wall, strict=strict)
        self.judge = Judge(self.services, iam)
        self.offloader = Offload()
        self.authority = Authority(self.directory / "ca", clock=self.wall)
        self.blobs = BlobStore(self.directory / "blobs")
        self.worlds = Worlds(self.directory, self.blobs, self, flush_each_commit=durability == "full", seed=seed)
        self._calls: collections.deque[_Noted] = collections.deque(maxlen=CALLS_KEPT)
        self.endpoints = Endpoints(self.worlds, self.answer, listen=listen, tls=self.authority, log=self.log, clock=self.wall)
        self.init: InitScripts | None = None
        self._driver: Driver | None = None
        self.end: Callable[[], None] | None = None
        """Asks whoever runs this jar to stop it; None where that is the caller's own affair."""
        self._request_ids = uuids(Ids(seed or secret_bytes(16), iter(range(1, sys.maxsize)).__next__))
        self._background = [asyncio.get_running_loop().create_task(work()) for work in (self._flush, self._sweep)]

    # Endpoints

    async def serve(self, world_name: str = DEFAULT, *, port: int | None = None) -> int:
        """Gives a world its endpoint; returns the port. Raises OSError."""
        self.worlds.open(world_name)
        return await self.endpoints.open(world_name, port)

    async def drop(self, world_name: str) -> None:
        """Ends a world and its endpoint; requests in work get a second to finish."""
        self.worlds.require(world_name)
        if world_name in self.worlds.open_worlds:
            self.worlds.open_worlds[world_name].waits.end()
        await self.endpoints.close(world_name, 1.0)
        await self.worlds.drop(world_name)

    async def answer(self, world_name: str, request: Request) -> Response:
        """One request to a world's endpoint; a world that was restored meanwhile is found again by its name."""
        if self.worlds.changing:
            await self.worlds.changed(world_name)
        return await handle(self, self.worlds.open(world_name), request)

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """Finishes requests in flight, but lets none wait on for news, then closes everything."""
        for world in self.worlds.open_worlds.values():
            world.waits.end()
        await self.endpoints.close_all(grace_seconds)
        async with self.worlds.flushing:  # A flush that is cancelled would go on in its thread, on a store that is closed.
            for task in self._background:
                task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.worlds.close()
        if self._driver is not None:
            await self._driver.close()
        self.offloader.close()
        if self.ephemeral:
            shutil.rmtree(self.directory, ignore_errors=True)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.worlds.flush()
            except Exception as error:  # the rim: the disk may be full now, and not in a second
                self.log_failure("the flush to the disk", error)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                # A file may be there before the record that will hold it: the young are spared.
                await self.offload(self.blobs.sweep, self.worlds.held_blobs(), self.wall() - SWEEP_SECONDS)
            except Exception as error:  # the rim: what could not be swept now can be swept later
                self.log_failure("the sweep of blobs", error)

    # What the kernel asks

    def call(self, ctx: Context, service: str, operation: str, req: dict[str, Any]) -> dict[str, Any]:
        implemented = self._implemented(service, operation)
        validate(implemented.model, req)
        inner = self._inner(ctx, service, operation)
        try:
            self.authorize(inner, implemented, req)
            result = implemented.function(inner, req) or {}
        except AwsError as error:
            inner.world.part(Recorder).note(inner, req, None, error)
            raise
        if isinstance(result, CoroutineType):
            result.close()
            raise RuntimeError(f"{service}:{operation} waits; call it with call_async, outside a transaction")
        inner.world.part(Recorder).note(inner, req, result, None)
        answer: dict[str, Any] = result
        return answer

    async def call_async(self, ctx: Context, service: str, operation: str, req: dict[str, Any]) -> dict[str, Any]:
        implemented = self._implemented(service, operation)
        validate(implemented.model, req)
        inner = self._inner(ctx, service, operation)
        try:
            with inner.transaction():
                self.authorize(inner, implemented, req)
                result = implemented.function(inner, req)
            if isinstance(result, CoroutineType):
                result = await result
        except AwsError as error:
            inner.world.part(Recorder).note(inner, req, None, error)
            raise
        answer: dict[str, Any] = result or {}
        inner.world.part(Recorder).note(inner, req, answer, None)
        return answer

    def assume(self, ctx: Context, role_arn: str, service: str, source_arn: str = "") -> Context:
        answer = ctx.as_service(service, source_arn).call(
            "sts", "AssumeRole", {"RoleArn": role_arn, "RoleSessionName": service.split(".")[0]}
        )
        session = ctx.get(Session, answer["Credentials"]["AccessKeyId"])
        assert session is not None
        return ctx.at(account=session.principal.account, principal=msgspec.structs.replace(session.principal, invoked_by=service))

    def form_caller(self, ctx: Context, fields: Mapping[str, str]) -> Principal:
        return self.authenticator.authenticate_form(ctx.world, ctx.region, fields)

    def allowed(self, ctx: Context, action: str, resource: str, keys: Mapping[str, str] | None = None) -> bool:
        return self.judge.allowed(ctx, action, resource, dict(keys) if keys else None)

    def refusals(self, ctx: Context, questions: Sequence[Question], req: dict[str, Any]) -> list[AwsError | None]:
        call = ctx.call_info
        return self.judge.refusals(ctx, self._implemented(call.service, call.operation).model, questions, req)

    def page_members(self, service: str, operation: str) -> PageMembers:
        data = self.models.service(service).paginators[operation]
        result = data["result_key"]
        return PageMembers(
            input_token=_first(data["input_token"]),
            output_token=_first(data["output_token"]),
            limit=data.get("limit_key"),
            result=_first(result),
            more=data.get("more_results"),
        )

    def listeners(self, source: str, detail_type: str) -> list[str]:
        return self.services.listeners(source, detail_type)

    def keep_metrics(self, ctx: Context, batches: Sequence[Batch]) -> None:
        from cloudjar.services.cloudwatch.own import keep

        keep(ctx, batches)

    def gauges(self, namespace: str) -> Sequence[tuple[GaugesMark, Callable[..., Any]]]:
        return self.services.gauges(namespace)

    def resolve(self, name: str, mark: type) -> Callable[..., Any]:
        return self.services.resolve(name, mark)

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        return await self.offloader.run(function, *args)

    async def endpoint(self, world: World) -> str:
        return f"http://127.0.0.1:{await self.serve(world.name)}"

    async def network(self, world: World) -> Network | None:
        from cloudjar.gateway import inside

        return await inside.network(self, world)

    def driver(self) -> Driver:
        if self._driver is None:
            from cloudjar.compute.driver import choose
            from cloudjar.compute.process import Process
            from cloudjar.compute.sandbox import Sandbox

            self._driver = choose([Sandbox(directory=self.directory / "disks"), Process()])
        return self._driver

    def plane(self, name: str) -> ModuleType:
        return importlib.import_module(f"cloudjar.planes.{name}")

    def log_failure(self, what: str, error: BaseException) -> None:
        self.log.error("%s failed", what, exc_info=error)

    # The judge's place

    def authorize(self, ctx: Context, operation: Operation, req: dict[str, Any]) -> None:
        """Every call passes here, from outside and between services."""
        self.judge.authorize(ctx, operation, req)

    # Calls

    def next_request_id(self) -> str:
        """A request id, as a UUID."""
        return next(self._request_ids)

    def record_call(
        self,
        world: World,
        target: Route | None,
        operation: OperationModel | None,
        principal: Principal,
        request_id: str,
        status: int,
        failure: AwsError | None,
        ended: datetime,
        seconds: float,
    ) -> None:
        """Remembers a call for inspection, and logs failures of ours."""
        if self.log.isEnabledFor(logging.DEBUG):
            name = f"{target.service if target else '?'}.{operation.name if operation else '?'}"
            self.log.debug("AWS %s => %d%s", name, status, f" ({failure.code})" if failure else "")
        service = target.service if target else ""
        name = operation.name if operation else ""
        self._calls.append((world.name, request_id, ended, service, name, target, principal, status, failure, seconds))

    @property
    def calls(self) -> list[CallRecord]:
        """The last calls, of all worlds, the latest last. Each call only notes what it was: few are ever looked at."""
        return [
            CallRecord(
                request_id=request_id,
                time=ended,
                world=world,
                service=service,
                operation=operation,
                region=(target.region or "") if target else "",
                account=principal.account,
                principal=principal.arn,
                status=status,
                error=failure.code if failure else "",
                message=failure.message if failure else "",
                milliseconds=round(seconds * 1000, 3),
            )
            for world, request_id, ended, service, operation, target, principal, status, failure, seconds in self._calls
        ]

    def _implemented(self, service: str, operation: str) -> Operation:
        found = self.services.service(service)
        implemented = found.operations.get(operation) if found else None
        if implemented is None:
            raise not_implemented(service, operation)
        return implemented

    def _inner(self, ctx: Context, service: str, operation: str) -> Context:
        info = ctx.call_info
        inner = ctx.at()
        inner.call_info = Call(
            request_id=info.request_id,
            service=service,
            operation=operation,
            url=info.url,
            source_ip=info.source_ip,
            secure=info.secure,
            headers={TRACE: trace} if (trace := info.headers.get(TRACE)) else {},
            via=(*info.via, f"{info.service}.amazonaws.com") if info.service else info.via,
        )
        return inner


def _first(value: Any) -> str:
    return value[0] if isinstance(value, list) else str(value)

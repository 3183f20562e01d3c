"""A request's way: route -> find the operation -> authenticate -> parse -> authorize -> run -> serialise. Read it top to bottom."""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING

from cloudjar.gateway import checkip, function_urls, own
from cloudjar.kernel.clock import monotonic_seconds
from cloudjar.kernel.context import Call, Context, Unit
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.principal import ANONYMOUS
from cloudjar.kernel.store import StoreFull
from cloudjar.kernel.world import DEFAULT_ACCOUNT, DEFAULT_REGION, World
from cloudjar.services.cloudtrail.recorder import Recorder
from cloudjar.wire.http import Body, BodyTooLarge, BodyTruncated, BufferedBody, Request, Response
from cloudjar.wire.route import Route, route, wants_body
from cloudjar.wire.validate import validate

if TYPE_CHECKING:
    from cloudjar.gateway.jar import Jar

LARGEST_BODY = 64 << 20
"""Bytes of a request that is not a stream: above AWS's own limits for every operation."""


async def handle(jar: Jar, world: World, request: Request) -> Response:
    """The answer to one request; never raises."""
    host = request.headers.get("host", "")
    if request.path.startswith(own.PREFIXES) or function_urls.LABEL in host or host.startswith(checkip.HOST):
        if function_urls.claims(request):
            return await function_urls.handle(jar, world, request)
        if own.claims(request):
            return await own.handle(jar, world, request)
        if checkip.claims(request):
            return checkip.answer(request)
    started = monotonic_seconds()
    request_id = jar.next_request_id()
    world.active_requests += 1
    target: Route | None = None
    operation = service = None
    principal = ANONYMOUS
    failure: AwsError | None = None
    edge = None
    ctx: Context | None = None
    req = result = None
    try:
        # Route: which service and protocol is this for? A form has to be looked into.
        form = b""
        if wants_body(request):
            form = await request.body.read(LARGEST_BODY)
            request.body = BufferedBody(form)
        target = route(jar.models, request, form)
        service = jar.services.service(target.service)

        # What HTTP asks beside the operations: S3's preflights and websites.
        edge = service.edge if service else None
        if edge is not None and edge.claims(request):
            ctx = _nobody(world, target, request, request_id)
            response = await edge.answer(ctx, request, target.path)
            edge.finish(ctx, request, target.path, response, "", {}, "", monotonic_seconds() - started)
            return response

        # Which operation? A streamed body stays unread.
        body: bytes | Body
        if target.protocol in ("query", "ec2"):
            body = await request.body.read(LARGEST_BODY)
            found = jar.codec.find_operation(target, request, body)
        else:
            found = jar.codec.find_operation(target, request)
            body = request.body if found.streams else await request.body.read(LARGEST_BODY)
        operation = found.operation
        implemented = service.operations.get(operation.name) if service else None
        if implemented is None:
            raise not_implemented(target.service, operation.name)

        # Authenticate: who calls, and from which account? Then parse: with what input?
        principal, body = await jar.authenticator.authenticate(world, jar.models.catalogue, target, operation, request, body)
        if edge is not None and isinstance(body, bytes) and body:
            edge.check_body(request, operation.name, body)
        req = jar.codec.parse(target, request, body, found).params
        validate(operation, req)
        info = Call(
            request_id=request_id,
            service=target.service,
            operation=operation.name,
            url=f"{request.scheme}://{host or f'localhost:{request.port}'}",
            source_ip=request.peer,
            user_agent=request.headers.get("user-agent", ""),
            secure=request.scheme == "https",
            tls=request.tls,
            query=request.query,
            headers=request.headers,
        )
        ctx = Context(world, principal.account or DEFAULT_ACCOUNT, target.region or DEFAULT_REGION, principal, info, Unit())

        # Authorize and run: one transaction for a `def`; an `async def`, or what a `def` has left to do, opens its own.
        while True:
            try:
                with ctx.transaction():
                    jar.authorize(ctx, implemented, req)
                    result = implemented.function(ctx, req)
                break
            except StoreFull:
                continue  # the map has grown; the same call gives the same answer
        if isinstance(result, CoroutineType):
            result = await result

        # Serialise.
        response = jar.codec.serialise(operation, result, request_id=request_id, protocol=target.protocol)
    except AwsError as error:
        failure = error
    except BodyTooLarge:
        failure = AwsError("RequestEntityTooLarge", "The request is larger than any that this operation takes.", status=413)
    except BodyTruncated:
        failure = AwsError("IncompleteBody", "The request body ended before all of it had come.", status=400)
    except Exception as error:  # the rim: a bug of ours, reported in the protocol's words and in full in the log
        if world.closed:
            failure = AwsError("ServiceUnavailable", "The world was reset, restored or dropped during this call. Try again.", status=503)
        else:
            jar.log_failure(f"{target.service if target else '?'}:{operation.name if operation else '?'}", error)
            failure = AwsError("InternalFailure", f"cloudjar failed: {error!r}. The log has the traceback: `cloudjar logs`.", status=500)
    finally:
        world.active_requests -= 1
        world.may_be_idle()
    if failure is not None:
        response = jar.codec.serialise_error(
            operation,
            failure,
            request_id=request_id,
            protocol=target.protocol if target else "rest-xml",
            service=target.service if target else "s3",
            method=request.method,
        )
    seconds = monotonic_seconds() - started
    if edge is not None and target is not None and not world.closed:
        who = ctx or _nobody(world, target, request, request_id)
        name, code = operation.name if operation else "", failure.code if failure else ""
        edge.finish(who, request, target.path, response, name, req or {}, code, seconds)
    ended = world.clock.now()
    jar.record_call(world, target, operation, principal, request_id, response.status, failure, ended, seconds)
    if ctx is not None and not world.closed:
        world.part(Recorder).note(ctx, req, result, failure, ended)
        if service is not None and service.tell is not None:
            service.tell(ctx, req, result, failure, seconds)
    return response


def _nobody(world: World, target: Route, request: Request, request_id: str) -> Context:
    """The context of a request that is no operation, or did not come as far as having a caller."""
    url = f"{request.scheme}://{request.host}"
    info = Call(request_id=request_id, service=target.service, url=url, source_ip=request.peer, secure=request.scheme == "https")
    region = target.region or DEFAULT_REGION
    return Context(world, DEFAULT_ACCOUNT, region, ANONYMOUS, info, Unit())

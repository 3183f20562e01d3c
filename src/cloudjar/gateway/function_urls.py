"""Requests to function URLs: by host, `ID.lambda-url.REGION.localhost`, or by path, `/_cloudjar/lambda-url/ID/...`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Call, Context, Unit
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.principal import ANONYMOUS, Principal
from cloudjar.kernel.world import World
from cloudjar.wire.http import BodyTooLarge, BodyTruncated, BufferedBody, Request, Response

if TYPE_CHECKING:
    from cloudjar.gateway.jar import Jar
    from cloudjar.services.lambda_.function_urls import FunctionUrl
    from cloudjar.services.lambda_.response_stream import Streamed

PATH = "/_cloudjar/lambda-url/"
# https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html: URLs made since October 2025 need lambda:InvokeFunction too; the accounts
# that had URLs before were given until November 2026.
_BOTH_SINCE = datetime(2025, 10, 1, tzinfo=UTC)
_BOTH_FOR_ALL_SINCE = datetime(2026, 11, 1, tzinfo=UTC)
LABEL = ".lambda-url."
"""What the hosts of function URLs, and no others, have in them."""
_LARGEST = 6 << 20


def claims(request: Request) -> bool:
    """Whether a request is for a function URL."""
    return LABEL in request.host or request.path.startswith(PATH)


async def handle(jar: Jar, world: World, request: Request) -> Response:
    """The answer to one request for a function URL; never raises."""
    world.active_requests += 1
    try:
        return await _answer(jar, world, request)
    except AwsError as error:
        status = error.status or 500
        code = 429 if error.code == "TooManyRequestsException" else 403 if status == 403 else status if status >= 500 else 400
        return _told(code, "Forbidden" if code == 403 else error.message, error.code)
    except BodyTooLarge:
        return _told(413, "Request Too Long", "RequestEntityTooLargeException")
    except BodyTruncated:
        return _told(400, "Bad Request", "BadRequestException")
    except Exception as error:  # the rim: a bug of ours, in full in the log
        jar.log_failure("function URL", error)
        return _failed()
    finally:
        world.active_requests -= 1
        world.may_be_idle()


def _told(status: int, message: str, kind: str) -> Response:
    headers = {"content-type": "application/json", "x-amzn-errortype": kind}
    return Response(status, headers, json.dumps({"Message": message}).encode())


def _failed() -> Response:
    """The function did not answer, or with nothing that can be passed on: no JSON, whatever the type says, as on AWS."""
    headers = {"content-type": "application/json", "x-amzn-errortype": "InternalServerErrorException"}
    return Response(502, headers, b"Internal Server Error")


def _place(request: Request) -> tuple[str, str]:
    """The URL's id, and the path behind it."""
    if request.path.startswith(PATH):
        id, slash, rest = request.path.removeprefix(PATH).partition("/")
        return id, slash + rest or "/"
    return request.host.partition(".")[0].lower(), request.path


async def _answer(jar: Jar, world: World, request: Request) -> Response:
    from cloudjar.services.lambda_ import http_events
    from cloudjar.services.lambda_.function_urls import find_url
    from cloudjar.services.lambda_.invoke import root_of, stream_from
    from cloudjar.services.lambda_.names import Named

    jar.services.service("lambda")
    id, path = _place(request)
    with world.reading() as looking:
        found = find_url(looking, id)
    if found is None:
        return _told(404, "Not Found", "ResourceNotFoundException")
    place, url = found
    origin = request.headers.get("origin", "")
    cors = http_events.cors_headers(url.cors, origin)
    if url.cors is not None and request.method == "OPTIONS" and "access-control-request-method" in request.headers:
        return Response(200, http_events.cors_headers(url.cors, origin, preflight=True), b"")
    body = await request.body.read(_LARGEST)
    request.body = BufferedBody(body)
    request_id = jar.next_request_id()
    info = Call(
        request_id=request_id,
        service="lambda",
        operation="InvokeFunctionUrl",
        url=f"{request.scheme}://{request.host}",
        source_ip=request.peer,
        user_agent=request.headers.get("user-agent", ""),
        secure=request.scheme == "https",
        headers=request.headers,
    )
    principal = await _caller(jar, world, place, request, body) if url.auth == "AWS_IAM" else ANONYMOUS
    ctx = Context(world, place.account, place.region, principal, info, Unit())
    _check_allowed(jar, ctx, url)
    trace = request.headers.get("x-amzn-trace-id") or root_of(request_id, world.clock.now())
    event = http_events.event(
        url_id=id,
        domain=request.host.rpartition(":")[0] or request.host,
        method=request.method,
        path=path,
        query=request.query,
        headers={
            **request.headers,
            "x-forwarded-for": request.peer,
            "x-forwarded-proto": request.scheme,
            "x-forwarded-port": str(request.port),
            "x-amzn-trace-id": trace,
        },
        body=body,
        source_ip=request.peer,
        request_id=request_id,
        now=world.clock.now(),
        account=place.account,
        caller=None if url.auth == "NONE" else principal,
    )
    streamed = await stream_from(ctx, Named(url.function, url.qualifier), json.dumps(event, separators=(",", ":")).encode())
    try:
        return await (_streamed if url.mode == "RESPONSE_STREAM" else _buffered)(streamed, {**cors, "x-amzn-trace-id": trace}, request_id)
    except http_events.BadAnswer:
        return _failed()


async def _caller(jar: Jar, world: World, place: Context, request: Request, body: bytes) -> Principal:
    from cloudjar.identity.sigv4 import SignatureProblem, parse_credentials
    from cloudjar.wire.route import Route

    try:
        credentials = parse_credentials(request)
    except SignatureProblem:
        credentials = None
    if credentials is None:
        raise AwsError("AccessDeniedException", "Forbidden", status=403)
    target = Route("lambda", "rest-json", place.region, credentials.access_key, path=request.path)
    operation = jar.models.service("lambda").operations["Invoke"]
    principal, _ = await jar.authenticator.authenticate(world, jar.models.catalogue, target, operation, request, body)
    return principal


def _check_allowed(jar: Jar, ctx: Context, url: FunctionUrl) -> None:
    """Who may call is said by the function's policy, and by the caller's own."""
    from cloudjar.services.lambda_.names import function_arn

    if ctx.principal.kind == "root" and ctx.principal.account == ctx.account:
        return
    with ctx.transaction():
        arn = function_arn(ctx, url.function, url.qualifier)
        more = {"lambda:functionurlauthtype": url.auth, "lambda:invokedviafunctionurl": "true"}
        actions = ["lambda:InvokeFunctionUrl"]
        if url.created >= _BOTH_SINCE or ctx.now >= _BOTH_FOR_ALL_SINCE:
            actions.append("lambda:InvokeFunction")
        if not all(jar.judge.allowed(ctx, action, arn, more) for action in actions):
            raise AwsError("AccessDeniedException", "Forbidden", status=403)


async def _buffered(streamed: Streamed, cors: dict[str, str], request_id: str) -> Response:
    from cloudjar.services.lambda_ import http_events

    payload = b"".join([piece async for piece in streamed])
    if (await streamed.finished()).outcome.error:
        return _failed()
    return _response(http_events.answer(payload), cors, request_id)


async def _streamed(streamed: Streamed, cors: dict[str, str], request_id: str) -> Response:
    from cloudjar.services.lambda_ import http_events

    if not streamed.is_streamed:
        return await _buffered(streamed, cors, request_id)
    pieces = aiter(streamed)
    answer, rest = http_events.Answer(200, {"content-type": streamed.content_type}, ()), b""
    if streamed.content_type.startswith(http_events.INTEGRATION_TYPE):
        found = None
        async for piece in pieces:
            rest += piece
            found = http_events.prelude(rest)
            if found is not None:
                break
        if found is None:
            raise http_events.BadAnswer
        answer, rest = found
    response = _response(answer, cors, request_id)
    response.body = _with_first(rest, pieces)
    return response


async def _with_first(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in pieces:
        yield piece


def _response(answer: Any, cors: dict[str, str], request_id: str) -> Response:
    headers = {name: value for name, value in answer.headers.items() if name not in ("content-length", "transfer-encoding", "connection")}
    headers |= {"x-amzn-requestid": request_id, **cors}
    for number, cookie in enumerate(answer.cookies):
        # A header a cookie: the same name, written differently, for a mapping that has each name once.
        headers["".join(c.upper() if number >> place & 1 else c for place, c in enumerate("set-cookie"))] = cookie
    return Response(answer.status, headers, answer.body)

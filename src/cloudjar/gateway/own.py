"""The jar's own API, under /_cloudjar, and the paths that LocalStack's users know. ARCHITECTURE.md, "Conventions"."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from cloudjar import __version__
from cloudjar.gateway.own_http import Ask, Handler, Refusal, answer, check_asker, read_body, read_query, refused
from cloudjar.kernel.world import World
from cloudjar.kernel.worlds import WorldProblem
from cloudjar.wire.hosts import parse_host
from cloudjar.wire.http import BodyTooLarge, BodyTruncated, Request, Response

if TYPE_CHECKING:
    from cloudjar.gateway.jar import Jar

PREFIXES = ("/_cloudjar", "/_localstack", "/_aws")
"""No bucket's name can start so."""


def health(ask: Ask) -> Response:
    return answer({"status": "ok", "version": __version__, "world": ask.world.name})


ROUTES: dict[tuple[str, str], Handler] = {("GET", "/_cloudjar/health"): health}


def claims(request: Request) -> bool:
    """Whether a request is for this API. A bucket in the host name makes the path an object's key, whatever it is."""
    return request.path.startswith(PREFIXES) and parse_host(request.host).bucket is None


async def handle(jar: Jar, world: World, request: Request) -> Response:
    """The answer to one request for this API; never raises."""
    try:
        return await _answer(jar, world, request)
    except Refusal as refusal:
        return refused(refusal)
    except WorldProblem as problem:
        return refused(Refusal(404 if "There is no" in str(problem) else 409, "WorldProblem", str(problem)))
    except BodyTooLarge:
        return refused(Refusal(413, "BodyTooLarge", "The body is larger than anything that this API takes."))
    except BodyTruncated:
        return refused(Refusal(400, "BodyTruncated", "The body ended before all of it had come."))
    except Exception as error:  # the rim: a bug of ours, in full in the log
        jar.log_failure(f"{request.method} {request.path}", error)
        return refused(Refusal(500, "InternalFailure", f"cloudjar failed: {error!r}. The log has the traceback: `cloudjar logs`."))


async def _answer(jar: Jar, world: World, request: Request) -> Response:
    check_asker(request)
    method = "GET" if request.method == "HEAD" else request.method
    path = request.path.rstrip("/")
    handler = ROUTES.get((method, path))
    if handler is None:
        raise _unknown(method, path)
    query = read_query(request.query)
    if "world" in query:
        world = jar.worlds.existing(query["world"])
    ask = Ask(jar, world, request, query)
    if method != "GET":
        ask.body = await read_body(request)
    found = handler(ask)
    return await found if inspect.isawaitable(found) else found


def _unknown(method: str, path: str) -> Refusal:
    allowed = [each for each, known in ROUTES if known == path]
    if allowed:
        return Refusal(405, "MethodNotAllowed", f"{path} takes {' and '.join(allowed)}, not {method}.", {"allow": ", ".join(allowed)})
    if path.startswith("/_aws"):
        return Refusal(501, "NotImplemented", f"cloudjar does not have {path}.")
    known = ", ".join(sorted({each for _, each in ROUTES if each.startswith(path.split("/")[1] and "/" + path.split("/")[1])}))
    return Refusal(404, "NotFound", f"There is no {path}. There are: {known}.")

"""The jar's own API, under /_cloudjar, and the paths that LocalStack's users know. ARCHITECTURE.md, "Conventions"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudjar.kernel.world import World
from cloudjar.wire.hosts import parse_host
from cloudjar.wire.http import Request, Response

if TYPE_CHECKING:
    from cloudjar.gateway.jar import Jar

PREFIXES = ("/_cloudjar", "/_localstack", "/_aws", "/SimpleNotificationService-", "/.well-known/")
"""No bucket's name can start so."""


def claims(request: Request) -> bool:
    """Whether a request is for this API. A bucket in the host name makes the path an object's key, whatever it is."""
    return request.path.startswith(PREFIXES) and parse_host(request.host).bucket is None


async def handle(jar: Jar, world: World, request: Request) -> Response:
    """The answer to one request for this API; never raises."""
    # A jar that is never asked should not pay for it at its start.
    from cloudjar.gateway import own_routes

    return await own_routes.answer_to(jar, world, request)

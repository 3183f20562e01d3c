"""What a sandbox finds in its own network: the jar under AWS's names, a resolver that leads there, and the CA to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudjar.compute.driver import Unsupported
from cloudjar.compute.networks import ADDRESS, ENDPOINT_PORT, Network
from cloudjar.compute.spec import Mount
from cloudjar.gateway import function_urls, own
from cloudjar.gateway.own_http import Refusal, read_query, refused
from cloudjar.planes.dns import Resolver, machine_servers
from cloudjar.wire.http import Request, Response

if TYPE_CHECKING:
    from cloudjar.gateway.jar import Jar
    from cloudjar.kernel.world import World

CERTIFICATES = "/etc/ssl/certs"
"""Debian's place for certificates;"""
_RED_HAT_CERTIFICATES = "/etc/pki/tls/certs"
"""and Amazon Linux's. Programs have one of the two built in."""
_BUNDLE = f"{_RED_HAT_CERTIFICATES}/ca-bundle.crt"

_OWN_PATHS_INSIDE = ("/_aws/", "/_localstack/health", "/_localstack/info", "/_cloudjar/health", "/SimpleNotificationService-")
"""Of the jar's own API: what a function may ask that is a part of its world, and nothing that commands the jar."""


async def network(jar: Jar, world: World) -> Network | None:
    """A network for one sandbox, wired to a world; None where the driver has none but the host's."""
    driver = jar.driver()
    try:
        made = await driver.network()
    except Unsupported as problem:
        jar.log.warning("sandboxes share the machine's network: %s", problem)
        return None
    if made is None:
        return None

    async def servers() -> list[str]:
        return machine_servers() if await made.has_internet() else []

    try:
        resolver = Resolver(ADDRESS, servers)
        await resolver.listen(made.resolver, made.resolver_tcp)
        made.on_close(resolver.close)
        trust = str(jar.authority.trust())
        made.on_close(jar.endpoints.inside(world.name, lambda name, request: answer(jar, name, request)).attach(made.endpoint))
    except BaseException:
        made.close()
        raise
    made.mounts = (Mount(trust, CERTIFICATES), Mount(trust, _RED_HAT_CERTIFICATES))
    made.env = {
        # By address and unencrypted: the quickest way, for SDKs that look here. All others find the jar by AWS's names.
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ENDPOINT_PORT}",
        "SSL_CERT_FILE": _BUNDLE,
        # botocore and requests bring roots of their own, Node.js has them built in.
        "AWS_CA_BUNDLE": _BUNDLE,
        "REQUESTS_CA_BUNDLE": _BUNDLE,
        "NODE_EXTRA_CA_CERTS": f"{CERTIFICATES}/cloudjar.pem",
    }
    return made


async def answer(jar: Jar, world_name: str, request: Request) -> Response:
    """One request from inside a sandbox. Whoever runs there is not the owner of the jar."""
    if own.claims(request) and not function_urls.claims(request):
        try:
            allowed = request.path.startswith(_OWN_PATHS_INSIDE) and "world" not in read_query(request.query)
        except Refusal as refusal:
            return refused(refusal)
        if not allowed:
            return refused(Refusal(403, "NotInside", "The jar's own API is not there for what runs in its sandboxes."))
    response: Response = await jar.answer(world_name, request)
    return response

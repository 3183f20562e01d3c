"""The discovery documents of the accounts' token issuers, by their host: `UUID.tokens.sts.global.api.aws/.well-known/...`.

For those who cannot be made to look up that name: `/_cloudjar/issuers/UUID/.well-known/...`.
"""

from __future__ import annotations

from cloudjar.gateway.own_http import Ask, Refusal, answer
from cloudjar.identity.outbound import HOST, document_at
from cloudjar.wire.http import Response

WELL_KNOWN = "/.well-known/"
BY_PATH = "/_cloudjar/issuers/"


def document(ask: Ask) -> Response:
    """The issuer's configuration, or its keys. Both are public."""
    path = ask.request.path
    if path.startswith(BY_PATH):
        name, _, rest = path.removeprefix(BY_PATH).partition("/")
        path = f"/{rest}"
    else:
        host = ask.request.host.partition(":")[0].lower()
        name = host.removesuffix(HOST) if host.endswith(HOST) else ""
    with ask.world.reading() as ctx:
        found = document_at(ctx, name, path) if name else None
    if found is None:
        raise Refusal(404, "NotFound", f"There is no {ask.request.path} here.")
    return answer(found)

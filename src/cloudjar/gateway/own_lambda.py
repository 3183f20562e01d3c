"""The packages of functions and layers: what Code.Location and Content.Location lead to."""

from __future__ import annotations

from cloudjar.gateway.own_http import Ask, Refusal
from cloudjar.wire.http import FileBody, Response


def package(ask: Ask) -> Response:
    """The .zip of one version, as it was uploaded. AWS signs the address for ten minutes; this one is open to this machine's users."""
    from cloudjar.services.lambda_.functions import Version
    from cloudjar.services.lambda_.layers import LayerVersion

    found: Version | LayerVersion | None
    with ask.world.reading() as ctx:
        there = ctx.at(account=ask.text("account"), region=ask.text("region"))
        name, version = ask.text("name"), ask.whole("version", 0)
        found = there.get(LayerVersion, name, version) if ask.text("kind") == "layer" else there.get(Version, name, version)
    if found is None:
        raise Refusal(404, "NotFound", "There is no such package.")
    blob = found.code.blob
    body = FileBody.open(ask.world.blobs.path(blob)) if blob.id else blob.inline
    return Response(200, {"content-type": "application/zip"}, body)

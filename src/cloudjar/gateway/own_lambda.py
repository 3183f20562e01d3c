"""/_cloudjar/lambda: packages of functions and layers, and the runtimes that a world accepts."""

from __future__ import annotations

from cloudjar.gateway.own_http import Ask, Refusal, answer
from cloudjar.wire.http import FileBody, Response


def package(ask: Ask) -> Response:
    """The .zip of one version, as it was uploaded. AWS signs the address for ten minutes; this one is open to this machine's users."""
    from cloudjar.services.lambda_.functions import Version
    from cloudjar.services.lambda_.layers import LayerVersion
    from cloudjar.services.lambda_.sealed_code import key_of, opened

    found: Version | LayerVersion | None
    with ask.world.reading() as ctx:
        there = ctx.at(account=ask.text("account"), region=ask.text("region"))
        name, version = ask.text("name"), ask.whole("version", 0)
        found = there.get(LayerVersion, name, version) if ask.text("kind") == "layer" else there.get(Version, name, version)
        if found is None:
            raise Refusal(404, "NotFound", "There is no such package.")
        # Whoever has the address has been told it by a call that was judged.
        key = key_of(there, found) if isinstance(found, Version) else b""
    blob = found.code.blob
    if key:
        return Response(200, {"content-type": "application/zip"}, opened(key, ask.world.blobs.read(blob)))
    body = FileBody.open(ask.world.blobs.path(blob)) if blob.id else blob.inline
    return Response(200, {"content-type": "application/zip"}, body)


def runtimes(ask: Ask) -> Response:
    """The world's life-cycle profile, and every runtime: its dates, and whether this machine has what it runs on."""
    from cloudjar.services.lambda_ import interpreters, life_cycle
    from cloudjar.services.lambda_.runtimes import RUNTIMES

    with ask.world.reading() as ctx:
        chosen = life_cycle.profile(ctx)
    rows = [
        {
            "runtime": runtime.name,
            "system": runtime.system,
            "deprecated": runtime.deprecated,
            "block_create": runtime.block_create,
            "block_update": runtime.block_update,
            "missing": interpreters.missing(runtime),
        }
        for runtime in RUNTIMES.values()
    ]
    return answer({"profile": chosen, "runtimes": rows})


def choose_runtimes(ask: Ask) -> Response:
    """{"profile": "today" | "none" | "2020-08-01"}: by which day runtimes are refused."""
    from cloudjar.services.lambda_ import life_cycle

    with ask.world.store.transaction() as txn:
        try:
            life_cycle.choose(ask.world.context(txn), ask.text("profile"))
        except ValueError:
            raise Refusal(400, "BadProfile", 'The profile is "today", "none" or a date such as 2020-08-01.') from None
    return runtimes(ask)

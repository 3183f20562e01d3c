"""/_cloudjar's views: health, info, timers, events, calls, coverage, and the CA's certificate."""

from __future__ import annotations

import os
import sys
from typing import Any

from cloudjar import __version__
from cloudjar.gateway import coverage as register
from cloudjar.gateway.own_http import Ask, Refusal, answer
from cloudjar.kernel.events import Event
from cloudjar.kernel.timers import ParkedTimer, Timer
from cloudjar.wire.http import FileBody, Response


def health(ask: Ask) -> Response:
    return answer({"status": "ok", "version": __version__, "world": ask.world.name})


def info(ask: Ask) -> Response:
    jar = ask.jar
    return answer(
        {
            "version": __version__,
            "python": sys.version.split()[0],
            "pid": os.getpid(),
            "world": ask.world.name,
            "worlds": len(jar.worlds.names()),
            "services": list(jar.services.names),
            "data": None if jar.ephemeral else str(jar.directory),
            "ephemeral": jar.ephemeral,
            "durability": jar.durability,
            "listen": list(jar.endpoints.listen),
            "uptime_seconds": round(jar.wall() - jar.started, 3),
            "memory_bytes": _memory_bytes(),
        }
    )


def timers(ask: Ask) -> Response:
    limit = ask.limit()
    with ask.world.reading() as ctx:
        waiting = [_timer_row(timer) for timer, _ in zip(ctx.where(Timer), range(limit), strict=False)]
        parked = [{**_timer_row(each.timer), "error": each.error} for each, _ in zip(ctx.where(ParkedTimer), range(limit), strict=False)]
        return answer({"now": ctx.now, "total": ctx.where(Timer).count(), "timers": waiting, "parked": parked})


def events(ask: Ask) -> Response:
    """Past events in their order; those after `since`, or else the latest."""
    limit = ask.limit()
    with ask.world.reading() as ctx:
        if "since" in ask.query:
            since = ask.whole("since", 0)
            found = [event for event, _ in zip(ctx.where(Event).starting(since + 1), range(limit), strict=False)]
        else:
            since = 0
            found = [event for event, _ in zip(ctx.where(Event).backwards(), range(limit), strict=False)][::-1]
        return answer({"events": found, "next": found[-1].seq if found else since})


def calls(ask: Ask) -> Response:
    """Past calls to this world, the latest last."""
    wanted = {
        name: ask.query[name]
        for name in ("service", "operation", "account", "region", "error", "status", "request_id")
        if name in ask.query
    }
    failed = ask.query.get("failed")
    if failed not in (None, "true", "false"):
        raise Refusal(400, "BadMember", '"failed" must be "true" or "false".')
    found = [
        call
        for call in ask.jar.calls
        if call.world == ask.world.name
        and all(str(getattr(call, name)) == value for name, value in wanted.items())
        and (failed is None or (call.status >= 400) == (failed == "true"))
    ]
    return answer({"calls": found[-ask.limit() :]})


def coverage(ask: Ask) -> Response:
    name = ask.query.get("service")
    if name is None:
        return answer(register.summary(ask.jar.services))
    found = register.of_service(ask.jar.services, name)
    if found is None:
        raise Refusal(404, "UnknownService", f"AWS has no service {name!r} that botocore knows.")
    return answer(found)


async def ca_files(ask: Ask) -> Response:
    """Where the CA is, for clients on this machine."""
    bundle = await ask.jar.offload(ask.jar.authority.bundle)
    certificate = await ask.jar.offload(ask.jar.authority.certificate)
    return answer({"certificate": str(certificate.absolute()), "bundle": str(bundle.absolute())})


async def ca(ask: Ask) -> Response:
    path = await ask.jar.offload(ask.jar.authority.certificate)
    return Response(200, {"content-type": "application/x-pem-file"}, FileBody.open(path))


async def ca_bundle(ask: Ask) -> Response:
    path = await ask.jar.offload(ask.jar.authority.bundle)
    return Response(200, {"content-type": "application/x-pem-file"}, FileBody.open(path))


def _timer_row(timer: Timer) -> dict[str, Any]:
    return {
        "id": timer.id,
        "due": timer.due,
        "handler": timer.handler,
        "args": timer.args,
        "account": timer.account,
        "region": timer.region,
        "attempts": timer.attempts,
    }


def _memory_bytes() -> int | None:
    """This process's resident memory, where the system says."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None

"""The /_localstack paths that tools wait for and ask."""

from __future__ import annotations

import platform
from datetime import UTC, datetime

from cloudjar import __version__
from cloudjar.gateway.own_http import Ask, Refusal, answer
from cloudjar.wire.http import Response

STAGES = ("boot", "start", "ready", "shutdown")
"""When init scripts run."""
EDITION = "cloudjar"
SNAPSHOT = "localstack-state"
"""What /_localstack/state/save keeps and load takes back."""


def health(ask: Ask) -> Response:
    services = ask.jar.services
    states = {name: "running" if services.is_loaded(name) else "available" for name in services.names}
    return answer({"services": states, "edition": EDITION, "version": __version__})


def act(ask: Ask) -> Response:
    """`{"action": "kill"}` ends the jar."""
    action = ask.text("action")
    if action == "restart":
        raise Refusal(501, "NotImplemented", "cloudjar does not restart itself: `cloudjar down`, then `cloudjar up`.")
    if action != "kill":
        raise Refusal(400, "BadMember", '"action" must be "kill".')
    if ask.jar.end is None:
        raise Refusal(501, "NotImplemented", "This jar lives inside another program, which ends it.")
    ask.jar.end()
    return answer({})


def info(ask: Ask) -> Response:
    jar = ask.jar
    return answer(
        {
            "version": __version__,
            "edition": EDITION,
            "is_license_activated": False,
            "session_id": str(round(jar.started)),
            "machine_id": platform.node(),
            "system": platform.platform(),
            "is_docker": False,
            "server_time_utc": datetime.fromtimestamp(jar.wall(), UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "uptime": int(jar.wall() - jar.started),
        }
    )


def init(ask: Ask) -> Response:
    scripts = ask.jar.init
    completed = scripts.completed if scripts else set(STAGES[:-1])
    rows = scripts.rows() if scripts else []
    stage = ask.request.path.rstrip("/").rpartition("/")[2]
    if stage in STAGES:
        return answer({"completed": stage in completed, "scripts": [row for row in rows if row["stage"] == stage.upper()]})
    return answer({"completed": {name.upper(): name in completed for name in STAGES}, "scripts": rows})


def save(ask: Ask) -> Response:
    """Everything is kept at all times; this keeps a state to come back to."""
    ask.jar.worlds.save(ask.world.name, SNAPSHOT)
    return answer({"snapshot": SNAPSHOT})


async def load(ask: Ask) -> Response:
    await ask.jar.worlds.restore(ask.world.name, SNAPSHOT)
    return answer({"snapshot": SNAPSHOT})


async def reset(ask: Ask) -> Response:
    await ask.jar.worlds.reset(ask.world.name)
    return answer({})

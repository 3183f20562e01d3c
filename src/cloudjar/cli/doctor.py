"""`cloudjar doctor`: what this machine can run, why not the rest, and what to install for it."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from cloudjar import __version__
from cloudjar.cli import show
from cloudjar.cli.problem import FAILED
from cloudjar.cli.up import running_home
from cloudjar.compute.driver import Driver, choose
from cloudjar.gateway.home import Home

TOOLS = {
    "aws": "the stock AWS CLI, for the tours: pip install awscli",
    "bwrap": "isolation of functions and instances: apt-get install bubblewrap",
    "slirp4netns": "the Internet for functions and instances: apt-get install slirp4netns",
    "curl": "custom Lambda runtimes written as shell scripts: apt-get install curl",
    "git": "CodeCommit's clients: apt-get install git",
    "docker": "not needed; container images can be pushed with it: https://docs.docker.com/engine/install/",
    "kubectl": "EKS's client: https://kubernetes.io/docs/tasks/tools/",
    "qemu-system-x86_64": "instances with a kernel of their own: apt-get install qemu-system-x86",
}


def doctor(args: Namespace, environ: Mapping[str, str]) -> int:
    """Prints the findings; the exit code says whether anything can be run at all."""
    found = examine(args, environ)
    if args.json:
        show.as_json(found)
    else:
        _print(found)
    return 0 if found["driver"] else FAILED


def examine(args: Namespace, environ: Mapping[str, str]) -> dict[str, Any]:
    """All findings, as values."""
    home = Home(running_home(args, environ))
    note = home.note()
    drivers = _drivers()
    return {
        "version": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} processors",
        "user": "root" if os.geteuid() == 0 else "an ordinary user",
        "data": str(home.directory),
        "jar": note["endpoint"] if note else None,
        "port": _port(note["port"] if note else None),
        "driver": choose(drivers).name if any(driver.probe().available for driver in drivers) else None,
        "drivers": [_driver_row(driver) for driver in drivers],
        "runtimes": _runtimes(),
        "tools": [{"tool": name, "path": shutil.which(name, path=_path(environ)), "for": why} for name, why in TOOLS.items()],
    }


def _drivers() -> list[Driver]:
    """In the order in which the jar chooses."""
    from cloudjar.compute.process import Process
    from cloudjar.compute.sandbox import Sandbox

    return [Sandbox(), Process()]


def _driver_row(driver: Driver) -> dict[str, Any]:
    probe = driver.probe()
    return {
        "driver": probe.driver,
        "available": probe.available,
        "why": probe.why,
        "fix": probe.fix,
        "enforces": sorted(probe.enforces),
        "internet": probe.internet,
    }


def _runtimes() -> list[dict[str, Any]]:
    from cloudjar.services.lambda_ import interpreters, runtimes

    rows = []
    for name, runtime in runtimes.RUNTIMES.items():
        why = interpreters.missing(runtime)
        rows.append({"runtime": name, "available": not why, "why": why})
    return rows


def _port(own: int | None, port: int = 4566) -> str:
    """Who has the port that `cloudjar up` takes by default."""
    if own == port:
        return f"{port} is this jar's"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return f"{port} is taken by another program: choose another with `cloudjar up --port`"
    return f"{port} is free"


def _path(environ: Mapping[str, str]) -> str:
    return os.pathsep.join((os.path.dirname(sys.executable), environ.get("PATH", os.defpath)))


def _print(found: dict[str, Any]) -> None:
    show.facts(
        [
            ("cloudjar", found["version"]),
            ("python", found["python"]),
            ("system", found["system"]),
            ("user", found["user"]),
            ("data", found["data"]),
            ("jar", found["jar"] or "none runs"),
            ("port", found["port"]),
            ("driver", found["driver"] or "none works: functions and instances cannot run"),
        ]
    )
    drivers = [(row["driver"], _yes(row["available"]), row["why"], row["fix"], ", ".join(row["enforces"])) for row in found["drivers"]]
    show.table(("driver", "works", "why", "for more", "holds to"), drivers, "How things run")
    reaches = [(row["driver"], row["internet"]) for row in found["drivers"] if row["available"]]
    show.facts([(f"Internet ({driver})", internet) for driver, internet in reaches])
    show.facts(
        [
            ("Lambda runs", ", ".join(row["runtime"] for row in found["runtimes"] if row["available"])),
            ("and not", ", ".join(row["runtime"] for row in found["runtimes"] if not row["available"]) + " (--json says why)"),
        ]
    )
    tools = [(row["tool"], row["path"] or "missing", "" if row["path"] else row["for"]) for row in found["tools"]]
    show.table(("tool", "where", "what for"), tools, "Tools")


def _yes(value: bool) -> str:
    return "yes" if value else "no"

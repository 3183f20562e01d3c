"""The first call of each service that the jar has, and of EC2, whose model is the largest: what loading the service costs.

    python bench/first.py [--rounds 3] [SERVICE ...]

Python must find its compiled modules, as an installed package has them: `python -m compileall src` first.

A client signs the request beforehand; what is measured is the jar, each time a new one. Prints a Markdown table, the dearest first.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import time
from contextlib import suppress
from typing import Any

from botocore.awsrequest import AWSResponse
from load import client, cpu_seconds, row, running_jar

from cloudjar.services.registry import Services
from cloudjar.wire.models import Models

AIM_MILLISECONDS = 60


class Silent:
    """A raw answer for the client that only signs."""

    def stream(self, **_: Any) -> list[bytes]:
        return []


def harmless(service: str) -> str:
    """The name of an operation that only looks, and needs nothing; "" if the service has none."""
    model = Models().service(service)
    names = sorted(model.operations, key=lambda name: (not name.startswith(("List", "Describe", "Get")), name))
    shapes = {name: model.operations[name].input for name in names}
    return next((name for name, shape in shapes.items() if shape is None or not shape.required), "")


def sent(service: str, port: int) -> Any:
    """The signed request of that call."""
    made: list[Any] = []

    def keep(request: Any, **_: Any) -> AWSResponse:
        made.append(request)
        return AWSResponse(request.url, 200, {}, Silent())

    one = client(service, port)
    one.meta.events.register("before-send", keep)
    with suppress(Exception):  # An empty answer is none that every client can read.
        one._make_api_call(harmless(service), {})
    return made[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("services", nargs="*")
    options = parser.parse_args()
    names = [name for name in options.services or sorted({*Services(Models()).names, "ec2"}) if harmless(name)]
    walls: dict[str, list[float]] = {name: [] for name in names}
    costs: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            with running_jar() as (port, pid):
                # The server's own first request is not the service's.
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.request("GET", "/_cloudjar/health")
                connection.getresponse().read()
                request = sent(name, port)
                before, started = cpu_seconds(pid), time.perf_counter()
                path = request.url.split(f":{port}", 1)[1] or "/"
                headers = {key: value.decode() if isinstance(value, bytes) else value for key, value in request.headers.items()}
                connection.request(request.method, path, request.body, headers)
                connection.getresponse().read()
                walls[name].append((time.perf_counter() - started) * 1000)
                costs[name].append((cpu_seconds(pid) - before) * 1000)
    print(f"| first call (aim: {AIM_MILLISECONDS} ms) | best, ms | median, ms | CPU of the jar, ms |\n|---|---|---|---|")
    for name in sorted(names, key=lambda name: -min(walls[name])):
        best, middle = min(walls[name]), statistics.median(walls[name])
        row(f"{name} {harmless(name)}", f"{best:.0f}", f"{middle:.0f}", f"{min(costs[name]):.0f}")


if __name__ == "__main__":
    main()

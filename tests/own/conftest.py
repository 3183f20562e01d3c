"""A client for the own API, over a real socket."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld


class Own:
    """Asks one endpoint; keeps the last answer's status and headers."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.status = 0
        self.headers: dict[str, str] = {}

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
        connection = http.client.HTTPConnection(self.endpoint.removeprefix("http://"), timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            self.status = answer.status
            self.headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.read()
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Any:
        return json.loads(self.send("GET", path, **headers))

    def post(self, path: str, **members: Any) -> Any:
        return json.loads(self.send("POST", path, json.dumps(members).encode(), content_type="application/json"))


@pytest.fixture
def own(cloudjar_endpoint: str) -> Own:
    return Own(cloudjar_endpoint)


@pytest.fixture
def at(own: Own) -> type[Own]:
    """`at(endpoint)`: a client for another endpoint."""
    return Own


@pytest.fixture
def world(cloudjar_world: LocalWorld) -> LocalWorld:
    return cloudjar_world

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from people import Person

from cloudjar.gateway.inprocess import LocalWorld


@pytest.fixture
def person(world: LocalWorld) -> Callable[..., Person]:
    """`person("ann", {"Action": "s3:*"})`: a user with a key and, if statements are given, an inline policy."""

    def make(name: str, *statements: dict[str, Any], account: str = "000000000000") -> Person:
        return Person(world, name, *statements, account=account)

    return make

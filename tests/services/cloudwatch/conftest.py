"""CloudWatch on a clock that stands still, on a whole hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def noon(world: Any) -> datetime:
    world.clock.freeze()
    world.clock.set(NOON)
    return NOON


@pytest.fixture
def cloudwatch(world: Any, noon: datetime) -> Any:
    return world.client("cloudwatch")

"""What IAM's tests share."""

from __future__ import annotations

import pytest


@pytest.fixture
def iam(world):
    return world.client("iam")


@pytest.fixture
def sts(world):
    return world.client("sts")

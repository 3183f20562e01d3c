"""Fixtures for all tests; the plugin that ships with cloudjar has the rest."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from cloudjar.gateway.inprocess import LocalWorld

# No test is judged by the clock: a busy machine is no failure.
settings.register_profile("cloudjar", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
settings.load_profile("cloudjar")


@pytest.fixture
def world(cloudjar_world: LocalWorld) -> LocalWorld:
    """A world for this test alone: `world.client("s3")`, `world.clock.advance(days=30)`, `world.endpoint`."""
    return cloudjar_world

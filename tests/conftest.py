"""Fixtures for all tests; the plugin that ships with cloudjar has the rest."""

from __future__ import annotations

import pytest

from cloudjar.gateway.inprocess import LocalWorld


@pytest.fixture
def world(cloudjar_world: LocalWorld) -> LocalWorld:
    """A world for this test alone: `world.client("s3")`, `world.clock.advance(days=30)`, `world.endpoint`."""
    return cloudjar_world

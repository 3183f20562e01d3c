"""What Secrets Manager's tests share."""

from __future__ import annotations

import pytest


@pytest.fixture
def secrets(world):
    return world.client("secretsmanager")


@pytest.fixture
def europe(world):
    return world.client("secretsmanager", region="eu-west-1")


@pytest.fixture
def secret(secrets):
    """The ARN of a secret of one version."""
    return secrets.create_secret(Name="app/db", SecretString="one")["ARN"]

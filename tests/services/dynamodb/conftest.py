"""Fixtures for DynamoDB's tests."""

from __future__ import annotations

from typing import Any

import pytest
from dynamodb_shapes import keys


@pytest.fixture
def dynamodb(world: Any) -> Any:
    """A client of this test's world."""
    return world.client("dynamodb")


@pytest.fixture
def table(dynamodb: Any) -> str:
    """A table with the keys `id` (text) and `n` (number), and two indexes: `by-kind` (global, all) and `by-age` (local, keys only)."""
    dynamodb.create_table(
        TableName="things",
        KeySchema=keys("id", "n"),
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
            {"AttributeName": "kind", "AttributeType": "S"},
            {"AttributeName": "age", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[{"IndexName": "by-kind", "KeySchema": keys("kind", "age"), "Projection": {"ProjectionType": "ALL"}}],
        LocalSecondaryIndexes=[{"IndexName": "by-age", "KeySchema": keys("id", "age"), "Projection": {"ProjectionType": "KEYS_ONLY"}}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "things"


@pytest.fixture
def simple(dynamodb: Any) -> str:
    """A table whose only key is `id` (text)."""
    dynamodb.create_table(
        TableName="simple",
        KeySchema=keys("id"),
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "simple"

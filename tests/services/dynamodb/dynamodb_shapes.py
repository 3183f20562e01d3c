"""Shapes that DynamoDB's tests share."""

from __future__ import annotations


def keys(hash_: str, range_: str = "") -> list[dict[str, str]]:
    """A KeySchema."""
    schema = [{"AttributeName": hash_, "KeyType": "HASH"}]
    return [*schema, {"AttributeName": range_, "KeyType": "RANGE"}] if range_ else schema

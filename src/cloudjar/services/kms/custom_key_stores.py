"""Custom key stores: none can be made here, and that is what is told of them."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.kms import errors


@operation()
def describe_custom_key_stores(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    for member in ("CustomKeyStoreId", "CustomKeyStoreName"):
        if member in req:
            raise errors.key_store_not_found(req[member])
    if req.get("Marker"):
        raise errors.invalid_marker()
    return {"CustomKeyStores": [], "Truncated": False}


@operation()
def connect_custom_key_store(ctx: Context, req: dict[str, Any]) -> None:
    raise errors.key_store_not_found(req["CustomKeyStoreId"])


@operation()
def disconnect_custom_key_store(ctx: Context, req: dict[str, Any]) -> None:
    raise errors.key_store_not_found(req["CustomKeyStoreId"])


@operation()
def update_custom_key_store(ctx: Context, req: dict[str, Any]) -> None:
    raise errors.key_store_not_found(req["CustomKeyStoreId"])


@operation()
def delete_custom_key_store(ctx: Context, req: dict[str, Any]) -> None:
    raise errors.key_store_not_found(req["CustomKeyStoreId"])

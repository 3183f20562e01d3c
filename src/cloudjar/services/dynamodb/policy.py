"""What the judge asks of DynamoDB: a table's own policy, and DynamoDB's condition keys."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from cloudjar.identity.resource_policy import ResourcePolicy
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.dynamodb.schema import Table
from cloudjar.services.dynamodb.stream_records import stream_policy


def resource_policy(ctx: Context, arn: str) -> ResourcePolicy | None:
    """The policy of a stream, or of a table, which holds for its indexes too; None for what is not there."""
    if "/stream/" in arn:
        return stream_policy(ctx, arn)
    parts = arn.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("table/"):
        return None
    table = ctx.at(account=parts[4], region=parts[3]).get(Table, parts[5].split("/")[1])
    return ResourcePolicy(parts[4], table.policy or None, arn) if table is not None else None


def condition_keys(ctx: Context, req: dict[str, Any], action: str, arn: str) -> dict[str, Any]:
    """dynamodb:LeadingKeys, :Attributes, :Select, :ReturnValues and :ReturnConsumedCapacity, as far as the request says."""
    found: dict[str, Any] = {}
    for member in ("Select", "ReturnValues", "ReturnConsumedCapacity"):
        if isinstance(req.get(member), str):
            found[f"dynamodb:{member.lower()}"] = req[member]
    parts = arn.split(":", 5)
    table = ctx.at(account=parts[4], region=parts[3]).get(Table, parts[5].split("/")[1]) if len(parts) == 6 and "/" in parts[5] else None
    if table is None:
        return found
    index = next((index for index in table.indexes if index.name == req.get("IndexName")), None)
    leading = index.hashes[0] if index else table.hash
    keys = [each[leading] for each in _items(req, table.name) if leading in each]
    if keys:
        found["dynamodb:leadingkeys"] = tuple([_text(value) for value in keys])
    names = {name for each in _items(req, table.name) for name in each} | set(req.get("AttributesToGet") or ())
    if names:
        found["dynamodb:attributes"] = tuple(sorted(names))
    return found


def _items(req: dict[str, Any], table: str) -> list[dict[str, Any]]:
    """The items and keys that a request names in a table."""
    found = [req[member] for member in ("Key", "Item") if member in req]
    batch = (req.get("RequestItems") or {}).get(table)
    if isinstance(batch, dict):
        found += batch["Keys"]
    for write in batch if isinstance(batch, list) else ():
        found += [inner[member] for inner in write.values() for member in ("Key", "Item") if member in inner]
    for member in req.get("TransactItems") or ():
        found += [inner[name] for inner in member.values() for name in ("Key", "Item") if name in inner and inner.get("TableName") == table]
    if not found:
        found += _queried(req)
    return found


def _queried(req: dict[str, Any]) -> list[dict[str, Any]]:
    """The partition that a Query names, as an item."""
    legacy = req.get("KeyConditions")
    if legacy:
        return [{name: wanted["AttributeValueList"][0] for name, wanted in legacy.items() if wanted.get("AttributeValueList")}]
    text = req.get("KeyConditionExpression")
    if not text:
        return []
    from cloudjar.services.dynamodb import key_conditions
    from cloudjar.services.dynamodb.expressions import parser
    from cloudjar.services.dynamodb.expressions.binding import Placeholders

    try:
        bound = Placeholders(req.get("ExpressionAttributeNames") or {}, req.get("ExpressionAttributeValues") or {}).bind(
            parser.condition(text)
        )
        return [{name: given[0] for name, (_, given) in key_conditions.from_expression(bound).items()}]
    except (parser.Wrong, AwsError, StopIteration):
        return []  # what is wrong with it, the operation says


def _text(value: dict[str, Any]) -> str:
    held = next(iter(value.values()), "")
    return b64encode(held).decode() if isinstance(held, bytes) else str(held)

"""Tags of IAM's entities: kept in the cloud's one table by ARN; keys compare without case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudjar.kernel import tags as rules
from cloudjar.kernel.context import Context
from cloudjar.services.iam import errors, naming, quotas


def put(ctx: Context, arn: str, items: list[dict[str, str]] | None) -> None:
    """Adds tags as they come in a request; raises InvalidInput or LimitExceeded."""
    if not items:
        return
    if len({item["Key"].lower() for item in items}) != len(items):
        raise errors.duplicate_tags()
    sent = rules.from_list(items)
    rules.check(sent, "InvalidInput")
    folded = {key.lower() for key in sent}
    # A key that differs in case alone replaces the one that is there.
    kept = {key: value for key, value in ctx.tags(arn).items() if key.lower() not in folded}
    merged = kept | sent
    if len(merged) > quotas.TAGS:
        raise errors.quota("TagsPerResource", quotas.TAGS)
    ctx.set_tags(arn, merged)


def remove(ctx: Context, arn: str, names: list[str]) -> None:
    """Removes tags by key, whatever its case; no error for those that are not there."""
    folded = {name.lower() for name in names}
    ctx.set_tags(arn, {key: value for key, value in ctx.tags(arn).items() if key.lower() not in folded})


def move(ctx: Context, old: str, new: str) -> None:
    """An entity has a new ARN."""
    if old != new and (found := ctx.tags(old)):
        ctx.set_tags(old, {})
        ctx.set_tags(new, found)


def to_wire(ctx: Context, arn: str) -> dict[str, Any]:
    """The member of an entity, left out if it has none."""
    found = ctx.tags(arn)
    return {"Tags": rules.to_list(found)} if found else {}


def page(ctx: Context, req: dict[str, Any], arn: str) -> dict[str, Any]:
    """One page of an entity's tags."""
    key: Callable[[dict[str, str]], str] = lambda tag: tag["Key"]  # noqa: E731
    return naming.page_of(req, "Tags", rules.to_list(ctx.tags(arn)), key, lambda tag: tag)

"""Lifecycle configurations: rules that expire, move and clean up. What carries them out is in lifecycle_runs.

Source: "Managing the lifecycle of objects" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket
from cloudjar.services.s3.configurations import absent, configuration, configure, unconfigure
from cloudjar.services.s3.lifecycle_rules import checked, tests_of
from cloudjar.services.s3.objects import Stored

KIND = "lifecycle"
MOST_RULES = 1000
VARIES = "varies_by_storage_class"
SMALL = 128 * 1024
"""Bytes below which objects are not moved, unless a rule's filter speaks of sizes."""


@operation(on=bucket_arn)
def put_bucket_lifecycle_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.s3.lifecycle_runs import schedule

    bucket = find_bucket(ctx, req)
    if bucket.mfa_delete == "Enabled":
        raise errors.invalid_bucket_state("Lifecycle configurations are not supported on buckets with MFA delete enabled.")
    rules = (req.get("LifecycleConfiguration") or {}).get("Rules") or []
    if not 1 <= len(rules) <= MOST_RULES:
        raise errors.malformed_xml()
    kept = [checked(rule) | {"ID": rule.get("ID") or ctx.ids.uuid()} for rule in rules]
    if len({rule["ID"] for rule in kept}) < len(kept):
        raise errors.invalid_argument("Rule ID must be unique. Found same ID for more than one rule")
    minimum = req.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K")
    if minimum not in (VARIES, "all_storage_classes_128K"):
        raise errors.invalid_request("Invalid value for x-amz-transition-default-minimum-object-size: " + minimum)
    bucket = configure(ctx, bucket, KIND, {"Rules": kept, "TransitionDefaultMinimumObjectSize": minimum})
    schedule(ctx, bucket)
    return {"TransitionDefaultMinimumObjectSize": minimum}


@operation(on=bucket_arn)
def get_bucket_lifecycle_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    found = configuration(ctx, bucket, KIND)
    if found is None:
        raise absent(bucket, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
    return found


@operation(on=bucket_arn)
def delete_bucket_lifecycle(ctx: Context, req: dict[str, Any]) -> None:
    unconfigure(ctx, find_bucket(ctx, req), KIND)


# What rules are for


def applies(rule: dict[str, Any], stored: Stored) -> bool:
    """Whether a rule that is enabled is for an object."""
    prefix, tags, greater, less = tests_of(rule)
    return (
        rule["Status"] == "Enabled"
        and stored.key.startswith(prefix)
        and stored.size > greater
        and (less is None or stored.size < less)
        and tags.items() <= stored.tags.items()
    )


def due(since: datetime, days: int) -> datetime:
    """The midnight on which something of that age is acted on: days are rounded up."""
    try:
        moment = since + timedelta(days=days)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if moment == midnight else midnight + timedelta(days=1)
    except OverflowError:
        # More days than there are dates: never.
        return datetime.max.replace(tzinfo=UTC)


def expiry(rules: list[dict[str, Any]], stored: Stored) -> tuple[datetime, str] | None:
    """When an object's current version will expire, and by which rule; the earliest counts."""
    found: tuple[datetime, str] | None = None
    for rule in rules:
        expiration = rule.get("Expiration") or {}
        if ("Days" in expiration or "Date" in expiration) and applies(rule, stored):
            when = expiration["Date"] if "Date" in expiration else due(stored.modified, expiration["Days"])
            if found is None or when < found[0]:
                found = (when, rule["ID"])
    return found


def expiration_header(ctx: Context, bucket: Bucket, stored: Stored) -> dict[str, str]:
    """The member that tells of an object's coming end."""
    from email.utils import format_datetime

    wanted = configuration(ctx, bucket, KIND)
    found = expiry(wanted["Rules"], stored) if wanted else None
    if found is None:
        return {}
    return {"Expiration": f'expiry-date="{format_datetime(found[0], usegmt=True)}", rule-id="{quote(found[1], safe="")}"'}

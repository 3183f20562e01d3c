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
from cloudjar.services.s3.objects import Stored

KIND = "lifecycle"
MOST_RULES = 1000
ACTIONS = ("Expiration", "Transitions", "NoncurrentVersionTransitions", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
COLD = ("STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
"""Storage classes that objects can be moved to."""
INFREQUENT = ("STANDARD_IA", "ONEZONE_IA")
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
    kept = [_checked(rule) | {"ID": rule.get("ID") or ctx.ids.uuid()} for rule in rules]
    if len({rule["ID"] for rule in kept}) < len(kept):
        raise errors.invalid_argument("Rule ID must be unique. Found same ID for more than one rule")
    minimum = req.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K")
    if minimum not in (VARIES, "all_storage_classes_128K"):
        raise errors.invalid_request("Invalid value for x-amz-transition-default-minimum-object-size: " + minimum)
    bucket = configure(ctx, bucket, KIND, {"Rules": kept, "TransitionDefaultMinimumObjectSize": minimum})
    schedule(ctx, bucket)
    return {"TransitionDefaultMinimumObjectSize": minimum}


def _checked(rule: dict[str, Any]) -> dict[str, Any]:
    if rule.get("Status") not in ("Enabled", "Disabled"):
        raise errors.malformed_xml()
    if not any(action in rule for action in ACTIONS):
        raise errors.invalid_request("At least one action needs to be specified in a rule")
    if ("Prefix" in rule) == ("Filter" in rule) or len(rule.get("ID", "")) > 255:
        raise errors.malformed_xml()
    if len(rule.get("Filter") or {}) > 1:
        raise errors.malformed_xml()
    expiration = rule.get("Expiration")
    if expiration is not None:
        if len([name for name in ("Days", "Date", "ExpiredObjectDeleteMarker") if name in expiration]) != 1:
            raise errors.malformed_xml()
        if expiration.get("Days", 1) <= 0:
            raise errors.invalid_argument("'Days' for Expiration action must be a positive integer")
        _check_date(expiration)
    for transition in rule.get("Transitions") or ():
        if ("Days" in transition) == ("Date" in transition) or transition.get("StorageClass") not in COLD:
            raise errors.malformed_xml()
        _check_date(transition)
        if transition.get("Days", 0) < 0:
            raise errors.invalid_argument("'Days' in Transition action must be nonnegative")
        if transition["StorageClass"] in INFREQUENT and transition.get("Days", 30) < 30:
            words = f"'Days' in Transition action must be greater than or equal to 30 for storageClass '{transition['StorageClass']}'"
            raise errors.invalid_argument(words)
        if expiration is not None and "Days" in expiration and transition.get("Days", 0) >= expiration["Days"]:
            words = "'Days' in the Expiration action for filter '()' must be greater than 'Days' in the Transition action"
            raise errors.invalid_argument(words)
    for transition in rule.get("NoncurrentVersionTransitions") or ():
        if transition.get("StorageClass") not in COLD or "NoncurrentDays" not in transition:
            raise errors.malformed_xml()
        if transition["NoncurrentDays"] < (30 if transition["StorageClass"] in INFREQUENT else 0):
            words = (
                "'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal to 30 for storageClass "
                f"'{transition['StorageClass']}'"
            )
            raise errors.invalid_argument(words)
    noncurrent = rule.get("NoncurrentVersionExpiration")
    if noncurrent is not None and noncurrent.get("NoncurrentDays", 0) <= 0:
        raise errors.invalid_argument("'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
    if "AbortIncompleteMultipartUpload" in rule:
        if rule["AbortIncompleteMultipartUpload"].get("DaysAfterInitiation", 0) <= 0:
            raise errors.invalid_argument("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
        if tests_of(rule)[1]:
            raise errors.invalid_request("AbortIncompleteMultipartUpload cannot be specified with Tags.")
    return rule


def _check_date(action: dict[str, Any]) -> None:
    date = action.get("Date")
    if date is not None and (date.hour, date.minute, date.second, date.microsecond) != (0, 0, 0, 0):
        raise errors.invalid_argument("'Date' must be at midnight GMT")


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


def tests_of(rule: dict[str, Any]) -> tuple[str, dict[str, str], int, int | None]:
    """(prefix, tags, greater than, less than) that a rule wants."""
    wanted = rule.get("Filter") or {}
    both = wanted.get("And") or wanted
    tags = both.get("Tags") or ([wanted["Tag"]] if "Tag" in wanted else [])
    prefix = rule.get("Prefix") or both.get("Prefix", "")
    return prefix, {tag["Key"]: tag["Value"] for tag in tags}, both.get("ObjectSizeGreaterThan", -1), both.get("ObjectSizeLessThan")


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

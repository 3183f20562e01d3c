"""Object Lock: retention, legal holds and a bucket's default, by the world's clock.

Source: "Locking objects with Object Lock" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket, bucket_arn, find_bucket, object_arn
from cloudjar.services.s3.configurations import absent, configuration, configure
from cloudjar.services.s3.objects import Stored, find_object

KIND = "object-lock"
MODES = ("GOVERNANCE", "COMPLIANCE")
LONGEST = {"Days": 36_500, "Years": 100}


@operation(on=bucket_arn)
def put_object_lock_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    wanted = req.get("ObjectLockConfiguration") or {}
    if wanted.get("ObjectLockEnabled") != "Enabled":
        raise errors.malformed_xml()
    if bucket.versioning != "Enabled":
        raise errors.invalid_bucket_state("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
    rule = wanted.get("Rule")
    if rule is not None:
        _check_default(rule.get("DefaultRetention") or {})
    bucket = ctx.put(replace(bucket, object_lock=True))
    configure(ctx, bucket, KIND, wanted)
    return {}


def _check_default(retention: dict[str, Any]) -> None:
    if "DefaultEventHold" in retention:
        raise not_implemented("s3", "PutObjectLockConfiguration", "event holds")
    given = [unit for unit in LONGEST if unit in retention]
    if retention.get("Mode") not in MODES or len(given) != 1:
        raise errors.malformed_xml()
    unit = given[0]
    if retention[unit] <= 0:
        raise errors.invalid_argument("Default retention period must be a positive integer value")
    if retention[unit] > LONGEST[unit]:
        raise errors.invalid_argument("Default retention period too large")


@operation(on=bucket_arn)
def get_object_lock_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    if not bucket.object_lock:
        words = "Object Lock configuration does not exist for this bucket"
        raise absent(bucket, "ObjectLockConfigurationNotFoundError", words)
    return {"ObjectLockConfiguration": configuration(ctx, bucket, KIND) or {"ObjectLockEnabled": "Enabled"}}


def read_lock(ctx: Context, bucket: Bucket, req: dict[str, Any]) -> dict[str, Any]:
    """The lock of a new object, as fields of its record: what the request says, else the bucket's default."""
    mode, until, hold = req.get("ObjectLockMode"), req.get("ObjectLockRetainUntilDate"), req.get("ObjectLockLegalHoldStatus")
    if mode is None and until is None and hold is None:
        if not bucket.object_lock:
            return {}
        rule = (configuration(ctx, bucket, KIND) or {}).get("Rule")
        return _default(ctx, rule["DefaultRetention"]) if rule else {}
    if not bucket.object_lock:
        raise errors.invalid_request("Bucket is missing Object Lock Configuration")
    if (mode is None) != (until is None):
        words = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
        raise errors.invalid_argument(words, f"x-amz-object-lock-{'mode' if mode is None else 'retain-until-date'}")
    fields: dict[str, Any] = {}
    if until is not None:
        _check_mode(mode)
        if until <= ctx.now:
            raise errors.invalid_argument("The retain until date must be in the future!", "x-amz-object-lock-retain-until-date", until)
        fields |= {"lock_mode": mode, "lock_until": until}
    elif (rule := (configuration(ctx, bucket, KIND) or {}).get("Rule")) is not None:
        fields |= _default(ctx, rule["DefaultRetention"])
    if hold is not None:
        if hold not in ("ON", "OFF"):
            raise errors.invalid_argument("Legal Hold must be either of 'ON' or 'OFF'", "x-amz-object-lock-legal-hold", hold)
        fields["legal_hold"] = hold
    return fields


def _check_mode(mode: Any) -> None:
    if mode not in MODES:
        raise errors.invalid_argument("Unknown wormMode directive", "x-amz-object-lock-mode", mode)


def _default(ctx: Context, retention: dict[str, Any]) -> dict[str, Any]:
    days = retention["Days"] if "Days" in retention else retention["Years"] * 365
    return {"lock_mode": retention["Mode"], "lock_until": ctx.now + timedelta(days=days)}


def lock_to_wire(stored: Stored) -> dict[str, Any]:
    """The members of an answer that tell of a lock."""
    wire: dict[str, Any] = {}
    if stored.lock_until is not None:
        wire = {"ObjectLockMode": stored.lock_mode, "ObjectLockRetainUntilDate": stored.lock_until}
    if stored.legal_hold:
        wire["ObjectLockLegalHoldStatus"] = stored.legal_hold
    return wire


def _locked(ctx: Context, req: dict[str, Any], method: str) -> tuple[Bucket, Stored]:
    bucket = find_bucket(ctx, req)
    if not bucket.object_lock:
        raise errors.invalid_request("Bucket is missing Object Lock Configuration")
    return bucket, find_object(ctx, bucket, req["Key"], req.get("VersionId"), method)


@operation(on=object_arn)
def put_object_retention(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket, stored = _locked(ctx, req, "PUT")
    wanted = req.get("Retention") or {}
    if "EventHold" in wanted or "EventHoldDuration" in wanted:
        raise not_implemented("s3", "PutObjectRetention", "event holds")
    mode, until = wanted.get("Mode"), wanted.get("RetainUntilDate")
    if (mode is None) != (until is None) or (mode is not None and mode not in MODES):
        raise errors.malformed_xml()
    if until is not None and until <= ctx.now:
        raise errors.invalid_argument("The retain until date must be in the future!", "RetainUntilDate", until)
    held = stored.lock_until
    if held is not None and held > ctx.now:
        weaker = until is None or until < held or (stored.lock_mode == "COMPLIANCE" and mode != "COMPLIANCE")
        changes = weaker or mode != stored.lock_mode
        if weaker and stored.lock_mode == "COMPLIANCE":
            raise _protected()
        if changes and stored.lock_mode == "GOVERNANCE" and not may_bypass(ctx, req, stored):
            raise _protected()
    _change(ctx, bucket, replace(stored, lock_mode=mode or "", lock_until=until))
    return {}


def _change(ctx: Context, bucket: Bucket, stored: Stored) -> None:
    """Keeps a lock as it is now, and tells of it where the version has replicas."""
    from cloudjar.services.s3.replication import replicate_change

    replicate_change(ctx, bucket, ctx.put(stored))


@operation(on=object_arn)
def get_object_retention(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _, stored = _locked(ctx, req, "GET")
    if stored.lock_until is None:
        raise _no_lock()
    return {"Retention": {"Mode": stored.lock_mode, "RetainUntilDate": stored.lock_until}}


@operation(on=object_arn)
def put_object_legal_hold(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket, stored = _locked(ctx, req, "PUT")
    status = (req.get("LegalHold") or {}).get("Status")
    if status not in ("ON", "OFF"):
        raise errors.malformed_xml()
    _change(ctx, bucket, replace(stored, legal_hold=status))
    return {}


@operation(on=object_arn)
def get_object_legal_hold(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    _, stored = _locked(ctx, req, "GET")
    if not stored.legal_hold:
        raise _no_lock()
    return {"LegalHold": {"Status": stored.legal_hold}}


def may_bypass(ctx: Context, req: dict[str, Any], stored: Stored) -> bool:
    """Whether a caller asks to bypass governance, and may."""
    if not req.get("BypassGovernanceRetention"):
        return False
    return ctx.world.host.allowed(ctx, "s3:BypassGovernanceRetention", f"arn:{ctx.partition}:s3:::{stored.bucket}/{stored.key}")


def check_unlocked(ctx: Context, stored: Stored, req: dict[str, Any]) -> None:
    """Raises AccessDenied for a version that may not be deleted now."""
    if is_held(ctx, stored) and not (stored.legal_hold != "ON" and stored.lock_mode == "GOVERNANCE" and may_bypass(ctx, req, stored)):
        raise _protected()


def is_held(ctx: Context, stored: Stored) -> bool:
    """Whether a lock is in force."""
    return stored.legal_hold == "ON" or (stored.lock_until is not None and stored.lock_until > ctx.now)


def _protected() -> AwsError:
    return AwsError("AccessDenied", "Access Denied because object protected by object lock.", status=403)


def _no_lock() -> AwsError:
    return AwsError("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration", status=404)

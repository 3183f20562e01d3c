"""What S3 takes as a replication rule, and refuses. Source: "Replication configuration file elements" in the Amazon S3 User Guide."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.metadata import STORAGE_CLASSES

MINUTES = 15
"""The only time that replication can be held to."""


def check(ctx: Context, bucket: Bucket, rule: dict[str, Any]) -> None:
    """Raises MalformedXML, InvalidRequest or InvalidArgument for a rule that S3 does not take."""
    destination = rule["Destination"]
    switches = (
        rule,
        rule.get("DeleteMarkerReplication"),
        (rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects"),
        (rule.get("SourceSelectionCriteria") or {}).get("ReplicaModifications"),
    )
    if any(switch is not None and switch.get("Status") not in ("Enabled", "Disabled") for switch in switches):
        raise errors.malformed_xml()
    if destination.get("StorageClass", "STANDARD") not in STORAGE_CLASSES:
        raise errors.malformed_xml()
    if (rule.get("ExistingObjectReplication") or {}).get("Status") == "Enabled":
        # S3 takes it no more: existing objects are replicated by a batch job.
        raise errors.invalid_request("ExistingObjectReplication is not supported. Use S3 Batch Replication to replicate existing objects.")
    if "Filter" in rule and "Prefix" in rule:
        raise errors.malformed_xml()
    if "Filter" in rule and ("Priority" not in rule or "DeleteMarkerReplication" not in rule):
        raise errors.invalid_request(
            "Priority and DeleteMarkerReplication must be specified for this version of Cross Region Replication configuration."
        )
    _check_filter(rule)
    _check_keys(rule)
    _check_time(destination)
    if not destination["Bucket"].startswith("arn:"):
        raise errors.invalid_argument("Invalid bucket ARN", "Bucket", destination["Bucket"])
    target = ctx.get(Bucket, destination["Bucket"].rpartition(":")[2])
    if target is None or target.name == bucket.name:
        raise errors.invalid_request(
            "Destination bucket must exist." if target is None else "Destination bucket cannot be the same as the source bucket."
        )
    if target.versioning != "Enabled":
        raise errors.invalid_request("Destination bucket must have versioning enabled.")


def _check_filter(rule: dict[str, Any]) -> None:
    wanted = rule.get("Filter") or {}
    if len(wanted) > 1:
        raise errors.malformed_xml()
    tagged = "Tag" in wanted or bool((wanted.get("And") or {}).get("Tags"))
    if tagged and (rule.get("DeleteMarkerReplication") or {}).get("Status") == "Enabled":
        words = (
            "Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer Guide for more "
            "information."
        )
        raise errors.invalid_request(words)


def _check_keys(rule: dict[str, Any]) -> None:
    """What is encrypted with KMS is replicated where both its selection and its new key are named."""
    selected = ((rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}).get("Status")
    key = (rule["Destination"].get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")
    if key and selected is None:
        raise errors.invalid_request("SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present.")
    if selected == "Enabled" and not key:
        raise errors.invalid_request("EncryptionConfiguration must be specified if SseKmsEncryptedObjects is enabled.")


def _check_time(destination: dict[str, Any]) -> None:
    time, metrics = destination.get("ReplicationTime"), destination.get("Metrics")
    for switch, member in ((time, "Time"), (metrics, "EventThreshold")):
        if switch is None:
            continue
        if switch.get("Status") not in ("Enabled", "Disabled"):
            raise errors.malformed_xml()
        if member in switch and switch[member].get("Minutes") != MINUTES:
            raise errors.invalid_argument(f"{member} must be {MINUTES} minutes", "Minutes", switch[member].get("Minutes"))
    if time is not None and time["Status"] == "Enabled" and (metrics is None or metrics["Status"] != "Enabled"):
        raise errors.invalid_request("Metrics must be enabled if ReplicationTime is enabled.")

"""What S3 takes as a lifecycle rule, and refuses. Source: "Lifecycle configuration elements" in the Amazon S3 User Guide."""

from __future__ import annotations

from typing import Any

from cloudjar.services.s3 import errors

ACTIONS = ("Expiration", "Transitions", "NoncurrentVersionTransitions", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
COLD = ("STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
"""Storage classes that objects can be moved to."""
INFREQUENT = ("STANDARD_IA", "ONEZONE_IA")
MOST_NEWER = 100


def checked(rule: dict[str, Any]) -> dict[str, Any]:
    """The rule, if S3 takes it; raises MalformedXML, InvalidArgument or InvalidRequest."""
    if rule.get("Status") not in ("Enabled", "Disabled"):
        raise errors.malformed_xml()
    if not any(action in rule for action in ACTIONS):
        raise errors.invalid_request("At least one action needs to be specified in a rule")
    if ("Prefix" in rule) == ("Filter" in rule) or len(rule.get("ID", "")) > 255:
        raise errors.malformed_xml()
    _check_filter(rule)
    expiration = rule.get("Expiration")
    if expiration is not None:
        if len([name for name in ("Days", "Date", "ExpiredObjectDeleteMarker") if name in expiration]) != 1:
            raise errors.malformed_xml()
        if "ExpiredObjectDeleteMarker" in expiration and (tests_of(rule)[1] or _has_sizes(rule)):
            raise errors.invalid_request("ExpiredObjectDeleteMarker cannot be specified with Tags or Object Size.")
        if expiration.get("Days", 1) <= 0:
            raise errors.invalid_argument("'Days' for Expiration action must be a positive integer")
        _check_date(expiration)
    _check_transitions(rule.get("Transitions") or [], expiration or {})
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
    for action in (noncurrent or {}, *(rule.get("NoncurrentVersionTransitions") or ())):
        if not 1 <= action.get("NewerNoncurrentVersions", 1) <= MOST_NEWER:
            raise errors.invalid_argument(f"'NewerNoncurrentVersions' must be between 1 and {MOST_NEWER}")
    if "AbortIncompleteMultipartUpload" in rule:
        if rule["AbortIncompleteMultipartUpload"].get("DaysAfterInitiation", 0) <= 0:
            raise errors.invalid_argument("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
        if tests_of(rule)[1]:
            raise errors.invalid_request("AbortIncompleteMultipartUpload cannot be specified with Tags.")
        if _has_sizes(rule):
            raise errors.invalid_request("AbortIncompleteMultipartUpload cannot be specified with Object Size.")
    return rule


def _check_filter(rule: dict[str, Any]) -> None:
    wanted = rule.get("Filter") or {}
    if len(wanted) > 1:
        raise errors.malformed_xml()
    both = wanted.get("And")
    if both is None:
        return
    tags = both.get("Tags") or []
    if len(both) - ("Tags" in both) + len(tags) < 2:
        raise errors.malformed_xml()
    if len({tag["Key"] for tag in tags}) < len(tags):
        raise errors.invalid_request("Duplicate Tag Keys are not allowed.")
    if both.get("ObjectSizeGreaterThan", -1) >= both.get("ObjectSizeLessThan", float("inf")):
        raise errors.invalid_request("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")


def _has_sizes(rule: dict[str, Any]) -> bool:
    _, _, greater, less = tests_of(rule)
    return greater >= 0 or less is not None


def _check_transitions(transitions: list[dict[str, Any]], expiration: dict[str, Any]) -> None:
    for transition in transitions:
        if ("Days" in transition) == ("Date" in transition) or transition.get("StorageClass") not in COLD:
            raise errors.malformed_xml()
        _check_date(transition)
        if transition.get("Days", 0) < 0:
            raise errors.invalid_argument("'Days' in Transition action must be nonnegative")
        if transition["StorageClass"] in INFREQUENT and transition.get("Days", 30) < 30:
            words = f"'Days' in Transition action must be greater than or equal to 30 for storageClass '{transition['StorageClass']}'"
            raise errors.invalid_argument(words)
        if "Days" in expiration and transition.get("Days", 0) >= expiration["Days"]:
            words = "'Days' in the Expiration action for filter '()' must be greater than 'Days' in the Transition action"
            raise errors.invalid_argument(words)
    classes = [transition["StorageClass"] for transition in transitions]
    if len(set(classes)) < len(classes):
        raise errors.invalid_argument("'StorageClass' must be different for 'Transition' actions in same 'Rule'")
    dated = {"Date" in action for action in (*transitions, expiration) if "Date" in action or "Days" in action}
    if len(dated) > 1:
        raise errors.invalid_request("Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule")
    # What is stored for infrequent access stays there for thirty days at least.
    days = {transition["StorageClass"]: transition["Days"] for transition in transitions if "Days" in transition}
    for earlier in INFREQUENT:
        for later in COLD[COLD.index(earlier) + 1 :]:
            if earlier in days and later in days and later != "INTELLIGENT_TIERING" and days[later] < days[earlier] + 30:
                words = (
                    f"'Days' in the Transition action for StorageClass '{later}' must be 30 days more than 'Days' in the Transition action "
                    f"for StorageClass '{earlier}'"
                )
                raise errors.invalid_argument(words)


def _check_date(action: dict[str, Any]) -> None:
    date = action.get("Date")
    if date is not None and (date.hour, date.minute, date.second, date.microsecond) != (0, 0, 0, 0):
        raise errors.invalid_argument("'Date' must be at midnight GMT")


def tests_of(rule: dict[str, Any]) -> tuple[str, dict[str, str], int, int | None]:
    """(prefix, tags, greater than, less than) that a rule wants."""
    wanted = rule.get("Filter") or {}
    both = wanted.get("And") or wanted
    tags = both.get("Tags") or ([wanted["Tag"]] if "Tag" in wanted else [])
    prefix = rule.get("Prefix") or both.get("Prefix", "")
    return prefix, {tag["Key"]: tag["Value"] for tag in tags}, both.get("ObjectSizeGreaterThan", -1), both.get("ObjectSizeLessThan")

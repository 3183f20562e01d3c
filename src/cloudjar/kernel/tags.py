"""Tags: one table for all services, keyed by ARN."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.records import Record, record

LIMIT = 50


@record("tags", key="arn", scope="world")
class Tags(Record):
    """The tags of one resource."""

    arn: str
    tags: dict[str, str]


def check(tags: dict[str, str], error: type[AwsError] | str = "ValidationException") -> None:
    """AWS's common rules: keys of 1 to 128 letters, values up to 256, no "aws:" prefix, at most 50. Raises `error`."""
    if len(tags) > LIMIT:
        raise _raise(error, f"The number of tags exceeds the limit of {LIMIT}.")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128:
            raise _raise(error, f"Tag keys must be 1 to 128 characters long: '{key}'")
        if len(value) > 256:
            raise _raise(error, f"Tag values must be at most 256 characters long: '{value}'")
        if key.lower().startswith("aws:"):
            raise _raise(error, "Tag keys starting with 'aws:' are reserved for system use.")


def _raise(error: type[AwsError] | str, message: str) -> AwsError:
    return AwsError(error, message) if isinstance(error, str) else error(message)


def from_list(items: list[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """`[{"Key": k, "Value": v}]` as a dict."""
    return {item[key]: item.get(value, "") for item in items or ()}


def to_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """A dict as `[{"Key": k, "Value": v}]`."""
    return [{key: k, value: v} for k, v in tags.items()]

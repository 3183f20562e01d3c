"""Reading secrets: values, one or many; versions; lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.kernel.records import replace
from cloudjar.services.secretsmanager import errors, values
from cloudjar.services.secretsmanager.records import CURRENT, Secret, Version, find, find_live, home, on_secret, staged, versions
from cloudjar.services.secretsmanager.secrets import to_wire


@operation(on=on_secret)
def get_secret_value(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_live(ctx, req["SecretId"])
    version = _wanted(ctx, secret, req)
    value = values.unseal(ctx, version)
    _note_access(home(ctx, secret), secret, version)
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.id,
        "SecretBinary" if version.binary else "SecretString": value if version.binary else value.decode(),
        "VersionStages": version.stages,
        "CreatedDate": version.created,
    }


def _wanted(ctx: Context, secret: Secret, req: dict[str, Any]) -> Version:
    wanted_id, stage = req.get("VersionId"), req.get("VersionStage")
    if wanted_id:
        version = home(ctx, secret).get(Version, secret.arn, wanted_id)
        if version is not None and stage and stage not in version.stages:
            raise errors.request("You provided a VersionStage that is not associated to the provided VersionId.")
        if version is None or not version.sealed:
            raise errors.value_not_found("VersionId", wanted_id)
        return version
    version = staged(ctx, secret, stage or CURRENT)
    if version is None or not version.sealed:
        raise errors.value_not_found("staging label", stage or CURRENT)
    return version


def _note_access(ctx: Context, secret: Secret, version: Version) -> None:
    """AWS keeps the day alone: one write a day."""
    today = datetime(ctx.now.year, ctx.now.month, ctx.now.day, tzinfo=UTC)
    if secret.accessed != today:
        ctx.put(replace(secret, accessed=today))
    if version.accessed != today:
        ctx.put(replace(version, accessed=today))


@operation()
def batch_get_secret_value(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if ("SecretIdList" in req) == ("Filters" in req):
        raise errors.list_or_filters()
    token = ""
    if "SecretIdList" in req:
        if req.get("MaxResults") or req.get("NextToken"):
            raise errors.parameter("MaxResults and NextToken go with Filters only.")
        identifiers = list(dict.fromkeys(req["SecretIdList"]))
    else:
        found, token = _page(ctx, {**req, "MaxResults": req.get("MaxResults") or 20})
        identifiers = [secret.arn for secret in found]
    answer: dict[str, Any] = {"SecretValues": [], "Errors": []}
    for identifier in identifiers:
        try:
            # Each is asked for like any read: the caller needs GetSecretValue, and the key.
            answer["SecretValues"].append(ctx.call("secretsmanager", "GetSecretValue", {"SecretId": identifier}))
        except AwsError as problem:
            answer["Errors"].append({"SecretId": identifier, "ErrorCode": problem.code, "Message": problem.message})
    if token:
        answer["NextToken"] = token
    return answer


@operation(on=on_secret)
def list_secret_version_ids(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find(ctx, req["SecretId"])
    found = sorted(versions(ctx, secret), key=lambda version: (version.created, version.id))
    if not req.get("IncludeDeprecated"):
        found = [version for version in found if version.stages]
    start, end = page_of(req, 100)
    answer: dict[str, Any] = {
        "ARN": secret.arn,
        "Name": secret.name,
        "Versions": [_version_to_wire(version) for version in found[start:end]],
    }
    if end < len(found):
        answer["NextToken"] = encode_token(str(end).encode())
    return answer


def _version_to_wire(version: Version) -> dict[str, Any]:
    wire: dict[str, Any] = {"VersionId": version.id, "CreatedDate": version.created}
    if version.sealed:
        wire["KmsKeyIds"] = [version.kms_key or "DefaultEncryptionKey"]
    if version.stages:
        wire["VersionStages"] = version.stages
    if version.accessed:
        wire["LastAccessedDate"] = version.accessed
    return wire


@operation()
def list_secrets(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found, token = _page(ctx, req)
    answer: dict[str, Any] = {"SecretList": [to_wire(ctx, secret) for secret in found]}
    if token:
        answer["NextToken"] = token
    return answer


def _page(ctx: Context, req: dict[str, Any]) -> tuple[list[Secret], str]:
    tests = [_test(ctx, each) for each in req.get("Filters") or ()]
    found = [
        secret
        for secret in ctx.where(Secret)
        if (secret.deletion is None or req.get("IncludePlannedDeletion")) and all(test(secret) for test in tests)
    ]
    never = datetime.min.replace(tzinfo=UTC)
    order: Callable[[Secret], Any] = {
        "name": lambda secret: (secret.name,),
        "last-changed-date": lambda secret: (secret.changed, secret.name),
        "last-accessed-date": lambda secret: (secret.accessed or never, secret.name),
        "created-date": lambda secret: (secret.created, secret.name),
    }[req.get("SortBy") or "created-date"]
    found.sort(key=order, reverse=(req.get("SortOrder") or "desc") == "desc")
    start, end = page_of(req, 100)
    return found[start:end], encode_token(str(end).encode()) if end < len(found) else ""


def page_of(req: dict[str, Any], maximum: int) -> tuple[int, int]:
    """(start, end) of the page that a request asks for; InvalidNextTokenException."""
    start = 0
    if token := req.get("NextToken"):
        text = decode_token(token, errors.invalid_token())
        if not text.isdigit() or len(text) > 9:
            raise errors.invalid_token()
        start = int(text)
    return start, start + min(req.get("MaxResults") or maximum, maximum)


def _test(ctx: Context, given: dict[str, Any]) -> Callable[[Secret], bool]:
    """One filter: any of its values; "!" before a value turns it round."""
    key, wanted = given.get("Key") or "all", given.get("Values") or []
    if not wanted:
        raise errors.parameter("Filter values must not be empty.")

    def texts(secret: Secret) -> list[str]:
        if key == "name":
            return [secret.name]
        if key == "description":
            return [secret.description, *secret.description.split()]
        if key == "primary-region":
            return [secret.primary_region]
        if key == "owning-service":
            return []
        held = ctx.tags(secret.arn)
        if key == "tag-key":
            return list(held)
        if key == "tag-value":
            return list(held.values())
        return [secret.name, *secret.name.split("/"), secret.description, *secret.description.split(), *held, *held.values()]

    # Names, tags' keys and their values are told apart by case; descriptions, and "all", are not.
    folded = key in ("description", "all")

    def fold(text: str) -> str:
        return text.lower() if folded else text

    def matches(secret: Secret, value: str) -> bool:
        negated = value.startswith("!")
        value = fold(value[1:] if negated else value)
        return any(fold(text).startswith(value) for text in texts(secret)) != negated

    return lambda secret: any(matches(secret, value) for value in wanted)

"""One task of a job: what is done with one object, as the job's role."""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.s3.replication import replicate_existing
from cloudjar.services.s3control.job_manifests import Listed

_COPY = {
    "CannedAccessControlList": "ACL",
    "ModifiedSinceConstraint": "CopySourceIfModifiedSince",
    "UnModifiedSinceConstraint": "CopySourceIfUnmodifiedSince",
    "RedirectLocation": "WebsiteRedirectLocation",
    "StorageClass": "StorageClass",
    "SSEAwsKmsKeyId": "SSEKMSKeyId",
    "ObjectLockLegalHoldStatus": "ObjectLockLegalHoldStatus",
    "ObjectLockMode": "ObjectLockMode",
    "ObjectLockRetainUntilDate": "ObjectLockRetainUntilDate",
    "BucketKeyEnabled": "BucketKeyEnabled",
    "ChecksumAlgorithm": "ChecksumAlgorithm",
    "MetadataDirective": "MetadataDirective",
}
"""Members of the operation that CopyObject has as well -> their names there."""
_METADATA = {
    "CacheControl": "CacheControl",
    "ContentDisposition": "ContentDisposition",
    "ContentEncoding": "ContentEncoding",
    "ContentLanguage": "ContentLanguage",
    "ContentType": "ContentType",
    "HttpExpiresDate": "Expires",
    "UserMetadata": "Metadata",
}
_GRANTS = {
    "FULL_CONTROL": "GrantFullControl",
    "READ": "GrantRead",
    "READ_ACP": "GrantReadACP",
    "WRITE_ACP": "GrantWriteACP",
    "WRITE": "GrantWrite",
}
_TYPES = {"id": "CanonicalUser", "emailAddress": "AmazonCustomerByEmail", "uri": "Group"}
ATTEMPTS = 3
"""How often a function is asked that says TemporaryFailure."""


class Outcome(NamedTuple):
    """How a task went: an HTTP status, an error's code ("" for success) and words."""

    status: int
    code: str
    message: str


async def perform(ctx: Context, role: Context, job: Any, listed: Listed, number: int) -> Outcome:
    """Does a job's operation to one object. Errors are outcomes."""
    name, about = job.kind, job.request["Operation"][job.kind]
    try:
        if name == "LambdaInvoke":
            return await _invoke(role, job.id, about, listed, number)
        if name == "S3ReplicateObject":
            await replicate_existing(ctx, role, listed.bucket, listed.plain_key, listed.version)
        else:
            await role.call_async("s3", *_call(name, about, listed))
    except AwsError as error:
        return Outcome(error.status or 400, error.code, error.message)
    return Outcome(200, "", "Successful")


def _call(name: str, about: dict[str, Any], listed: Listed) -> tuple[str, dict[str, Any]]:
    """The operation of S3 that a task is, and its request."""
    named: dict[str, Any] = {"Bucket": listed.bucket, "Key": listed.plain_key}
    if name == "S3PutObjectCopy":
        return "CopyObject", _copy(about, listed)
    if listed.version:
        named["VersionId"] = listed.version
    if name == "S3PutObjectTagging":
        return "PutObjectTagging", {**named, "Tagging": {"TagSet": about.get("TagSet") or []}}
    if name == "S3DeleteObjectTagging":
        return "DeleteObjectTagging", named
    if name == "S3PutObjectLegalHold":
        return "PutObjectLegalHold", {**named, "LegalHold": about["LegalHold"]}
    if name == "S3PutObjectRetention":
        bypass = {"BypassGovernanceRetention": True} if about.get("BypassGovernanceRetention") else {}
        return "PutObjectRetention", {**named, **bypass, "Retention": about["Retention"]}
    if name == "S3InitiateRestoreObject":
        days = {"Days": about["ExpirationInDays"]} if "ExpirationInDays" in about else {}
        tier = {"GlacierJobParameters": {"Tier": about["GlacierJobTier"].capitalize()}} if "GlacierJobTier" in about else {}
        return "RestoreObject", {**named, "RestoreRequest": {**days, **tier}}
    return "PutObjectAcl", {**named, **_acl(about.get("AccessControlPolicy") or {})}


def _copy(about: dict[str, Any], listed: Listed) -> dict[str, Any]:
    prefix = about.get("TargetKeyPrefix")
    target: str = about["TargetResource"]
    version = f"?versionId={quote(listed.version)}" if listed.version else ""
    request: dict[str, Any] = {
        "Bucket": target if ":accesspoint/" in target else target.rpartition(":")[2],
        "Key": f"{prefix.rstrip('/')}/{listed.plain_key}" if prefix else listed.plain_key,
        "CopySource": f"{listed.bucket}/{quote(listed.plain_key)}{version}",
        **{there: about[here] for here, there in _COPY.items() if here in about},
    }
    metadata = about.get("NewObjectMetadata")
    if metadata:
        request |= {there: metadata[here] for here, there in _METADATA.items() if here in metadata}
        request.setdefault("MetadataDirective", "REPLACE")
        if "SSEAlgorithm" in metadata:
            request["ServerSideEncryption"] = "aws:kms" if metadata["SSEAlgorithm"] == "KMS" else "AES256"
    if "SSEAwsKmsKeyId" in about:
        request["ServerSideEncryption"] = "aws:kms"
    if "NewObjectTagging" in about:
        request |= {"TaggingDirective": "REPLACE", "Tagging": urlencode({tag["Key"]: tag["Value"] for tag in about["NewObjectTagging"]})}
    if about.get("RequesterPays"):
        request["RequestPayer"] = "requester"
    for grant in about.get("AccessControlGrants") or ():
        grantee = grant["Grantee"]
        member, text = _GRANTS[grant["Permission"]], f'{grantee["TypeIdentifier"]}="{grantee["Identifier"]}"'
        request[member] = f"{request[member]}, {text}" if member in request else text
    return request


def _acl(about: dict[str, Any]) -> dict[str, Any]:
    if "CannedAccessControlList" in about:
        return {"ACL": about["CannedAccessControlList"]}
    given = about.get("AccessControlList") or {}
    members = {"id": "ID", "emailAddress": "EmailAddress", "uri": "URI"}
    grants = [
        {
            "Grantee": {
                "Type": _TYPES[grant["Grantee"]["TypeIdentifier"]],
                members[grant["Grantee"]["TypeIdentifier"]]: grant["Grantee"]["Identifier"],
            },
            "Permission": grant["Permission"],
        }
        for grant in given.get("Grants") or ()
    ]
    return {"AccessControlPolicy": {"Owner": {"ID": given["Owner"]["ID"]} if given.get("Owner") else {}, "Grants": grants}}


async def _invoke(role: Context, job_id: str, about: dict[str, Any], listed: Listed, number: int) -> Outcome:
    """Invokes a function for an object; its answer says how that went."""
    event = json.dumps(_event(job_id, about, listed, number)).encode()
    outcome = Outcome(200, "PermanentFailure", "")
    for _ in range(ATTEMPTS):
        answer = await role.call_async("lambda", "Invoke", {"FunctionName": about["FunctionArn"], "Payload": event})
        payload = answer.get("Payload") or b""
        text = (bytes(payload) if isinstance(payload, bytes | bytearray) else await payload.read(6 << 20)).decode("utf-8", "replace")
        if answer.get("FunctionError"):
            return Outcome(200, "PermanentFailure", f"Lambda returned function error: {text}")
        outcome = _read_answer(text, _task_id(number))
        if outcome.code != "TemporaryFailure":
            return outcome
    return outcome


def _task_id(number: int) -> str:
    return base64.b64encode(f"task-{number:020d}".encode()).decode()


def _event(job_id: str, about: dict[str, Any], listed: Listed, number: int) -> dict[str, Any]:
    version = about.get("InvocationSchemaVersion", "1.0")
    task: dict[str, Any] = {"taskId": _task_id(number), "s3Key": listed.key, "s3VersionId": listed.version or None}
    job: dict[str, Any] = {"id": job_id}
    if version == "2.0":
        task["s3Bucket"] = listed.bucket
        if "UserArguments" in about:
            job["userArguments"] = about["UserArguments"]
    else:
        task["s3BucketArn"] = f"arn:aws:s3:::{listed.bucket}"
    invocation = base64.b64encode(f"{job_id}/{number}".encode()).decode()
    return {"invocationSchemaVersion": version, "invocationId": invocation, "job": job, "tasks": [task]}


def _read_answer(text: str, task_id: str) -> Outcome:
    try:
        answer = json.loads(text)
        results = {result["taskId"]: result for result in answer["results"]}
        missing = {"resultCode": answer.get("treatMissingKeysAs", "TemporaryFailure"), "resultString": "The function left the task out"}
        result = results.get(task_id, missing)
        code, words = str(result["resultCode"]), str(result.get("resultString") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return Outcome(200, "PermanentFailure", f"Lambda returned an answer that is not valid: {text[:500]}")
    return Outcome(200, "" if code == "Succeeded" else code, words)

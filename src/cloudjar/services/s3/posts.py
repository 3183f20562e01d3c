"""PostObject: a browser's form upload. Source: "POST Object" in the Amazon S3 API Reference."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.checksums import ALGORITHMS
from cloudjar.services.s3.forms import Form, FormFile
from cloudjar.services.s3.post_policy import check_policy

_FIELDS = {
    "acl": "ACL",
    "cache-control": "CacheControl",
    "content-type": "ContentType",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "x-amz-storage-class": "StorageClass",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    "x-amz-server-side-encryption-customer-key": "SSECustomerKey",
    "x-amz-server-side-encryption-customer-key-md5": "SSECustomerKeyMD5",
    "x-amz-server-side-encryption-context": "SSEKMSEncryptionContext",
    **{f"x-amz-checksum-{name.lower()}": member for name, member in ALGORITHMS.items()},
}
"""Form field -> PutObject's member."""

_META = "x-amz-meta-"


def _nothing(ctx: Context, req: dict[str, Any]) -> dict[str, str]:
    """IAM is asked about the PutObject that the form turns out to be."""
    return {}


@operation(on=_nothing)
async def post_object(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    form = Form(req["Body"], ctx.call_info.headers.get("content-type", ""))
    await form.read_fields()
    fields = form.fields
    if not fields.get("key"):
        words = "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields."
        raise errors.invalid_argument(words, "key", "")
    principal = ctx.world.host.form_caller(ctx, fields)
    with ctx.transaction():
        bucket = ctx.get(Bucket, req["Bucket"])
        if bucket is None:
            raise errors.no_such_bucket(req["Bucket"])
        sizes = check_policy(fields["policy"], fields, bucket.name, ctx.now) if "policy" in fields else None
    caller = ctx.at(account=principal.account or bucket.account, region=bucket.region, principal=principal)
    put = _put_request(bucket.name, fields, form)
    # The form is a PutObject by another road: the same permission, the same checks, the same effect.
    stored = await caller.call_async("s3", "PutObject", {**put, "Body": FormFile(form, sizes)})
    return _answer(ctx, fields, put, stored)


def _put_request(bucket: str, fields: dict[str, str], form: Form) -> dict[str, Any]:
    put: dict[str, Any] = {"Bucket": bucket, "Key": fields["key"].replace("${filename}", form.filename)}
    if form.file_type:
        put["ContentType"] = form.file_type
    put |= {member: fields[name] for name, member in _FIELDS.items() if name in fields}
    metadata = {name.removeprefix(_META): value for name, value in fields.items() if name.startswith(_META)}
    if metadata:
        put["Metadata"] = metadata
    if fields.get("tagging"):
        put["Tagging"] = _tagging(fields["tagging"])
    return put


def _tagging(document: str) -> str:
    """The `tagging` field's XML as the header's query string."""
    from cloudjar.wire.protocols.xml_shapes import decode
    from cloudjar.wire.values import Malformed

    try:
        root = decode(document.encode())
    except Malformed:
        raise errors.malformed_xml() from None
    pairs = []
    for tag in root.iter():
        if tag.tag.rpartition("}")[2] == "Tag":
            parts = {child.tag.rpartition("}")[2]: child.text or "" for child in tag}
            pairs.append((parts.get("Key", ""), parts.get("Value", "")))
    return urlencode(pairs)


def _answer(ctx: Context, fields: dict[str, str], put: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    bucket, key, etag = put["Bucket"], put["Key"], stored["ETag"]
    location = f"{ctx.call_info.url}/{bucket}/{quote(key)}"
    answer: dict[str, Any] = {"ETag": etag, "Location": location}
    answer |= {name: stored[name] for name in ("ServerSideEncryption",) if name in stored}
    if "VersionId" in stored:
        answer["VersionId"] = stored["VersionId"]
    redirect = fields.get("success_action_redirect") or fields.get("redirect", "")
    if urlsplit(redirect).scheme in ("http", "https"):
        joint = "&" if "?" in redirect else "?"
        answer["Location"] = redirect + joint + urlencode({"bucket": bucket, "key": key, "etag": etag})
        return {**answer, "StatusCode": 303}
    status = fields.get("success_action_status")
    if status == "201":
        answer["PostResponse"] = {"Location": location, "Bucket": bucket, "Key": key, "ETag": etag}
    return {**answer, "StatusCode": int(status) if status in ("200", "201") else 204}

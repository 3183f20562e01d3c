"""GetObjectAttributes."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import find_bucket, object_arn
from cloudjar.services.s3.checksums import ALGORITHMS, COMPOSITE, checksum_to_wire
from cloudjar.services.s3.encryption import CUSTOMER, open_key
from cloudjar.services.s3.metadata import refuse
from cloudjar.services.s3.objects import Stored, find_object, shown_version

NAMES = frozenset(("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"))


@operation(on=object_arn)
def get_object_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bucket = find_bucket(ctx, req)
    refuse(req, "GetObjectAttributes")
    asked = req.get("ObjectAttributes") or []
    wanted = set(asked)
    if not wanted or not wanted <= NAMES:
        raise errors.invalid_argument("Invalid attribute name specified.", "x-amz-object-attributes", ", ".join(asked))
    stored = find_object(ctx, bucket, req["Key"], req.get("VersionId"))
    if stored.encryption is None or stored.encryption.algorithm == CUSTOMER:
        open_key(ctx, bucket, stored.encryption, req)
    answer: dict[str, Any] = {"LastModified": stored.modified}
    version_id = shown_version(bucket, stored)
    if version_id is not None:
        answer["VersionId"] = version_id
    if "ETag" in wanted:
        # Here alone the entity tag comes without its quotes.
        answer["ETag"] = stored.etag
    if "Checksum" in wanted and stored.checksum is not None:
        # Here alone a composite value comes without its count of parts.
        shown = checksum_to_wire(stored.checksum)
        member = ALGORITHMS[stored.checksum.algorithm]
        answer["Checksum"] = {**shown, member: shown[member].partition("-")[0]}
    if "ObjectParts" in wanted and stored.parts:
        answer["ObjectParts"] = _parts(req, stored)
    if "StorageClass" in wanted:
        answer["StorageClass"] = stored.storage_class
    if "ObjectSize" in wanted:
        answer["ObjectSize"] = stored.size
    return answer


def _parts(req: dict[str, Any], stored: Stored) -> dict[str, Any]:
    """The parts of a multipart object. Only of one with composite checksums are they listed one by one; else they are counted."""
    answer: dict[str, Any] = {"TotalPartsCount": len(stored.parts)}
    checksum = stored.checksum
    if checksum is None or checksum.type != COMPOSITE:
        return answer
    limit = min(int(req.get("MaxParts", 1000)), 1000)
    marker = int(req.get("PartNumberMarker") or 0)
    after = [part for part in stored.parts if part.number > marker]
    shown = after[:limit]
    member = ALGORITHMS[checksum.algorithm]
    return {
        **answer,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": limit,
        "IsTruncated": len(after) > len(shown),
        "Parts": [{"PartNumber": part.number, "Size": part.size, member: part.checksum} for part in shown],
    }

"""What a bucket holds, as CloudWatch is told once a day. Source: "Amazon S3 daily storage metrics for buckets" in the user guide."""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import gauges
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.objects import Object, Version

NAMESPACE = "AWS/S3"
_TYPES = {
    "STANDARD": "StandardStorage",
    "STANDARD_IA": "StandardIAStorage",
    "ONEZONE_IA": "OneZoneIAStorage",
    "REDUCED_REDUNDANCY": "ReducedRedundancyStorage",
    "GLACIER": "GlacierStorage",
    "GLACIER_IR": "GlacierInstantRetrievalStorage",
    "DEEP_ARCHIVE": "DeepArchiveStorage",
    "INTELLIGENT_TIERING": "IntelligentTieringFAStorage",
}


@gauges(NAMESPACE, "BucketSizeBytes", "NumberOfObjects", seconds=86_400)
def storage(ctx: Context, dimensions: dict[str, str]) -> list[tuple[str, float, str]]:
    """The bytes of one storage class, or the number of all objects, older versions and delete markers with them."""
    bucket = ctx.get(Bucket, dimensions.get("BucketName", ""))
    kind = dimensions.get("StorageType")
    if bucket is None or len(dimensions) != 2 or (bucket.account, bucket.region) != (ctx.account, ctx.region):
        return []
    everything = [*ctx.where(Object, bucket=bucket.name), *ctx.where(Version, bucket=bucket.name)]
    if kind == "AllStorageTypes":
        return [("NumberOfObjects", float(len(everything)), "Count")]
    found = [one.size for one in everything if _TYPES.get(one.storage_class or "STANDARD") == kind]
    return [("BucketSizeBytes", float(sum(found)), "Bytes")] if found else []

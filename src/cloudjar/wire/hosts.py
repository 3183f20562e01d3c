"""What a Host header says: the service, the Region, and for S3 the bucket."""

from __future__ import annotations

import msgspec

SUFFIXES = (
    ".localhost.localstack.cloud",
    ".localhost",
    ".amazonaws.com.cn",
    ".amazonaws.com",
    ".api.aws",
)
"""Names under which services are found. Nothing is looked up."""

S3_FEATURES = ("s3-accelerate", "s3-fips", "s3-external-1")
ACCESS_POINTS = ("s3-accesspoint", "s3-accesspoint-fips")


class HostName(msgspec.Struct):
    """The parts of a service's host name."""

    service: str = ""
    """The endpoint prefix: "lambda", "s3", "monitoring"."""
    region: str | None = None
    bucket: str | None = None


NOTHING = HostName()


def is_region(label: str) -> bool:
    """Whether a label looks like "eu-west-1"."""
    return label[-1:].isdigit() and label.count("-") >= 2


def parse_host(host: str) -> HostName:
    """The service, Region and bucket in a Host header; empty for an address or a plain "localhost"."""
    if host[:9] == "localhost" or host[:4] == "127.":
        return NOTHING
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    name = name.lower().rstrip(".")
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            labels = name[: -len(suffix)].split(".")
            return s3_host(labels) or service_host(labels)
    return NOTHING


def s3_host(labels: list[str]) -> HostName | None:
    """S3's forms: s3, s3.REGION, s3-REGION, s3.dualstack.REGION, s3-accelerate, each with BUCKET before it; and access points'."""
    for index in range(max(0, len(labels) - 3), len(labels)):
        label, tail = labels[index], labels[index + 1 :]
        region = None
        if label.startswith("s3-") and is_region(label[3:]):
            region = label[3:]
        elif label != "s3" and label not in S3_FEATURES and label not in ACCESS_POINTS:
            continue
        if tail[:1] == ["dualstack"]:
            tail = tail[1:]
        if tail and is_region(tail[0]):
            region, tail = tail[0], tail[1:]
        if not tail:
            bucket = ".".join(labels[:index]) or None
            return HostName("s3", region, access_point(bucket, region) if label in ACCESS_POINTS else bucket)
    return None


def access_point(label: str | None, region: str | None) -> str | None:
    """The ARN, percent-encoded as one segment of a path, of the access point that a host begins with: NAME-ACCOUNT."""
    name, _, account = (label or "").rpartition("-")
    if not name or len(account) != 12 or not account.isdecimal() or region is None:
        return label
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn%3A{partition}%3As3%3A{region}%3A{account}%3Aaccesspoint%2F{name}"


def service_host(labels: list[str]) -> HostName:
    """The others' form: SERVICE.REGION, with or without a prefix of the operation's own before it."""
    if labels[0] and is_region(labels[0]) and len(labels) > 1:
        # The old form of SQS: eu-west-1.queue.amazonaws.com.
        return HostName("sqs" if labels[1] == "queue" else labels[1], labels[0])
    region = labels.pop() if len(labels) > 1 and is_region(labels[-1]) else None
    if len(labels) > 1 and labels[-1] in ("dualstack",):
        labels.pop()
    service = ".".join(labels)
    return HostName(service.removesuffix("-fips"), region)

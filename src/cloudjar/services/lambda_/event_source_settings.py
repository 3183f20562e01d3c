"""What a mapping may be told, and what its source must be like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.event_pattern import PatternProblem, compile_pattern
from cloudjar.kernel.source_queues import queue_url
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import Version

if TYPE_CHECKING:
    from cloudjar.services.lambda_.event_sources import EventSourceMapping

_SOURCES = ("sqs", "dynamodb")
_FILTERS = 5
_LEAST_POLLERS, _MOST_POLLERS = 2, 200
"""Of provisioned mode: what a queue needs, and what it has where the mapping says nothing."""
_STREAM_ONLY = (
    ("StartingPosition", "StartingPosition"),
    ("StartingPositionTimestamp", "StartingPositionTimestamp"),
    ("ParallelizationFactor", "ParallelizationFactor"),
    ("MaximumRecordAgeInSeconds", "MaximumRecordAge"),
    ("BisectBatchOnFunctionError", "BisectBatchOnFunctionError"),
    ("MaximumRetryAttempts", "MaximumRetryAttempts"),
    ("TumblingWindowInSeconds", "TumblingWindow"),
)
_ACTIONS = {
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "dynamodb": ("GetRecords", "GetShardIterator", "DescribeStream"),
}


def check_supported(req: dict[str, Any], op: str) -> None:
    """Refuses what would otherwise be silently ignored."""
    for member in (
        "Topics",
        "Queues",
        "SourceAccessConfigurations",
        "SelfManagedEventSource",
        "AmazonManagedKafkaEventSourceConfig",
        "SelfManagedKafkaEventSourceConfig",
        "DocumentDBEventSourceConfig",
    ):
        if req.get(member):
            raise not_implemented("lambda", op, member)


def source_of(req: dict[str, Any]) -> str:
    """The source's ARN."""
    arn: str = req.get("EventSourceArn") or ""
    if not arn:
        raise errors.invalid("Unrecognized event source.")
    service = arn.split(":")[2]
    if service not in _SOURCES:
        if service in ("kinesis", "kafka", "mq", "rds"):
            raise not_implemented("lambda", "CreateEventSourceMapping", f"{service} as an event source")
        raise errors.invalid("Unrecognized event source, must be kinesis, dynamodb stream or sqs. Unsupported source arn : " + arn)
    return arn


def settings(ctx: Context, req: dict[str, Any], source: str, old: EventSourceMapping | None = None) -> dict[str, Any]:
    """The fields of a mapping that a request sets."""
    queue = source.split(":")[2] == "sqs"
    fields: dict[str, Any] = {}
    if queue:
        for member, name in _STREAM_ONLY:
            if req.get(member):
                raise errors.invalid(f"{name} is not valid for SQS event sources.")
    else:
        _stream(req, fields, old)
    for member, field in (("BatchSize", "batch_size"), ("MaximumBatchingWindowInSeconds", "window_seconds"), ("Enabled", "enabled")):
        if req.get(member) is not None:
            fields[field] = req[member]
    if old is None:
        fields.setdefault("batch_size", 10 if queue else 100)
    size = fields.get("batch_size", old.batch_size if old else 0)
    window = fields.get("window_seconds", old.window_seconds if old else 0)
    fifo = queue and source.endswith(".fifo")
    if fifo and (size > 10 or window):
        what = "Batch size greater than 10" if size > 10 else "Batching window"
        raise errors.invalid(f"{what} is not supported for FIFO queues.")
    if queue and size > 10 and not window:
        raise errors.invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
    if req.get("FilterCriteria") is not None:
        fields["filters"] = _filters(req["FilterCriteria"].get("Filters") or [])
    if req.get("KMSKeyArn") is not None:
        fields["kms_key"] = req["KMSKeyArn"]
    if req.get("FunctionResponseTypes") is not None:
        fields["partial_failures"] = "ReportBatchItemFailures" in req["FunctionResponseTypes"]
    if req.get("ScalingConfig") is not None:
        if not queue:
            raise errors.invalid("ScalingConfig is only supported for SQS event sources.")
        fields["maximum_concurrency"] = req["ScalingConfig"].get("MaximumConcurrency")
    if req.get("ProvisionedPollerConfig") is not None:
        if not queue:
            raise errors.invalid("ProvisionedPollerConfig is only supported for SQS, MSK and self-managed Kafka event sources.")
        fields["pollers"] = _pollers(req["ProvisionedPollerConfig"])
    if fields.get("pollers", old.pollers if old else None) and fields.get("maximum_concurrency", old.maximum_concurrency if old else None):
        raise errors.invalid("ScalingConfig and ProvisionedPollerConfig cannot be used together.")
    if req.get("MetricsConfig") is not None:
        fields["metrics"] = _metrics(req["MetricsConfig"].get("Metrics") or [])
    if (req.get("LoggingConfig") or {}).get("SystemLogLevel"):
        raise errors.invalid("LoggingConfig is only supported for MSK and self-managed Kafka event sources.")
    return fields


def _pollers(given: dict[str, Any]) -> tuple[int, int] | None:
    """The least and the most pollers of provisioned mode; None for an empty configuration, which ends it."""
    if not given:
        return None
    if given.get("PollerGroupName"):
        raise errors.invalid("PollerGroupName is only supported for MSK and self-managed Kafka event sources.")
    most = given.get("MaximumPollers")
    least = given.get("MinimumPollers") or _LEAST_POLLERS
    most = most or max(_MOST_POLLERS, least)
    if min(least, most) < _LEAST_POLLERS:
        raise errors.invalid(f"MinimumPollers and MaximumPollers must be at least {_LEAST_POLLERS} for SQS event sources.")
    if least > most:
        raise errors.invalid("MinimumPollers must be less than or equal to MaximumPollers.")
    return least, most


def _metrics(given: list[str]) -> tuple[str, ...]:
    for one in given:
        if one != "EventCount":
            raise errors.invalid(f"{one} is only supported for MSK and self-managed Kafka event sources.")
    return tuple(given)


def _stream(req: dict[str, Any], fields: dict[str, Any], old: EventSourceMapping | None) -> None:
    if old is None:
        position = req.get("StartingPosition")
        if position is None:
            raise errors.invalid(
                "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Must not be null."
            )
        if position == "AT_TIMESTAMP":
            # DynamoDB's streams cannot be read from an instant on.
            raise errors.invalid("Unsupported starting position for arn type: " + req["EventSourceArn"])
        fields["starting_position"] = position
    simple = (
        ("ParallelizationFactor", "parallelization"),
        ("MaximumRecordAgeInSeconds", "maximum_age_seconds"),
        ("MaximumRetryAttempts", "retries"),
        ("BisectBatchOnFunctionError", "bisect"),
        ("TumblingWindowInSeconds", "tumbling_seconds"),
    )
    for member, field in simple:
        if req.get(member) is not None:
            fields[field] = req[member]
    if 0 <= fields.get("maximum_age_seconds", -1) < 60:
        raise errors.invalid("MaximumRecordAgeInSeconds must be -1 or at least 60.")
    given = req.get("DestinationConfig")
    if given is not None:
        target = (given.get("OnFailure") or {}).get("Destination") or ""
        if target and target.split(":")[2:3] not in (["sqs"], ["sns"], ["s3"]):
            raise errors.invalid(f"The provided destination config {target} is invalid.")
        fields["on_failure"] = target


def _filters(given: list[dict[str, Any]]) -> tuple[str, ...]:
    patterns = tuple(one["Pattern"] for one in given if one.get("Pattern"))
    if len(patterns) > _FILTERS:
        raise errors.invalid(f"The number of filters must not exceed {_FILTERS}.")
    for pattern in patterns:
        try:
            compile_pattern(pattern)
        except PatternProblem:
            raise errors.invalid("Invalid filter pattern definition.") from None
    return patterns


def check_source(ctx: Context, source: str, version: Version) -> Context:
    """The source must be there, and the function's role may read it: gives the context under that role."""
    try:
        acting = ctx.at(principal=ctx.assume(version.role, "lambda.amazonaws.com").principal)
    except AwsError as error:
        if error.code in ("AccessDenied", "NoSuchEntity"):
            raise errors.role_not_assumable() from None
        raise
    kind = source.split(":")[2]
    for action in _ACTIONS[kind]:
        if not ctx.world.host.allowed(acting, f"{kind}:{action}", source):
            service = "SQS" if kind == "sqs" else "DynamoDB"
            raise errors.invalid(f"The provided execution role does not have permissions to call {action} on {service}")
    if kind == "sqs":
        _check_queue(acting, source, version)
    else:
        try:
            acting.call("dynamodbstreams", "DescribeStream", {"StreamArn": source})
        except AwsError as error:
            if error.code == "NotImplemented":
                raise
            raise errors.invalid(f"Stream not found: {source}") from None
    return acting


def _check_queue(acting: Context, source: str, version: Version) -> None:
    names = ["VisibilityTimeout"]
    try:
        answer = acting.call("sqs", "GetQueueAttributes", {"QueueUrl": queue_url(source), "AttributeNames": names})
    except AwsError as error:
        if error.code == "NotImplemented":
            raise
        raise errors.invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            f"SQS Error Message: {error.message}"
        ) from None
    hidden = int(answer["Attributes"]["VisibilityTimeout"])
    if hidden < version.timeout_seconds:
        raise errors.invalid(f"Queue visibility timeout: {hidden} seconds is less than Function timeout: {version.timeout_seconds} seconds")

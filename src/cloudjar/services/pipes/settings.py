"""What a pipe may be made of, and what AWS fills in. Source: "Amazon EventBridge Pipes" in the EventBridge user guide."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import customer_keys
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.event_pattern import PatternProblem, compile_pattern
from cloudjar.kernel.targets import has_service
from cloudjar.services.pipes import errors
from cloudjar.services.pipes.templates import check_template

SOURCES = {"sqs": "SqsQueueParameters", "dynamodb": "DynamoDBStreamParameters"}
"""The services that a pipe reads from, and the member with their parameters."""
_TARGETS = {
    "lambda": ("LambdaFunctionParameters", 10_000),
    "sqs": ("SqsQueueParameters", 10),
    "sns": ("", 10),
    "event-bus": ("EventBridgeEventBusParameters", 10),
    "logs": ("CloudWatchLogsParameters", 10_000),
    "api-destination": ("HttpParameters", 1),
}
"""The targets: the member with their parameters, and the largest batch that they take."""
_ENRICHMENTS = ("lambda", "api-destination")
_DEFAULT_BATCH = {"sqs": 10, "dynamodb": 100}
_LARGEST_PATTERN = 4096


def service_of(arn: str) -> str:
    """The service in an ARN; "" where it is none."""
    parts = arn.split(":", 5)
    return parts[2] if len(parts) == 6 else ""


def kind_of(arn: str) -> str:
    """The kind of target or enrichment that an ARN names."""
    service = service_of(arn)
    return arn.split(":", 5)[5].split("/")[0] if service == "events" else service


def largest_batch(target: str) -> int:
    """How many records a target takes at once."""
    return _TARGETS[kind_of(target)][1] if kind_of(target) in _TARGETS else 10_000


def completed(source: str, given: dict[str, Any], target: str) -> dict[str, Any]:
    """A new pipe's SourceParameters, with what was left out."""
    service = service_of(source)
    member = SOURCES.get(service)
    if member is None:
        return given
    reading = {"BatchSize": min(_DEFAULT_BATCH[service], largest_batch(target)), **(given.get(member) or {})}
    if service == "dynamodb":
        reading = {"MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1, **reading}
    return {**given, member: reading}


def updated(source: str, old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """SourceParameters after UpdatePipe: what is given takes the place of what was; where a stream was begun stays."""
    member = SOURCES[service_of(source)]
    found = {**old, **given}
    if member in given:
        found[member] = {**old[member], **given[member]}
    return found


def check(ctx: Context, operation_name: str, kept: dict[str, Any], req: dict[str, Any]) -> None:
    """Raises ValidationException for what AWS does not take, NotImplemented for what is not here."""
    if req.get("KmsKeyIdentifier"):
        try:
            kept["KmsKeyIdentifier"] = customer_keys.chosen(ctx, req["KmsKeyIdentifier"])
        except AwsError as error:
            raise errors.invalid("KmsKeyIdentifier", f"KMS key {req['KmsKeyIdentifier']} cannot be used: {error.message}") from None
    source, target = kept["Source"], kept["Target"]
    service = service_of(source)
    if service not in SOURCES:
        raise not_implemented("pipes", operation_name, f"sources of {service or source}")
    if service == "dynamodb" and "/stream/" not in source:
        raise errors.invalid("Source", f"Source {source} is not the ARN of a DynamoDB stream.")
    _check_place(ctx, "Source", source)
    _check_source(service, source, kept["SourceParameters"])
    kind = kind_of(target)
    if kind not in _TARGETS or not has_service(service_of(target)):
        raise not_implemented("pipes", operation_name, f"targets of {kind or target}")
    _check_place(ctx, "Target", target)
    _check_target(kind, target, kept.get("TargetParameters") or {})
    batch = kept["SourceParameters"][SOURCES[service]]["BatchSize"]
    most = _TARGETS[kind][1]
    if batch > most:
        raise errors.invalid("BatchSize", f"The maximum batch size of the target is {most}. The batch size of the source is {batch}.")
    _check_enrichment(ctx, operation_name, kept, batch)
    _check_logs(operation_name, kept.get("LogConfiguration"))


def _check_place(ctx: Context, member: str, arn: str) -> None:
    _, _, _, region, account, _ = arn.split(":", 5)
    if region != ctx.region or account != ctx.account:
        raise errors.invalid(member, f"{member} must be in the account and Region of the pipe: {arn}")


def _check_source(service: str, source: str, given: dict[str, Any]) -> None:
    member = SOURCES[service]
    for other in given:
        if other not in (member, "FilterCriteria"):
            raise errors.invalid(f"SourceParameters.{other}", f"{other} cannot be used with a source of {service}.")
    reading = given[member]
    batch, window = reading["BatchSize"], reading.get("MaximumBatchingWindowInSeconds") or 0
    if service == "sqs":
        fifo = source.endswith(".fifo")
        if batch > 10 and fifo:
            raise errors.invalid("BatchSize", "The maximum batch size for a FIFO queue is 10.")
        if batch > 10 and not window:
            raise errors.invalid(
                "MaximumBatchingWindowInSeconds", "MaximumBatchingWindowInSeconds must be at least 1 if BatchSize is greater than 10."
            )
        if fifo and window:
            raise errors.invalid("MaximumBatchingWindowInSeconds", "A batching window is not supported for FIFO queues.")
    else:
        if not reading.get("StartingPosition"):
            raise errors.invalid("StartingPosition", "StartingPosition is required for a DynamoDB stream.")
        dead = (reading.get("DeadLetterConfig") or {}).get("Arn")
        if dead and service_of(dead) not in ("sqs", "sns"):
            raise errors.invalid("DeadLetterConfig.Arn", "The dead-letter target must be an Amazon SQS queue or an Amazon SNS topic.")
    for one in (given.get("FilterCriteria") or {}).get("Filters") or ():
        pattern = one.get("Pattern") or "{}"
        if len(pattern) > _LARGEST_PATTERN:
            raise errors.invalid("Pattern", f"The event pattern is longer than {_LARGEST_PATTERN} characters.")
        try:
            compile_pattern(pattern)
        except PatternProblem as problem:
            raise errors.invalid("Pattern", f"Event pattern is not valid. Reason: {problem}") from None


def _check_target(kind: str, target: str, given: dict[str, Any]) -> None:
    member = _TARGETS[kind][0]
    for other in given:
        if other not in (member, "InputTemplate"):
            raise errors.invalid(f"TargetParameters.{other}", f"{other} cannot be used with a target of {kind}.")
    if given.get("InputTemplate"):
        check_template("TargetParameters.InputTemplate", given["InputTemplate"])
    fifo = target.endswith(".fifo")
    if kind == "sqs":
        own = given.get("SqsQueueParameters") or {}
        if fifo and not own.get("MessageGroupId"):
            raise errors.invalid("MessageGroupId", "MessageGroupId is required for a FIFO queue.")
    if kind == "sns" and fifo:
        raise errors.invalid("Target", "FIFO topics are not supported as targets.")


def _check_enrichment(ctx: Context, operation_name: str, kept: dict[str, Any], batch: int) -> None:
    arn, given = kept.get("Enrichment"), kept.get("EnrichmentParameters") or {}
    if not arn:
        if given:
            raise errors.invalid("EnrichmentParameters", "EnrichmentParameters cannot be used without an Enrichment.")
        return
    kind = kind_of(arn)
    if kind not in _ENRICHMENTS:
        raise not_implemented("pipes", operation_name, f"enrichment by {kind}")
    _check_place(ctx, "Enrichment", arn)
    if given.get("InputTemplate"):
        check_template("EnrichmentParameters.InputTemplate", given["InputTemplate"])
    if kind == "api-destination" and batch > 1:
        raise errors.invalid("BatchSize", f"The maximum batch size of the enrichment is 1. The batch size of the source is {batch}.")
    if kind == "lambda" and given.get("HttpParameters"):
        raise errors.invalid("EnrichmentParameters.HttpParameters", "HttpParameters cannot be used with a Lambda function.")


def _check_logs(operation_name: str, given: dict[str, Any] | None) -> None:
    if not given:
        return
    if given.get("FirehoseLogDestination"):
        raise not_implemented("pipes", operation_name, "FirehoseLogDestination")
    if (given.get("S3LogDestination") or {}).get("OutputFormat", "json") != "json":
        raise errors.invalid("LogConfiguration.S3LogDestination.OutputFormat", "Only json is supported.")
    if given["Level"] != "OFF" and not (given.get("CloudwatchLogsLogDestination") or given.get("S3LogDestination")):
        raise errors.invalid("LogConfiguration", "At least one log destination is required when the log level is not OFF.")

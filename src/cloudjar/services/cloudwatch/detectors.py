"""Anomaly detectors: which metrics have a model of what is expected of them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record
from cloudjar.services.cloudwatch import anomaly_model, errors
from cloudjar.services.cloudwatch.metrics import dimensions_key
from cloudjar.services.cloudwatch.series import Points
from cloudjar.services.cloudwatch.statistics import is_statistic

BAND = "ANOMALY_DETECTION_BAND"
MOST_EXCLUDED = 10
SINGLE, MATH = "SINGLE_METRIC", "METRIC_MATH"
_METRIC = ("Namespace", "MetricName", "Dimensions", "Stat")
_TRAINED_WITH = timedelta(minutes=5)
"""The period of the data that a detector's state is told by."""


@record("cloudwatch.detector", key="id", indexes={"subject": ("subject", "id")})
class Detector(Record):
    """An anomaly detector; `subject` is the JSON of what it watches."""

    id: str
    kind: str
    subject: str
    watched: dict[str, Any]
    configuration: dict[str, Any]
    characteristics: dict[str, Any]
    created: datetime


@operation()
def put_anomaly_detector(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    kind, watched = _watched(req)
    configuration = req.get("Configuration") or {}
    if len(configuration.get("ExcludedTimeRanges") or ()) > MOST_EXCLUDED:
        raise errors.invalid_value(f"At most {MOST_EXCLUDED} ExcludedTimeRanges may be specified.")
    for span in configuration.get("ExcludedTimeRanges") or ():
        if span["StartTime"] >= span["EndTime"]:
            raise errors.invalid_value("The StartTime of an excluded time range must be before its EndTime.")
    zone_of(configuration)
    return {"AnomalyDetectorId": keep(ctx, kind, watched, configuration, req.get("MetricCharacteristics") or {}).id}


def keep(ctx: Context, kind: str, watched: dict[str, Any], configuration: dict[str, Any], characteristics: dict[str, Any]) -> Detector:
    """Makes a detector, or changes the one that there is for the same metric."""
    subject = _subject(kind, watched)
    known = ctx.where(Detector, subject=subject).first()
    identifier = known.id if known else ctx.ids.uuid()
    return ctx.put(Detector(identifier, kind, subject, watched, configuration, characteristics, known.created if known else ctx.now))


def zone_of(configuration: dict[str, Any]) -> ZoneInfo:
    """The time zone of a metric's weeks and days."""
    name = configuration.get("MetricTimezone") or "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise errors.invalid_value(f"The MetricTimezone {name} is not valid.") from None


def _watched(req: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of detector that a request means, and what it watches."""
    single, math = req.get("SingleMetricAnomalyDetector"), req.get("MetricMathAnomalyDetector")
    plain = {member: req[member] for member in _METRIC if member in req}
    if bool(plain) + (single is not None) + (math is not None) > 1:
        raise errors.invalid_combination("A metric, SingleMetricAnomalyDetector and MetricMathAnomalyDetector are mutually exclusive.")
    if math is not None:
        queries = math.get("MetricDataQueries") or []
        if sum(query.get("ReturnData", True) for query in queries) != 1:
            raise errors.invalid_value("Exactly one of the MetricDataQueries must have ReturnData set to true.")
        from cloudjar.services.cloudwatch.queries import check_queries

        check_queries(queries)
        return MATH, {"MetricDataQueries": queries}
    watched = plain if single is None else {member: single[member] for member in _METRIC if member in single}
    if single and single.get("AccountId", "") not in ("", None):
        raise not_implemented("cloudwatch", "PutAnomalyDetector", "AccountId")
    for member in ("Namespace", "MetricName", "Stat"):
        if not watched.get(member):
            raise errors.missing(f"The parameter {member} is required.")
    if not is_statistic(watched["Stat"]):
        raise errors.invalid_value(f"The value {watched['Stat']} for parameter Stat is not supported.")
    return SINGLE, watched


def _subject(kind: str, watched: dict[str, Any]) -> str:
    """A text that is the same for the same metric, short enough for a key."""
    if kind == SINGLE:
        told = [watched["Namespace"], watched["MetricName"], dimensions_key(watched.get("Dimensions")), watched["Stat"]]
    else:
        told = _normal(watched["MetricDataQueries"])
    return kind + ":" + hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _normal(queries: list[dict[str, Any]]) -> list[Any]:
    """Queries as they are compared: without their order and labels."""
    told = [[query["Id"], query.get("Expression"), query.get("MetricStat"), query.get("ReturnData", True)] for query in queries]
    return sorted(told, key=lambda one: str(one[0]))


def watched_by(stat: dict[str, Any]) -> dict[str, Any]:
    """What a detector of a MetricStat watches."""
    metric = stat["Metric"]
    told = {"Namespace": metric["Namespace"], "MetricName": metric["MetricName"], "Stat": stat["Stat"]}
    return told | ({"Dimensions": metric["Dimensions"]} if metric.get("Dimensions") else {})


def of_query(ctx: Context, queries: list[dict[str, Any]], name: str) -> Detector | None:
    """The detector of one of some queries: of a metric, or of an expression with all that it refers to."""
    return ctx.where(Detector, subject=_subject(*_about(queries, name))).first()


def need(ctx: Context, queries: list[dict[str, Any]], name: str) -> None:
    """Makes the detector of a query if there is none, as AWS does for an alarm on a band."""
    if of_query(ctx, queries, name) is None:
        keep(ctx, *_about(queries, name), {}, {})


def _about(queries: list[dict[str, Any]], name: str) -> tuple[str, dict[str, Any]]:
    query = next(query for query in queries if query["Id"] == name)
    if "MetricStat" in query:
        return SINGLE, watched_by(query["MetricStat"])
    used = [{**one, "ReturnData": one["Id"] == name} for one in queries if BAND not in one.get("Expression", "")]
    return MATH, {"MetricDataQueries": used}


def trained(detector: Detector, points: Points) -> anomaly_model.Model | None:
    """The model that a detector makes of its metric's past."""
    configuration = detector.configuration
    spans = [(span["StartTime"], span["EndTime"]) for span in configuration.get("ExcludedTimeRanges") or ()]
    used = {time: value for time, value in points.items() if not any(start <= time < end for start, end in spans)}
    strength = None if detector.characteristics.get("PeriodicSpikes") else configuration.get("OutlierFilteringStrength") or "MODERATE"
    return anomaly_model.train(used, zone_of(configuration), anomaly_model.OUTLIERS[strength] if strength else None)


def learns_from(detector: Detector) -> timedelta:
    """How much of the past a detector looks at."""
    return anomaly_model.TRAINED_ON[detector.configuration.get("AdaptationSpeed") or "NORMAL"]


@operation()
def delete_anomaly_detector(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if identifier := req.get("AnomalyDetectorId"):
        found = ctx.get(Detector, identifier)
    else:
        found = ctx.where(Detector, subject=_subject(*_watched(req))).first()
    if found is None:
        raise errors.detector_not_found()
    ctx.delete(found)
    return {}


@operation()
def describe_anomaly_detectors(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    filters = [member for member in ("Namespace", "MetricName", "Dimensions", "AnomalyDetectorTypes") if req.get(member)]
    identifiers = req.get("AnomalyDetectorIds")
    if identifiers and filters:
        raise errors.invalid_combination("AnomalyDetectorIds cannot be specified together with filters.")
    kinds = req.get("AnomalyDetectorTypes") or [SINGLE]

    def wanted(detector: Detector) -> bool:
        if identifiers:
            return detector.id in identifiers
        watched = detector.watched
        if any(watched.get(member) != req[member] for member in ("Namespace", "MetricName") if req.get(member)):
            return False
        if req.get("Dimensions") and dimensions_key(watched.get("Dimensions")) != dimensions_key(req["Dimensions"]):
            return False
        return detector.kind in kinds

    members = PageMembers("NextToken", "NextToken", "MaxResults", "AnomalyDetectors")
    rows = ctx.where(Detector).filtered(wanted)
    return paging.page(members, req, rows, lambda one: _wire(ctx, one), default=100, maximum=100, error=errors.invalid_token())


def _wire(ctx: Context, detector: Detector) -> dict[str, Any]:
    wire: dict[str, Any] = {"AnomalyDetectorId": detector.id, "StateValue": _state(ctx, detector)}
    if detector.kind == SINGLE:
        # The older members tell the same as the newer structure.
        watched = {"Dimensions": [], **detector.watched}
        wire |= {**watched, "SingleMetricAnomalyDetector": watched}
    else:
        wire["MetricMathAnomalyDetector"] = detector.watched
    if detector.configuration:
        wire["Configuration"] = detector.configuration
    if detector.characteristics:
        wire["MetricCharacteristics"] = detector.characteristics
    return wire


def _state(ctx: Context, detector: Detector) -> str:
    from cloudjar.services.cloudwatch.queries import Run

    if detector.kind == SINGLE:
        metric = {member: detector.watched[member] for member in ("Namespace", "MetricName", "Dimensions") if member in detector.watched}
        stat = {"Metric": metric, "Period": int(_TRAINED_WITH.total_seconds()), "Stat": detector.watched["Stat"]}
        queries: list[dict[str, Any]] = [{"Id": "m", "MetricStat": stat}]
    else:
        queries = detector.watched["MetricDataQueries"]
    returned = next(query for query in queries if query.get("ReturnData", True))
    now = ctx.now.astimezone(UTC)
    try:
        found = Run(ctx, queries, now - learns_from(detector), now + _TRAINED_WITH).value(returned["Id"])
    except AwsError:
        # An expression that cannot be evaluated never gets as far as having data.
        return "PENDING_TRAINING"
    if not isinstance(found, dict) or not found:
        return "PENDING_TRAINING"
    return "TRAINED" if max(found) - min(found) >= anomaly_model.ENOUGH else "TRAINED_INSUFFICIENT_DATA"

"""What an alarm's data means: pure functions over points, thresholds and bands."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from cloudjar.services.cloudwatch.series import Points

COMPARE: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
UPPER, LOWER, BOTH = "GreaterThanUpperThreshold", "LessThanLowerThreshold", "LessThanLowerOrGreaterThanUpperThreshold"
BANDS = {
    UPPER: "greater than the upper thresholds",
    LOWER: "less than the lower thresholds",
    BOTH: "less than the lower thresholds or greater than the upper thresholds",
}


class Watched(NamedTuple):
    """One series that an alarm watches: what tells it from the alarm's others, its points, and its band, (upper, lower)."""

    attributes: dict[str, str]
    points: Points
    band: tuple[Points, Points] | None = None

    def breaches(self, settings: dict[str, Any], time: datetime) -> bool:
        """Whether the point at a time is beyond the threshold or outside the band."""
        value, comparison = self.points[time], settings["ComparisonOperator"]
        if self.band is None:
            return COMPARE[comparison][0](value, float(settings["Threshold"]))
        upper, lower = self.band
        return (comparison != LOWER and value > upper[time]) or (comparison != UPPER and value < lower[time])

    def crossing(self, settings: dict[str, Any], times: list[datetime]) -> str:
        """How AWS names what points are compared with."""
        if self.band is None:
            return f"{COMPARE[settings['ComparisonOperator']][1]} the threshold ({float(settings['Threshold'])})"
        upper, lower = ([round(side[time], 4) for time in times] for side in self.band)
        words = BANDS[settings["ComparisonOperator"]]
        return words.replace("lower thresholds", f"lower thresholds {lower}").replace("upper thresholds", f"upper thresholds {upper}")


def judged(settings: dict[str, Any], breaches: list[bool], state: str) -> str:
    """The state that the most recent points (at most EvaluationPeriods of them) mean, by whether each breaches.

    Source: "Configuring how CloudWatch alarms treat missing data" in the user guide.
    """
    needed = int(settings["EvaluationPeriods"])
    wanted = int(settings.get("DatapointsToAlarm") or needed)
    treatment = settings.get("TreatMissingData") or "missing"
    # AWS ignores missing data of DynamoDB's metrics whatever the alarm says.
    if settings.get("Namespace") == "AWS/DynamoDB":
        treatment = "ignore"
    breaching = sum(breaches)
    absent = needed - len(breaches)
    if breaching >= wanted or (treatment == "breaching" and breaching + absent >= wanted):
        return "ALARM"
    if treatment in ("breaching", "notBreaching"):
        return "OK"
    if breaching < len(breaches):
        return "OK"
    # No points, or all of them breach but they are too few.
    if treatment == "ignore":
        return state
    return "ALARM" if breaches else "INSUFFICIENT_DATA"

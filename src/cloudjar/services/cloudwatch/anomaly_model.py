"""What is expected of a metric: a simple model of cloudjar's own, where AWS has several that learn.

Expected at an instant is the mean of what the metric was at that hour of the week, in the detector's time zone; of that hour of any day
where that hour of the week has no data, and of everything where the hour has none either. How far values may stray is the deviation from
what was expected, over all of the training data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from statistics import fmean
from typing import NamedTuple

from cloudjar.services.cloudwatch.series import Points

TRAINED_ON = {"FAST": timedelta(days=7), "NORMAL": timedelta(days=14), "SLOW": timedelta(days=28)}
"""How much data a model learns from, by AdaptationSpeed."""
OUTLIERS = {"MINIMAL": 4.0, "MODERATE": 3.0, "STRICT": 2.0}
"""How many deviations from what was expected a value may be that is learned from, by OutlierFilteringStrength."""
ENOUGH = timedelta(days=1)
"""Data of a shorter span trains a model insufficiently."""

Slot = tuple[int, int] | int | None


class Model(NamedTuple):
    """What was learned: means by hour of the week, hour of the day, and of all; and the deviation."""

    means: dict[Slot, float]
    deviation: float
    zone: tzinfo

    def expected(self, time: datetime) -> float:
        """The value that is expected at an instant."""
        there = time.astimezone(self.zone)
        slots: tuple[Slot, ...] = ((there.weekday(), there.hour), there.hour, None)
        return next(self.means[slot] for slot in slots if slot in self.means)


def train(points: Points, zone: tzinfo, outliers: float | None) -> Model | None:
    """A model of some data, without values that are more deviations off than `outliers`; None of no data."""
    if not points:
        return None
    model = _learned(points, zone)
    if outliers is not None and model.deviation:
        usual = {time: value for time, value in points.items() if abs(value - model.expected(time)) <= outliers * model.deviation}
        if usual and len(usual) < len(points):
            return _learned(usual, zone)
    return model


def _learned(points: Points, zone: tzinfo) -> Model:
    groups: dict[Slot, list[float]] = {}
    for time, value in points.items():
        there = time.astimezone(zone)
        for slot in ((there.weekday(), there.hour), there.hour, None):
            groups.setdefault(slot, []).append(value)
    model = Model({slot: fmean(values) for slot, values in groups.items()}, 0.0, zone)
    squares = [(value - model.expected(time)) ** 2 for time, value in points.items()]
    return model._replace(deviation=math.sqrt(fmean(squares)))


def band(model: Model, times: list[datetime], deviations: float) -> list[Points]:
    """The upper and the lower bound at some instants."""
    sides: list[Callable[[float], float]] = [lambda x: x + deviations * model.deviation, lambda x: x - deviations * model.deviation]
    return [{time: side(model.expected(time)) for time in times} for side in sides]

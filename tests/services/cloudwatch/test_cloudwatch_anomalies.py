"""Anomaly detectors, bands, and alarms on bands."""

from datetime import timedelta

import pytest

METRIC = {"Namespace": "app", "MetricName": "m", "Stat": "Average"}
BAND = [
    {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "app", "MetricName": "m"}, "Period": 3600, "Stat": "Average"}},
    {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"},
]


@pytest.fixture
def weeks(cloudwatch, noon):
    """Two weeks of hours: 10 or 12 by night, 100 or 102 from 08:00 to 18:00 UTC."""
    data = []
    for hour in range(1, 14 * 24 + 1):
        time = noon - timedelta(hours=hour)
        value = (100.0 if 8 <= time.hour < 18 else 10.0) + 2 * (time.day % 2)
        data.append({"MetricName": "m", "Timestamp": time, "Value": value})
    for at in range(0, len(data), 500):
        cloudwatch.put_metric_data(Namespace="app", MetricData=data[at : at + 500])


def band(cloudwatch, start, hours):
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=BAND, StartTime=start, EndTime=start + timedelta(hours=hours), ScanBy="TimestampAscending"
    )
    return [result["Values"] for result in answer["MetricDataResults"]]


def put(cloudwatch, value, time):
    cloudwatch.put_metric_data(Namespace="app", MetricData=[{"MetricName": "m", "Value": value, "Timestamp": time}])


def test_a_detector_is_put_described_and_deleted(cloudwatch, weeks, aws_error):
    identifier = cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=METRIC)["AnomalyDetectorId"]
    assert cloudwatch.put_anomaly_detector(**METRIC, Configuration={"MetricTimezone": "Europe/Berlin"})["AnomalyDetectorId"] == identifier
    [found] = cloudwatch.describe_anomaly_detectors(Namespace="app")["AnomalyDetectors"]
    assert (found["StateValue"], found["Configuration"], found["MetricName"]) == ("TRAINED", {"MetricTimezone": "Europe/Berlin"}, "m")
    assert cloudwatch.describe_anomaly_detectors(AnomalyDetectorTypes=["METRIC_MATH"])["AnomalyDetectors"] == []
    cloudwatch.delete_anomaly_detector(**METRIC)
    with aws_error("ResourceNotFoundException"):
        cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=METRIC)


def test_a_detector_without_data_awaits_its_training(cloudwatch):
    cloudwatch.put_anomaly_detector(**METRIC)
    assert cloudwatch.describe_anomaly_detectors()["AnomalyDetectors"][0]["StateValue"] == "PENDING_TRAINING"


def test_a_band_follows_the_hours_of_the_week(cloudwatch, noon, weeks):
    cloudwatch.put_anomaly_detector(**METRIC)
    put(cloudwatch, 101, noon)
    put(cloudwatch, 11, noon - timedelta(hours=9))
    values, upper, lower = band(cloudwatch, noon - timedelta(hours=9), 10)
    assert len(values) == len(upper) == len(lower) == 10
    assert lower[0] < 11 < upper[0] < 20
    assert 90 < lower[-1] < 101 < upper[-1] < 110


def test_there_is_no_band_without_a_detector(cloudwatch, noon, weeks):
    assert len(band(cloudwatch, noon - timedelta(hours=2), 2)) == 1


def test_excluded_times_are_not_learned_from(cloudwatch, noon, weeks):
    everything = {"StartTime": noon - timedelta(days=15), "EndTime": noon}
    cloudwatch.put_anomaly_detector(**METRIC, Configuration={"ExcludedTimeRanges": [everything]})
    put(cloudwatch, 5, noon)
    assert band(cloudwatch, noon, 1) == [[5.0]]


@pytest.mark.parametrize(("operator", "value", "state"), [
    ("GreaterThanUpperThreshold", 500, "ALARM"),
    ("GreaterThanUpperThreshold", 0, "OK"),
    ("LessThanLowerThreshold", 0, "ALARM"),
    ("LessThanLowerThreshold", 500, "OK"),
    ("LessThanLowerOrGreaterThanUpperThreshold", 0, "ALARM"),
    ("LessThanLowerOrGreaterThanUpperThreshold", 500, "ALARM"),
    ("LessThanLowerOrGreaterThanUpperThreshold", 101, "OK"),
])  # fmt: skip
def test_an_alarm_on_a_band_rings_outside_of_it(world, cloudwatch, noon, weeks, operator, value, state):
    cloudwatch.put_metric_alarm(AlarmName="a", EvaluationPeriods=1, ComparisonOperator=operator, ThresholdMetricId="ad1", Metrics=BAND)
    # The alarm has made its detector.
    assert len(cloudwatch.describe_anomaly_detectors()["AnomalyDetectors"]) == 1
    put(cloudwatch, value, noon)
    world.clock.advance(minutes=1)
    [found] = cloudwatch.describe_alarms()["MetricAlarms"]
    assert found["StateValue"] == state
    assert "Thresholds Crossed: 1 out of the last 1 datapoint" in found["StateReason"]


@pytest.mark.parametrize("given", [
    {"ThresholdMetricId": "ad1", "ComparisonOperator": "GreaterThanThreshold"},
    {"ComparisonOperator": "GreaterThanUpperThreshold"},
    {"ThresholdMetricId": "ad1", "ComparisonOperator": "GreaterThanUpperThreshold", "Threshold": 1.0},
    {"ThresholdMetricId": "m1", "ComparisonOperator": "GreaterThanUpperThreshold"},
])  # fmt: skip
def test_an_alarm_on_a_band_that_is_none_is_refused(cloudwatch, aws_error, given):
    with aws_error("ValidationError"):
        cloudwatch.put_metric_alarm(AlarmName="a", EvaluationPeriods=1, Metrics=BAND, **given)
    assert cloudwatch.describe_anomaly_detectors()["AnomalyDetectors"] == []


def test_a_detector_of_an_expression(world, cloudwatch, noon, weeks):
    queries = [{**BAND[0], "ReturnData": False}, {"Id": "e1", "Expression": "m1 * 10", "ReturnData": True}]
    cloudwatch.put_anomaly_detector(MetricMathAnomalyDetector={"MetricDataQueries": queries})
    [found] = cloudwatch.describe_anomaly_detectors(AnomalyDetectorTypes=["METRIC_MATH"])["AnomalyDetectors"]
    assert found["StateValue"] == "TRAINED"
    put(cloudwatch, 101, noon)
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[*queries, {"Id": "b", "Expression": "ANOMALY_DETECTION_BAND(e1)"}],
        StartTime=noon,
        EndTime=noon + timedelta(hours=1),
    )
    [value], [upper], [lower] = [one["Values"] for one in answer["MetricDataResults"]]
    assert 900 < lower < value == 1010 < upper < 1100


def test_what_is_no_detector_is_refused(cloudwatch, aws_error):
    with aws_error("MissingParameter"):
        cloudwatch.put_anomaly_detector(Namespace="app", MetricName="m")
    with aws_error("InvalidParameterCombination"):
        cloudwatch.put_anomaly_detector(**METRIC, SingleMetricAnomalyDetector=METRIC)
    with aws_error("InvalidParameterValue"):
        cloudwatch.put_anomaly_detector(**METRIC, Configuration={"MetricTimezone": "Mars/Base"})

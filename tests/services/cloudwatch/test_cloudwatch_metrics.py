from datetime import timedelta

import pytest


def put(cloudwatch, *values, name="m", **more):
    for value in values:
        cloudwatch.put_metric_data(Namespace="app", MetricData=[{"MetricName": name, "Value": value, **more}])


def data(cloudwatch, noon, *queries, minutes=10, **more):
    for at, query in enumerate(queries):
        query.setdefault("Id", f"q{at}")
    span = {"StartTime": noon - timedelta(minutes=minutes), "EndTime": noon + timedelta(minutes=minutes)}
    return cloudwatch.get_metric_data(MetricDataQueries=list(queries), ScanBy="TimestampAscending", **span, **more)["MetricDataResults"]


def stat(name="m", stat="Sum", period=60, **more):
    return {"MetricStat": {"Metric": {"Namespace": "app", "MetricName": name}, "Period": period, "Stat": stat}, **more}


def test_statistics_are_of_all_values_in_a_period(cloudwatch, noon):
    put(cloudwatch, 1, 2, 6, Unit="Count")
    [point] = cloudwatch.get_metric_statistics(
        Namespace="app",
        MetricName="m",
        StartTime=noon,
        EndTime=noon + timedelta(minutes=1),
        Period=60,
        Statistics=["SampleCount", "Sum", "Average", "Minimum", "Maximum"],
    )["Datapoints"]
    assert (point["SampleCount"], point["Sum"], point["Average"], point["Minimum"], point["Maximum"]) == (3, 9, 3, 1, 6)
    assert point["Unit"] == "Count"
    assert point["Timestamp"] == noon


def test_values_with_counts_have_percentiles(cloudwatch, noon):
    cloudwatch.put_metric_data(
        Namespace="app", MetricData=[{"MetricName": "m", "Values": [float(n) for n in range(1, 102)], "Counts": [1.0] * 101}]
    )
    found = data(cloudwatch, noon, *[stat(stat=name) for name in ("p50", "p99", "tm90", "IQM", "PR(:11)", "TC(1:10)")])
    values = [result["Values"][0] for result in found]
    assert values == pytest.approx([51, 100, 46, 51, 100 * 11 / 101, 10])


def test_a_summary_has_no_percentiles(cloudwatch, noon):
    summary = {"SampleCount": 10.0, "Sum": 55.0, "Minimum": 1.0, "Maximum": 10.0}
    cloudwatch.put_metric_data(Namespace="app", MetricData=[{"MetricName": "m", "StatisticValues": summary}])
    average, percentile = data(cloudwatch, noon, stat(stat="Average"), stat(stat="p50"))
    assert (average["Values"], percentile["Values"]) == ([5.5], [])


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("a + b", [11, 22]),
        ("a / b * 100", [1000, 1000]),
        ("100 - -a", [110, 120, 130]),
        ("a / 0", []),
        ("SUM([a, b])", [11, 22, 30]),
        ("SUM(METRICS())", [11, 22, 30]),
        ("AVG(METRICS())", [5.5, 11, 30]),
        ("MAX(a)", [30.0] * 3),
        ("FILL(b, 0)", [1, 2, 0]),
        ("FILL(b, REPEAT)", [1, 2, 2]),
        ("IF(a > 15, a, 0)", [0, 20, 30]),
        ("IF(a > 15 AND b < 5, 1, 0)", [0, 1]),
        ("DIFF(a)", [10, 10]),
        ("RATE(a)", [10 / 60, 10 / 60]),
        ("RUNNING_SUM(b)", [1, 3]),
        ("PERIOD(a)", [60, 60, 60]),
        ("(a - b) * 2 ^ 2", [36, 72]),
        ("nothing", None),
        ("a +", None),
    ],
)
def test_metric_math_works_as_the_user_guide_says(world, cloudwatch, noon, aws_error, expression, values):
    put(cloudwatch, 10, name="a", Timestamp=noon)
    put(cloudwatch, 20, name="a", Timestamp=noon + timedelta(minutes=1))
    put(cloudwatch, 30, name="a", Timestamp=noon + timedelta(minutes=2))
    put(cloudwatch, 1, name="b", Timestamp=noon)
    put(cloudwatch, 2, name="b", Timestamp=noon + timedelta(minutes=1))
    queries = [stat("a", Id="a", ReturnData=False), stat("b", Id="b", ReturnData=False), {"Id": "e", "Expression": expression}]
    span = {"StartTime": noon, "EndTime": noon + timedelta(minutes=3), "ScanBy": "TimestampAscending"}
    if values is None:
        with aws_error("ValidationError"):
            cloudwatch.get_metric_data(MetricDataQueries=queries, **span)
    else:
        [result] = cloudwatch.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"]
        assert result["Values"] == pytest.approx(values)


def test_a_search_gives_a_series_for_each_metric_that_it_finds(cloudwatch, noon):
    for name in ("one", "two"):
        put(cloudwatch, 1, Dimensions=[{"Name": "Host", "Value": name}])
    put(cloudwatch, 1, name="other", Dimensions=[{"Name": "Host", "Value": "one"}])
    found = data(cloudwatch, noon, {"Expression": """SEARCH('{app,Host} MetricName="m"', 'Sum', 60)"""})
    assert [(result["Label"], result["Values"]) for result in found] == [("one m", [1]), ("two m", [1])]


def test_metrics_are_listed_by_their_dimensions(cloudwatch):
    put(cloudwatch, 1, Dimensions=[{"Name": "Host", "Value": "one"}])
    put(cloudwatch, 1, Dimensions=[{"Name": "Host", "Value": "two"}])
    found = cloudwatch.list_metrics(Namespace="app", Dimensions=[{"Name": "Host", "Value": "two"}])["Metrics"]
    assert found == [{"Namespace": "app", "MetricName": "m", "Dimensions": [{"Name": "Host", "Value": "two"}]}]


def test_old_data_becomes_coarser_and_goes_in_the_end(world, cloudwatch, noon):
    put(cloudwatch, 1, 2)
    world.clock.advance(days=16)
    [fine] = data(cloudwatch, noon, stat(period=60))
    [coarse] = data(cloudwatch, noon, stat(period=300))
    assert (fine["Values"], coarse["Values"]) == ([], [3])
    world.clock.set(noon + timedelta(days=460))
    world.clock.advance(hours=2)
    assert data(cloudwatch, noon, stat(period=3600), minutes=120)[0]["Values"] == []


@pytest.mark.parametrize(
    ("datum", "code"),
    [
        ({}, "MissingParameter"),
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, "InvalidParameterValue"),
        ({"Value": float("nan")}, "InvalidParameterValue"),
        ({"Value": 1.0, "StorageResolution": 30}, "InvalidParameterValue"),
        ({"Value": 1.0, "Timestamp": "2020-01-01T00:00:00Z"}, "InvalidParameterValue"),
    ],
)
def test_data_that_is_none_is_refused(cloudwatch, aws_error, datum, code):
    with aws_error(code):
        cloudwatch.put_metric_data(Namespace="app", MetricData=[{"MetricName": "m", **datum}])


def test_namespaces_of_aws_are_for_services(cloudwatch, aws_error):
    with aws_error("InvalidParameterValue"):
        cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=[{"MetricName": "m", "Value": 1.0}])


def test_dashboards_are_kept(cloudwatch, aws_error):
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}')
    assert cloudwatch.get_dashboard(DashboardName="d")["DashboardBody"] == '{"widgets": []}'
    with aws_error("InvalidParameterInput"):
        cloudwatch.put_dashboard(DashboardName="d", DashboardBody="no")
    cloudwatch.delete_dashboards(DashboardNames=["d"])
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []


@pytest.mark.parametrize(("datum", "message"), [
    ({"Unit": "Parsecs"}, "The parameter MetricData.member.1.Unit must be a value in the set [ Seconds, Microseconds,"),
    ({"Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(31)]}, "Dimensions must not have a size greater than 30"),
    ({"MetricName": "m" * 256}, "The parameter MetricData.member.1.MetricName must be no longer than 255 characters."),
])  # fmt: skip
def test_values_outside_of_the_model_are_refused_in_the_words_of_the_metric_calls(cloudwatch, aws_error, datum, message):
    with aws_error("InvalidParameterValue", message):
        cloudwatch.put_metric_data(Namespace="app", MetricData=[{"MetricName": "m", "Value": 1, **datum}])
    assert cloudwatch.list_metrics(Namespace="app")["Metrics"] == []


@pytest.fixture
def math(cloudwatch, noon):
    """The series that an expression gives, with their labels."""
    for host, values in (("a", (1, 9)), ("b", (5, 6)), ("c", (7, 3))):
        for minute, value in enumerate(values):
            time = noon + timedelta(minutes=minute)
            datum = {"MetricName": "cpu", "Value": value, "Timestamp": time, "Dimensions": [{"Name": "Host", "Value": host}]}
            cloudwatch.put_metric_data(Namespace="app", MetricData=[datum])

    def math(expression):
        metric = {
            "Metric": {"Namespace": "app", "MetricName": "cpu", "Dimensions": [{"Name": "Host", "Value": "a"}]},
            "Period": 60,
            "Stat": "Sum",
        }
        queries = [{"Id": "m1", "MetricStat": metric, "ReturnData": False}, {"Id": "e", "Expression": expression}]
        answer = cloudwatch.get_metric_data(
            MetricDataQueries=queries, StartTime=noon, EndTime=noon + timedelta(minutes=3), ScanBy="TimestampAscending"
        )
        return [(one["Label"], one["Values"]) for one in answer["MetricDataResults"]]

    return math


FLEET = "SEARCH('{app,Host} cpu', 'Maximum', 60)"


@pytest.mark.parametrize(("expression", "expected"), [
    (f"SORT({FLEET}, MAX, DESC)", [("a cpu", [1, 9]), ("c cpu", [7, 3]), ("b cpu", [5, 6])]),
    (f"SORT({FLEET}, AVG, ASC, 1)", [("a cpu", [1, 9])]),
    (f"SLICE(SORT({FLEET}, MAX, DESC), 1)", [("c cpu", [7, 3]), ("b cpu", [5, 6])]),
    (f"FIRST({FLEET})", [("a cpu", [1, 9])]),
    (f"LAST({FLEET})", [("c cpu", [7, 3])]),
    (f"METRIC_COUNT({FLEET})", [("e", [3, 3, 3])]),
    ("REMOVE_EMPTY(METRICS())", [("cpu", [1, 9])]),
    ("DIFF_TIME(m1)", [("e", [60])]),
    ("MINUTE(m1)", [("e", [0, 1, 2])]),
    ("HOUR(m1)", [("e", [12, 12, 12])]),
    ("DAY(m1)", [("e", [7, 7, 7])]),
    ("DATE(m1)", [("e", [1, 1, 1])]),
    ("MONTH(m1)", [("e", [3, 3, 3])]),
    ("YEAR(m1)", [("e", [2026, 2026, 2026])]),
    ("EPOCH(m1) - 1772366400", [("e", [0, 60, 120])]),
])  # fmt: skip
def test_functions_of_arrays_and_of_the_calendar(math, expression, expected):
    assert math(expression) == expected

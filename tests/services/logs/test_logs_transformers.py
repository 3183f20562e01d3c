"""Log transformers."""

import json

import pytest

PARSE = {"parseJSON": {}}


@pytest.fixture
def logs(world):
    world.clock.freeze()
    logs = world.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    return logs


@pytest.fixture
def transform(logs):
    def transform(message, *processors):
        text = message if isinstance(message, str) else json.dumps(message)
        [told] = logs.test_transformer(transformerConfig=list(processors), logEventMessages=[text])["transformedLogs"]
        assert (told["eventNumber"], told["eventMessage"]) == (1, text)
        return json.loads(told["transformedEventMessage"])

    return transform


def entries(**entry):
    return {"entries": [entry]}


@pytest.mark.parametrize(("processor", "before", "after"), [
    ({"addKeys": entries(key="outer.new", value="v ${outer.a}")}, {"outer": {"a": 1}}, {"outer": {"a": 1, "new": "v 1"}}),
    ({"addKeys": entries(key="a", value="v")}, {"a": 1}, {"a": 1}),
    ({"addKeys": entries(key="a", value="v", overwriteIfExists=True)}, {"a": 1}, {"a": "v"}),
    ({"copyValue": entries(source="a.b", target="c")}, {"a": {"b": [1]}}, {"a": {"b": [1]}, "c": [1]}),
    ({"moveKeys": entries(source="a", target="b")}, {"a": 1, "b": {"c": 2}}, {"b": {"c": 2, "a": 1}}),
    ({"renameKeys": entries(key="a.b", renameTo="c")}, {"a": {"b": 1}}, {"a": {"c": 1}}),
    ({"deleteKeys": {"withKeys": ["a.b", "x"]}}, {"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}),
    ({"lowerCaseString": {"withKeys": ["a"]}}, {"a": "ABC"}, {"a": "abc"}),
    ({"upperCaseString": {"withKeys": ["a.b"]}}, {"a": {"b": "x"}}, {"a": {"b": "X"}}),
    ({"trimString": {"withKeys": ["a"]}}, {"a": "  x "}, {"a": "x"}),
    ({"splitString": entries(source="a", delimiter=",")}, {"a": "1,2"}, {"a": ["1", "2"]}),
    ({"substituteString": entries(source="a", **{"from": "[0-9]{3}-([0-9]+)", "to": "xxx-$1"})}, {"a": "123-45"}, {"a": "xxx-45"}),
    ({"typeConverter": entries(key="a", type="integer")}, {"a": "404"}, {"a": 404}),
    ({"typeConverter": entries(key="a", type="boolean")}, {"a": "TRUE"}, {"a": True}),
    ({"typeConverter": entries(key="a", type="double")}, {"a": "x"}, {"a": "x"}),
    (
        {"listToMap": {"source": "tags", "key": "k", "valueKey": "v", "target": "map", "flatten": True, "flattenedElement": "last"}},
        {"tags": [{"k": "a", "v": 1}, {"k": "b", "v": 2}, {"k": "a", "v": 3}]},
        {"tags": [{"k": "a", "v": 1}, {"k": "b", "v": 2}, {"k": "a", "v": 3}], "map": {"a": 3, "b": 2}},
    ),
    (
        {"dateTimeConverter": {"source": "t", "target": "u", "matchPatterns": ["dd/MMM/yyyy HH:mm:ss Z"]}},
        {"t": "05/Mar/2026 10:00:00 +0200"},
        {"t": "05/Mar/2026 10:00:00 +0200", "u": "2026-03-05T08:00:00.000Z"},
    ),
    (
        {"dateTimeConverter": {"source": "t", "target": "t", "matchPatterns": ["yyyy-MM-dd HH:mm"], "sourceTimezone": "Europe/Berlin",
                               "targetTimezone": "America/New_York", "targetFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"}},
        {"t": "2026-01-05 12:00"},
        {"t": "2026-01-05T06:00:00.000-05:00"},
    ),
])  # fmt: skip
def test_a_processor_changes_an_event(transform, processor, before, after):
    assert transform(before, PARSE, processor) == after


@pytest.mark.parametrize(("processor", "message", "after"), [
    ({"parseJSON": {"destination": "body"}}, '{"a": 1}', {"body": {"a": 1}}),
    ({"csv": {"columns": ["name", "age"], "delimiter": ";"}}, 'Ann;"31;2";x', {"name": "Ann", "age": "31;2", "column_3": "x"}),
    ({"parseKeyValue": {"fieldDelimiter": " ", "keyPrefix": "p_", "nonMatchValue": "?"}}, "a=1 b c=2=3",
     {"p_a": "1", "p_b": "?", "p_c": "2=3"}),
    ({"grok": {"match": "%{IPORHOST:client.ip} %{WORD:verb} %{NUMBER:ms:DOUBLE} %{GREEDYDATA:rest}"}}, "10.0.0.1 GET 1.5 a b",
     {"client": {"ip": "10.0.0.1"}, "verb": "GET", "ms": 1.5, "rest": "a b"}),
])  # fmt: skip
def test_a_parser_reads_a_message(transform, processor, message, after):
    assert transform(message, processor) == after


def test_what_cannot_be_parsed_stays_as_it_is(logs):
    [told] = logs.test_transformer(transformerConfig=[PARSE], logEventMessages=["plain"])["transformedLogs"]
    assert told["transformedEventMessage"] == "plain"


@pytest.mark.parametrize(("config", "code"), [
    ([{"addKeys": entries(key="a", value="v")}], "InvalidParameterException"),
    ([{}], "InvalidParameterException"),
    ([{"grok": {"match": "%{NOPE:a}"}}], "InvalidParameterException"),
    ([PARSE, {"substituteString": entries(source="a", **{"from": "(", "to": "x"})}], "InvalidParameterException"),
    ([{"parseVPC": {}}], "NotImplemented"),
])  # fmt: skip
def test_what_is_no_transformer_is_refused(logs, aws_error, config, code):
    with aws_error(code):
        logs.put_transformer(logGroupIdentifier="g", transformerConfig=config)
    assert "transformerConfig" not in logs.get_transformer(logGroupIdentifier="g")


def write(world, message):
    now = int(world.clock.now().timestamp() * 1000)
    world.client("logs").put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": now, "message": message}])


def test_queries_and_metric_filters_see_what_was_made_of_events_and_readers_do_not(world, logs, aws_error):
    config = [{"grok": {"match": "%{WORD:verb} took %{NUMBER:ms:INT}"}}]
    logs.put_transformer(logGroupIdentifier="g", transformerConfig=config)
    transformation = {"metricName": "ms", "metricNamespace": "n", "metricValue": "$.ms"}
    logs.put_metric_filter(
        logGroupName="g", filterName="f", filterPattern="{ $.ms > 5 }", metricTransformations=[transformation], applyOnTransformedLogs=True
    )
    write(world, "GET took 17")
    assert [e["message"] for e in logs.filter_log_events(logGroupName="g")["events"]] == ["GET took 17"]
    query = logs.start_query(logGroupName="g", startTime=0, endTime=2**32, queryString="fields @message, verb | filter ms = 17")["queryId"]
    world.settle()
    [row] = logs.get_query_results(queryId=query)["results"]
    assert {cell["field"]: cell["value"] for cell in row[:2]} == {"@message": "GET took 17", "verb": "GET"}
    assert len(world.client("cloudwatch").list_metrics(Namespace="n")["Metrics"]) == 1
    assert logs.get_transformer(logGroupIdentifier="g")["transformerConfig"] == config
    logs.delete_transformer(logGroupIdentifier="g")
    with aws_error("ResourceNotFoundException"):
        logs.delete_transformer(logGroupIdentifier="g")


def test_the_accounts_transformer_holds_for_groups_without_their_own(world, logs):
    logs.put_account_policy(
        policyName="p", policyType="TRANSFORMER_POLICY", policyDocument=json.dumps([PARSE]), selectionCriteria='LogGroupNamePrefix = "g"'
    )
    write(world, '{"a": 1}')
    fields = {one["name"] for one in logs.get_log_group_fields(logGroupName="g")["logGroupFields"]}
    assert "a" in fields

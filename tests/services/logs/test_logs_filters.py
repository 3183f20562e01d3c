import base64
import gzip
import io
import json
import zipfile

import pytest


@pytest.fixture
def logs(world):
    world.clock.freeze()
    client = world.client("logs")
    client.create_log_group(logGroupName="g")
    client.create_log_stream(logGroupName="g", logStreamName="s")
    return client


def write(world, logs, *messages):
    now = int(world.clock.now().timestamp() * 1000)
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": now, "message": text} for text in messages])


def metric_filter(logs, pattern, **transformation):
    given = {"metricName": "m", "metricNamespace": "app", "metricValue": "1", **transformation}
    logs.put_metric_filter(logGroupName="g", filterName="f", filterPattern=pattern, metricTransformations=[given])


def sums(world):
    from datetime import timedelta

    now = world.clock.now()
    span = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=5), "Period": 60, "Statistics": ["Sum"]}
    cloudwatch = world.client("cloudwatch")
    found = {}
    for metric in cloudwatch.list_metrics(Namespace="app")["Metrics"]:
        points = cloudwatch.get_metric_statistics(
            Namespace="app", MetricName=metric["MetricName"], Dimensions=metric["Dimensions"], **span
        )  # fmt: skip
        found[tuple(pair["Value"] for pair in metric["Dimensions"])] = sum(point["Sum"] for point in points["Datapoints"])
    return found


def test_matching_lines_are_counted(world, logs):
    metric_filter(logs, "ERROR", defaultValue=0.0)
    write(world, logs, "ERROR one", "fine", "ERROR two")
    assert sums(world) == {(): 2}
    assert logs.describe_log_groups()["logGroups"][0]["metricFilterCount"] == 1


def test_quiet_lines_report_the_default_value(world, logs):
    metric_filter(logs, "ERROR", defaultValue=0.0)
    write(world, logs, "fine")
    assert sums(world) == {(): 0}


def test_values_and_dimensions_come_from_json(world, logs):
    metric_filter(logs, "{ $.size > 0 }", metricValue="$.size", dimensions={"Host": "$.host"})
    write(world, logs, '{"size": 3, "host": "a"}', '{"size": 4, "host": "b"}', '{"size": 5, "host": "b"}', '{"size": 0, "host": "a"}')
    assert sums(world) == {("a",): 3, ("b",): 9}


def test_values_come_from_fields(world, logs):
    metric_filter(logs, "[ip, status = 4*, bytes]", metricValue="$bytes")
    write(world, logs, "10.0.0.1 404 120", "10.0.0.1 200 999")
    assert sums(world) == {(): 120}


def test_a_pattern_can_be_tried(logs):
    found = logs.test_metric_filter(filterPattern="{ $.a = 1 }", logEventMessages=['{"a": 1}', '{"a": 2}'])["matches"]
    assert found == [{"eventNumber": 1, "eventMessage": '{"a": 1}', "extractedValues": {"$.a": "1"}}]
    found = logs.test_metric_filter(filterPattern="[a, b]", logEventMessages=["x y"])["matches"]
    assert found[0]["extractedValues"] == {"$a": "x", "$b": "y"}


def test_metric_filters_are_listed_and_deleted(logs, aws_error):
    metric_filter(logs, "x")
    assert [one["filterName"] for one in logs.describe_metric_filters(logGroupName="g")["metricFilters"]] == ["f"]
    logs.delete_metric_filter(logGroupName="g", filterName="f")
    with aws_error("ResourceNotFoundException"):
        logs.delete_metric_filter(logGroupName="g", filterName="f")


@pytest.mark.parametrize(
    ("pattern", "given"),
    [
        ("{ $.a", {}),
        ("x", {"metricValue": "many"}),
        ("[a, b]", {"metricValue": "$c"}),
        ("x", {"defaultValue": 1.0, "dimensions": {"d": "$.d"}}),
    ],
)
def test_a_metric_filter_that_is_none_is_refused(logs, aws_error, pattern, given):
    with aws_error("InvalidParameterException"):
        metric_filter(logs, pattern, **given)


def test_a_function_must_let_the_logs_in(logs, aws_error):
    arn = "arn:aws:lambda:us-east-1:000000000000:function:none"
    with aws_error("InvalidParameterException", "Could not execute the lambda function"):
        logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="", destinationArn=arn)


@pytest.fixture
def echo(world):
    """The ARN of a function that logs what it gets, and that CloudWatch Logs may invoke."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("bootstrap", "#!/bin/sh\n" + BOOTSTRAP)
        archive.getinfo("bootstrap").external_attr = 0o755 << 16
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = world.client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    functions = world.client("lambda")
    arn = functions.create_function(
        FunctionName="echo", Runtime="provided.al2023", Role=role, Handler="x", Code={"ZipFile": packed.getvalue()}
    )["FunctionArn"]
    functions.add_permission(FunctionName="echo", StatementId="s", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com")
    return arn


def sent(world, logs):
    """What the function was sent."""
    world.settle()
    world.clock.advance(seconds=2)
    lines = [event["message"] for event in find(logs) if event["message"].startswith("{")]
    return [json.loads(gzip.decompress(base64.b64decode(json.loads(line)["awslogs"]["data"]))) for line in lines]


def test_a_subscriber_gets_matching_lines_compressed(world, logs, echo):
    logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="ERROR", destinationArn=echo)
    write(world, logs, "ERROR one", "fine")
    [message] = sent(world, logs)
    assert message["messageType"] == "DATA_MESSAGE"
    assert (message["logGroup"], message["logStream"], message["subscriptionFilters"]) == ("g", "s", ["f"])
    assert [event["message"] for event in message["logEvents"]] == ["ERROR one"]


def test_the_accounts_subscriber_gets_the_lines_of_all_groups_but_some(world, logs, echo):
    policy = json.dumps({"DestinationArn": echo, "FilterPattern": "ERROR"})
    logs.put_account_policy(
        policyName="all",
        policyType="SUBSCRIPTION_FILTER_POLICY",
        policyDocument=policy,
        selectionCriteria='LogGroupName NOT IN ["/aws/lambda/echo", "quiet"]',
    )
    logs.create_log_group(logGroupName="quiet")
    logs.create_log_stream(logGroupName="quiet", logStreamName="s")
    now = int(world.clock.now().timestamp() * 1000)
    for group in ("quiet", "g"):
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": now, "message": f"ERROR of {group}"}])
    [message] = sent(world, logs)
    assert (message["logGroup"], message["subscriptionFilters"], message["policyLevel"]) == ("g", ["all"], "ACCOUNT_LEVEL_POLICY")
    assert [event["message"] for event in message["logEvents"]] == ["ERROR of g"]


def test_an_accounts_subscription_policy_that_is_none_is_refused(logs, aws_error):
    for document in ("{}", "x", json.dumps({"DestinationArn": "arn:aws:lambda:us-east-1:000000000000:function:none"})):
        with aws_error("InvalidParameterException"):
            logs.put_account_policy(policyName="all", policyType="SUBSCRIPTION_FILTER_POLICY", policyDocument=document)
    assert logs.describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")["accountPolicies"] == []


BOOTSTRAP = """
while true; do
  curl -s -D /tmp/headers -o /tmp/event "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next"
  id=$(grep -i lambda-runtime-aws-request-id /tmp/headers | tr -d '\\r' | cut -d' ' -f2)
  cat /tmp/event; echo
  curl -s -d '{}' "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" > /dev/null
done
"""


def find(logs):
    try:
        return logs.filter_log_events(logGroupName="/aws/lambda/echo")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []

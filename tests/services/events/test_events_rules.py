import json

import pytest


def test_the_default_bus_is_there_and_stays(events, aws_error):
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]
    assert events.describe_event_bus()["Arn"] == "arn:aws:events:us-east-1:000000000000:event-bus/default"
    with aws_error("ValidationException"):
        events.delete_event_bus(Name="default")


def test_a_bus_is_made_once_and_deleted_when_it_has_no_rules(events, aws_error):
    events.create_event_bus(Name="mine", Tags=[{"Key": "a", "Value": "b"}])
    with aws_error("ResourceAlreadyExistsException"):
        events.create_event_bus(Name="mine")
    arn = events.describe_event_bus(Name="mine")["Arn"]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    events.put_rule(Name="r", EventBusName="mine", EventPattern='{"source": ["x"]}')
    with aws_error("ValidationException"):
        events.delete_event_bus(Name="mine")
    events.delete_rule(Name="r", EventBusName="mine")
    events.delete_event_bus(Name="mine")
    with aws_error("ResourceNotFoundException"):
        events.describe_event_bus(Name="mine")


def test_a_rule_reads_back_as_it_was_put(events):
    events.create_event_bus(Name="mine")
    arn = events.put_rule(Name="r", EventBusName="mine", EventPattern='{"source": ["x"]}', Description="d", State="DISABLED")["RuleArn"]
    found = events.describe_rule(Name="r", EventBusName="mine")
    assert arn == "arn:aws:events:us-east-1:000000000000:rule/mine/r"
    assert (found["Arn"], found["State"], found["Description"], found["CreatedBy"]) == (arn, "DISABLED", "d", "000000000000")
    assert [rule["Name"] for rule in events.list_rules(EventBusName="mine", NamePrefix="r")["Rules"]] == ["r"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "ValidationException"),
        ({"EventPattern": '{"source": "x"}'}, "InvalidEventPatternException"),
        ({"ScheduleExpression": "rate(1 minutes)"}, "ValidationException"),
        ({"EventPattern": '{"source": ["x"]}', "EventBusName": "none"}, "ResourceNotFoundException"),
    ],
)
def test_a_rule_that_is_none_is_refused(events, given, code, aws_error):
    with aws_error(code):
        events.put_rule(Name="r", **given)


def test_a_rule_with_targets_cannot_be_deleted(events, aws_error):
    events.put_rule(Name="r", EventPattern='{"source": ["x"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}])
    with aws_error("ValidationException"):
        events.delete_rule(Name="r")
    assert events.list_rule_names_by_target(TargetArn="arn:aws:sqs:us-east-1:000000000000:q")["RuleNames"] == ["r"]
    assert events.remove_targets(Rule="r", Ids=["1", "2"])["FailedEntries"][0]["TargetId"] == "2"
    events.delete_rule(Name="r")
    assert events.list_rules()["Rules"] == []


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ({"Arn": "arn:aws:batch:us-east-1:000000000000:job-queue/q"}, "NotImplemented"),
        ({"Arn": "queue"}, "ValidationException"),
        ({"Input": "not json"}, "ValidationException"),
        ({"InputPath": "detail"}, "ValidationException"),
        ({"Input": "{}", "InputPath": "$"}, "ValidationException"),
        ({"InputTransformer": {"InputTemplate": "<nothing>"}}, "ValidationException"),
        ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo"}, "ValidationException"),
        ({"Arn": "arn:aws:sqs:us-west-2:000000000000:q"}, "ValidationException"),
        ({"Id": "a b"}, "ValidationException"),
        ({"InputTransformer": {"InputPathsMap": {"aws.x": "$.id"}, "InputTemplate": '"x"'}}, "ValidationException"),
        ({"InputTransformer": {"InputPathsMap": {"x": "id"}, "InputTemplate": "<x>"}}, "ValidationException"),
        ({"DeadLetterConfig": {"Arn": "arn:aws:sns:us-east-1:000000000000:t"}}, "ValidationException"),
        ({"DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:dead.fifo"}}, "ValidationException"),
    ],
)
def test_a_target_that_cannot_be_sent_to_is_refused(events, target, code, aws_error):
    events.put_rule(Name="r", EventPattern='{"source": ["x"]}')
    with aws_error(code):
        events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q", **target}])


def test_a_fifo_queue_needs_its_group(events, aws_error):
    events.put_rule(Name="r", EventPattern='{"source": ["x"]}')
    with aws_error("ValidationException", "Parameter(s) SqsParameters must be specified for target: t."):
        events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo"}])


def test_a_rule_has_five_targets_at_most(events, aws_error):
    events.put_rule(Name="r", EventPattern='{"source": ["x"]}')
    targets = [{"Id": str(number), "Arn": "arn:aws:sqs:us-east-1:000000000000:q"} for number in range(6)]
    with aws_error("LimitExceededException", "The requested resource exceeds the maximum number allowed."):
        events.put_targets(Rule="r", Targets=targets)
    events.put_targets(Rule="r", Targets=targets[:5])
    with aws_error("LimitExceededException"):
        events.put_targets(Rule="r", Targets=targets[5:])
    events.put_targets(Rule="r", Targets=targets[4:5])
    assert len(events.list_targets_by_rule(Rule="r")["Targets"]) == 5


def test_a_bus_has_three_hundred_rules_at_most(events, aws_error):
    for number in range(300):
        events.put_rule(Name=f"r{number}", EventPattern='{"source": ["x"]}')
    with aws_error("LimitExceededException", "The requested resource exceeds the maximum number allowed."):
        events.put_rule(Name="more", EventPattern='{"source": ["x"]}')
    events.put_rule(Name="r7", EventPattern='{"source": ["y"]}')
    events.create_event_bus(Name="mine")
    events.put_rule(Name="more", EventBusName="mine", EventPattern='{"source": ["x"]}')


def test_a_pattern_can_be_tried(events, aws_error):
    event = {"id": "1", "account": "1", "source": "x", "time": "t", "region": "r", "resources": [], "detail-type": "d", "detail": {}}
    assert events.test_event_pattern(EventPattern='{"source": ["x"]}', Event=json.dumps(event))["Result"] is True
    assert events.test_event_pattern(EventPattern='{"source": ["y"]}', Event=json.dumps(event))["Result"] is False
    with aws_error("ValidationException"):
        events.test_event_pattern(EventPattern='{"source": ["x"]}', Event="{}")


def test_a_buss_policy_has_statements_by_name(events, aws_error):
    events.put_permission(Action="events:PutEvents", Principal="*", StatementId="all")
    [statement] = json.loads(events.describe_event_bus()["Policy"])["Statement"]
    assert (statement["Sid"], statement["Principal"]) == ("all", "*")
    with aws_error("ResourceNotFoundException"):
        events.remove_permission(StatementId="other")
    events.remove_permission(StatementId="all")
    assert "Policy" not in events.describe_event_bus()


def test_lists_come_in_pages(events):
    for number in range(5):
        events.put_rule(Name=f"r{number}", EventPattern='{"source": ["x"]}')
    first = events.list_rules(Limit=3)
    rest = events.list_rules(Limit=3, NextToken=first["NextToken"])
    assert [rule["Name"] for rule in first["Rules"] + rest["Rules"]] == [f"r{n}" for n in range(5)]
    assert "NextToken" not in rest


def test_what_is_not_there_says_so(events, aws_error):
    with aws_error("NotImplemented", "LogConfig"):
        events.update_event_bus(Name="default", LogConfig={"Level": "INFO"})

import json

import pytest


def route(events, queue, pattern=None, name="r", bus="default", **target):
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern or {"source": ["app"]}))
    answer = events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "1", "Arn": queue.arn, **target}])
    assert answer["FailedEntryCount"] == 0


def test_a_matching_event_reaches_its_queue_in_eventbridges_envelope(world, events, make_queue, entry):
    world.clock.freeze()
    queue = make_queue()
    route(events, queue)
    answer = events.put_events(Entries=[{**entry(a=1), "Resources": ["arn:x"]}])
    [event] = queue.bodies()
    assert event == {
        "version": "0",
        "id": answer["Entries"][0]["EventId"],
        "detail-type": "thing",
        "source": "app",
        "account": "000000000000",
        "time": world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": ["arn:x"],
        "detail": {"a": 1},
    }


def test_an_event_that_does_not_match_goes_nowhere(events, make_queue, entry):
    queue = make_queue()
    route(events, queue, {"detail": {"a": [2]}})
    events.put_events(Entries=[entry(a=1)])
    assert queue.bodies() == []


def test_a_disabled_rule_sends_nothing_until_it_is_enabled(events, make_queue, entry):
    queue = make_queue()
    route(events, queue)
    events.disable_rule(Name="r")
    events.put_events(Entries=[entry(a=1)])
    events.enable_rule(Name="r")
    events.put_events(Entries=[entry(a=2)])
    assert [event["detail"]["a"] for event in queue.bodies()] == [2]


def test_each_bad_entry_fails_alone(events, entry):
    answer = events.put_events(
        Entries=[
            entry(),
            {"DetailType": "t", "Detail": "{}"},
            {"Source": "app", "DetailType": "t", "Detail": "[1]"},
            {"Source": "app", "DetailType": "t", "Detail": '{"n": 99999999999999999999}'},
            entry("aws.ec2"),
        ]
    )
    assert answer["FailedEntryCount"] == 4
    assert [one.get("ErrorCode") for one in answer["Entries"]] == [
        None,
        "InvalidArgument",
        "MalformedDetail",
        "MalformedDetail",
        "NotAuthorizedForSourceException",
    ]
    assert answer["Entries"][2]["ErrorMessage"] == "Detail is malformed."


def test_entries_of_more_than_a_megabyte_are_refused(events, entry, aws_error):
    with aws_error("ValidationException"):
        events.put_events(Entries=[entry(text="x" * 600_000)] * 2)


def test_a_custom_bus_has_its_own_rules(events, make_queue, entry):
    queue = make_queue()
    events.create_event_bus(Name="mine")
    route(events, queue, bus="mine")
    events.put_events(Entries=[entry(n=1), {**entry(n=2), "EventBusName": "mine"}])
    assert [event["detail"]["n"] for event in queue.bodies()] == [2]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"Input": '{"fixed": true}'}, '{"fixed": true}'),
        ({"InputPath": "$.detail.who"}, '{"name":"Zoë","tags":["a","b"]}'),
        ({"InputPath": "$.detail.who.tags[1]"}, '"b"'),
        (
            {"InputTransformer": {"InputPathsMap": {"n": "$.detail.who.name"}, "InputTemplate": '"Hello <n> from <aws.events.rule-name>"'}},
            '"Hello Zoë from r"',
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.who.name", "t": "$.detail.who.tags", "m": "$.detail.missing"},
                    "InputTemplate": '{"name": <n>, "quoted": "<n>", "tags": <t>, "missing": <m>}',
                }
            },
            '{"name": "Zoë", "quoted": "Zoë", "tags": ["a","b"], "missing": ""}',
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"w": "$.detail.who", "one": "$.detail.who.tags[0]", "none": "$.detail.who.tags[9]"},
                    "InputTemplate": '{"rule": "<aws.events.rule-arn>", "who": <w>, "t": "<one> of <none>", "all": [<one>]}',
                }
            },
            '{"rule": "arn:aws:events:us-east-1:000000000000:rule/r", "who": {"name":"Zoë","tags":["a","b"]}, "t": "a of ", "all": ["a"]}',
        ),
    ],
)
def test_a_target_gets_what_its_input_settings_say(events, make_queue, settings, expected, entry):
    queue = make_queue()
    route(events, queue, **settings)
    events.put_events(Entries=[entry(who={"name": "Zoë", "tags": ["a", "b"]})])
    assert [message["Body"] for message in queue.messages()] == [expected]


def test_a_template_may_have_the_whole_event(events, make_queue, entry):
    queue = make_queue()
    route(events, queue, InputTransformer={"InputTemplate": '{"all": <aws.events.event.json>, "head": <aws.events.event>}'})
    events.put_events(Entries=[entry(said='a "word" \\ and\nmore')])
    [body] = queue.bodies()
    assert body["all"]["detail"] == {"said": 'a "word" \\ and\nmore'}
    assert body["head"] == {name: value for name, value in body["all"].items() if name != "detail"}


def test_a_text_is_escaped_inside_quotes(events, make_queue, entry):
    queue = make_queue()
    route(events, queue, InputTransformer={"InputPathsMap": {"said": "$.detail.said"}, "InputTemplate": '{"text": "they said <said>"}'})
    events.put_events(Entries=[entry(said='a "word" \\ and\nmore')])
    assert queue.bodies() == [{"text": 'they said a "word" \\ and\nmore'}]


def test_a_fifo_queue_gets_its_group(events, make_queue, entry):
    queue = make_queue("q.fifo")
    route(events, queue, SqsParameters={"MessageGroupId": "g"})
    events.put_events(Entries=[entry()])
    assert [message["Attributes"]["MessageGroupId"] for message in queue.messages()] == ["g"]


def test_a_log_group_gets_the_event_as_a_line(world, events, entry):
    logs = world.client("logs")
    logs.create_log_group(logGroupName="/aws/events/all")
    events.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/all"
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    events.put_events(Entries=[entry(a=1)])
    world.settle()
    [event] = logs.filter_log_events(logGroupName="/aws/events/all")["events"]
    assert json.loads(event["message"])["detail"] == {"a": 1}


def test_events_of_aws_services_arrive_on_the_default_bus(world, events, make_queue):
    queue = make_queue()
    route(events, queue, {"source": ["aws.s3"], "detail-type": ["Object Created"]})
    s3 = world.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_bucket_notification_configuration(Bucket="bucket", NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    [event] = queue.bodies()
    assert (event["resources"], event["detail"]["object"]["key"]) == (["arn:aws:s3:::bucket"], "k")


def test_calls_reach_rules_through_a_trail(world, events, make_queue):
    queue = make_queue()
    events.put_rule(
        Name="calls", EventPattern=json.dumps({"detail-type": ["AWS API Call via CloudTrail"], "detail": {"eventName": ["CreateBucket"]}})
    )
    events.put_targets(Rule="calls", Targets=[{"Id": "q", "Arn": queue.arn}])
    s3, cloudtrail = world.client("s3"), world.client("cloudtrail")
    s3.create_bucket(Bucket="before")
    s3.create_bucket(Bucket="trail")
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "s3:GetBucketAcl",
            "Resource": "arn:aws:s3:::trail",
        },
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::trail/*",
        },
    ]
    s3.put_bucket_policy(Bucket="trail", Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    cloudtrail.lookup_events()
    cloudtrail.create_trail(Name="trail", S3BucketName="trail")
    cloudtrail.start_logging(Name="trail")
    s3.create_bucket(Bucket="after")
    # Looking stores what has been noted.
    cloudtrail.lookup_events()
    (event,) = queue.bodies()
    assert (event["source"], event["detail"]["requestParameters"]["bucketName"]) == ("aws.s3", "after")


def test_events_for_a_bus_that_is_not_there_are_taken_and_dropped(events, entry):
    answer = events.put_events(Entries=[{**entry(), "EventBusName": "nowhere"}])
    assert answer["FailedEntryCount"] == 0
    assert answer["Entries"][0]["EventId"]

"""Global endpoints, partner event sources and customers' keys: events between Regions, accounts and services."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

PARTNER, CUSTOMER = "222222222222", "000000000000"
SOURCE = "aws.partner/shop.example/orders/1"


@pytest.fixture
def role(world):
    iam = world.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    arn = iam.create_role(RoleName="copy", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))["Role"][
        "Arn"
    ]
    may = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}
    iam.put_role_policy(RoleName="copy", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}))
    return arn


@pytest.fixture
def seen(world):
    """What arrives on a bus of a Region, in a queue of its own."""

    def watch(bus, region="us-east-1", pattern='{"source": [{"exists": true}]}'):
        events, sqs = world.client("events", region=region), world.client("sqs", region=region)
        sqs.create_queue(QueueName="seen")
        arn = f"arn:aws:sqs:{region}:{CUSTOMER}:seen"
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
        sqs.set_queue_attributes(QueueUrl="seen", Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})})
        events.put_rule(Name="all", EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "q", "Arn": arn}])

        def arrived():
            world.settle()
            return [json.loads(one["Body"]) for one in sqs.receive_message(QueueUrl="seen", MaxNumberOfMessages=10).get("Messages", [])]

        return arrived

    return watch


@pytest.fixture
def events(world):
    return world.client("events")


@pytest.fixture
def endpoint(world, events, role):
    """An endpoint of two Regions' buses `orders`, replicating unless a test says otherwise."""

    regions = ("us-east-1", "eu-west-1")
    for region in regions:
        world.client("events", region=region).create_event_bus(Name="orders")

    def make(without=None, **changes):
        failover = {
            "Primary": {"HealthCheck": "arn:aws:route53:::healthcheck/11111111-2222-3333-4444-555555555555"},
            "Secondary": {"Route": "eu-west-1"},
        }
        settings = {
            "Name": "both",
            "RoutingConfig": {"FailoverConfig": failover},
            "EventBuses": [
                {"EventBusArn": f"arn:aws:events:{region}:{CUSTOMER}:event-bus/orders"} for region in ("us-east-1", "eu-west-1")
            ],
            "RoleArn": role,
        }
        settings.pop(without, None)
        return events.create_endpoint(**settings | changes)

    return make


def through(world, endpoint_id, bus="orders"):
    """Puts an event through an endpoint; boto3 wants its CRT for that, to sign for several Regions."""
    entry = {"Source": "shop", "DetailType": "sold", "Detail": '{"n": 1}', "EventBusName": bus}
    body = json.dumps({"Entries": [entry], "EndpointId": endpoint_id})
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSEvents.PutEvents"}
    request = AWSRequest("POST", world.endpoint, headers=headers, data=body)
    SigV4Auth(Credentials("test", "test"), "events", "eu-west-1").add_auth(request)
    with urlopen(Request(world.endpoint, body.encode(), dict(request.headers))) as answer:
        return json.load(answer)


def test_an_event_goes_to_the_primary_region_and_is_replicated_to_the_other(world, events, endpoint, seen):
    endpoint()
    endpoint_id = events.describe_endpoint(Name="both")["EndpointId"]
    here, there = seen("orders"), seen("orders", "eu-west-1")
    answer = through(world, endpoint_id)
    (event,), (copy,) = here(), there()
    assert event == copy
    assert (event["id"], event["region"]) == (answer["Entries"][0]["EventId"], "us-east-1")
    assert through(world, endpoint_id, "default")["Entries"][0]["ErrorCode"] == "InvalidArgument"
    events.update_endpoint(Name="both", ReplicationConfig={"State": "DISABLED"})
    through(world, endpoint_id)
    assert (len(here()), there()) == (1, [])


def test_an_endpoint_is_made_described_and_deleted(world, events, endpoint, aws_error):
    answer = endpoint(Description="two")
    assert (answer["State"], answer["ReplicationConfig"]) == ("CREATING", {"State": "ENABLED"})
    world.settle()
    world.clock.advance(seconds=1)
    described = events.describe_endpoint(Name="both")
    assert (described["State"], described["Description"]) == ("ACTIVE", "two")
    assert described["EndpointUrl"] == f"https://{described['EndpointId']}.endpoint.events.amazonaws.com"
    events.update_endpoint(Name="both", ReplicationConfig={"State": "DISABLED"})
    assert [one["ReplicationConfig"]["State"] for one in events.list_endpoints(NamePrefix="b")["Endpoints"]] == ["DISABLED"]
    events.delete_endpoint(Name="both")
    with aws_error("ResourceNotFoundException"):
        events.describe_endpoint(Name="both")


def test_an_endpoint_wants_two_buses_of_one_name_and_a_role(events, endpoint, aws_error):
    with aws_error("ValidationException", "RoleArn is required"):
        endpoint(without="RoleArn")
    with aws_error("ValidationException", "same name"):
        endpoint(
            EventBuses=[
                {"EventBusArn": f"arn:aws:events:us-east-1:{CUSTOMER}:event-bus/orders"},
                {"EventBusArn": f"arn:aws:events:eu-west-1:{CUSTOMER}:event-bus/other"},
            ]
        )


def test_a_partners_events_arrive_once_its_source_has_a_bus(world, events, seen, aws_error):
    partner = world.client("events", access_key=PARTNER)
    partner.create_partner_event_source(Name=SOURCE, Account=CUSTOMER)
    with aws_error("ResourceAlreadyExistsException"):
        partner.create_partner_event_source(Name=SOURCE, Account=CUSTOMER)
    (offered,) = events.list_event_sources(NamePrefix="aws.partner")["EventSources"]
    assert (offered["State"], offered["CreatedBy"]) == ("PENDING", "shop.example")
    entry = {"Source": SOURCE, "DetailType": "sold", "Detail": '{"n": 1}'}
    assert partner.put_partner_events(Entries=[entry])["FailedEntryCount"] == 0
    with aws_error("ResourceNotFoundException"):
        events.create_event_bus(Name="aws.partner/shop.example/x/2", EventSourceName="aws.partner/shop.example/x/2")
    events.create_event_bus(Name=SOURCE, EventSourceName=SOURCE)
    assert events.describe_event_source(Name=SOURCE)["State"] == "ACTIVE"
    arrived = seen(SOURCE)
    partner.put_partner_events(Entries=[entry, {**entry, "Detail": "no"}])
    (event,) = arrived()
    assert (event["source"], event["account"], event["detail"]) == (SOURCE, CUSTOMER, {"n": 1})
    events.deactivate_event_source(Name=SOURCE)
    partner.put_partner_events(Entries=[entry])
    assert arrived() == []
    assert [one["State"] for one in partner.list_partner_event_source_accounts(EventSourceName=SOURCE)["PartnerEventSourceAccounts"]] == [
        "PENDING"
    ]
    events.activate_event_source(Name=SOURCE)
    partner.put_partner_events(Entries=[entry])
    assert len(arrived()) == 1
    partner.delete_partner_event_source(Name=SOURCE, Account=CUSTOMER)
    assert events.describe_event_source(Name=SOURCE)["State"] == "DELETED"


def test_a_source_that_nobody_takes_lapses_after_two_weeks(world, events):
    partner = world.client("events", access_key=PARTNER)
    partner.create_partner_event_source(Name=SOURCE, Account=CUSTOMER)
    world.clock.advance(days=15)
    assert events.list_event_sources()["EventSources"] == []
    assert partner.list_partner_event_sources(NamePrefix="aws.partner/shop.example/")["PartnerEventSources"] == []


def test_only_a_partner_puts_events_of_its_source(world, events):
    world.client("events", access_key=PARTNER).create_partner_event_source(Name=SOURCE, Account=CUSTOMER)
    answer = events.put_partner_events(Entries=[{"Source": SOURCE, "DetailType": "sold", "Detail": "{}"}])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def test_a_bus_takes_events_while_eventbridge_can_use_its_key(world, events, seen, aws_error):
    kms, sqs = world.client("kms"), world.client("sqs")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    dead = f"arn:aws:sqs:us-east-1:{CUSTOMER}:dead"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": dead}
    sqs.create_queue(QueueName="dead", Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})})
    events.create_event_bus(Name="orders", KmsKeyIdentifier=key, DeadLetterConfig={"Arn": dead})
    assert events.describe_event_bus(Name="orders")["KmsKeyIdentifier"] == key
    arrived = seen("orders")
    entry = {"Source": "shop", "DetailType": "sold", "Detail": '{"n": 1}', "EventBusName": "orders"}
    events.put_events(Entries=[entry])
    assert arrived() == []
    (lost,) = sqs.receive_message(QueueUrl="dead", MessageAttributeNames=["All"])["Messages"]
    assert json.loads(lost["Body"])["detail"] == {"n": 1}
    assert lost["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDeniedException"
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    service = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "kms:GenerateDataKey*", "Resource": "*"}
    kms.put_key_policy(KeyId=key, Policy=json.dumps({**policy, "Statement": [*policy["Statement"], service]}))
    events.put_events(Entries=[entry])
    assert len(arrived()) == 1
    events.update_event_bus(Name="orders", KmsKeyIdentifier="")
    assert "KmsKeyIdentifier" not in events.describe_event_bus(Name="orders")
    with aws_error("ValidationException", "KmsKeyIdentifier is not valid"):
        events.update_event_bus(Name="orders", KmsKeyIdentifier="alias/none")


def test_an_archive_keeps_events_while_eventbridge_can_use_its_key(world, events):
    key = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    bus = events.describe_event_bus()["Arn"]
    events.create_archive(ArchiveName="locked", EventSourceArn=bus, KmsKeyIdentifier=key)
    events.create_archive(ArchiveName="open", EventSourceArn=bus)
    events.put_events(Entries=[{"Source": "shop", "DetailType": "sold", "Detail": "{}"}])
    assert events.describe_archive(ArchiveName="locked")["KmsKeyIdentifier"] == key
    assert [events.describe_archive(ArchiveName=name)["EventCount"] for name in ("locked", "open")] == [0, 1]

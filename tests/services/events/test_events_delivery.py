import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


def rule(events, arn, **target):
    events.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn, **target}])


def test_a_queue_whose_policy_does_not_let_eventbridge_in_gets_nothing(events, make_queue, entry):
    queue, dead = make_queue(open_to_events=False), make_queue("dead")
    queue.admit("sns.amazonaws.com")
    rule(events, queue.arn, DeadLetterConfig={"Arn": dead.arn})
    events.put_events(Entries=[entry()])
    [letter] = dead.messages()
    assert queue.messages() == []
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


def test_a_target_that_is_gone_leaves_a_dead_letter_with_the_reason(events, make_queue, entry):
    dead = make_queue("dead")
    gone = dead.arn.replace("dead", "gone")
    rule(events, gone, DeadLetterConfig={"Arn": dead.arn})
    events.put_events(Entries=[entry(a=1)])
    [letter] = dead.messages()
    told = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert json.loads(letter["Body"])["detail"] == {"a": 1}
    assert told["TARGET_ARN"] == gone
    assert told["RULE_ARN"].endswith(":rule/r")
    assert told["RETRY_ATTEMPTS"] == "0"


def test_an_endpoint_that_fails_is_tried_again_by_the_worlds_clock(world, events, make_queue, entry):
    dead = make_queue("dead")
    rule(
        events,
        destination(events, "http://127.0.0.1:1/x"),
        RoleArn=role(world),
        RetryPolicy={"MaximumRetryAttempts": 2},
        DeadLetterConfig={"Arn": dead.arn},
    )
    events.put_events(Entries=[entry()])
    assert dead.messages() == []
    world.clock.advance(minutes=5)
    [letter] = dead.messages()
    told = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (told["RETRY_ATTEMPTS"], told["EXHAUSTED_RETRY_CONDITION"]) == ("2", "MaximumRetryAttempts")


def test_another_regions_bus_gets_the_event_as_it_was(world, events, make_queue, entry):
    there = world.client("events", region="eu-west-1")
    there.create_event_bus(Name="far")
    queue = make_queue(region="eu-west-1")
    there.put_rule(Name="r", EventBusName="far", EventPattern='{"source": ["app"]}')
    there.put_targets(Rule="r", EventBusName="far", Targets=[{"Id": "1", "Arn": queue.arn}])
    rule(events, "arn:aws:events:eu-west-1:000000000000:event-bus/far")
    answer = events.put_events(Entries=[entry(a=1)])
    [event] = queue.bodies()
    assert (event["id"], event["region"]) == (answer["Entries"][0]["EventId"], "us-east-1")


def test_another_accounts_bus_admits_only_whom_its_policy_names(world, events, make_queue, entry):
    other = world.client("events", access_key="222222222222")
    queue = make_queue(account="222222222222")
    other.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    other.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": queue.arn}])
    rule(events, "arn:aws:events:us-east-1:222222222222:event-bus/default")
    events.put_events(Entries=[entry(n=1)])
    assert queue.bodies() == []
    other.put_permission(Action="events:PutEvents", Principal="000000000000", StatementId="s")
    events.put_events(Entries=[entry(n=2)])
    assert [(event["account"], event["detail"]) for event in queue.bodies()] == [("000000000000", {"n": 2})]


def test_rules_that_send_to_their_own_bus_come_to_an_end(world, events, make_queue, entry):
    queue = make_queue()
    events.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": bus}, {"Id": "2", "Arn": queue.arn}])
    events.put_events(Entries=[entry()])
    assert len(queue.bodies()) == 6


def test_a_schedule_runs_by_the_worlds_clock(world, events, make_queue):
    queue = make_queue()
    events.put_rule(Name="r", ScheduleExpression="rate(5 minutes)")
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": queue.arn}])
    world.clock.advance(minutes=16)
    found = queue.bodies()
    assert [event["detail-type"] for event in found] == ["Scheduled Event"] * 3
    assert found[0]["resources"] == ["arn:aws:events:us-east-1:000000000000:rule/r"]
    events.disable_rule(Name="r")
    world.clock.advance(minutes=16)
    assert queue.bodies() == []


def test_an_archive_replays_what_its_bus_saw(world, events, make_queue, entry):
    queue = make_queue()
    rule(events, queue.arn)
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
    archive = events.create_archive(ArchiveName="a", EventSourceArn=bus, EventPattern='{"detail": {"n": [{"numeric": [">", 1]}]}}')
    start = world.clock.now()
    events.put_events(Entries=[entry(n=n) for n in (1, 2, 3)])
    assert len(queue.bodies()) == 3
    assert events.describe_archive(ArchiveName="a")["EventCount"] == 2
    world.clock.advance(hours=1)
    events.start_replay(
        ReplayName="again",
        EventSourceArn=archive["ArchiveArn"],
        EventStartTime=start,
        EventEndTime=world.clock.now(),
        Destination={"Arn": bus},
    )
    world.clock.advance(seconds=10)
    assert sorted((event["detail"]["n"], event["replay-name"]) for event in queue.bodies()) == [(2, "again"), (3, "again")]
    assert events.describe_replay(ReplayName="again")["State"] == "COMPLETED"


def test_an_archive_forgets_what_is_older_than_its_retention(world, events, entry):
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
    events.create_archive(ArchiveName="a", EventSourceArn=bus, RetentionDays=2)
    events.put_events(Entries=[entry()])
    world.clock.advance(days=4)
    assert events.describe_archive(ArchiveName="a")["EventCount"] == 0


def destination(events, url):
    connection = events.create_connection(
        Name="c",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}},
    )
    made = events.create_api_destination(
        Name="d", ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=url, HttpMethod="POST"
    )  # fmt: skip
    return made["ApiDestinationArn"]


def role(world):
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = world.client("iam")
    may = {"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": "*"}
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}))
    return arn


def test_an_api_destination_is_called_with_its_connections_key(world, events, entry):
    # A bucket that takes anybody's puts stands for the endpoint: what arrives is what was sent.
    s3 = world.client("s3")
    s3.create_bucket(Bucket="inbox")
    s3.put_public_access_block(Bucket="inbox", PublicAccessBlockConfiguration={"BlockPublicPolicy": False})
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::inbox/*"}
    s3.put_bucket_policy(Bucket="inbox", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    connection = events.create_connection(
        Name="c",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "x-amz-meta-key", "ApiKeyValue": "secret"}},
    )
    made = events.create_api_destination(
        Name="d", ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=f"{world.endpoint}/inbox/*", HttpMethod="PUT"
    )
    rule(events, made["ApiDestinationArn"], RoleArn=role(world), HttpParameters={"PathParameterValues": ["one"]}, InputPath="$.detail")
    events.put_events(Entries=[entry(a=1)])
    world.settle()
    found = s3.get_object(Bucket="inbox", Key="one")
    assert json.loads(found["Body"].read()) == {"a": 1}
    assert found["Metadata"] == {"key": "secret"}
    described = events.describe_connection(Name="c")
    assert "ApiKeyValue" not in described["AuthParameters"]["ApiKeyAuthParameters"]


BASIC = {"BasicAuthParameters": {"Username": "ann", "Password": "hush"}}
EXTRA = {"InvocationHttpParameters": {"HeaderParameters": [{"Key": "X-A", "Value": "v", "IsValueSecret": True}]}}
OAUTH = {
    "OAuthParameters": {
        "ClientParameters": {"ClientID": "id", "ClientSecret": "hush"},
        "AuthorizationEndpoint": "https://example.com/token",
        "HttpMethod": "POST",
        "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all", "IsValueSecret": False}]},
    }
}


@pytest.mark.parametrize(
    ("kind", "parameters", "kept"),
    [
        ("BASIC", BASIC | EXTRA, {"username": "ann", "password": "hush", "invocation_http_parameters": {
            "header_parameters": [{"key": "X-A", "value": "v", "is_value_secret": True}]}}),
        ("OAUTH_CLIENT_CREDENTIALS", OAUTH, {
            "client_id": "id", "client_secret": "hush", "authorization_endpoint": "https://example.com/token", "http_method": "POST",
            "oauth_http_parameters": {"body_parameters": [{"key": "scope", "value": "all", "is_value_secret": False}]}}),
    ],
)  # fmt: skip
def test_a_connections_secrets_are_in_secrets_manager(world, events, aws_error, kind, parameters, kept):
    secrets = world.client("secretsmanager")
    events.create_connection(Name="c", AuthorizationType=kind, AuthParameters=parameters)
    described = events.describe_connection(Name="c")
    assert described["SecretArn"].startswith("arn:aws:secretsmanager:us-east-1:000000000000:secret:events!connection/c/")
    assert json.loads(secrets.get_secret_value(SecretId=described["SecretArn"])["SecretString"]) == kept
    assert "hush" not in json.dumps(described["AuthParameters"])
    assert '"v"' not in json.dumps(described["AuthParameters"])
    events.deauthorize_connection(Name="c")
    assert "SecretArn" not in events.describe_connection(Name="c")
    with aws_error("ResourceNotFoundException"):
        secrets.describe_secret(SecretId=described["SecretArn"])
    events.update_connection(Name="c", AuthorizationType=kind, AuthParameters=parameters)
    again = events.describe_connection(Name="c")["SecretArn"]
    assert json.loads(secrets.get_secret_value(SecretId=again)["SecretString"]) == kept
    events.delete_connection(Name="c")
    assert secrets.list_secrets()["SecretList"] == []


def test_a_part_of_a_connections_parameters_can_be_changed(world, events):
    secrets = world.client("secretsmanager")
    events.create_connection(Name="c", AuthorizationType="BASIC", AuthParameters=BASIC)
    arn = events.describe_connection(Name="c")["SecretArn"]
    events.update_connection(Name="c", AuthParameters={"BasicAuthParameters": {"Username": "bob"}})
    assert json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]) == {"username": "bob", "password": "hush"}
    assert events.describe_connection(Name="c")["AuthParameters"] == {"BasicAuthParameters": {"Username": "bob"}}


def test_a_connection_needs_leave_for_its_secret(world, events, aws_error):
    iam = world.client("iam")
    iam.create_user(UserName="u")
    may = {"Effect": "Allow", "Action": ["events:*", "iam:CreateServiceLinkedRole"], "Resource": "*"}
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}))
    key = iam.create_access_key(UserName="u")["AccessKey"]
    user = world.client("events", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    with aws_error("AccessDeniedException", "secretsmanager:CreateSecret"):
        user.create_connection(Name="c", AuthorizationType="BASIC", AuthParameters=BASIC)
    assert events.list_connections()["Connections"] == []


@pytest.fixture
def guarded():
    """An endpoint that gives out tokens, t1 and on, and notes which one each call came with; `answers` are its next statuses."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            form = self.rfile.read(int(self.headers["content-length"])).decode()
            if self.path == "/token":
                server.tokens.append(form)
                status, body = 200, json.dumps({"access_token": f"t{len(server.tokens)}"}).encode()
            else:
                server.calls.append(self.headers["authorization"])
                status, body = server.answers.pop(0) if server.answers else 200, b""
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.tokens, server.calls, server.answers = [], [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_an_oauth_token_is_kept_until_the_endpoint_refuses_it(world, events, entry, guarded):
    world.clock.freeze()
    client = {"ClientID": "id", "ClientSecret": "hush"}
    oauth = {"ClientParameters": client, "AuthorizationEndpoint": f"{guarded.url}/token", "HttpMethod": "POST"}
    connection = events.create_connection(
        Name="c", AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters={"OAuthParameters": oauth}
    )  # fmt: skip
    made = events.create_api_destination(
        Name="d", ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=f"{guarded.url}/hook", HttpMethod="POST"
    )
    rule(events, made["ApiDestinationArn"], RoleArn=role(world))
    for _ in range(2):
        events.put_events(Entries=[entry()])
        world.settle()
    assert guarded.calls == ["Bearer t1", "Bearer t1"]
    guarded.answers = [401]
    events.put_events(Entries=[entry()])
    world.settle()
    world.clock.advance(seconds=5)
    world.settle()
    assert guarded.calls[2:] == ["Bearer t1", "Bearer t2"]
    assert guarded.tokens == ["grant_type=client_credentials&client_id=id&client_secret=hush"] * 2

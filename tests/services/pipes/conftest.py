"""Pipes from a queue `in` to a queue `out`, unless a test says otherwise."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

HERE = "us-east-1:000000000000"


@pytest.fixture
def pipes(world):
    return world.client("pipes")


@pytest.fixture
def sqs(world):
    return world.client("sqs")


@pytest.fixture
def queues(sqs):
    for name in ("in", "out"):
        sqs.create_queue(QueueName=name)


@pytest.fixture
def role(world):
    """A role that pipes may assume; None for actions means all."""
    iam = world.client("iam")

    def make(name, actions):
        arn = f"arn:aws:iam::000000000000:role/{name}"
        if any(one["RoleName"] == name for one in iam.list_roles()["Roles"]):
            return arn
        trust = {"Effect": "Allow", "Principal": {"Service": "pipes.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
        may = {"Effect": "Allow", "Action": actions or ["*"], "Resource": "*"}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}))
        return arn

    return make


@pytest.fixture
def pipe(world, pipes, queues, role):
    def make(**changes):
        settings = {
            "Name": "through",
            "Source": f"arn:aws:sqs:{HERE}:in",
            "Target": f"arn:aws:sqs:{HERE}:out",
            "RoleArn": role("pipe", None),
        }
        answer = pipes.create_pipe(**(settings | changes))
        world.clock.advance(seconds=0)
        return answer

    return make


@pytest.fixture
def send(sqs):
    def send(body):
        sqs.send_message(QueueUrl="in", MessageBody=json.dumps(body))

    return send


@pytest.fixture
def received(world, sqs):
    def received():
        world.settle()
        found = []
        while messages := sqs.receive_message(QueueUrl="out", MaxNumberOfMessages=10).get("Messages"):
            found += messages
        return [message["Body"] for message in found]

    return received


@pytest.fixture
def depth(world, sqs):
    """How many messages of a queue are ready, and in flight."""

    def depth(name):
        world.settle()
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=name, AttributeNames=names)["Attributes"]
        return tuple(int(found[one]) for one in names)

    return depth


@pytest.fixture
def queue_of_bus(world, sqs):
    """A bus of its own, and what arrives there."""
    events = world.client("events")
    bus = events.create_event_bus(Name="orders")["EventBusArn"]
    events.put_rule(Name="all", EventBusName="orders", EventPattern='{"account": ["000000000000"]}')
    sqs.create_queue(QueueName="seen")
    arn = f"arn:aws:sqs:{HERE}:seen"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl="seen", Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})})
    events.put_targets(Rule="all", EventBusName="orders", Targets=[{"Id": "q", "Arn": arn}])

    def arrived():
        world.settle()
        return [json.loads(message["Body"]) for message in sqs.receive_message(QueueUrl="seen", MaxNumberOfMessages=10)["Messages"]]

    return bus, arrived


@pytest.fixture
def table(world):
    """A way to put an item into a table, and its stream's ARN."""
    dynamodb = world.client("dynamodb")
    answer = dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    world.settle()

    def put(name):
        dynamodb.put_item(TableName="orders", Item={"id": {"S": name}})

    return put, answer["TableDescription"]["LatestStreamArn"]


@pytest.fixture
def endpoint():
    """A web server that answers with what it was sent, doubled; what came is kept."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            came.append((self.path, self.headers["X-Kind"], body))
            answer = json.dumps({"twice": [body, body]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            """Quiet."""

    came = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", came
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def destination(world, endpoint):
    """An API destination at that server."""
    events = world.client("events")
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}}
    connection = events.create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters=key)
    made = events.create_api_destination(
        Name="d", ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=endpoint[0] + "/hook/*", HttpMethod="POST"
    )
    return made["ApiDestinationArn"]


@pytest.fixture
def function(world):
    """Makes a Python function of its source."""
    import io
    import zipfile

    iam, client = world.client("iam"), world.client("lambda")

    def make(name, source):
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = iam.create_role(RoleName=f"run-{name}", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", source)
        made = client.create_function(
            FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=arn, Code={"ZipFile": buffer.getvalue()}
        )
        world.clock.advance(seconds=5)
        return made["FunctionArn"]

    return make

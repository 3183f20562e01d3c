"""What attackers try, continued: two readings of one request, and what a signature leaves out."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from people import document
from test_attacks import send, signed

from cloudjar.identity.sigv4 import ecdsa, parse_credentials
from cloudjar.identity.sigv4.signature import canonical_request, string_to_sign
from cloudjar.wire.http import BufferedBody, Request

EMPTY = hashlib.sha256(b"").hexdigest()


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def ann(world, person):
    world.client("s3").create_bucket(Bucket="target")
    return person("ann", {"Action": "*"})


def test_a_credential_within_another_part_of_the_header_is_not_taken_for_it(world, ann):
    """The Region and service that are evaluated are those of the signature, wherever else the words stand."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    hidden = f"Credential={ann.key}/{stamp[:8]}/eu-west-1/s3/aws4_request"
    named = f"host;x-amz-content-sha256;x-amz-date;x{hidden}"
    authorization = (
        f"AWS4-HMAC-SHA256 SignedHeaders={named}, Credential={ann.key}/{stamp[:8]}/us-east-1/s3/aws4_request, Signature={'0' * 64}"
    )
    headers = [("Host", urlsplit(world.endpoint).netloc), ("X-Amz-Date", stamp), ("X-Amz-Content-Sha256", EMPTY)]
    status, text = send(world, "GET", "/target", [*headers, ("Authorization", authorization)])
    assert status in (400, 403)
    assert "AuthorizationHeaderMalformed" in text


def test_an_operation_that_the_signature_leaves_open_is_refused(world, ann):
    body = b"{}"
    headers = {"Content-Type": "application/x-amz-json_1.0"}
    request = AWSRequest("POST", world.endpoint + "/", headers=headers, data=body)
    SigV4Auth(Credentials(ann.key, ann.secret), "dynamodb", "us-east-1").add_auth(request)
    named = [("Host", urlsplit(world.endpoint).netloc), *request.headers.items(), ("Content-Length", "2")]
    status, text = send(world, "POST", "/", [*named, ("X-Amz-Target", "DynamoDB_20120810.ListTables")], body)
    assert (status, "X-Amz-Target" in text) == (400, True)


def test_two_hosts_are_refused(world, ann):
    headers = signed(world, ann, "GET", "/target")
    status, _ = send(world, "GET", "/target", [*headers, ("Host", "s3.eu-central-1.amazonaws.com")])
    assert status in (400, 403)


def test_a_presigned_link_is_for_its_method_and_its_key_only(world, ann):
    world.client("s3").put_object(Bucket="target", Key="k", Body=b"v")
    client = ann.client("s3", config=Config(signature_version="s3v4"))
    url = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": "target", "Key": "k"}))
    host = [("Host", url.netloc)]
    assert send(world, "GET", f"{url.path}?{url.query}", host) == (200, "v")
    for method, path in (("PUT", url.path), ("DELETE", url.path), ("GET", "/target/other"), ("GET", "/target")):
        assert send(world, method, f"{path}?{url.query}", host)[0] == 403
    assert send(world, "GET", f"{url.path}?{url.query}&versionId=null", host)[0] == 403
    assert send(world, "GET", f"{url.path}?{url.query}&X-Amz-Expires=604800", host)[0] in (400, 403)
    elsewhere = [("Host", f"s3.eu-central-1.amazonaws.com:{urlsplit(world.endpoint).port}")]
    assert send(world, "GET", f"{url.path}?{url.query}", elsewhere)[0] in (400, 403)


def test_a_parameter_given_twice_is_judged_as_it_is_run(world, person):
    """Whichever of the two is taken, policy and operation take the same."""
    ann = person("ann", {"Action": "iam:CreateUser", "Resource": "arn:aws:iam::000000000000:user/mine"})
    for first, second in (("mine", "other"), ("other", "mine")):
        body = f"Action=CreateUser&Version=2010-05-08&UserName={first}&UserName={second}".encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        send(world, "POST", "/", signed(world, ann, "POST", "/", headers, service="iam", body=body), body)
    assert "other" not in [user["UserName"] for user in world.client("iam").list_users()["Users"]]


def test_members_given_twice_in_json_are_judged_as_they_are_run(world, person):
    ann = person("ann", {"Action": "logs:CreateLogGroup", "Resource": "arn:aws:logs:us-east-1:000000000000:log-group:mine:*"})
    for first, second in (("mine", "other"), ("other", "mine")):
        body = f'{{"logGroupName": "{first}", "logGroupName": "{second}"}}'.encode()
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.CreateLogGroup"}
        send(world, "POST", "/", signed(world, ann, "POST", "/", headers, service="logs", body=body), body)
    assert "other" not in [group["logGroupName"] for group in world.client("logs").describe_log_groups()["logGroups"]]


def version_4a(world, ann, regions, *, host, sign_set=True):
    """The headers of GET /target, signed for a set of Regions."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-date": stamp, "x-amz-content-sha256": EMPTY, "x-amz-region-set": regions}
    names = ";".join(sorted(name for name in headers if sign_set or name != "x-amz-region-set"))
    start = f"AWS4-ECDSA-P256-SHA256 Credential={ann.key}/{stamp[:8]}/s3/aws4_request, SignedHeaders={names}, Signature="
    request = Request("GET", "/target", "", {**headers, "authorization": start + "00"}, BufferedBody())
    text = string_to_sign(credentials := parse_credentials(request), canonical_request(request, credentials, EMPTY))
    key = ec.derive_private_key(ecdsa.private_scalar(ann.key, ann.secret), ec.SECP256R1())
    return [*headers.items(), ("authorization", start + key.sign(text.encode(), ec.ECDSA(hashes.SHA256())).hex())]


def test_a_set_of_regions_is_signed_and_holds_for_the_host(world, ann):
    port = urlsplit(world.endpoint).port
    here = f"s3.us-east-1.amazonaws.com:{port}"
    assert send(world, "GET", "/target", version_4a(world, ann, "eu-west-1,us-*", host=here))[0] == 200
    assert send(world, "GET", "/target", version_4a(world, ann, "*", host=here))[0] == 200
    assert send(world, "GET", "/target", version_4a(world, ann, "eu-west-1", host=here))[0] == 400
    assert send(world, "GET", "/target", version_4a(world, ann, "us-east-1", host=here, sign_set=False))[0] == 403


def test_a_role_behind_an_attribute_has_to_be_passed_too(world, person):
    sns, iam = world.client("sns"), world.client("iam")
    topic = sns.create_topic(Name="t")["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": statement})
    role = iam.create_role(RoleName="feedback", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    ann = person("ann", {"Action": "sns:*"})
    wanted = {"TopicArn": topic, "AttributeName": "LambdaSuccessFeedbackRoleArn", "AttributeValue": role}
    with pytest.raises(ClientError) as caught:
        ann.client("sns").set_topic_attributes(**wanted)
    assert "iam:PassRole" in caught.value.response["Error"]["Message"]
    ann.allow({"Action": "sns:*"}, {"Action": "iam:PassRole", "Condition": {"StringEquals": {"iam:PassedToService": "sns.amazonaws.com"}}})
    ann.client("sns").set_topic_attributes(**wanted)
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["LambdaSuccessFeedbackRoleArn"] == role


def test_a_role_is_assumed_by_a_service_for_the_resource_that_its_trust_policy_names(world):
    iam, scheduler = world.client("iam"), world.client("scheduler")
    group = "arn:aws:scheduler:us-east-1:000000000000:schedule-group/mine"
    for name, source in (("right", group), ("wrong", group.replace("mine", "other"))):
        condition = {"StringEquals": {"aws:SourceAccount": "000000000000"}, "ArnLike": {"aws:SourceArn": source}}
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": condition,
        }
        trust = json.dumps({"Version": "2012-10-17", "Statement": statement})
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document({"Action": "iam:CreateGroup"}))
        if name == "right":
            scheduler.create_schedule_group(Name="mine")
        target = {"Arn": "arn:aws:scheduler:::aws-sdk:iam:createGroup", "RoleArn": role, "Input": json.dumps({"GroupName": name})}
        scheduler.create_schedule(
            Name=name, GroupName="mine", ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
        )
    world.clock.advance(minutes=2)
    world.settle()
    assert [found["GroupName"] for found in iam.list_groups()["Groups"]] == ["right"]


def test_a_cluster_token_is_good_for_its_cluster_only(world, person):
    """A presigned GetCallerIdentity with a signed cluster name is how Kubernetes learns who somebody is (aws-iam-authenticator)."""
    ann = person("ann")
    client = ann.client("sts")

    def named(params, context, **_):
        context["x-k8s-aws-id"] = params.pop("x-k8s-aws-id", "")

    def signed_name(request, **_):
        request.headers["x-k8s-aws-id"] = request.context.get("x-k8s-aws-id", "")

    client.meta.events.register("provide-client-params.sts.GetCallerIdentity", named)
    client.meta.events.register("before-sign.sts.GetCallerIdentity", signed_name)
    url = urlsplit(client.generate_presigned_url("get_caller_identity", Params={"x-k8s-aws-id": "blue"}, ExpiresIn=60, HttpMethod="GET"))
    host = ("Host", url.netloc)
    status, text = send(world, "GET", f"{url.path}?{url.query}", [host, ("x-k8s-aws-id", "blue")])
    assert (status, ann.arn in text) == (200, True)
    for headers in ([host], [host, ("x-k8s-aws-id", "green")]):
        status, text = send(world, "GET", f"{url.path}?{url.query}", headers)
        assert (status, "SignatureDoesNotMatch" in text) == (403, True)

"""aws:RequestedRegion is the Region of the endpoint that is called, by whatever name it is reached."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from test_attacks import send

FRANKFURT = "eu-central-1"
DECODE = "/?Action=DecodeAuthorizationMessage&EncodedMessage=x&Version=2011-06-15"
"""An operation that needs permission; with it, the message is told to be none."""


def in_regions(*regions, effect="Allow", action="*"):
    return {"Effect": effect, "Action": action, "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": list(regions)}}}


def text_of(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def to_host(world, person, host, path, *, region, service="s3"):
    """A signed GET for a host of AWS's, sent to the jar; its status."""
    port = urlsplit(world.endpoint).port
    request = AWSRequest("GET", f"http://{host}:{port}{path}")
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials(person.key, person.secret), service, region).add_auth(request)
    return send(world, "GET", path, [("Host", f"{host}:{port}"), *request.headers.items()])[0]


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("s3.eu-central-1.amazonaws.com", "/in-frankfurt"),
        ("in-frankfurt.s3.eu-central-1.amazonaws.com", "/"),
        ("in-frankfurt.s3.dualstack.eu-central-1.amazonaws.com", "/"),
        ("s3.dualstack.eu-central-1.amazonaws.com", "/in-frankfurt"),
        ("s3-eu-central-1.amazonaws.com", "/in-frankfurt"),
        ("in-frankfurt.s3.amazonaws.com", "/"),
    ],
)
def test_a_bucket_is_in_its_region_under_each_of_its_names(world, person, host, path):
    frankfurt = {"LocationConstraint": FRANKFURT}
    world.client("s3", region=FRANKFURT).create_bucket(Bucket="in-frankfurt", CreateBucketConfiguration=frankfurt)
    ann = person("ann", in_regions(FRANKFURT, action="s3:*"))
    assert to_host(world, ann, host, path, region=FRANKFURT) == 200
    bob = person("bob", in_regions("us-east-1", action="s3:*"))
    assert to_host(world, bob, host, path, region=FRANKFURT) == 403


def test_a_signature_for_one_region_is_no_good_at_anothers_host(world, person):
    frankfurt = {"LocationConstraint": FRANKFURT}
    world.client("s3", region=FRANKFURT).create_bucket(Bucket="in-frankfurt", CreateBucketConfiguration=frankfurt)
    ann = person("ann", in_regions(FRANKFURT, "us-east-1"))
    assert to_host(world, ann, "s3.us-east-1.amazonaws.com", "/in-frankfurt", region=FRANKFURT) == 400
    assert to_host(world, ann, "s3.eu-central-1.amazonaws.com", "/in-frankfurt", region="us-east-1") == 400
    assert to_host(world, ann, "sts.us-east-1.amazonaws.com", DECODE, region=FRANKFURT, service="sts") == 403


def test_the_global_endpoint_of_sts_is_in_virginia(world, person):
    ann = person("ann", in_regions(FRANKFURT))
    assert to_host(world, ann, "sts.amazonaws.com", DECODE, region="us-east-1", service="sts") == 403
    assert to_host(world, ann, "sts.eu-central-1.amazonaws.com", DECODE, region=FRANKFURT, service="sts") == 400


def test_session_policy_boundary_and_role_leave_what_all_of_them_allow(world, person):
    iam = world.client("iam")
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=text_of(in_regions(FRANKFURT, "us-east-1", "eu-west-1")))["Policy"]["Arn"]
    ann = person("ann", {"Action": "sts:AssumeRole"})
    trust = {"Effect": "Allow", "Principal": {"AWS": ann.arn}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=text_of(trust), PermissionsBoundary=boundary)["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=text_of(in_regions(FRANKFURT, "us-east-1", "ap-southeast-2")))
    narrowed = text_of(in_regions("us-east-1", "eu-west-1", "ap-southeast-2"))
    found = ann.client("sts").assume_role(RoleArn=role, RoleSessionName="visit", Policy=narrowed)["Credentials"]
    allowed = []
    for region in (FRANKFURT, "us-east-1", "eu-west-1", "ap-southeast-2"):
        logs = world.client(
            "logs", region=region, access_key=found["AccessKeyId"], secret=found["SecretAccessKey"], session_token=found["SessionToken"]
        )
        try:
            logs.describe_log_groups()
            allowed.append(region)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException"
    assert allowed == ["us-east-1"]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEqualsIgnoreCase": {"aws:RequestedRegion": "EU-CENTRAL-1"}},
        {"StringLike": {"aws:RequestedRegion": "eu-*"}},
        {"StringNotLike": {"aws:RequestedRegion": "us-*"}},
        {"StringEquals": {"AWS:REQUESTEDREGION": [FRANKFURT, "eu-west-1"]}},
        {"ForAnyValue:StringEquals": {"aws:RequestedRegion": [FRANKFURT]}},
        {"StringEqualsIfExists": {"aws:RequestedRegion": FRANKFURT}},
    ],
)
def test_every_operator_reads_the_same_region(person, condition):
    ann = person("ann", {"Action": "logs:*", "Condition": condition})
    ann.client("logs", region=FRANKFURT).describe_log_groups()
    with pytest.raises(ClientError):
        ann.client("logs", region="us-east-1").describe_log_groups()


def test_the_region_is_a_variable_in_a_resource_too(person):
    ann = person("ann", {"Action": "logs:CreateLogGroup", "Resource": "arn:aws:logs:*:*:log-group:${aws:RequestedRegion}-*"})
    frankfurt = ann.client("logs", region=FRANKFURT)
    frankfurt.create_log_group(logGroupName="eu-central-1-mine")
    with pytest.raises(ClientError):
        frankfurt.create_log_group(logGroupName="us-east-1-mine")

"""What the simulator says is what happens: a matrix of policies, Regions and actions, simulated and lived."""

from __future__ import annotations

import itertools

import pytest
from botocore.exceptions import ClientError
from people import document

REGIONS = ("us-east-1", "eu-central-1", "eu-west-1", "ap-southeast-2")
CALLS = {
    "logs:DescribeLogGroups": ("logs", "describe_log_groups"),
    "lambda:ListFunctions": ("lambda", "list_functions"),
    "lambda:GetAccountSettings": ("lambda", "get_account_settings"),
    "sqs:ListQueues": ("sqs", "list_queues"),
    "s3:ListAllMyBuckets": ("s3", "list_buckets"),
}
REGION = "aws:RequestedRegion"


def when(operator, *values, **more):
    return {"Condition": {operator: {REGION: list(values)}}, **more}


POLICIES = [
    [{"Action": "*"}],
    [{"Action": "logs:*"}],
    [{"Action": ["lambda:List*", "sqs:*"]}],
    [{"NotAction": "lambda:*"}],
    [{"Action": "*", **when("StringEquals", "eu-central-1")}],
    [{"Action": "*", "Condition": {"StringEquals": {"AWS:REQUESTEDREGION": "eu-central-1"}}}],
    [{"Action": "*", **when("StringEqualsIgnoreCase", "EU-CENTRAL-1")}],
    [{"Action": "*", **when("StringLike", "eu-*")}],
    [{"Action": "*", **when("StringNotLike", "eu-*")}],
    [{"Action": "*", **when("StringNotEquals", "us-east-1", "eu-west-1")}],
    [{"Action": "*", **when("StringEquals", "eu-central-1", "eu-west-1")}],
    [{"Action": "*", **when("ForAnyValue:StringEquals", "eu-west-1")}],
    [{"Action": "*", **when("ForAllValues:StringLike", "eu-*")}],
    [{"Action": "*", **when("StringEqualsIfExists", "ap-southeast-2")}],
    [{"Action": "*", "Condition": {"Null": {REGION: "true"}}}],
    [{"Action": "*", "Condition": {"Null": {REGION: "false"}}}],
    [{"Action": "*"}, {"Effect": "Deny", "Action": "*", **when("StringNotEquals", "eu-central-1")}],
    [{"Action": "*"}, {"Effect": "Deny", "NotAction": ["logs:*", "s3:*"], **when("StringNotLike", "eu-*")}],
    [{"Action": "*"}, {"Effect": "Deny", "Action": "lambda:*", **when("StringLike", "eu-w*")}],
    [{"Action": "l*:*", **when("StringLike", "*-1")}],
    [{"Action": "*:List*", **when("StringLike", "??-*-2")}],
    [{"Action": "lambda:*"}, {"Action": "sqs:ListQueues", **when("StringEquals", "us-east-1")}],
    [{"Action": "*", "Resource": "arn:aws:logs:${aws:RequestedRegion}:*:*"}],
    [{"Action": "*", "Resource": "arn:aws:logs:eu-*:*:*"}, {"Action": "lambda:*"}],
    [{"Action": "*", "Condition": {"StringEquals": {REGION: "eu-central-1"}, "Bool": {"aws:SecureTransport": "false"}}}],
    [{"Action": "*", "Condition": {"StringEquals": {REGION: "eu-central-1"}, "Bool": {"aws:SecureTransport": "true"}}}],
]


@pytest.fixture(scope="module")
def lived_and_simulated(cloudjar_base):
    """{(policy, Region, action): (lived, simulated)}, of one user whose policy is changed again and again."""
    from people import Person

    world = cloudjar_base.fork("simulation-agrees")
    ann = Person(world, "ann", *POLICIES[0])
    clients = {(call[0], region): ann.client(call[0], region=region) for call, region in itertools.product(CALLS.values(), REGIONS)}
    found = {}
    for number, statements in enumerate(POLICIES):
        ann.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document(*statements))
        for region in REGIONS:
            entries = [
                {"ContextKeyName": REGION, "ContextKeyType": "string", "ContextKeyValues": [region]},
                {"ContextKeyName": "aws:SecureTransport", "ContextKeyType": "boolean", "ContextKeyValues": ["false"]},
            ]
            for action, (service, operation) in CALLS.items():
                resource = f"arn:aws:logs:{region}:000000000000:log-group:*" if action.startswith("logs") else "*"
                answer = ann.iam.simulate_principal_policy(
                    PolicySourceArn=ann.arn, ActionNames=[action], ResourceArns=[resource], ContextEntries=entries
                )
                simulated = answer["EvaluationResults"][0]["EvalDecision"]
                found[number, region, action] = (_live(clients[service, region], operation), simulated)
    world.drop()
    return found


def _live(client, operation):
    try:
        getattr(client, operation)()
    except ClientError as refused:
        message = refused.response["Error"]["Message"]
        assert "is not authorized to perform" in message
        return "explicitDeny" if "explicit deny" in message else "implicitDeny"
    return "allowed"


def test_simulated_and_lived_outcomes_are_the_same(lived_and_simulated):
    assert len(lived_and_simulated) >= 500
    assert {triple: pair for triple, pair in lived_and_simulated.items() if pair[0] != pair[1]} == {}


def test_the_matrix_has_every_outcome(lived_and_simulated):
    assert {lived for lived, _ in lived_and_simulated.values()} == {"allowed", "explicitDeny", "implicitDeny"}

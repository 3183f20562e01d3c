"""The tour "iam-requested-region"."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from typing import Any

from cloudjar.tours.tour import Answer, Tour

HOME = "eu-central-1"
ELSEWHERE = ("us-east-1", "eu-west-1", "ap-southeast-2")
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/exec"
REGION = "aws:RequestedRegion"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def policy(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **each} for each in statements]})


READ = {
    "Sid": "ReadAnywhere",
    "Action": [
        "ec2:Describe*", "rds:Describe*", "lambda:List*", "lambda:Get*", "logs:Describe*", "iam:ListRoles", "iam:GetRole", "sts:*",
    ],
}  # fmt: skip
WRITE = {
    "Sid": "WriteAtHome",
    "Action": ["ec2:*", "rds:*", "lambda:*", "logs:*", "sqs:*"],
    "Condition": {"StringEquals": {REGION: HOME}},
}
PASS = {"Sid": "PassRole", "Action": "iam:PassRole", "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}


def iam_requested_region(tour: Tour) -> None:
    """A group of developers who may write in one Region only: policies, denials, forgery, SCPs, simulation, the trail."""
    tour.step("A jar of its own")
    tour.start_jar()

    tour.step("An administrator makes a group, a user and a policy", "Read anywhere, write in Frankfurt, pass a role to Lambda.")
    ann = _people(tour)

    tour.step("In Frankfurt, the developer works")
    _create_function(tour, HOME, ann)
    tour.aws("logs", "create-log-group", "--log-group-name", "home", "--region", HOME, keys=ann)
    tour.aws("sqs", "create-queue", "--queue-name", "home", "--region", HOME, keys=ann)

    tour.step("Elsewhere, nothing can be made, and nothing is")
    for region in ELSEWHERE:
        refused = _function(tour, region, ann)
        tour.check(f"create-function is denied in {region}", _denied(refused, "lambda:CreateFunction"), refused.error)
        left = tour.aws("lambda", "list-functions", "--region", region, keys=ann).json["Functions"]
        tour.check(f"there is no function in {region}, and it may be looked at", left == [], left)
    refused = tour.try_aws("sqs", "create-queue", "--queue-name", "q", "--region", "us-east-1", keys=ann)
    tour.check("SQS says it in its own words", _denied(refused, "sqs:createqueue"), refused.error)

    tour.step("A role can be passed to Lambda, and only with iam:PassRole")
    _attach(tour, READ, WRITE)
    refused = _function(tour, HOME, ann, "second")
    tour.check("without the statement the refusal names iam:PassRole", _denied(refused, "iam:PassRole"), refused.error)
    _attach(tour, READ, WRITE, PASS)
    _create_function(tour, HOME, ann, "second")

    tour.step("Operators, and the key in capitals")
    for operator, values, allowed in (
        ("StringEquals", [HOME], True),
        ("StringEqualsIgnoreCase", ["EU-CENTRAL-1"], True),
        ("StringLike", ["eu-*"], True),
        ("StringNotLike", ["eu-*"], False),
        ("StringEquals", ["us-east-1", HOME], True),
        ("ForAnyValue:StringEquals", ["us-east-1"], False),
        ("StringEqualsIfExists", [HOME], True),
    ):
        _attach(tour, {"Action": "logs:*", "Condition": {operator: {"AWS:REQUESTEDREGION": values}}})
        found = tour.try_aws("logs", "describe-log-groups", "--region", HOME, shown=False, keys=ann)
        tour.check(f"{operator} {values} {'allows' if allowed else 'does not allow'}", (found.code == 0) == allowed, found.error)
    _attach(tour, {"Action": "logs:*", "Resource": "arn:aws:logs:${aws:RequestedRegion}:*:*"})
    tour.aws("logs", "describe-log-groups", "--region", HOME, keys=ann)

    tour.step("The documented region-deny policy", "Deny with NotAction: services without Regions stay usable.")
    deny = {"Effect": "Deny", "Condition": {"StringNotEquals": {REGION: HOME}}}
    _attach(tour, {"Action": "*"}, {**deny, "NotAction": ["iam:*", "route53:*", "support:*", "cloudfront:*"]})
    tour.aws("iam", "list-roles", keys=ann)
    refused = tour.try_aws("logs", "describe-log-groups", "--region", "us-east-1", keys=ann)
    tour.check("logs is denied in Virginia", "explicit deny" in refused.error, refused.error)
    _attach(tour, {"Action": "*"}, {**deny, "Action": "*"})
    refused = tour.try_aws("iam", "list-roles", keys=ann)
    tour.check("without NotAction IAM is denied everywhere", "explicit deny" in refused.error, refused.error)

    tour.step("Forgery")
    wrong = tour.try_aws("sts", "get-caller-identity", keys={**ann, "AWS_SECRET_ACCESS_KEY": "guessed"})
    tour.check("a wrong secret is refused", "SignatureDoesNotMatch" in wrong.error, wrong.error)

    tour.step("An organization's policy binds even a member's root user")
    _organization(tour)

    tour.step("The simulator agrees")
    _attach(tour, READ, WRITE)
    for region, expected in ((HOME, "allowed"), ("us-east-1", "implicitDeny")):
        found = tour.aws(
            *("iam", "simulate-principal-policy", "--policy-source-arn", f"arn:aws:iam::{ACCOUNT}:user/ann"),
            *("--action-names", "lambda:CreateFunction", "--context-entries"),
            f"ContextKeyName={REGION},ContextKeyType=string,ContextKeyValues={region}",
        ).json["EvaluationResults"][0]["EvalDecision"]
        tour.check(f"lambda:CreateFunction is {expected} in {region}", found == expected, found)

    tour.step("A malformed policy is refused; an unknown key is not")
    bad = tour.try_aws("iam", "create-policy", "--policy-name", "bad", "--policy-document", '{"Statement": "nothing"}')
    tour.check("MalformedPolicyDocument", "MalformedPolicyDocument" in bad.error, bad.error)
    unknown = policy({"Action": "s3:*", "Condition": {"StringLooksLike": {REGION: "x"}}})
    bad = tour.try_aws("iam", "create-policy", "--policy-name", "bad", "--policy-document", unknown)
    tour.check("an unknown operator is refused", "MalformedPolicyDocument" in bad.error, bad.error)
    strange = policy({"Action": "s3:*", "Condition": {"StringEquals": {"acme:Colour": "x"}}})
    tour.aws("iam", "create-policy", "--policy-name", "strange", "--policy-document", strange)

    tour.step("The trail has the denied calls, with their Region")
    name = "AttributeKey=EventName,AttributeValue=CreateFunction20150331"
    for region in ELSEWHERE:
        events = tour.aws("cloudtrail", "lookup-events", "--region", region, "--lookup-attributes", name, shown=False).json["Events"]
        told = [json.loads(event["CloudTrailEvent"]) for event in events]
        denied = [(each["awsRegion"], each["errorCode"], each["userIdentity"]["userName"]) for each in told]
        tour.check(f"{region}: AccessDeniedException, by ann", denied == [(region, "AccessDeniedException", "ann")], denied)


def _people(tour: Tour) -> Mapping[str, str]:
    tour.aws("iam", "create-group", "--group-name", "developers")
    tour.aws("iam", "create-user", "--user-name", "ann")
    tour.aws("iam", "add-user-to-group", "--group-name", "developers", "--user-name", "ann")
    key = tour.aws("iam", "create-access-key", "--user-name", "ann").json["AccessKey"]
    tour.aws("iam", "create-policy", "--policy-name", "region", "--policy-document", policy(READ, WRITE, PASS))
    tour.aws("iam", "attach-group-policy", "--group-name", "developers", "--policy-arn", f"arn:aws:iam::{ACCOUNT}:policy/region")
    tour.aws("iam", "create-role", "--role-name", "exec", "--assume-role-policy-document", TRUST)
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    who = tour.aws("sts", "get-caller-identity", keys=keys).json["Arn"]
    tour.check("the user's key is the user", who == f"arn:aws:iam::{ACCOUNT}:user/ann", who)
    return keys


def _attach(tour: Tour, *statements: dict[str, Any]) -> None:
    """Makes these statements all that the developer has; the next call obeys."""
    arn = f"arn:aws:iam::{ACCOUNT}:policy/region"
    tour.try_aws("iam", "detach-group-policy", "--group-name", "developers", "--policy-arn", arn, shown=False)
    tour.aws(
        *("iam", "put-group-policy", "--group-name", "developers", "--policy-name", "now"),
        *("--policy-document", policy(*statements)),
        shown=False,
    )


def _function(tour: Tour, region: str, keys: Mapping[str, str], name: str = "first") -> Answer:
    package = tour.folder / "function.zip"
    if not package.exists():
        with zipfile.ZipFile(package, "w") as made:
            entry = zipfile.ZipInfo("bootstrap", (2026, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100755 << 16
            made.writestr(entry, "#!/bin/sh\n")
    return tour.try_aws(
        *("lambda", "create-function", "--function-name", name, "--runtime", "provided.al2023", "--role", ROLE),
        *("--handler", "bootstrap", "--zip-file", "fileb://function.zip", "--region", region),
        keys=keys,
    )


def _create_function(tour: Tour, region: str, keys: Mapping[str, str], name: str = "first") -> None:
    made = _function(tour, region, keys, name)
    tour.check(f"create-function works in {region}", made.code == 0, made.error)


def _denied(answer: Answer, action: str) -> bool:
    return answer.code != 0 and "AccessDenied" in answer.error and f"is not authorized to perform: {action}" in answer.error


def _organization(tour: Tour) -> None:
    tour.aws("organizations", "create-organization")
    made = tour.aws("organizations", "create-account", "--email", "team@example.com", "--account-name", "team").json
    request = made["CreateAccountStatus"]["Id"]
    tour.cloudjar("clock", "advance", "5s")
    status = tour.aws("organizations", "describe-create-account-status", "--create-account-request-id", request).json
    account = status["CreateAccountStatus"]["AccountId"]
    content = policy(
        {
            "Effect": "Deny",
            "NotAction": ["iam:*", "organizations:*", "sts:*"],
            "Condition": {"StringNotEquals": {REGION: HOME}},
        }
    )
    created = tour.aws(
        *("organizations", "create-policy", "--name", "regions", "--description", "One Region", "--type", "SERVICE_CONTROL_POLICY"),
        *("--content", content),
    ).json
    control = created["Policy"]["PolicySummary"]["Id"]
    tour.aws("organizations", "attach-policy", "--policy-id", control, "--target-id", account)
    root = {"AWS_ACCESS_KEY_ID": account}
    tour.aws("logs", "create-log-group", "--log-group-name", "g", "--region", HOME, keys=root)
    refused = tour.try_aws("logs", "create-log-group", "--log-group-name", "g", "--region", "us-east-1", keys=root)
    tour.check("the member's root user is denied elsewhere", "service control policy" in refused.error, refused.error)
    tour.aws("logs", "create-log-group", "--log-group-name", "g", "--region", "us-east-1")

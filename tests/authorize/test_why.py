"""What the own API says of denials, and of what a principal needs."""

from __future__ import annotations

import json
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from cloudjar.gateway.own_iam import least_policy


def own(world, path):
    with urlopen(world.endpoint + path) as answer:
        return json.load(answer)


def test_a_denial_names_the_statement_that_made_it(world, person):
    ann = person("ann", {"Action": "iam:*"}, {"Sid": "NoUsers", "Effect": "Deny", "Action": "iam:ListUsers"})
    with pytest.raises(ClientError):
        ann.client("iam").list_users()
    denial = own(world, "/_cloudjar/denials")["denials"][0]
    assert (denial["action"], denial["explicit"], denial["statement"], denial["policy"]) == ("iam:ListUsers", True, "NoUsers", "p")
    assert denial["context"]["aws:username"] == "ann"


def test_denials_of_another_principal_are_left_out(world, person):
    with pytest.raises(ClientError):
        person("ann").client("iam").list_users()
    assert own(world, "/_cloudjar/denials?principal=arn:aws:iam::000000000000:user/bob")["denials"] == []


def test_the_proposed_policy_is_enough(world, person):
    ann = person("ann", {"Action": "*"})
    iam = ann.client("iam")
    iam.list_users()
    iam.get_user(UserName="ann")
    proposed = own(world, f"/_cloudjar/policy?principal={ann.arn}")
    ann.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=json.dumps(proposed))
    iam.list_users()
    iam.get_user(UserName="ann")
    with pytest.raises(ClientError):
        iam.list_roles()


def test_the_least_policy_joins_actions_on_the_same_resources():
    asked = [("s3:GetObject", "arn:aws:s3:::b/k"), ("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:ListAllMyBuckets", "*")]
    assert least_policy(asked)["Statement"] == [
        {"Effect": "Allow", "Action": ["s3:ListAllMyBuckets"], "Resource": ["*"]},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["arn:aws:s3:::b/k"]},
    ]


def test_audit_mode_notes_a_denial_and_lets_the_call_through(world, person):
    judge = world.local.jar.judge
    ann = person("ann", {"Action": "iam:GetUser"})
    judge.mode = "audit"
    try:
        ann.client("iam").list_users()
        assert own(world, "/_cloudjar/denials")["denials"][0]["enforced"] is False
    finally:
        judge.mode = "enforce"


def test_strict_refuses_keys_without_a_secret(world):
    authenticator = world.local.jar.authenticator
    authenticator.strict = True
    try:
        with pytest.raises(ClientError) as caught:
            world.client("sts").get_caller_identity()
        assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"
    finally:
        authenticator.strict = False

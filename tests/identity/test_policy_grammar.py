"""What is a policy document and what is not, in AWS's words."""

from __future__ import annotations

import json
import random

import pytest

from cloudjar.identity.managed_policies import list_managed
from cloudjar.identity.policy import PolicyProblem, compile_policy, parse, policy_size


def document(**changes):
    row = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    row.update(changes)
    return {"Version": "2012-10-17", "Statement": [{k: v for k, v in row.items() if v is not None}]}


def test_every_managed_policy_keeps_the_grammar_and_compiles():
    for policy in list_managed():
        compile_policy(parse(policy.text))


SYNTAX = "Syntax errors in policy."


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("{", "This policy contains invalid Json"),
        ("[" * 100_000, "This policy contains invalid Json"),
        ('{"Statement": NaN}', "This policy contains invalid Json"),
        ('{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', SYNTAX),
        ("[]", SYNTAX),
        ("{}", SYNTAX),
        ({"Version": "2012-10-17", "Statement": []}, SYNTAX),
        ({"Version": "2012-10-17", "Statement": [], "Extra": 1}, SYNTAX),
        ({"Version": "2020-01-01", "Statement": [{}]}, "Policy document must be version 2012-10-17 or greater."),
        (document(Effect="allow"), SYNTAX),
        (document(Effect=None), SYNTAX),
        (document(Extra="x"), SYNTAX),
        (document(Action=None), "Policy statement must contain actions."),
        (document(NotAction="s3:*"), SYNTAX),
        (document(Action=[]), SYNTAX),
        (document(Action=7), SYNTAX),
        (document(Action="GetObject"), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (document(Action="a b:Get"), "Vendor a b is not valid"),
        (document(Resource=None), "Policy statement must contain resources."),
        (document(Resource="bucket"), 'Resource bucket must be in ARN format or "*".'),
        (document(Resource="arn:foo:s3:::b"), 'Partition "foo" is not valid for resource "arn:foo:s3:::b".'),
        (document(Principal="*"), "Policy document should not specify a principal."),
        (
            document(Sid="a b"),
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
        (document(Condition={"StringSame": {"a:b": "c"}}), "Invalid Condition type : StringSame"),
        (document(Condition={"NullIfExists": {"a:b": "true"}}), "Invalid Condition type : NullIfExists"),
        (document(Condition={"StringEquals": {"b": "c"}}), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (document(Condition={"Bool": {"a:b": "maybe"}}), SYNTAX),
        (document(Condition={"IpAddress": {"aws:SourceIp": "300.1.1.1"}}), SYNTAX),
        (document(Condition={"StringEquals": {"a:b": {"c": 1}}}), SYNTAX),
        (document(Condition=[]), SYNTAX),
    ],
)
def test_a_broken_identity_policy_is_refused(broken, message):
    with pytest.raises(PolicyProblem) as caught:
        parse(broken)
    assert caught.value.message == message


def test_two_statements_may_not_share_a_sid():
    row = {"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"}
    with pytest.raises(PolicyProblem, match="must be unique"):
        parse({"Version": "2012-10-17", "Statement": [row, row]})


TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Resource": "*"}, "Has prohibited field Resource"),
        ({"Action": "s3:GetObject"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Principal": {"AWS": "ann"}}, 'Invalid principal in policy: "AWS":"ann"'),
        ({"Principal": None}, "Missing required field Principal"),
    ],
)
def test_a_broken_trust_policy_is_refused(changes, message):
    parse({"Version": "2012-10-17", "Statement": [TRUST]}, "trust")
    row = {k: v for k, v in {**TRUST, **changes}.items() if v is not None}
    with pytest.raises(PolicyProblem) as caught:
        parse({"Version": "2012-10-17", "Statement": [row]}, "trust")
    assert caught.value.message == message


def test_a_resource_policy_needs_principal_and_resource():
    parse(document(Principal={"AWS": ["111111111111", "arn:aws:iam::111111111111:user/a/b"]}), "resource")
    with pytest.raises(PolicyProblem, match="Missing required field Principal"):
        parse(document(), "resource")
    with pytest.raises(PolicyProblem, match="Missing required field Resource"):
        parse(document(Principal="*", Resource=None), "resource")


def test_an_rcp_only_denies_and_everybody():
    parse(document(Effect="Deny", Principal="*"), "rcp")
    with pytest.raises(PolicyProblem, match="policy type"):
        parse(document(Principal="*"), "rcp")
    with pytest.raises(PolicyProblem, match="policy type"):
        parse(document(Effect="Deny", Principal={"AWS": "111111111111"}), "rcp")


def test_size_counts_no_whitespace():
    assert policy_size('{ "a" :\n 1 }') == 7


def test_mutated_documents_raise_nothing_but_policy_problems():
    dice = random.Random(5)
    text = json.dumps(document(Condition={"ForAnyValue:StringLike": {"aws:TagKeys": ["a", "${aws:username, 'b'}"]}}, Sid="S"))
    survived = 0
    for _ in range(4000):
        characters = list(text)
        for _ in range(dice.randint(1, 3)):
            characters[dice.randrange(len(characters))] = dice.choice('{}[]":,*?$\x00é0aA ')
        try:
            compile_policy(parse("".join(characters), dice.choice(["identity", "resource", "trust", "rcp"])))
            survived += 1
        except PolicyProblem:
            pass
    assert survived > 50

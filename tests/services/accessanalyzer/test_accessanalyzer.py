"""Access Analyzer: policies validated and compared."""

from __future__ import annotations

import json

import pytest

from cloudjar.services.accessanalyzer.patterns import meet, within

INSECURE = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **each} for each in statements]})


@pytest.fixture
def analyzer(world):
    return world.client("accessanalyzer")


def codes(analyzer, document, kind="IDENTITY_POLICY"):
    found = analyzer.validate_policy(policyDocument=document, policyType=kind)["findings"]
    return [(each["findingType"], each["issueCode"]) for each in found]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Action": "s3:GetObject"}, []),
        ({"Action": "s3:GetObjekt"}, [("ERROR", "INVALID_ACTION")]),
        ({"Action": "s4:GetObject"}, [("ERROR", "INVALID_SERVICE_IN_ACTION")]),
        ({"Action": "s3:Frobnicate*"}, [("ERROR", "INVALID_ACTION")]),
        ({"Action": ["s3:*", "s3:GetObject"]}, [("SUGGESTION", "REDUNDANT_ACTION")]),
        ({"Action": "iam:PassRole"}, [("SECURITY_WARNING", "PASS_ROLE_WITH_STAR_IN_RESOURCE")]),
        ({"Action": "iam:*"}, [("SECURITY_WARNING", "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE")]),
        ({"Action": "iam:PassRole", "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}}, []),
        ({"Action": "s3:*", "Condition": {"StringEquals": {"aws:Nonsense": "x"}}}, [("ERROR", "INVALID_GLOBAL_CONDITION_KEY")]),
        ({"Action": "s3:*", "Condition": {"StringEquals": {"s3:nonsense": "x"}}}, [("ERROR", "INVALID_SERVICE_CONDITION_KEY")]),
        ({"Action": "s3:*", "Resource": "bucket"}, [("ERROR", "MISSING_ARN_PREFIX")]),
        ({"Action": "s3:*", "Principal": "*"}, [("ERROR", "UNSUPPORTED_ELEMENT_COMBINATION")]),
    ],
)
def test_what_is_found_in_a_statement(analyzer, statement, expected):
    assert codes(analyzer, policy(statement)) == expected


def test_a_finding_says_where(analyzer):
    document = '{\n "Version": "2012-10-17",\n "Statement": [{"Effect": "Allow", "Action": ["s3:GetObjekt"], "Resource": "*"}]\n}'
    (finding,) = analyzer.validate_policy(policyDocument=document, policyType="IDENTITY_POLICY")["findings"]
    (location,) = finding["locations"]
    assert location["path"] == [{"value": "Statement"}, {"index": 0}, {"value": "Action"}, {"index": 0}]
    start, end = location["span"]["start"], location["span"]["end"]
    assert (start["line"], document[start["offset"] : end["offset"]]) == (3, '"s3:GetObjekt"')


def test_text_that_is_not_json_is_an_error(analyzer):
    assert codes(analyzer, "{") == [("ERROR", "JSON_SYNTAX_ERROR")]


def test_a_policy_without_a_version_is_warned_of(analyzer):
    document = json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}})
    assert codes(analyzer, document) == [("WARNING", "MISSING_VERSION")]


def test_a_resource_policy_needs_a_principal(analyzer):
    assert codes(analyzer, policy({"Action": "s3:GetObject"}), "RESOURCE_POLICY") == [("ERROR", "MISSING_PRINCIPAL")]


@pytest.mark.parametrize(
    ("statements", "actions", "resources", "expected"),
    [
        ([{"Action": "s3:Get*"}], ["s3:GetObject"], [], "FAIL"),
        ([{"Action": "s3:Get*"}], ["s3:PutObject"], [], "PASS"),
        ([{"NotAction": "s3:*"}], ["iam:CreateUser"], [], "FAIL"),
        ([{"NotAction": "iam:*"}], ["iam:CreateUser"], [], "PASS"),
        ([{"Action": "*"}, {"Effect": "Deny", "Action": "iam:*"}], ["iam:CreateUser"], [], "PASS"),
        ([{"Action": "s3:*", "Resource": "arn:aws:s3:::a/*"}], ["s3:GetObject"], ["arn:aws:s3:::b/*"], "PASS"),
        ([{"Action": "s3:*", "Resource": "arn:aws:s3:::a*"}], [], ["arn:aws:s3:::ab/*"], "FAIL"),
        ([{"Action": "s3:*"}, {"Effect": "Deny", "Action": "s3:*", **INSECURE}], ["s3:GetObject"], [], "FAIL"),
    ],
)
def test_access_that_must_not_be_granted(analyzer, statements, actions, resources, expected):
    access = {key: value for key, value in (("actions", actions), ("resources", resources)) if value}
    answer = analyzer.check_access_not_granted(policyDocument=policy(*statements), access=[access], policyType="IDENTITY_POLICY")
    assert answer["result"] == expected
    assert [reason["statementIndex"] for reason in answer.get("reasons", [])] == ([0] if expected == "FAIL" else [])


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ([{"Action": "s3:GetObject"}], [{"Action": "s3:Get*"}], "PASS"),
        ([{"Action": "s3:Get*"}], [{"Action": "s3:GetObject"}], "FAIL"),
        ([{"Action": "s3:*", "Resource": "arn:aws:s3:::a/*"}], [{"Action": "s3:*"}], "PASS"),
        ([{"Action": "s3:*"}], [{"Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}], "FAIL"),
        ([{"Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}], [{"Action": "s3:*"}], "PASS"),
        ([{"Action": "*"}], [{"Action": "*"}, {"Effect": "Deny", "Action": "iam:*"}], "FAIL"),
        ([{"Action": "*"}, {"Effect": "Deny", "Action": "iam:*"}], [{"Action": "*"}, {"Effect": "Deny", "Action": "iam:*"}], "PASS"),
        ([{"NotAction": ["iam:*", "s3:*"]}], [{"NotAction": "iam:*"}], "PASS"),
        ([{"NotAction": "iam:*"}], [{"NotAction": ["iam:*", "s3:*"]}], "FAIL"),
    ],
)
def test_access_that_is_new(analyzer, new, old, expected):
    answer = analyzer.check_no_new_access(newPolicyDocument=policy(*new), existingPolicyDocument=policy(*old), policyType="IDENTITY_POLICY")
    assert answer["result"] == expected


def test_public_access(analyzer):
    open_to_all = {"Action": "s3:GetObject", "Principal": "*", "Resource": "arn:aws:s3:::b/*"}
    few = {**open_to_all, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}}
    check = analyzer.check_no_public_access
    assert check(policyDocument=policy(open_to_all), resourceType="AWS::S3::Bucket")["result"] == "FAIL"
    assert check(policyDocument=policy(few), resourceType="AWS::S3::Bucket")["result"] == "PASS"


@pytest.mark.parametrize(("inner", "outer", "holds"), [("a*", "*", True), ("*", "a*", False), ("a?c", "a*", True), ("a*c", "a?c", False)])
def test_one_pattern_within_another(inner, outer, holds):
    assert within(inner, outer) is holds


@pytest.mark.parametrize(("one", "other", "holds"), [("a*", "*b", True), ("a*", "b*", False), ("a?c", "abc", True), ("a", "", False)])
def test_patterns_that_meet(one, other, holds):
    assert meet(one, other) is holds

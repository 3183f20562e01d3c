"""The global condition keys that a request carries."""

from __future__ import annotations

from datetime import UTC, datetime

from cloudjar.identity.condition_keys import principal_keys, request_keys, request_tag_keys, resource_keys
from cloudjar.identity.policy import CompiledPolicies
from cloudjar.kernel.principal import ANONYMOUS, Principal, root_of, service

ONE = "111111111111"
USER = Principal("user", ONE, f"arn:aws:iam::{ONE}:user/team/ann", "AIDAAAAAAAAAAAAAAAAAA")
SESSION = Principal(
    "assumed-role", ONE, f"arn:aws:sts::{ONE}:assumed-role/app/s1", "AROAAAAAAAAAAAAAAAAAA:s1", role_arn=f"arn:aws:iam::{ONE}:role/app",
    session_tags={"Team": "blue"}, issued=1767225600.0,
)  # fmt: skip
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_user_has_a_name_and_lasting_credentials_say_nothing_of_mfa():
    keys = principal_keys(USER, tags={"Team": "red"})
    assert keys["aws:username"] == "ann"
    assert keys["aws:principaltype"] == "User"
    assert keys["aws:principaltag/team"] == "red"
    assert "aws:multifactorauthpresent" not in keys and "aws:tokenissuetime" not in keys


def test_a_session_goes_by_its_roles_arn_and_its_own_tags_win():
    keys = principal_keys(SESSION, tags={"Team": "red", "Cost": "1"})
    assert keys["aws:principalarn"] == f"arn:aws:iam::{ONE}:role/app"
    assert keys["aws:userid"] == "AROAAAAAAAAAAAAAAAAAA:s1"
    assert (keys["aws:principaltag/team"], keys["aws:principaltag/cost"]) == ("blue", "1")
    assert keys["aws:multifactorauthpresent"] == "false"
    assert keys["aws:tokenissuetime"] == "2026-01-01T00:00:00Z"
    assert "aws:username" not in keys


def test_the_others_are_told_apart():
    assert principal_keys(root_of(ONE))["aws:principaltype"] == "Account"
    assert principal_keys(ANONYMOUS) == {"aws:principalisawsservice": "false", "aws:principaltype": "Anonymous", "aws:userid": "anonymous"}
    assert principal_keys(service("sns.amazonaws.com"))["aws:principalservicename"] == "sns.amazonaws.com"


def test_a_call_through_a_service_shows_the_service_and_no_address():
    keys = request_keys(NOW, "eu-west-1", secure=True, source_ip="10.0.0.1", called_via=("a.amazonaws.com", "b.amazonaws.com"))
    assert keys["aws:calledvia"] == ("a.amazonaws.com", "b.amazonaws.com")
    assert (keys["aws:calledviafirst"], keys["aws:calledvialast"]) == ("a.amazonaws.com", "b.amazonaws.com")
    assert keys["aws:viaawsservice"] == "true"
    assert "aws:sourceip" not in keys


def test_a_direct_call_shows_its_address_and_time():
    keys = request_keys(NOW, "eu-west-1", secure=False, source_ip="10.0.0.1", source_arn="")
    assert (keys["aws:sourceip"], keys["aws:currenttime"], keys["aws:epochtime"]) == ("10.0.0.1", "2026-01-01T00:00:00Z", "1767225600")
    assert "aws:sourcearn" not in keys


def test_tags_of_request_and_resource():
    assert request_tag_keys(None) == {}
    assert request_tag_keys({"A": "1"}, ["b"]) == {"aws:requesttag/a": "1", "aws:tagkeys": ("A", "b")}
    keys = resource_keys(ONE, {"Owner": "ann"}, prefix="ec2")
    assert keys["aws:resourcetag/owner"] == keys["ec2:resourcetag/owner"] == "ann"


def test_compiled_policies_are_kept_up_to_a_limit():
    cache = CompiledPolicies(limit=2)
    texts = [f'{{"Statement":{{"Effect":"Allow","Action":"s3:Get{n}","Resource":"*"}}}}' for n in range(3)]
    first = cache.get(texts[0], "identity")
    assert cache.get(texts[0], "identity") is first
    cache.get(texts[1], "identity")
    cache.get(texts[2], "identity")
    assert cache.get(texts[0], "identity") is not first

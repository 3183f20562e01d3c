"""Parameter policies, by the world's clock."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest


def policy(kind, **attributes):
    return {"Type": kind, "Version": "1.0", "Attributes": attributes}


@pytest.fixture
def expiring(world, put):
    """A parameter that expires in 30 days, with a notice 10 days before."""

    def make(name="p", **options):
        when = (world.clock.now() + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        given = [policy("Expiration", Timestamp=when), policy("ExpirationNotification", Before="10", Unit="Days")]
        return put(name, Tier="Advanced", Policies=json.dumps(given), **options)

    return make


def test_a_parameter_expires_after_a_notice(world, ssm, expiring, events, aws_error):
    expiring()
    world.clock.advance(days=21)
    assert [(kind, detail.get("policy-type")) for kind, detail in events()][1:] == [
        ("Parameter Store Policy Action", "ExpirationNotification")
    ]
    found = ssm.describe_parameters()["Parameters"][0]["Policies"]
    assert [(each["PolicyType"], each["PolicyStatus"]) for each in found] == [
        ("Expiration", "Pending"),
        ("ExpirationNotification", "Finished"),
    ]
    world.clock.advance(days=10)
    with aws_error("ParameterNotFound"):
        ssm.get_parameter(Name="p")
    assert [detail.get("policy-type") or detail["operation"] for _, detail in events()][2:] == ["Expiration", "Delete"]


def test_an_update_keeps_the_policies_and_an_empty_list_ends_them(world, ssm, put, expiring, aws_error):
    expiring("kept")
    expiring("freed")
    put("kept", "w", Overwrite=True)
    put("freed", "w", Overwrite=True, Policies="[{}]")
    world.clock.advance(days=31)
    assert ssm.get_parameter(Name="freed")["Parameter"]["Value"] == "w"
    with aws_error("ParameterNotFound"):
        ssm.get_parameter(Name="kept")


def test_a_notice_comes_when_nothing_changes(world, put, events):
    put("p", Tier="Advanced", Policies=json.dumps([policy("NoChangeNotification", After="20", Unit="Days")]))
    world.clock.advance(days=15)
    put("p", Overwrite=True)
    world.clock.advance(days=15)
    assert [kind for kind, _ in events()] == ["Parameter Store Change"] * 2
    world.clock.advance(days=6)
    assert events()[-1][1]["policy-type"] == "NoChangeNotification"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("nonsense", "InvalidPolicyAttributeException"),
        (json.dumps([policy("Nothing")]), "InvalidPolicyTypeException"),
        (json.dumps([policy("Expiration", Timestamp="soon")]), "InvalidPolicyAttributeException"),
        (json.dumps([policy("Expiration", Timestamp="0001-01-01T00:00:00+23:59")]), "InvalidPolicyAttributeException"),
        (json.dumps([policy("NoChangeNotification", After="99999999999999", Unit="Days")]), "InvalidPolicyAttributeException"),
        (json.dumps([policy("ExpirationNotification", Before="1", Unit="Days")]), "IncompatiblePolicyException"),
        (json.dumps([policy("NoChangeNotification", After="1", Unit="Weeks")]), "InvalidPolicyAttributeException"),
        (json.dumps([policy("NoChangeNotification", After="1", Unit="Days")] * 11), "PoliciesLimitExceededException"),
    ],
)
def test_policies_that_make_no_sense_are_refused(put, aws_error, given, code):
    with aws_error(code):
        put("p", Tier="Advanced", Policies=given)


def test_policies_need_the_advanced_tier(put, aws_error):
    given = json.dumps([policy("NoChangeNotification", After="1", Unit="Days")])
    with aws_error("ValidationException"):
        put("p", Policies=given)
    assert put("p", Policies=given, Tier="Intelligent-Tiering")["Tier"] == "Advanced"

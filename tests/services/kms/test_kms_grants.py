"""Grants and key policies, as the judge sees them."""

from __future__ import annotations

import json

import pytest

ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]})
ADA = "arn:aws:iam::000000000000:user/ada"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal, action, **condition):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    return {**statement, "Condition": condition} if condition else statement


ROOT = allow({"AWS": "arn:aws:iam::000000000000:root"}, "kms:*")


def test_a_user_without_a_policy_is_denied_and_a_grant_lets_her_in(kms, key, as_user, aws_error):
    ada = as_user("ada")
    with aws_error("AccessDeniedException"):
        ada.encrypt(KeyId=key, Plaintext=b"x")
    grant = kms.create_grant(KeyId=key, GranteePrincipal=ADA, Operations=["Encrypt"])
    blob = ada.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[grant["GrantToken"]])["CiphertextBlob"]
    with aws_error("AccessDeniedException"):
        ada.decrypt(CiphertextBlob=blob)
    kms.revoke_grant(KeyId=key, GrantId=grant["GrantId"])
    with aws_error("AccessDeniedException"):
        ada.encrypt(KeyId=key, Plaintext=b"x")


@pytest.mark.parametrize(
    ("constraint", "wrong"),
    [("EncryptionContextSubset", {"other": "1"}), ("EncryptionContextEquals", {"app": "${a}", "more": "1"})],
)
def test_a_grant_holds_under_its_encryption_context_only(kms, key, as_user, aws_error, constraint, wrong):
    ada = as_user("ada")
    kms.create_grant(KeyId=key, GranteePrincipal=ADA, Operations=["GenerateDataKey"], Constraints={constraint: {"app": "${a}"}})
    ada.generate_data_key(KeyId=key, KeySpec="AES_128", EncryptionContext={"app": "${a}"})
    for context in (wrong, {"app": "b"}, {}):
        with aws_error("AccessDeniedException"):
            ada.generate_data_key(KeyId=key, KeySpec="AES_128", EncryptionContext=context)


def test_a_grantee_hands_on_no_more_than_it_was_given(kms, key, as_user, aws_error):
    ada = as_user("ada")
    kms.create_grant(KeyId=key, GranteePrincipal=ADA, Operations=["Encrypt", "CreateGrant"])
    ada.create_grant(KeyId=key, GranteePrincipal="arn:aws:iam::000000000000:user/bob", Operations=["Encrypt"])
    with aws_error("AccessDeniedException"):
        ada.create_grant(KeyId=key, GranteePrincipal="arn:aws:iam::000000000000:user/bob", Operations=["Decrypt"])


def test_who_may_retire_a_grant(kms, key, as_user, aws_error):
    ada, eve = as_user("ada"), as_user("eve")
    grant = kms.create_grant(KeyId=key, GranteePrincipal="arn:aws:iam::000000000000:role/r", RetiringPrincipal=ADA, Operations=["Decrypt"])
    assert [found["GrantId"] for found in kms.list_retirable_grants(RetiringPrincipal=ADA)["Grants"]] == [grant["GrantId"]]
    with aws_error("AccessDeniedException"):
        eve.retire_grant(GrantToken=grant["GrantToken"])
    ada.retire_grant(GrantToken=grant["GrantToken"])
    assert kms.list_grants(KeyId=key)["Grants"] == []
    with aws_error("InvalidGrantTokenException"):
        ada.retire_grant(GrantToken=grant["GrantToken"])


def test_grants_of_one_name_and_content_are_one(kms, key):
    request = {"KeyId": key, "GranteePrincipal": ADA, "Operations": ["Decrypt"], "Name": "once"}
    first = kms.create_grant(**request)
    assert kms.create_grant(**request)["GrantId"] == first["GrantId"]
    assert kms.create_grant(**{**request, "Operations": ["Encrypt"]})["GrantId"] != first["GrantId"]
    grants = kms.list_grants(KeyId=key, GrantId=first["GrantId"])["Grants"]
    assert [(grant["Name"], grant["GranteePrincipal"], grant["Operations"]) for grant in grants] == [("once", ADA, ["Decrypt"])]


def test_grants_that_make_no_sense_are_refused(kms, key, aws_error):
    with aws_error("ValidationException", "Grant operation Sign is not valid"):
        kms.create_grant(KeyId=key, GranteePrincipal=ADA, Operations=["Sign"])
    with aws_error("InvalidArnException"):
        kms.create_grant(KeyId=key, GranteePrincipal="nobody", Operations=["Decrypt"])
    with aws_error("NotFoundException"):
        kms.revoke_grant(KeyId=key, GrantId="absent")
    with aws_error("InvalidGrantTokenException"):
        kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=["absent"])
    with aws_error("DryRunOperationException"):
        kms.create_grant(KeyId=key, GranteePrincipal=ADA, Operations=["Decrypt"], DryRun=True)
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_an_iam_policy_counts_only_where_the_key_policy_hands_the_account_the_choice(kms, key, as_user, aws_error):
    ada = as_user("ada", ALL)
    ada.describe_key(KeyId=key)
    only_bob = allow({"AWS": "arn:aws:iam::000000000000:user/bob"}, "kms:*")
    as_user("bob")
    kms.put_key_policy(KeyId=key, Policy=policy(only_bob), BypassPolicyLockoutSafetyCheck=True)
    with aws_error("AccessDeniedException"):
        ada.describe_key(KeyId=key)


def test_a_key_policy_can_ask_for_an_encryption_context(kms, key, as_user, aws_error):
    ada = as_user("ada")
    mine = allow({"AWS": ADA}, "kms:Encrypt", StringEquals={"kms:EncryptionContext:app": "mine"})
    kms.put_key_policy(KeyId=key, Policy=policy(ROOT, mine))
    ada.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"app": "mine"})
    with aws_error("AccessDeniedException"):
        ada.encrypt(KeyId=key, Plaintext=b"x")


def test_re_encrypting_needs_both_sides(kms, key, as_user, aws_error):
    ada = as_user("ada")
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.create_grant(KeyId=key, GranteePrincipal=ADA, Operations=["ReEncryptFrom"])
    with aws_error("AccessDeniedException", "kms:ReEncryptTo"):
        ada.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other)
    kms.create_grant(KeyId=other, GranteePrincipal=ADA, Operations=["ReEncryptTo"])
    ada.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other)


def test_another_account_uses_a_key_that_lets_it(world, kms, key, aws_error):
    other = world.client("kms", access_key="999988887777")
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    with aws_error("AccessDeniedException"):
        other.encrypt(KeyId=arn, Plaintext=b"x")
    kms.put_key_policy(KeyId=key, Policy=policy(ROOT, allow({"AWS": "arn:aws:iam::999988887777:root"}, ["kms:Encrypt", "kms:Decrypt"])))
    answer = other.encrypt(KeyId=arn, Plaintext=b"x")
    assert answer["KeyId"] == arn
    assert other.decrypt(CiphertextBlob=answer["CiphertextBlob"])["Plaintext"] == b"x"
    with aws_error("AccessDeniedException"):
        other.disable_key(KeyId=arn)


def test_a_policy_can_go_by_the_alias_that_was_asked_for(kms, key, as_user, aws_error):
    ada = as_user("ada")
    kms.create_alias(AliasName="alias/front", TargetKeyId=key)
    front = allow({"AWS": ADA}, "kms:Encrypt", StringEquals={"kms:RequestAlias": "alias/front"})
    kms.put_key_policy(KeyId=key, Policy=policy(ROOT, front))
    ada.encrypt(KeyId="alias/front", Plaintext=b"x")
    with aws_error("AccessDeniedException"):
        ada.encrypt(KeyId=key, Plaintext=b"x")


@pytest.mark.parametrize("kind", ["EncryptionContextSubset", "EncryptionContextEquals"])
def test_a_grantee_hands_on_constraints_that_are_as_strict(kms, key, as_user, aws_error, kind):
    ada, ben = as_user("ada"), "arn:aws:iam::000000000000:user/ben"
    as_user("ben")
    kms.create_grant(
        KeyId=key,
        GranteePrincipal="arn:aws:iam::000000000000:user/ada",
        Operations=["Encrypt", "CreateGrant"],
        Constraints={kind: {"a": "1"}},
    )

    def hand_on(**constraints):
        ada.create_grant(KeyId=key, GranteePrincipal=ben, Operations=["Encrypt"], Constraints=constraints)

    for looser in ({}, {"EncryptionContextSubset": {"b": "1"}}, {"EncryptionContextEquals": {"a": "2"}}):
        with aws_error("AccessDeniedException"):
            hand_on(**looser)
    hand_on(EncryptionContextEquals={"a": "1"})
    wider = {"EncryptionContextSubset": {"a": "1"}}, {"EncryptionContextEquals": {"a": "1", "b": "2"}}
    for constraints in wider:
        if kind == "EncryptionContextSubset":
            hand_on(**constraints)
        else:
            with aws_error("AccessDeniedException"):
                hand_on(**constraints)

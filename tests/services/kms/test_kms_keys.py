"""Keys: made, named, described, disabled, deleted."""

from __future__ import annotations

import json

import pytest

OTHER = "999988887777"


def test_a_new_key_encrypts_by_default(kms):
    made = kms.create_key(Description="first", Tags=[{"TagKey": "team", "TagValue": "a"}])["KeyMetadata"]
    assert made["KeySpec"] == made["CustomerMasterKeySpec"] == "SYMMETRIC_DEFAULT"
    assert made["KeyState"] == "Enabled" and made["Enabled"] and made["KeyManager"] == "CUSTOMER" and made["Origin"] == "AWS_KMS"
    assert made["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"] and not made["MultiRegion"]
    assert len(made["CurrentKeyMaterialId"]) == 64
    assert kms.describe_key(KeyId=made["Arn"])["KeyMetadata"] == made
    assert kms.list_resource_tags(KeyId=made["KeyId"])["Tags"] == [{"TagKey": "team", "TagValue": "a"}]


def test_what_does_not_fit_together_is_refused(kms, aws_error):
    with aws_error("ValidationException", "You must specify a KeyUsage value"):
        kms.create_key(KeySpec="RSA_2048")
    with aws_error("ValidationException", "KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec ECC_NIST_P256"):
        kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="ENCRYPT_DECRYPT")
    with aws_error("ValidationException", "You cannot specify KeySpec and CustomerMasterKeySpec"):
        kms.create_key(KeySpec="SYMMETRIC_DEFAULT", CustomerMasterKeySpec="SYMMETRIC_DEFAULT")
    with aws_error("UnsupportedOperationException"):
        kms.create_key(KeySpec="SM2", KeyUsage="SIGN_VERIFY")
    with aws_error("NotImplemented"):
        kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId="cks-1")
    assert kms.list_keys()["Keys"] == []


def test_names_of_keys_that_are_not_there(kms, aws_error):
    absent = "11111111-2222-4333-8444-555555555555"
    with aws_error("NotFoundException", f"Key 'arn:aws:kms:us-east-1:000000000000:key/{absent}' does not exist"):
        kms.describe_key(KeyId=absent)
    with aws_error("NotFoundException", "Invalid keyId 'nonsense'"):
        kms.describe_key(KeyId="nonsense")
    with aws_error("NotFoundException", "alias/absent is not found."):
        kms.describe_key(KeyId="alias/absent")
    with aws_error("NotFoundException", "Invalid arn eu-west-1"):
        kms.describe_key(KeyId=f"arn:aws:kms:eu-west-1:000000000000:key/{absent}")
    with aws_error("AccessDeniedException", "because the resource does not exist in this Region"):
        kms.describe_key(KeyId=f"arn:aws:kms:us-east-1:{OTHER}:key/{absent}")


def test_lists_come_in_pages(kms, aws_error):
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Keys"]) for page in pages] == [2, 2, 1]
    assert {key["KeyId"] for page in pages for key in page["Keys"]} == made
    with aws_error("InvalidMarkerException"):
        kms.list_keys(Marker="*")


def test_a_disabled_key_refuses_work_and_still_describes_itself(kms, key, aws_error):
    kms.disable_key(KeyId=key)
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    with aws_error("DisabledException", f"{arn} is disabled."):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key)
    kms.encrypt(KeyId=key, Plaintext=b"x")


def test_a_key_is_deleted_when_its_window_is_over(world, kms, key, aws_error):
    kms.create_alias(AliasName="alias/doomed", TargetKeyId=key)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    answer = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert answer["KeyState"] == "PendingDeletion" and answer["PendingWindowInDays"] == 7
    with aws_error("KMSInvalidStateException", "is pending deletion."):
        kms.decrypt(CiphertextBlob=blob)
    world.clock.advance(days=6, hours=23)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["DeletionDate"] == answer["DeletionDate"]
    world.clock.advance(hours=2)
    with aws_error("NotFoundException"):
        kms.describe_key(KeyId=key)
    with aws_error("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist"):
        kms.decrypt(CiphertextBlob=blob)
    assert kms.list_aliases()["Aliases"] == []


def test_a_cancelled_deletion_leaves_the_key_disabled(world, kms, key, aws_error):
    with aws_error("KMSInvalidStateException", "is not pending deletion"):
        kms.cancel_key_deletion(KeyId=key)
    kms.schedule_key_deletion(KeyId=key)
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    world.clock.advance(days=40)
    kms.enable_key(KeyId=key)


@pytest.mark.parametrize("days", [6, 31])
def test_deletion_windows_are_7_to_30_days(kms, key, aws_error, days):
    with aws_error("ValidationException"):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=days)


def test_an_alias_stands_for_its_key_and_moves(kms, key, aws_error):
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    assert kms.describe_key(KeyId="alias/app")["KeyMetadata"]["KeyId"] == key
    with aws_error("AlreadyExistsException", "An alias with the name arn:aws:kms:us-east-1:000000000000:alias/app already exists"):
        kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName="alias/app", TargetKeyId=other)
    assert [alias["TargetKeyId"] for alias in kms.list_aliases(KeyId=other)["Aliases"]] == [other]
    assert kms.list_aliases(KeyId=key)["Aliases"] == []
    kms.delete_alias(AliasName="alias/app")
    with aws_error("NotFoundException"):
        kms.delete_alias(AliasName="alias/app")


def test_alias_names_are_checked(kms, key, aws_error):
    with aws_error("ValidationException", "Invalid identifier"):
        kms.create_alias(AliasName="app", TargetKeyId=key)
    with aws_error("ValidationException", "contains invalid characters"):
        kms.create_alias(AliasName="alias/a:b", TargetKeyId=key)
    with aws_error("NotAuthorizedException"):
        kms.create_alias(AliasName="alias/aws/mine", TargetKeyId=key)
    hmac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    with aws_error("ValidationException"):
        kms.update_alias(AliasName="alias/app", TargetKeyId=hmac)


def test_an_alias_does_not_name_a_key_that_is_managed(kms, key, aws_error):
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    with aws_error("NotFoundException", "Invalid keyId 'alias/app'"):
        kms.schedule_key_deletion(KeyId="alias/app")


def test_an_aws_managed_key_is_made_when_first_named_and_used_through_its_service_only(kms, aws_error):
    described = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert described["KeyManager"] == "AWS"
    assert kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"] == described["KeyId"]
    with aws_error("AccessDeniedException"):
        kms.encrypt(KeyId="alias/aws/s3", Plaintext=b"x")
    with aws_error("AccessDeniedException"):
        kms.schedule_key_deletion(KeyId=described["KeyId"])
    with aws_error("NotFoundException"):
        kms.describe_key(KeyId="alias/aws/nonsense")


def test_tags_are_added_removed_and_paged(kms, key, aws_error):
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": str(n), "TagValue": "v"} for n in range(3)])
    kms.untag_resource(KeyId=key, TagKeys=["1"])
    pages = kms.get_paginator("list_resource_tags").paginate(KeyId=key, PaginationConfig={"PageSize": 1})
    assert [[tag["TagKey"] for tag in page["Tags"]] for page in pages] == [["0"], ["2"]]
    with aws_error("TagException"):
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "aws:x", "TagValue": "v"}])


def test_the_default_policy_hands_the_account_the_choice(kms, key):
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::000000000000:root"}
    assert kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]


def test_a_policy_that_locks_its_author_out_is_refused(kms, key, aws_error):
    statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with aws_error("MalformedPolicyDocumentException", "will not allow you to update the key policy in the future"):
        kms.put_key_policy(KeyId=key, Policy=policy)
    with aws_error("MalformedPolicyDocumentException"):
        kms.put_key_policy(KeyId=key, Policy="{}")
    with aws_error("NotFoundException", "No such policy exists"):
        kms.get_key_policy(KeyId=key, PolicyName="other")
    kms.put_key_policy(KeyId=key, Policy=policy, BypassPolicyLockoutSafetyCheck=True)
    with aws_error("AccessDeniedException"):
        kms.describe_key(KeyId=key)


def test_tag_keys_do_not_repeat(kms, key, aws_error):
    twice = [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]
    with aws_error("TagException", "Duplicate tag keys"):
        kms.tag_resource(KeyId=key, Tags=twice)
    with aws_error("TagException", "Duplicate tag keys"):
        kms.create_key(Tags=twice)
    assert kms.list_resource_tags(KeyId=key)["Tags"] == []


def test_there_are_no_custom_key_stores(kms, aws_error):
    assert kms.describe_custom_key_stores()["CustomKeyStores"] == []
    for operation in ("describe", "connect", "disconnect", "update", "delete"):
        with aws_error("CustomKeyStoreNotFoundException"):
            getattr(kms, f"{operation}_custom_key_store{'s' if operation == 'describe' else ''}")(CustomKeyStoreId="cks-1234567890abcdef0")
    with aws_error("NotImplemented"):
        kms.create_custom_key_store(CustomKeyStoreName="mine")


def test_a_key_in_use_can_be_kept_from_deletion(world, kms, key, as_user, aws_error):
    statement = {
        "Effect": "Allow",
        "Action": "kms:ScheduleKeyDeletion",
        "Resource": "*",
        "Condition": {"NumericGreaterThanEquals": {"kms:TrailingDaysWithoutKeyUsage": "90"}},
    }
    ada = as_user("ada", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    world.clock.advance(days=80)
    kms.encrypt(KeyId=key, Plaintext=b"x")
    world.clock.advance(days=20)
    with aws_error("AccessDeniedException"):
        ada.schedule_key_deletion(KeyId=key)
    world.clock.advance(days=71)
    ada.schedule_key_deletion(KeyId=key)

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

ACCOUNT = "000000000000"
EVERYTHING = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}


def public(bucket):
    return json.dumps(
        {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}
    )


def test_an_accounts_setting_is_kept(control, aws_error):
    with aws_error("NoSuchPublicAccessBlockConfiguration"):
        control.get_public_access_block(AccountId=ACCOUNT)
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    kept = control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"]
    assert kept == {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}
    control.delete_public_access_block(AccountId=ACCOUNT)
    with aws_error("NoSuchPublicAccessBlockConfiguration"):
        control.get_public_access_block(AccountId=ACCOUNT)


def test_an_account_blocks_what_its_buckets_allow(world, control, s3, bucket, aws_error):
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=public(bucket))
    url = f"{world.endpoint}/{bucket}/cats/tom"
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"miau"
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=EVERYTHING)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    assert caught.value.code == 403
    with aws_error("AccessDenied", "BlockPublicPolicy"):
        s3.put_bucket_policy(Bucket=bucket, Policy=public(bucket))
    # What the bucket itself says stays as it was.
    with aws_error("NoSuchPublicAccessBlockConfiguration"):
        s3.get_public_access_block(Bucket=bucket)


def test_an_account_blocks_public_lists(control, s3, bucket, aws_error):
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    with aws_error("AccessDenied", "BlockPublicAcls"):
        s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    control.delete_public_access_block(AccountId=ACCOUNT)
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")


def test_another_account_is_not_asked(world, control, aws_error):
    with aws_error("AccessDenied"):
        world.client("s3control", access_key="111122223333").put_public_access_block(
            AccountId=ACCOUNT, PublicAccessBlockConfiguration=EVERYTHING
        )


@pytest.mark.parametrize("operation", ["list_multi_region_access_points", "list_access_grants", "list_storage_lens_configurations"])
def test_what_is_not_there_says_so(control, aws_error, operation):
    with aws_error("NotImplemented"):
        getattr(control, operation)(AccountId=ACCOUNT)

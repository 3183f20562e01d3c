from __future__ import annotations

import base64

import pytest

from cloudjar.identity.mfa import code_at, step_of

ACCOUNT = "000000000000"


@pytest.fixture
def device(world):
    """Shows the codes of the root user's device; a new one each time."""
    iam = world.client("iam")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="root-account-mfa-device")["VirtualMFADevice"]
    seed = base64.b32decode(made["Base32StringSeed"])

    def code() -> str:
        world.clock.advance(seconds=60)

        def now():
            return world._world().clock.now()

        return code_at(seed, step_of(world.local.do(now)))

    def enable() -> None:
        def put():
            from cloudjar.identity.mfa import MfaDevice
            from cloudjar.kernel.records import replace

            with world._world().reading() as ctx:
                home = ctx.at(account=ACCOUNT)
                found = home.get(MfaDevice, made["SerialNumber"])
                home.put(replace(found, user_id=ACCOUNT, enabled=ctx.now))

        world.local.do(put)

    world.clock.freeze()
    enable()
    return lambda: f"{made['SerialNumber']} {code()}"


def test_versions_go_with_a_code_alone(world, s3, bucket, device, aws_error):
    both = {"Status": "Enabled", "MFADelete": "Enabled"}
    with aws_error("AccessDenied", "Mfa Authentication must be used"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=both)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=both, MFA=device())
    assert s3.get_bucket_versioning(Bucket=bucket)["MFADelete"] == "Enabled"
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    with aws_error("AccessDenied", "Mfa Authentication must be used"):
        s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    with aws_error("AccessDenied", "Mfa Authentication must be used"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    used = device()
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version, MFA=used)
    with aws_error("AccessDenied", "Invalid Mfa Authentication"):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": marker}]}, MFA=used)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": marker}]}, MFA=device())
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended", "MFADelete": "Disabled"}, MFA=device())
    assert s3.get_bucket_versioning(Bucket=bucket)["MFADelete"] == "Disabled"


def test_only_the_owners_root_user_switches_it(world, s3, bucket, aws_error):
    iam = world.client("iam")
    iam.create_user(UserName="jane")
    iam.attach_user_policy(UserName="jane", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = iam.create_access_key(UserName="jane")["AccessKey"]
    jane = world.client("s3", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    with aws_error("AccessDenied", "may only be performed by the bucket owner"):
        jane.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"}, MFA="arn:aws:iam::1:mfa/x 123456"
        )
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


def test_lifecycles_and_mfa_delete_exclude_each_other(s3, bucket, device, aws_error):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"}, MFA=device())
    rule = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    with aws_error("InvalidBucketState"):
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})

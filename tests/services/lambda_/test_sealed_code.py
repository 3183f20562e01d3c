"""Deployment packages under a customer's own key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions, package

SOURCE = "def handler(event, context):\n    return 'sealed'\n"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "kms:*", "Resource": "*"},
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": "*",
            "Condition": {"StringLike": {"kms:EncryptionContext:aws:lambda:FunctionArn": "arn:aws:lambda:*:000000000000:function:*"}},
        },
    ],
}


@pytest.fixture
def key(world: LocalWorld) -> str:
    """A key that Lambda may use."""
    arn: str = world.client("kms").create_key(Policy=json.dumps(POLICY))["KeyMetadata"]["Arn"]
    return arn


def create(functions: Functions, key: str, name: str = "py") -> dict[str, Any]:
    code = {"ZipFile": package({"app.py": SOURCE}), "SourceKMSKeyArn": key}
    return functions.create(name, {"app.py": ""}, Code=code)


def test_a_package_is_stored_encrypted_and_runs(functions: Functions, key: str, world: LocalWorld) -> None:
    create(functions, key)
    assert functions.invoke("py").value == "sealed"
    code = functions.client.get_function(FunctionName="py")["Code"]
    assert code["SourceKMSKeyArn"] == key
    with world.local.jar.worlds.open(world.name).reading() as ctx:
        from cloudjar.services.lambda_.functions import Version

        version = ctx.get(Version, "py", 0)
        assert version is not None
        assert b"app.py" not in ctx.blobs.read(version.code.blob)


def test_a_package_is_opened_for_who_may_decrypt(functions: Functions, key: str, world: LocalWorld) -> None:
    create(functions, key)
    iam = world.client("iam")
    iam.create_user(UserName="ann")
    statement = {"Effect": "Allow", "Action": "lambda:GetFunction", "Resource": "*"}
    iam.put_user_policy(UserName="ann", PolicyName="get", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    keys = iam.create_access_key(UserName="ann")["AccessKey"]
    ann = world.client("lambda", aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"])
    code = ann.get_function(FunctionName="py")["Code"]
    assert "Location" not in code
    assert code["Error"]["ErrorCode"] == "AccessDeniedException"
    assert "kms:Decrypt" in code["Error"]["Message"]


def test_lambda_needs_the_keys_policy(functions: Functions, world: LocalWorld) -> None:
    key = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match=r"GenerateDataKey.*AccessDeniedException"):
        create(functions, key)
    with pytest.raises(functions.client.exceptions.ResourceNotFoundException):
        functions.client.get_function(FunctionName="py")


def test_a_disabled_key_stops_new_environments(functions: Functions, key: str, world: LocalWorld) -> None:
    create(functions, key)
    world.client("kms").disable_key(KeyId=key)
    with pytest.raises(functions.client.exceptions.KMSDisabledException, match="deployment package"):
        functions.invoke("py")


def test_an_update_without_a_key_goes_back_to_the_services_own(functions: Functions, key: str) -> None:
    create(functions, key)
    functions.client.update_function_code(FunctionName="py", ZipFile=package({"app.py": SOURCE}))
    assert "SourceKMSKeyArn" not in functions.client.get_function(FunctionName="py")["Code"]
    first = functions.client.publish_version(FunctionName="py")["Version"]
    functions.client.update_function_code(FunctionName="py", ZipFile=package({"app.py": SOURCE}), SourceKMSKeyArn=key)
    # The same code under another key is another version; the same again is not.
    second = functions.client.publish_version(FunctionName="py")["Version"]
    functions.client.update_function_code(FunctionName="py", ZipFile=package({"app.py": SOURCE}), SourceKMSKeyArn=key)
    assert (first, second, functions.client.publish_version(FunctionName="py")["Version"]) == ("1", "2", "2")

"""Environment variables under a customer's own key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions

SHOW = "import os\ndef handler(event, context):\n    return os.environ.get('SECRET')\n"
SECRET = {"Variables": {"SECRET": "hush"}}


@pytest.fixture
def key(world: LocalWorld) -> str:
    arn: str = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


def test_variables_are_open_to_the_function_and_its_owner(functions: Functions, key: str) -> None:
    answer = functions.python("f", SHOW, Environment=SECRET, KMSKeyArn=key)
    assert (answer["KMSKeyArn"], answer["Environment"]) == (key, SECRET)
    assert functions.invoke("f").value == "hush"


def test_variables_are_stored_encrypted(functions: Functions, world: LocalWorld, key: str) -> None:
    from cloudjar.services.lambda_.functions import Version

    functions.python("f", SHOW, Environment=SECRET, KMSKeyArn=key)

    def look() -> Any:
        with world._world().reading() as ctx:
            return ctx.at(account="000000000000", region="us-east-1").get(Version, "f", 0)

    stored = world.local.do(look)
    assert stored.environment is None and stored.sealed and b"hush" not in stored.sealed


def test_a_disabled_key_stops_new_environments(functions: Functions, world: LocalWorld, key: str, aws_error: Any) -> None:
    functions.python("f", SHOW, Environment=SECRET, KMSKeyArn=key)
    kms = world.client("kms")
    kms.disable_key(KeyId=key)
    with aws_error("KMSDisabledException"):
        functions.client.invoke(FunctionName="f")
    told = functions.client.get_function_configuration(FunctionName="f")["Environment"]
    assert told["Error"]["ErrorCode"] == "DisabledException" and "Variables" not in told
    kms.enable_key(KeyId=key)
    assert functions.invoke("f").value == "hush"


def test_a_key_that_is_none_is_refused(functions: Functions, aws_error: Any) -> None:
    arn = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
    with aws_error("InvalidParameterValueException"):
        functions.python("f", SHOW, Environment=SECRET, KMSKeyArn=arn)
    with aws_error("ResourceNotFoundException"):
        functions.client.get_function(FunctionName="f")


def test_the_key_can_be_changed_and_given_up(functions: Functions, world: LocalWorld, key: str) -> None:
    functions.python("f", SHOW, Environment=SECRET)
    update = functions.client.update_function_configuration
    assert update(FunctionName="f", KMSKeyArn=key)["KMSKeyArn"] == key
    assert functions.invoke("f").value == "hush"
    assert update(FunctionName="f", Environment={"Variables": {"SECRET": "new"}})["Environment"] == {"Variables": {"SECRET": "new"}}
    answer = update(FunctionName="f", KMSKeyArn="")
    assert "KMSKeyArn" not in answer
    world.client("kms").disable_key(KeyId=key)
    assert functions.invoke("f").value == "new"


def test_who_may_not_decrypt_does_not_see_the_variables(functions: Functions, world: LocalWorld, key: str) -> None:
    functions.python("f", SHOW, Environment=SECRET, KMSKeyArn=key)
    iam = world.client("iam")
    iam.create_user(UserName="reader")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:Get*", "Resource": "*"}]}
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    reader = world.client("lambda", aws_access_key_id=made["AccessKeyId"], aws_secret_access_key=made["SecretAccessKey"])
    told = reader.get_function_configuration(FunctionName="f")["Environment"]
    assert told["Error"]["ErrorCode"] == "AccessDeniedException"

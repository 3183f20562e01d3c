"""Making, changing, finding and deleting functions."""

from __future__ import annotations

import base64
import hashlib
import os
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import ECHO, Functions, package

SOURCE = "def handler(event, context):\n    return 'one'\n"


def test_a_new_function_is_pending_and_soon_active(functions: Functions) -> None:
    created = functions.python("f", SOURCE, Description="d", Tags={"k": "v"})
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    assert "LastUpdateStatus" not in created
    functions.client.get_waiter("function_active_v2").wait(FunctionName="f")
    found = functions.client.get_function(FunctionName="f")
    configuration = found["Configuration"]
    assert (configuration["State"], configuration["LastUpdateStatus"]) == ("Active", "Successful")
    assert found["Tags"] == {"k": "v"}
    assert found["Code"]["RepositoryType"] == "S3"


def test_the_configuration_has_what_was_asked_and_lambdas_defaults(functions: Functions) -> None:
    data = package({"app.py": SOURCE})
    created = functions.python("f", SOURCE, Code={"ZipFile": data}, Timeout=3)
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    expected: dict[str, Any] = {
        "FunctionName": "f",
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "CodeSha256": digest,
        "CodeSize": len(data),
        "Timeout": 3,
        "MemorySize": 128,
        "Description": "",
        "Version": "$LATEST",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "TracingConfig": {"Mode": "PassThrough"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
    }
    assert {name: created[name] for name in expected} == expected
    assert "Environment" not in created


def test_a_package_may_come_from_s3(functions: Functions, world: LocalWorld) -> None:
    s3 = world.client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="a/b.zip", Body=package({"bootstrap": ECHO}))
    functions.create("f", {"bootstrap": ""}, Code={"S3Bucket": "code", "S3Key": "a/b.zip"})
    assert functions.invoke("f", 5).value == 5


def test_a_missing_object_is_reported_as_s3_did(functions: Functions, world: LocalWorld, aws_error: Any) -> None:
    world.client("s3").create_bucket(Bucket="code")
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="S3 Error Code: NoSuchKey"):
        functions.create("f", {"bootstrap": ""}, Code={"S3Bucket": "code", "S3Key": "none"})


def test_new_code_is_used_by_the_next_call(functions: Functions) -> None:
    before = functions.python("f", SOURCE)
    assert functions.invoke("f").value == "one"
    updated = functions.client.update_function_code(FunctionName="f", ZipFile=package({"app.py": SOURCE.replace("one", "two")}))
    assert updated["LastUpdateStatus"] == "InProgress"
    assert updated["RevisionId"] != before["RevisionId"]
    functions.client.get_waiter("function_updated_v2").wait(FunctionName="f")
    assert functions.invoke("f").value == "two"


def test_a_dry_run_of_new_code_changes_nothing(functions: Functions) -> None:
    functions.python("f", SOURCE)
    functions.client.update_function_code(FunctionName="f", ZipFile=package({"app.py": "x"}), DryRun=True)
    assert functions.invoke("f").value == "one"


def test_a_new_configuration_is_used_by_the_next_call(functions: Functions) -> None:
    functions.python("f", "import os\ndef handler(e, c):\n    return [os.environ.get('AB'), c.memory_limit_in_mb]\n")
    assert functions.invoke("f").value == [None, "128"]
    functions.client.update_function_configuration(FunctionName="f", Environment={"Variables": {"AB": "b"}}, MemorySize=256, Timeout=9)
    assert functions.invoke("f").value == ["b", "256"]
    assert functions.client.get_function_configuration(FunctionName="f")["Timeout"] == 9


def test_a_change_against_an_old_revision_is_refused(functions: Functions) -> None:
    functions.python("f", SOURCE)
    with pytest.raises(functions.client.exceptions.PreconditionFailedException):
        functions.client.update_function_configuration(FunctionName="f", Timeout=9, RevisionId="0")


def test_a_function_is_found_by_name_partial_arn_and_arn(functions: Functions) -> None:
    arn = functions.python("f", SOURCE)["FunctionArn"]
    for name in ("f", "000000000000:f", "function:f", "000000000000:function:f", arn, arn + ":$LATEST"):
        assert functions.client.get_function_configuration(FunctionName=name)["FunctionName"] == "f"


def test_two_functions_of_one_name_conflict(functions: Functions) -> None:
    functions.python("f", SOURCE)
    with pytest.raises(functions.client.exceptions.ResourceConflictException, match="Function already exist: f"):
        functions.python("f", SOURCE)


def test_a_deleted_function_is_gone(functions: Functions) -> None:
    functions.python("f", SOURCE)
    functions.client.delete_function(FunctionName="f")
    for call in (functions.client.get_function, functions.client.invoke, functions.client.delete_function):
        with pytest.raises(
            functions.client.exceptions.ResourceNotFoundException,
            match=r"Function not found: arn:aws:lambda:us-east-1:000000000000:function:f",
        ):
            call(FunctionName="f")


def test_functions_are_listed_in_pages(functions: Functions) -> None:
    for number in range(5):
        functions.python(f"f{number}", SOURCE)
    pages = list(functions.client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert [[f["FunctionName"] for f in page["Functions"]] for page in pages] == [["f0", "f1"], ["f2", "f3"], ["f4"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Runtime": "python9.9"}, r"Value python9\.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \["),
        ({"Role": "arn:aws:iam::000000000000:role/nobody"}, "The role defined for the function cannot be assumed by Lambda."),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "Reserved keys used in this request: AWS_REGION"),
        ({"Environment": {"Variables": {"BIG": "x" * 4096}}}, "exceeded the 4KB limit"),
        ({"Code": {"ZipFile": b"not a zip"}}, "Could not unzip uploaded file."),
        ({"Code": {"ZipFile": package({"../out": "x"})}}, "Could not unzip uploaded file."),
        ({"Code": {}}, "Please provide a source for function code."),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:none:1"]}, "Layer version .* does not exist"),
    ],
)
def test_bad_input_is_refused_in_lambdas_words(functions: Functions, change: dict[str, Any], message: str) -> None:
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match=message):
        functions.python("f", SOURCE, **change)
    assert functions.client.list_functions()["Functions"] == []


def test_a_handler_is_mandatory(functions: Functions) -> None:
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="Runtime and Handler are mandatory"):
        functions.client.create_function(FunctionName="f", Role=functions.role, Runtime="python3.11", Code={"ZipFile": package({"a": "b"})})


def test_a_role_that_lambda_may_not_assume_is_refused(functions: Functions, world: LocalWorld) -> None:
    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    )
    role = world.client("iam").create_role(RoleName="ec2", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="cannot be assumed by Lambda"):
        functions.python("f", SOURCE, Role=role)


@pytest.mark.parametrize(
    "option",
    [
        {"PackageType": "Image", "Code": {"ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/x:1"}},
        {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}},
    ],
)
def test_what_is_not_done_is_refused_plainly(functions: Functions, option: dict[str, Any], aws_error: Any) -> None:
    with aws_error("NotImplemented"):
        functions.python("f", SOURCE, **option)


def test_a_runtime_that_this_machine_lacks_says_what_to_install(functions: Functions, aws_error: Any) -> None:
    with aws_error("NotImplemented"):
        functions.python("f", SOURCE, Runtime="nodejs24.x")


def test_old_runtimes_take_new_functions_until_their_day(functions: Functions, world: LocalWorld) -> None:
    with pytest.raises(
        functions.client.exceptions.InvalidParameterValueException, match="The runtime parameter of provided is no longer supported"
    ):
        functions.create("old", {"bootstrap": ECHO}, Runtime="provided")
    # Midnight in Los Angeles, of the day on which new functions are refused.
    world.clock.set(datetime(2024, 2, 8, 7, 59, tzinfo=UTC))
    functions.create("old", {"bootstrap": ECHO}, Runtime="provided")
    world.clock.advance(minutes=1)
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException):
        functions.create("late", {"bootstrap": ECHO}, Runtime="provided")


def test_functions_on_old_runtimes_run_for_ever_and_may_move_on_but_not_back(functions: Functions, world: LocalWorld) -> None:
    world.clock.set(datetime(2022, 1, 1, tzinfo=UTC))
    functions.create("old", {"bootstrap": ECHO}, Runtime="provided")
    world.clock.set(datetime(2026, 11, 1, tzinfo=UTC))
    assert functions.invoke("old", 1).value == 1
    functions.client.update_function_configuration(FunctionName="old", Runtime="provided.al2")
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="provided is no longer supported"):
        functions.client.update_function_configuration(FunctionName="old", Runtime="provided")


def test_tags_are_set_and_removed(functions: Functions) -> None:
    arn = functions.python("f", SOURCE)["FunctionArn"]
    functions.client.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    functions.client.untag_resource(Resource=arn, TagKeys=["a"])
    assert functions.client.list_tags(Resource=arn)["Tags"] == {"b": "2"}


def test_account_settings_count_what_is_used(functions: Functions) -> None:
    functions.python("f", SOURCE)
    settings = functions.client.get_account_settings()
    assert settings["AccountUsage"]["FunctionCount"] == 1
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000


def test_the_package_can_be_fetched_back(functions: Functions, world: LocalWorld) -> None:
    data = package({"app.py": SOURCE, "large.bin": os.urandom(100_000)})
    functions.python("f", SOURCE, Code={"ZipFile": data})
    location = functions.client.get_function(FunctionName="f")["Code"]["Location"]
    with urllib.request.urlopen(world.endpoint + "/" + location.split("/", 3)[3]) as answer:
        assert answer.read() == data


def test_a_fork_of_the_world_has_functions_of_its_own(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", SOURCE)
    assert functions.invoke("f").value == "one"
    copy = world.fork(f"{world.name}-copy")
    try:
        there = Functions(copy, functions.role)
        assert there.invoke("f").value == "one"
        there.client.update_function_code(FunctionName="f", ZipFile=package({"app.py": SOURCE.replace("one", "two")}))
        assert (there.invoke("f").value, functions.invoke("f").value) == ("two", "one")
    finally:
        copy.drop()


def test_settings_past_their_limits_are_refused(functions: Functions, aws_error: Any) -> None:
    functions.create("f", {"bootstrap": ECHO})
    update = functions.client.update_function_configuration
    with aws_error("ValidationException", "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than"):
        update(FunctionName="f", Timeout=901)
    with aws_error("InvalidParameterValueException", "'MemorySize' value failed to satisfy constraint"):
        update(FunctionName="f", MemorySize=10_241)
    with aws_error("InvalidParameterValueException", "Tags on function aliases and versions are not supported"):
        functions.client.tag_resource(Resource="arn:aws:lambda:us-east-1:000000000000:function:f:1", Tags={"a": "b"})

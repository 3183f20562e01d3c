"""Resource policies of functions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import ECHO, Functions

SOURCE = "def handler(event, context):\n    return 1\n"


def test_a_permission_becomes_a_statement(functions: Functions) -> None:
    functions.python("f", SOURCE)
    answer = functions.client.add_permission(
        FunctionName="f",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::photos",
        SourceAccount="000000000000",
    )
    expected = {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "Condition": {"StringEquals": {"AWS:SourceAccount": "000000000000"}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::photos"}},
    }
    assert json.loads(answer["Statement"]) == expected
    policy = json.loads(functions.client.get_policy(FunctionName="f")["Policy"])
    assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [expected]}


def test_an_account_is_its_root(functions: Functions) -> None:
    functions.python("f", SOURCE)
    answer = functions.client.add_permission(FunctionName="f", StatementId="a", Action="lambda:InvokeFunction", Principal="111122223333")
    assert json.loads(answer["Statement"])["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}


def test_a_statement_id_is_used_once(functions: Functions) -> None:
    functions.python("f", SOURCE)
    request = {"FunctionName": "f", "StatementId": "a", "Action": "lambda:InvokeFunction", "Principal": "*"}
    functions.client.add_permission(**request)
    with pytest.raises(functions.client.exceptions.ResourceConflictException, match="already exists"):
        functions.client.add_permission(**request)


def test_a_removed_permission_leaves_no_policy(functions: Functions) -> None:
    functions.python("f", SOURCE)
    functions.client.add_permission(FunctionName="f", StatementId="a", Action="lambda:InvokeFunction", Principal="*")
    functions.client.remove_permission(FunctionName="f", StatementId="a")
    with pytest.raises(functions.client.exceptions.ResourceNotFoundException):
        functions.client.get_policy(FunctionName="f")


def test_the_policy_of_a_version_is_its_own(functions: Functions) -> None:
    functions.python("f", SOURCE, Publish=True)
    functions.client.add_permission(
        FunctionName="f", Qualifier="1", StatementId="a", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    policy = json.loads(functions.client.get_policy(FunctionName="f", Qualifier="1")["Policy"])
    assert policy["Statement"][0]["Resource"].endswith(":function:f:1")
    with pytest.raises(functions.client.exceptions.ResourceNotFoundException):
        functions.client.get_policy(FunctionName="f")


@pytest.mark.parametrize("principal", ["arn:aws:iam::1:root", "arn:aws:s3:::b", "*.amazonaws.com", "me"])
def test_a_principal_that_is_none_is_refused(functions: Functions, principal: str) -> None:
    functions.python("f", "def handler(e, c):\n    pass\n")
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="The provided principal was invalid"):
        functions.client.add_permission(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal=principal)


def test_a_policy_is_put_read_and_deleted_as_a_whole(functions: Functions, aws_error: Any) -> None:
    client = functions.client
    arn = functions.create("f", {"bootstrap": ECHO})["FunctionArn"]
    client.add_permission(FunctionName="f", StatementId="one", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    statement = {"Sid": "two", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "lambda:GetFunction", "Resource": arn}
    nameless = {**statement, "Action": "lambda:InvokeFunction"}
    del nameless["Sid"]
    document = {"Version": "2012-10-17", "Statement": [statement, nameless]}
    put = client.put_resource_policy(ResourceArn=arn, Policy=json.dumps(document))
    assert json.loads(put["Policy"]) == document
    assert client.get_resource_policy(ResourceArn=arn)["RevisionId"] == put["RevisionId"]
    client.remove_permission(FunctionName="f", StatementId="two")
    assert json.loads(client.get_policy(FunctionName="f")["Policy"])["Statement"] == [nameless]
    with aws_error("PreconditionFailedException"):
        client.put_resource_policy(ResourceArn=arn, Policy=json.dumps(document), RevisionId=put["RevisionId"])
    with aws_error("InvalidParameterValueException"):
        client.put_resource_policy(ResourceArn=arn, Policy='{"Statement": 1}')
    client.delete_resource_policy(ResourceArn=arn)
    for call in (client.get_resource_policy, client.delete_resource_policy):
        with aws_error("ResourceNotFoundException"):
            call(ResourceArn=arn)
    with aws_error("ResourceNotFoundException"):
        client.get_policy(FunctionName="f")


def test_permissions_are_limited_in_size(functions: Functions, aws_error: Any) -> None:
    functions.create("f", {"bootstrap": ECHO})
    with aws_error("PolicyLengthExceededException", "is bigger than the limit"):
        for number in range(200):
            functions.client.add_permission(
                FunctionName="f",
                StatementId=f"statement-{number}",
                Action="lambda:InvokeFunction",
                Principal="s3.amazonaws.com",
                SourceArn="arn:aws:s3:::bucket",
            )

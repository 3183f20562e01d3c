"""Provisioned concurrency: environments that are ready before anybody calls."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions

KIND = "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"


def test_the_first_call_of_a_provisioned_version_needs_no_initialisation(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", KIND, Publish=True)
    put = functions.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=2)
    assert (put["Status"], put["AllocatedProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)
    world.settle()
    found = functions.client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    assert (found["Status"], found["AllocatedProvisionedConcurrentExecutions"]) == ("READY", 2)
    result = functions.invoke("f", Qualifier="1")
    assert result.value == "provisioned-concurrency"
    assert "Init Duration" not in result.log


def test_other_versions_start_on_demand(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", KIND, Publish=True)
    functions.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    world.settle()
    assert functions.invoke("f").value == "on-demand"


def test_an_alias_takes_its_provisioned_concurrency_along(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", KIND, Publish=True)
    functions.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    functions.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="live", ProvisionedConcurrentExecutions=1)
    functions.client.update_function_configuration(FunctionName="f", Timeout=20)
    functions.client.publish_version(FunctionName="f")
    functions.client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    world.settle()
    result = functions.invoke("f", Qualifier="live")
    assert (result.value, result.version) == ("provisioned-concurrency", "2")


def test_code_that_cannot_be_initialised_fails(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", "raise ValueError\n", Publish=True)
    functions.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    world.settle()
    found = functions.client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    assert (found["Status"], found["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")


def test_a_configuration_can_be_listed_and_deleted(functions: Functions, world: LocalWorld, aws_error: Any) -> None:
    functions.python("f", KIND, Publish=True)
    functions.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    listed = functions.client.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]
    assert [config["FunctionArn"].rpartition(":")[2] for config in listed] == ["1"]
    functions.client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    with aws_error("ProvisionedConcurrencyConfigNotFoundException"):
        functions.client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    world.settle()


def test_latest_cannot_be_provisioned(functions: Functions) -> None:
    functions.python("f", KIND)
    with pytest.raises(ClientError, match="cannot be applied to unpublished function versions"):
        functions.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="$LATEST", ProvisionedConcurrentExecutions=1)

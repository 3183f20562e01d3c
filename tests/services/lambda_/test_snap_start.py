"""SnapStart: versions that are initialised when they are published."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld
from cloudjar.services.lambda_.interpreters import python

from .conftest import ECHO, Functions

RUNTIME = next((f"python{version}" for version in ("3.12", "3.13", "3.14") if python(version)), "")
SNAP: dict[str, Any] = {"SnapStart": {"ApplyOn": "PublishedVersions"}, "Runtime": RUNTIME or "python3.12"}
needs_python = pytest.mark.skipif(not RUNTIME, reason="SnapStart wants a Python from 3.12 on")

HOOKS = """
import os
from snapshot_restore_py import register_after_restore, register_before_snapshot

told = ["init"]

@register_before_snapshot
def first():
    told.append("before 1")

register_before_snapshot(told.append, "before 2")

@register_after_restore
def third():
    told.append("after 1")
    print("restored")

register_after_restore(told.append, "after 2")

def handler(event, context):
    told.append("call")
    return [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], *told]
"""
WENT = ["snap-start", "init", "before 2", "before 1", "after 1", "after 2", "call"]


def published(functions: Functions, world: LocalWorld, source: str) -> dict[str, Any]:
    """Version 1 of a function "f", once it is settled."""
    functions.python("f", source, **SNAP)
    functions.client.publish_version(FunctionName="f")
    world.settle()
    found: dict[str, Any] = functions.client.get_function_configuration(FunctionName="f", Qualifier="1")
    return found


@needs_python
def test_a_published_version_is_pending_until_it_is_initialised(functions: Functions, world: LocalWorld) -> None:
    made = functions.python("f", HOOKS, **SNAP)
    assert made["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    version = functions.client.publish_version(FunctionName="f")
    assert (version["State"], version["StateReasonCode"]) == ("Pending", "Creating")
    with pytest.raises(functions.client.exceptions.SnapStartNotReadyException, match="once your function state becomes ACTIVE"):
        functions.invoke("f", Qualifier="1")
    world.settle()
    found = functions.client.get_function_configuration(FunctionName="f", Qualifier="1")
    assert (found["State"], found["SnapStart"]) == ("Active", {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"})
    assert functions.client.get_function_configuration(FunctionName="f")["SnapStart"]["OptimizationStatus"] == "Off"


@needs_python
def test_the_first_call_goes_on_from_the_snapshot_with_the_hooks_in_their_order(functions: Functions, world: LocalWorld) -> None:
    published(functions, world, HOOKS)
    result = functions.invoke("f", Qualifier="1")
    assert result.value == WENT
    assert "RESTORE_START Runtime Version: " in result.log and "restored\n" in result.log
    assert re.search(r"RESTORE_REPORT Restore Duration: [\d.]+ ms\n", result.log)
    assert re.search(r"Max Memory Used: \d+ MB\tRestore Duration: [\d.]+ ms\tBilled Restore Duration: \d+ ms\t\n", result.log)
    assert "Init Duration" not in result.log and "INIT_START" not in result.log
    warm = functions.invoke("f", Qualifier="1")
    assert warm.value == [*WENT, "call"]
    assert "RESTORE" not in warm.log and "Restore Duration" not in warm.log


@needs_python
def test_a_snapshot_is_made_again_when_its_credentials_have_expired(functions: Functions, world: LocalWorld, log_lines: Any) -> None:
    def starts() -> int:
        return sum("INIT_START" in line for line in log_lines("/aws/lambda/f"))

    published(functions, world, HOOKS)
    assert starts() == 1
    world.clock.advance(days=1)
    assert functions.invoke("f", Qualifier="1").value == WENT
    world.settle()
    assert starts() > 1


@needs_python
def test_the_latest_version_starts_on_demand(functions: Functions) -> None:
    functions.python("f", HOOKS, **SNAP)
    result = functions.invoke("f")
    assert result.value == ["on-demand", "init", "call"]
    assert "Init Duration" in result.log


@needs_python
def test_a_version_that_cannot_be_initialised_has_failed(functions: Functions, world: LocalWorld, aws_error: Any) -> None:
    found = published(functions, world, "raise ValueError('no luck')\n")
    assert (found["State"], found["StateReasonCode"]) == ("Failed", "FunctionError.RuntimeInitError")
    assert "no luck" in found["StateReason"] and found["SnapStart"]["OptimizationStatus"] == "Off"
    with aws_error("ResourceConflictException"):
        functions.invoke("f", Qualifier="1")


@needs_python
def test_a_hook_that_fails_before_the_snapshot_fails_the_version(functions: Functions, world: LocalWorld) -> None:
    source = "import snapshot_restore_py as s\ns.register_before_snapshot(int, 'x')\ndef handler(e, c): pass\n"
    assert "Runtime.BeforeSnapshotError: invalid literal" in published(functions, world, source)["StateReason"]


@needs_python
def test_a_hook_that_fails_after_the_restore_fails_the_call(functions: Functions, world: LocalWorld, log_lines: Any) -> None:
    source = "import snapshot_restore_py as s\ns.register_after_restore(int, 'x')\ndef handler(e, c): pass\n"
    assert published(functions, world, source)["State"] == "Active"
    with pytest.raises(functions.client.exceptions.SnapStartException, match="runtime hook encountered an error"):
        functions.invoke("f", Qualifier="1")
    world.settle()
    text = "".join(log_lines("/aws/lambda/f"))
    assert "[ERROR] Runtime.AfterRestoreError: invalid literal" in text
    assert re.search(r"RESTORE_REPORT Restore Duration: [\d.]+ ms\tStatus: error\tError Type: Runtime.AfterRestoreError", text)


@needs_python
def test_provisioned_concurrency_does_not_go_with_it(functions: Functions, world: LocalWorld) -> None:
    published(functions, world, HOOKS)
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="SnapStart"):
        functions.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)


@needs_python
def test_it_can_be_switched_on_and_off(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", HOOKS, Runtime=SNAP["Runtime"])
    on = functions.client.update_function_configuration(FunctionName="f", SnapStart=SNAP["SnapStart"])
    assert on["SnapStart"]["ApplyOn"] == "PublishedVersions"
    functions.client.publish_version(FunctionName="f")
    functions.client.update_function_configuration(FunctionName="f", SnapStart={"ApplyOn": "None"})
    functions.client.publish_version(FunctionName="f")
    world.settle()
    assert functions.invoke("f", Qualifier="1").value == WENT
    assert functions.invoke("f", Qualifier="2").value == ["on-demand", "init", "call"]


def test_runtimes_that_do_not_support_it_are_refused(functions: Functions) -> None:
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match=r"provided\.al2023 is not supported"):
        functions.create("f", {"bootstrap": ECHO}, SnapStart=SNAP["SnapStart"])
    functions.create("f", {"bootstrap": ECHO})
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="for SnapStart enabled functions"):
        functions.client.update_function_configuration(FunctionName="f", SnapStart=SNAP["SnapStart"])


@needs_python
def test_a_larger_tmp_is_refused(functions: Functions) -> None:
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="EphemeralStorage"):
        functions.python("f", HOOKS, EphemeralStorage={"Size": 1024}, **SNAP)

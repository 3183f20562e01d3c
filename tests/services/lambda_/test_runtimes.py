"""The life cycle of runtimes: by the world's clock, or by the profile that it has chosen."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld
from cloudjar.services.lambda_.runtimes import RUNTIMES, may_create, may_update, pacific_midnight

from .conftest import ECHO, Functions, aws_refusal


def own(world: LocalWorld, profile: str = "") -> Any:
    """Asks the own API for the runtimes, or sets the profile."""
    body = json.dumps({"profile": profile}).encode() if profile else None
    request = urllib.request.Request(f"{world.endpoint}/_cloudjar/lambda/runtimes", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.mark.parametrize("runtime", [r for r in RUNTIMES.values() if r.block_create and r.block_update], ids=lambda r: r.name)
def test_each_runtime_is_shut_at_midnight_in_seattle(runtime: Any) -> None:
    for check, day in ((may_create, runtime.block_create), (may_update, runtime.block_update)):
        midnight = pacific_midnight(day)
        check(runtime, midnight - timedelta(seconds=1))
        with aws_refusal(f"The runtime parameter of {runtime.name} is no longer supported for creating or updating AWS Lambda functions."):
            check(runtime, midnight)


@pytest.mark.parametrize("runtime", RUNTIMES.values(), ids=lambda r: r.name)
def test_a_runtime_is_not_shut_to_old_functions_before_new_ones(runtime: Any) -> None:
    if runtime.block_create and runtime.block_update:
        assert runtime.block_create <= runtime.block_update


def test_summer_and_winter_have_different_midnights() -> None:
    assert pacific_midnight(datetime(2022, 7, 18).date()) == datetime(2022, 7, 18, 7, tzinfo=UTC)
    assert pacific_midnight(datetime(2024, 1, 9).date()) == datetime(2024, 1, 9, 8, tzinfo=UTC)


def test_between_the_two_days_old_functions_change_and_new_ones_are_refused(functions: Functions, world: LocalWorld) -> None:
    client = functions.client
    world.clock.set(datetime(2023, 3, 30, tzinfo=UTC))
    functions.create("old", {"bootstrap": ECHO, "main": ECHO}, Runtime="go1.x", Handler="main")
    world.clock.set(datetime(2024, 3, 1, tzinfo=UTC))
    with aws_refusal(r"We recommend you use the new runtime \(provided.al2023\) while creating or updating functions"):
        functions.create("new", {"main": ECHO}, Runtime="go1.x", Handler="main")
    client.update_function_configuration(FunctionName="old", Description="still")
    world.clock.set(datetime(2027, 3, 4, tzinfo=UTC))
    with aws_refusal("The runtime parameter of go1.x is no longer supported"):
        client.update_function_configuration(FunctionName="old", Description="no more")
    assert functions.invoke("old", 1).value == 1


def test_a_go_program_without_its_file_is_told_of(functions: Functions, world: LocalWorld) -> None:
    own(world, "none")
    functions.create("go", {"other": ECHO}, Runtime="go1.x", Handler="main")
    result = functions.invoke("go")
    assert result.value["errorType"] == "Runtime.InvalidEntrypoint"
    assert "fork/exec /var/task/main: no such file or directory" in result.value["errorMessage"]


def test_a_world_may_have_its_runtimes_judged_by_another_day(functions: Functions, world: LocalWorld) -> None:
    with aws_refusal("provided is no longer supported"):
        functions.create("old", {"bootstrap": ECHO}, Runtime="provided")
    assert own(world, "2023-12-31")["profile"] == "2023-12-31"
    functions.create("old", {"bootstrap": ECHO}, Runtime="provided")
    own(world, "today")
    with aws_refusal("provided is no longer supported"):
        functions.create("new", {"bootstrap": ECHO}, Runtime="provided")
    own(world, "none")
    functions.create("new", {"bootstrap": ECHO}, Runtime="provided")


def test_the_own_api_lists_the_runtimes(world: LocalWorld) -> None:
    rows = {row["runtime"]: row for row in own(world)["runtimes"]}
    assert rows["provided"]["block_create"] == "2024-02-08"
    assert rows["provided.al2023"]["missing"] == ""
    assert "only" in rows["ruby2.5"]["missing"] or rows["ruby2.5"]["missing"] == ""


def test_no_other_profile_is_accepted(world: LocalWorld) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        own(world, "yesterday")
    assert refused.value.code == 400

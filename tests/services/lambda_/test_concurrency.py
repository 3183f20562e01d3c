"""Several calls at once: sandboxes, limits, and what is used again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld
from cloudjar.services.lambda_.pool import Pool

from .conftest import Functions, package

WHO = "import uuid, time\nME = str(uuid.uuid4())\ndef handler(event, context):\n    time.sleep(event or 0)\n    return ME\n"


def test_calls_after_each_other_share_a_sandbox(functions: Functions) -> None:
    functions.python("who", WHO)
    assert len({functions.invoke("who").value for _ in range(4)}) == 1


def test_calls_at_the_same_time_have_sandboxes_of_their_own(functions: Functions) -> None:
    functions.python("who", WHO, Timeout=30)
    with ThreadPoolExecutor(8) as threads:
        answers = {result.value for result in threads.map(lambda _: functions.invoke("who", 2), range(8))}
    assert len(answers) == 8


def test_a_change_gives_a_new_sandbox(functions: Functions) -> None:
    functions.python("who", WHO)
    before = functions.invoke("who").value
    functions.client.update_function_configuration(FunctionName="who", Description="new")
    assert functions.invoke("who").value != before


def test_a_sandbox_is_replaced_when_its_credentials_have_expired(functions: Functions) -> None:
    functions.python("who", WHO)
    before = functions.invoke("who").value
    functions.world.clock.advance(hours=13)
    assert functions.invoke("who").value != before


def test_a_sandbox_survives_an_error_of_the_handler(functions: Functions) -> None:
    functions.python("who", "import uuid\nME = str(uuid.uuid4())\ndef handler(e, c):\n    if e:\n        1 / 0\n    return ME\n")
    before = functions.invoke("who").value
    assert functions.invoke("who", 1).error == "Unhandled"
    assert functions.invoke("who").value == before


def test_a_sandbox_is_replaced_after_a_timeout(functions: Functions) -> None:
    functions.python("who", WHO, Timeout=1)
    before = functions.invoke("who").value
    assert functions.invoke("who", 30).value["errorType"] == "Sandbox.Timedout"
    after = functions.invoke("who")
    assert after.error is None
    assert after.value != before


def test_reserved_concurrency_throttles(functions: Functions) -> None:
    functions.python("who", WHO, Timeout=30)
    functions.client.put_function_concurrency(FunctionName="who", ReservedConcurrentExecutions=0)
    with pytest.raises(functions.client.exceptions.TooManyRequestsException) as caught:
        functions.invoke("who")
    response: dict[str, Any] = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert response["Error"]["Message"] == "Rate Exceeded."


def test_reserved_concurrency_lets_that_many_through(functions: Functions) -> None:
    functions.python("who", WHO, Timeout=30)
    functions.client.put_function_concurrency(FunctionName="who", ReservedConcurrentExecutions=2)
    # Before there are threads: a client makes its exceptions at first use, and two that do so at once make them twice.
    refusal = functions.client.exceptions.TooManyRequestsException

    def call(_: int) -> bool:
        try:
            functions.invoke("who", 3)
        except refusal:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(call, range(6))) == 2


def test_reserved_concurrency_is_shown_and_removed(functions: Functions) -> None:
    functions.python("who", WHO)
    functions.client.put_function_concurrency(FunctionName="who", ReservedConcurrentExecutions=5)
    assert functions.client.get_function_concurrency(FunctionName="who")["ReservedConcurrentExecutions"] == 5
    assert functions.client.get_function(FunctionName="who")["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    assert functions.client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 995
    functions.client.delete_function_concurrency(FunctionName="who")
    assert "ReservedConcurrentExecutions" not in functions.client.get_function_concurrency(FunctionName="who")


def test_a_hundred_stay_unreserved(functions: Functions) -> None:
    functions.python("who", WHO)
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match=r"minimum value of \[100\]"):
        functions.client.put_function_concurrency(FunctionName="who", ReservedConcurrentExecutions=901)


def test_many_calls_at_once_all_end(functions: Functions) -> None:
    functions.python("who", WHO, Timeout=60)
    with ThreadPoolExecutor(40) as threads:
        results = list(threads.map(lambda _: functions.invoke("who"), range(120)))
    assert {result.error for result in results} == {None}


def test_hundreds_of_calls_and_events_at_once_all_end(
    functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    world.local.do(lambda: setattr(world._world().part(Pool).places, "limit", 8))
    for name in ("sync", "event"):
        functions.python(name, "def handler(event, context):\n    print('handled', event)\n    return event\n", Timeout=60)

    def call(number: int) -> int:
        if number % 2:
            payload = str(number).encode()
            status: int = functions.client.invoke(FunctionName="event", InvocationType="Event", Payload=payload)["StatusCode"]
            return status
        return 200 if functions.invoke("sync", number).value == number else 500

    with ThreadPoolExecutor(40) as threads:
        assert set(threads.map(call, range(200))) == {200, 202}
    world.settle()
    handled = [line for line in log_lines("/aws/lambda/event") if line.startswith("handled")]
    assert sorted(int(line.split()[1]) for line in handled) == list(range(1, 200, 2))


@pytest.fixture
def two_places(functions: Functions) -> Functions:
    """A machine with room for two sandboxes."""
    world = functions.world
    world.local.do(lambda: setattr(world._world().part(Pool).places, "limit", 2))
    return functions


def test_calls_past_the_machines_room_wait_for_a_sandbox_of_their_own_function(two_places: Functions) -> None:
    two_places.python("who", WHO, Timeout=30)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: two_places.invoke("who", 0.1), range(8)))
    assert {result.error for result in results} == {None}
    assert len({result.value for result in results}) == 2


def test_calls_past_the_machines_room_take_the_places_of_other_functions(two_places: Functions) -> None:
    for name in ("a1", "b2", "c3", "d4"):
        two_places.python(name, WHO, Timeout=30)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda n: two_places.invoke(n, 0.1), ["a1", "b2", "c3", "d4"] * 3))
    assert {result.error for result in results} == {None}


def test_sandboxes_that_fail_give_their_places_back(two_places: Functions) -> None:
    two_places.python("bad", "import none_such\n")
    two_places.create("gone", {"readme": "x"})
    for _ in range(3):
        assert two_places.invoke("bad").error == "Unhandled"
        assert two_places.invoke("gone").error == "Unhandled"


def test_a_deleted_function_leaves_nothing_that_answers(functions: Functions) -> None:
    functions.python("who", WHO)
    functions.invoke("who")
    functions.client.delete_function(FunctionName="who")
    functions.create(
        "who",
        {"app.py": "def handler(e, c):\n    return 'new'\n"},
        Code={"ZipFile": package({"app.py": "def handler(e, c):\n    return 'new'\n"})},
    )
    assert functions.invoke("who").value == "new"

"""Custom runtimes: a bootstrap that talks to the Runtime API."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from cloudjar.services.lambda_.pool import Pool

from .conftest import ECHO, Functions


@pytest.mark.parametrize("runtime", ["provided.al2", "provided.al2023"])
def test_a_shell_bootstrap_answers(functions: Functions, runtime: str) -> None:
    functions.create("echo", {"bootstrap": ECHO}, Runtime=runtime)
    result = functions.invoke("echo", {"a": 1})
    assert (result.status, result.error, result.value, result.version) == (200, None, {"a": 1}, "$LATEST")


def test_the_log_has_start_end_and_report_lines(functions: Functions) -> None:
    functions.create("echo", {"bootstrap": ECHO})
    result = functions.invoke("echo", {"a": 1})
    lines = result.log.splitlines()
    assert lines[0] == f"START RequestId: {result.request_id} Version: $LATEST"
    assert lines[1] == 'event {"a": 1}'
    assert lines[2] == f"END RequestId: {result.request_id}"
    report = (
        rf"REPORT RequestId: {result.request_id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t"
    )
    assert re.fullmatch(report, lines[3])


def test_only_the_cold_call_reports_an_init_duration(functions: Functions) -> None:
    functions.create("echo", {"bootstrap": ECHO})
    assert "Init Duration" in functions.invoke("echo").log
    assert "Init Duration" not in functions.invoke("echo").log


def test_a_bootstrap_in_a_layer_serves(functions: Functions) -> None:
    from .conftest import package

    layer = functions.client.publish_layer_version(LayerName="runtime", Content={"ZipFile": package({"bootstrap": ECHO})})
    functions.create("echo", {"data.txt": "x"}, Layers=[layer["LayerVersionArn"]])
    assert functions.invoke("echo", "hello").value == "hello"


def test_a_package_without_a_bootstrap_is_an_invalid_entrypoint(functions: Functions) -> None:
    functions.create("none", {"readme.txt": "x"})
    result = functions.invoke("none")
    assert result.error == "Unhandled"
    assert result.value == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": f"RequestId: {result.request_id} Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
    }


@pytest.mark.parametrize(
    ("source", "mode", "why"),
    [
        (ECHO, 0o644, "permission denied"),
        ("echo hello\n", 0o755, "exec format error"),
        ("#!/bin/sh\r\necho\r\n", 0o755, "no such file or directory"),
    ],
    ids=["no execute bit", "no shebang", "DOS line ends"],
)
def test_a_bootstrap_that_cannot_be_executed_says_why(functions: Functions, source: str, mode: int, why: str) -> None:
    functions.create("bad", {"bootstrap": source}, mode=mode)
    result = functions.invoke("bad")
    assert result.value["errorType"] == "Runtime.InvalidEntrypoint"
    assert result.value["errorMessage"].endswith(f"Error: fork/exec /var/task/bootstrap: {why}")


def test_a_runtime_that_ends_during_init_is_an_exit_error(functions: Functions) -> None:
    functions.create("ends", {"bootstrap": "#!/bin/sh\necho going\nexit 3\n"})
    result = functions.invoke("ends")
    assert result.value["errorType"] == "Runtime.ExitError"
    assert result.value["errorMessage"] == f"RequestId: {result.request_id} Error: Runtime exited with error: exit status 3"
    # Lambda initialises again within the invocation before it gives up.
    assert result.log.count("going") == 2
    assert "Phase: init\tStatus: error\tError Type: Runtime.ExitError" in result.log
    assert "Phase: invoke\tStatus: error\tError Type: Runtime.ExitError" in result.log


def test_a_runtime_that_exits_in_an_invocation_is_replaced(functions: Functions) -> None:
    source = '#!/bin/sh\ncurl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next" > /dev/null\nexit 0\n'
    functions.create("ends", {"bootstrap": source})
    for _ in range(2):
        result = functions.invoke("ends")
        assert result.value["errorType"] == "Runtime.ExitError"
        assert result.value["errorMessage"].endswith("Error: Runtime exited without providing a reason")
        assert "Init Duration" in result.log


def test_a_killed_runtime_reports_the_signal(functions: Functions) -> None:
    source = '#!/bin/sh\ncurl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next" > /dev/null\nkill -9 $$\n'
    functions.create("killed", {"bootstrap": source})
    assert functions.invoke("killed").value["errorMessage"].endswith("Runtime exited with error: signal: killed")


def test_an_error_that_the_runtime_posts_is_the_payload(functions: Functions) -> None:
    source = ECHO.replace(
        '"$API/invocation/$ID/response" -d "$EVENT"', '"$API/invocation/$ID/error" -d \'{"errorType":"Mine","errorMessage":"no"}\''
    )
    functions.create("fails", {"bootstrap": source})
    result = functions.invoke("fails")
    assert (result.error, result.value) == ("Unhandled", {"errorType": "Mine", "errorMessage": "no"})
    assert "Init Duration" not in functions.invoke("fails").log


def test_an_init_error_that_the_runtime_posts_is_the_payload(functions: Functions) -> None:
    post = 'curl -sS -X POST "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error" -d \'{"errorType":"Init.Bad"}\''
    functions.create("fails", {"bootstrap": f"#!/bin/sh\n{post}\nexit 1\n"})
    result = functions.invoke("fails")
    assert (result.error, result.value) == ("Unhandled", {"errorType": "Init.Bad"})


def test_a_function_is_ended_at_its_timeout(functions: Functions) -> None:
    source = ECHO.replace('  echo "event $EVENT"\n', '  echo "event $EVENT"\n  sleep 60 &\n  sleep 60\n')
    functions.create("slow", {"bootstrap": source}, Timeout=1)
    result = functions.invoke("slow", 1)
    assert result.error == "Unhandled"
    assert result.value == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {result.request_id} Error: Task timed out after 1.00 seconds",
    }
    assert re.search(rf"\d{{4}}-\d\d-\d\dT\S+Z {result.request_id} Task timed out after 1\.00 seconds\n", result.log)
    assert "Status: timeout" in result.log
    assert "event 1" in result.log


API_PROBE = """#!/bin/sh
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01"
call() { curl -sS -o /tmp/body -w '%{http_code}' "$@"; printf ' '; cat /tmp/body; }
early=$(call -X POST "$API/runtime/invocation/1/response" -d 1)
curl -sS -D /tmp/headers "$API/runtime/invocation/next" > /dev/null
ID=$(grep -i '^Lambda-Runtime-Aws-Request-Id' /tmp/headers | tr -d '\\r' | cut -d' ' -f2)
wrong=$(call -X POST "$API/runtime/invocation/wrong/response" -d 1)
late=$(call -X POST "$API/runtime/init/error" -d 1)
lost=$(call "$API/nowhere")
echo "early=$early"; echo "wrong=$wrong"; echo "late=$late"; echo "lost=$lost"; cat /tmp/headers
echo "answer=$(call -X POST "$API/runtime/invocation/$ID/response" -d 1)"
echo "again=$(call -X POST "$API/runtime/invocation/$ID/response" -d 1)"
curl -sS "$API/runtime/invocation/next" > /dev/null
"""


def test_the_runtime_api_answers_as_documented(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    created = functions.create("probe", {"bootstrap": API_PROBE})
    result = functions.invoke("probe")
    assert result.error is None
    for _ in range(1000):
        # What comes after the answer may come after the invocation, on a machine that is busy.
        lines = dict(line.rstrip().split("=", 1) for line in log_lines("/aws/lambda/probe") if re.match("[a-z]+=", line))
        if "again" in lines:
            break
        time.sleep(0.01)
    assert lines["early"].startswith("403 ")
    assert '"errorType": "InvalidStateTransition"' in lines["early"]
    assert lines["wrong"] == '400 {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}'
    assert lines["late"].startswith("403 ")
    assert lines["lost"].startswith("404 ")
    assert lines["answer"] == '202 {"status":"OK"}'
    assert lines["again"].startswith("403 ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in result.log.splitlines())}
    assert headers["lambda-runtime-aws-request-id"] == result.request_id
    assert headers["lambda-runtime-invoked-function-arn"] == created["FunctionArn"]
    assert headers["content-type"] == "application/json"
    assert headers["lambda-runtime-deadline-ms"].isdigit()
    assert headers["lambda-runtime-trace-id"].startswith("Root=1-")


def test_an_answer_past_six_megabytes_is_refused(functions: Functions) -> None:
    source = ECHO.replace('-d "$EVENT" > /dev/null', "--data-binary @/tmp/large -o /tmp/refused; cat /tmp/refused")
    source = source.replace("while true", "head -c 6291557 /dev/zero | tr '\\0' 1 > /tmp/large\nwhile true")
    functions.create("large", {"bootstrap": source})
    result = functions.invoke("large")
    assert result.error == "Unhandled"
    assert result.value["errorType"] == "Function.ResponseSizeTooLarge"
    assert "Exceeded maximum allowed payload size (6291556 bytes)." in result.log


def test_an_init_that_takes_too_long_is_cut_off_and_repeated_in_the_invocation(functions: Functions) -> None:
    world = functions.world
    world.local.do(lambda: setattr(world._world().part(Pool), "init_seconds", 0.3))
    functions.create("slow", {"bootstrap": ECHO.replace("while true", "sleep 0.6\nwhile true")}, Timeout=20)
    result = functions.invoke("slow", 1)
    assert result.value == 1
    duration = re.search(r"\tDuration: ([\d.]+) ms", result.log)
    assert re.search(r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: timeout\n", result.log)
    # The second initialisation counts as the invocation's.
    assert duration
    assert float(duration[1]) > 600
    assert "Init Duration" not in functions.invoke("slow", 1).log


def test_what_is_not_http_does_no_harm(functions: Functions) -> None:
    source = ECHO.replace(
        "while true", 'ADDR=${AWS_LAMBDA_RUNTIME_API}\nprintf "nonsense\\r\\n\\r\\n" | curl -s telnet://$ADDR\nwhile true'
    )
    functions.create("odd", {"bootstrap": source})
    assert functions.invoke("odd", 1).value == 1


def test_a_runtime_that_is_slow_to_ask_again_serves_the_next_call_too(functions: Functions) -> None:
    functions.create("busy", {"bootstrap": ECHO.replace("> /dev/null\ndone", "> /dev/null\n  sleep 0.5\ndone")})
    first, second = functions.invoke("busy", 1), functions.invoke("busy", 2)
    assert (first.value, second.value) == (1, 2)
    assert "Init Duration" not in second.log

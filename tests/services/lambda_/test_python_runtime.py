"""Python functions: the handler, its context, its errors, its log."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from cloudjar.gateway.inprocess import LocalWorld
from cloudjar.services.lambda_ import interpreters

from .conftest import Functions

VERSIONS = [v for v in ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14") if interpreters.python(v)]
OLD = [v for v in ("3.6", "3.7") if interpreters.python(v)]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_python_of_this_machine_runs_its_functions(functions: Functions, version: str) -> None:
    source = "import sys, logging\ndef handler(event, context):\n    return [sys.version_info[:2], event, context.function_name]\n"
    functions.python("py", source, Runtime=f"python{version}")
    assert functions.invoke("py", {"k": "é"}).value == [[int(p) for p in version.split(".")], {"k": "é"}, "py"]


@pytest.mark.parametrize("version", OLD)
def test_an_old_python_runs_in_its_time(functions: Functions, world: LocalWorld, version: str) -> None:
    world.clock.set(datetime(2022, 7, 1, tzinfo=UTC))
    source = "import sys, logging\ndef handler(event, context):\n    print('é')\n    return [sys.version_info[:2], event]\n"
    functions.python("py", source, Runtime=f"python{version}")
    result = functions.invoke("py", {"k": "é"})
    assert result.value == [[int(p) for p in version.split(".")], {"k": "é"}]
    assert "é\n" in result.log


def test_no_payload_is_an_empty_object(functions: Functions) -> None:
    functions.python("py", "def handler(event, context):\n    return event\n")
    assert functions.client.invoke(FunctionName="py")["Payload"].read() == b"{}"


def test_the_context_says_who_and_what(functions: Functions) -> None:
    source = """
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    return {
        "id": context.aws_request_id, "name": context.function_name, "version": context.function_version,
        "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb, "group": context.log_group_name,
        "stream": context.log_stream_name, "left": 0 < left <= 7000, "identity": context.identity.cognito_identity_id,
        "client": context.client_context.custom,
    }
"""
    created = functions.python("py", source, Timeout=7, MemorySize=256)
    result = functions.invoke("py", ClientContext="eyJjdXN0b20iOiB7ImsiOiAidiJ9fQ==")
    stream = result.value.pop("stream")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    assert result.value == {
        "id": result.request_id,
        "name": "py",
        "version": "$LATEST",
        "arn": created["FunctionArn"],
        "memory": "256",
        "group": "/aws/lambda/py",
        "left": True,
        "identity": None,
        "client": {"k": "v"},
    }


def test_an_exception_is_reported_with_its_stack(functions: Functions) -> None:
    functions.python("py", "def handler(event, context):\n    raise ValueError('no good')\n")
    result = functions.invoke("py")
    assert result.error == "Unhandled"
    assert result.value == {
        "errorMessage": "no good",
        "errorType": "ValueError",
        "requestId": result.request_id,
        "stackTrace": ["  File \"/var/task/app.py\", line 2, in handler\n    raise ValueError('no good')\n"],
    }
    assert "[ERROR] ValueError: no good\nTraceback (most recent call last):\n" in result.log


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        (
            "import nothing_here\n",
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nothing_here'",
        ),
        ("x = 1\n", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def handler(:\n", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("x = 1\n", "other.handler", "Runtime.ImportModuleError", "Unable to import module 'other': No module named 'other'"),
        ("x = 1\n", "app", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"),
        ("1 / 0\n", "app.handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_handler_that_cannot_be_loaded_says_why(functions: Functions, source: str, handler: str, kind: str, message: str) -> None:
    functions.python("py", source, Handler=handler)
    result = functions.invoke("py")
    assert result.error == "Unhandled"
    assert result.value["errorType"] == kind
    assert result.value["errorMessage"].startswith(message)
    assert f"[ERROR] {kind}: {message}" in result.log


def test_what_json_cannot_hold_is_a_marshal_error(functions: Functions) -> None:
    functions.python("py", "def handler(event, context):\n    return {1, 2}\n")
    result = functions.invoke("py")
    assert result.value["errorType"] == "Runtime.MarshalError"
    assert result.value["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


def test_logging_has_lambdas_format(functions: Functions) -> None:
    source = "import logging\nlogging.getLogger().setLevel('INFO')\ndef handler(event, context):\n    logging.info('two\\nlines')\n"
    functions.python("py", source)
    result = functions.invoke("py")
    assert re.search(rf"\[INFO\]\t\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t{result.request_id}\ttwo\nlines\n", result.log)


def test_output_of_the_init_and_of_the_handler_is_logged(functions: Functions) -> None:
    source = "import sys\nprint('at import')\ndef handler(event, context):\n    print('out')\n    print('err', file=sys.stderr)\n"
    functions.python("py", source)
    first, second = functions.invoke("py"), functions.invoke("py")
    assert "at import\n" in first.log
    assert "out\nerr\n" in second.log
    assert "at import" not in second.log


def test_sys_exit_in_a_handler_is_an_exit_error(functions: Functions) -> None:
    functions.python("py", "import sys\ndef handler(event, context):\n    sys.exit(5)\n")
    result = functions.invoke("py")
    assert result.value["errorType"] == "Runtime.ExitError"
    assert result.value["errorMessage"].endswith("Runtime exited with error: exit status 5")


def test_the_aws_sdk_is_there_and_reaches_this_world_as_the_role(functions: Functions) -> None:
    source = "import boto3\ndef handler(event, context):\n    return boto3.client('sts').get_caller_identity()['Arn']\n"
    functions.python("py", source, Timeout=60, MemorySize=512)
    assert functions.invoke("py").value == "arn:aws:sts::000000000000:assumed-role/function/py"


def test_a_handler_may_lie_in_a_package(functions: Functions) -> None:
    functions.create(
        "py", {"app.py": "", "pkg/__init__.py": "", "pkg/mod.py": "def run(e, c):\n    return 'deep'\n"}, Handler="pkg/mod.run"
    )
    assert functions.invoke("py").value == "deep"


def test_a_layer_gives_modules_and_a_later_layer_wins(functions: Functions) -> None:
    from .conftest import package

    arns = [
        functions.client.publish_layer_version(LayerName=name, Content={"ZipFile": package(files)})["LayerVersionArn"]
        for name, files in (
            ("one", {"python/shared.py": "WHO = 'one'\n", "python/first.py": "N = 1\n"}),
            ("two", {"python/shared.py": "WHO = 'two'\n"}),
        )
    ]
    source = "import shared, first\ndef handler(event, context):\n    return [shared.WHO, first.N]\n"
    functions.python("py", source, Layers=arns)
    assert functions.invoke("py").value == ["two", 1]


def test_the_environment_is_as_documented(functions: Functions) -> None:
    source = "import os\ndef handler(event, context):\n    return dict(os.environ)\n"
    functions.python("py", source, Environment={"Variables": {"MINE": "yes"}}, MemorySize=192)
    env = functions.invoke("py").value
    expected = {
        "MINE": "yes",
        "_HANDLER": "app.handler",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "192",
        "AWS_LAMBDA_FUNCTION_NAME": "py",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/py",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
    }
    assert {name: env.get(name) for name in expected} == expected
    assert env["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert env["AWS_SESSION_TOKEN"]
    assert env["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert "HOME" not in env


def test_decimals_keep_their_digits_and_bytes_are_left_alone(functions: Functions) -> None:
    source = (
        "from decimal import Decimal\n"
        "def handler(event, context):\n"
        "    return b'\\x00raw' if event else {'a': Decimal('1.10'), 'b': [Decimal('12345678901234567890.123')], 'c': 'ä'}\n"
    )
    functions.python("f", source)
    raw = functions.client.invoke(FunctionName="f", Payload=b"null")["Payload"].read()
    # Letters past ASCII are written as they are since Python 3.12.
    assert raw == b'{"a": 1.10, "b": [12345678901234567890.123], "c": "\\u00e4"}'
    assert functions.client.invoke(FunctionName="f", Payload=b"1")["Payload"].read() == b"\x00raw"


def test_what_fails_at_initialisation_is_logged_as_on_aws(functions: Functions) -> None:
    functions.python("f", "def handler(event, context):\n    pass\nraise ValueError('broken')\n")
    log = functions.invoke("f").log
    assert "[WARNING]" in log and "LAMBDA_WARNING: Unhandled exception." in log
    assert "[ERROR] ValueError: broken\nTraceback (most recent call last):\n" in log
    assert '\u00a0\u00a0File "/var/task/app.py", line 3, in <module>\n' in log


def test_errors_are_json_where_that_is_the_format(functions: Functions) -> None:
    source = "import logging\ndef handler(event, context):\n    logging.warning({'a': 1}, extra={'more': 2})\n    raise ValueError('no')\n"
    functions.python("f", source, LoggingConfig={"LogFormat": "JSON"})
    result = functions.invoke("f")
    warned, failed = [json.loads(line) for line in result.log.splitlines() if '"level"' in line]
    assert (warned["level"], warned["message"], warned["more"], warned["requestId"]) == ("WARNING", {"a": 1}, 2, result.request_id)
    assert (failed["level"], failed["errorType"], failed["errorMessage"], failed["requestId"]) == (
        *("ERROR", "ValueError", "no"),
        result.request_id,
    )


def test_a_line_without_an_end_belongs_to_its_invocation(functions: Functions) -> None:
    functions.python("py", "import sys\ndef handler(event, context):\n    sys.stdout.write('no end ' + str(event))\n")
    for number in (1, 2):
        assert f"\nno end {number}\nEND RequestId" in functions.invoke("py", number).log


def test_a_timeout_is_reported_as_the_limit(functions: Functions) -> None:
    functions.python("py", "import time\ndef handler(event, context):\n    time.sleep(5)\n", Timeout=1)
    assert "\tDuration: 1000.00 ms\t" in functions.invoke("py").log

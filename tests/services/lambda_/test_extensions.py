"""Extensions: external ones that live beside the runtime, internal ones that live in it, and what both are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions, package

API = """import http.client, http.server, json, os, sys, threading, time

def call(method, path, body=None, **headers):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode()

def register(name, events=("INVOKE", "SHUTDOWN"), **headers):
    path, asked = "/2020-01-01/extension/register", json.dumps({"events": list(events)})
    status, headers, body = call("POST", path, asked, Lambda_Extension_Name=name, **headers)
    print("registered", status, body, flush=True)
    return headers.get("Lambda-Extension-Identifier", "")

def next(id):
    return json.loads(call("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier=id)[2])
"""
EXTERNAL = (
    "#!/usr/bin/env python3\n"
    + API
    + """
id = register("watch.py")
while True:
    event = next(id)
    print("event", json.dumps(event), flush=True)
    if event["eventType"] == "SHUTDOWN":
        break
"""
)
HELLO = "def handler(event, context):\n    print('hello')\n    return event\n"
LISTENER = (
    "#!/usr/bin/env python3\n"
    + API
    + """
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        with open("/tmp/records", "a") as file:
            for record in json.loads(data):
                file.write(json.dumps(record) + "\\n")
    do_PUT = do_POST
    def log_message(self, *args):
        pass

id = register("listen.py", ["INVOKE"])
server = http.server.HTTPServer(("sandbox.localdomain", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
body = {"types": TYPES, "buffering": {"timeoutMs": 25}, "schemaVersion": "SCHEMA",
        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:%d/x" % server.server_port}}
print("subscribed", *call("PUT", "PATH", json.dumps(body), Lambda_Extension_Identifier=id)[::2], flush=True)
while True:
    next(id)
"""
)
RECORDS = """import json, os, time
def handler(event, context):
    print("from the function")
    for _ in range(100):
        time.sleep(0.02)
        found = [json.loads(line) for line in open("/tmp/records")] if os.path.exists("/tmp/records") else []
        if any(r["type"] == event["until"] for r in found):
            return found
    return found
"""


def layer(functions: Functions, files: dict[str, str | bytes], mode: int = 0o755) -> list[str]:
    """A layer of these files."""
    content = {"ZipFile": package(files, mode)}
    return [functions.client.publish_layer_version(LayerName="extensions", Content=content)["LayerVersionArn"]]


def end(functions: Functions, name: str) -> None:
    """Has the environments of a function end, and their last lines stored."""
    functions.client.update_function_configuration(FunctionName=name, Description="changed")


def events_in(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line.split("event ", 1)[1]) for line in lines if line.startswith("event ")]


def test_an_extension_is_registered_before_the_runtime_starts(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("f", HELLO, Layers=layer(functions, {"extensions/watch.py": EXTERNAL}))
    result = functions.invoke("f", {"a": 1})
    assert (result.error, result.value) == (None, {"a": 1})
    lines = log_lines("/aws/lambda/f")
    registered = next(line for line in lines if line.startswith("registered"))
    told = json.loads(registered.split(" ", 2)[2])
    assert told == {"functionName": "f", "functionVersion": "$LATEST", "handler": "app.handler"}
    assert "EXTENSION\tName: watch.py\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n" in lines
    assert lines.index("EXTENSION\tName: watch.py\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n") < lines.index(
        f"START RequestId: {result.request_id} Version: $LATEST\n"
    )


def test_an_extension_hears_of_each_invocation_and_of_the_end(
    functions: Functions, world: LocalWorld, log_lines: Callable[[str], list[str]]
) -> None:
    functions.python("f", HELLO, Layers=layer(functions, {"extensions/watch.py": EXTERNAL}))
    ids = [functions.invoke("f").request_id for _ in range(2)]
    end(functions, "f")
    lines = wait_for(lambda: log_lines("/aws/lambda/f"), lambda found: any("SHUTDOWN" in line and "event" in line for line in found))
    invoked, again, ended = events_in(lines)
    assert [invoked["requestId"], again["requestId"]] == ids
    assert invoked["invokedFunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert invoked["tracing"]["type"] == "X-Amzn-Trace-Id" and invoked["tracing"]["value"].startswith("Root=1-")
    assert (ended["eventType"], ended["shutdownReason"]) == ("SHUTDOWN", "spindown")


def wait_for(look: Callable[[], list[str]], enough: Callable[[list[str]], bool]) -> list[str]:
    import time

    for _ in range(200):
        found = look()
        if enough(found):
            return found
        time.sleep(0.05)
    return look()


def test_an_extension_sees_the_functions_variables_only(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    script = "#!/bin/sh\nenv | sort | sed 's/^/env /'\n" + "exec python3 /opt/watch.py\n"
    files: dict[str, str | bytes] = {"extensions/watch.py": script, "watch.py": EXTERNAL}
    functions.python("f", HELLO, Layers=layer(functions, files), Environment={"Variables": {"MINE": "yes"}})
    functions.invoke("f")
    names = {line[4:].partition("=")[0] for line in log_lines("/aws/lambda/f") if line.startswith("env ")}
    assert {"MINE", "AWS_LAMBDA_RUNTIME_API", "AWS_ACCESS_KEY_ID", "AWS_LAMBDA_FUNCTION_NAME"} <= names
    assert not names & {"_HANDLER", "LAMBDA_TASK_ROOT", "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_STREAM_NAME"}


def test_an_extension_that_ends_takes_the_environment_with_it(functions: Functions) -> None:
    functions.python("f", HELLO, Layers=layer(functions, {"extensions/short.sh": "#!/bin/sh\nexit 3\n"}))
    result = functions.invoke("f")
    assert (result.error, result.value["errorType"]) == ("Unhandled", "Extension.Crash")
    assert result.value["errorMessage"] == f"RequestId: {result.request_id} Error: exit code 3"
    assert "INIT_REPORT" in result.log and "Error Type: Extension.Crash" in result.log


def test_an_extension_may_report_that_it_cannot_start(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    script = EXTERNAL.replace(
        "while True:",
        "call('POST', '/2020-01-01/extension/init/error', '{}', Lambda_Extension_Identifier=id,"
        " Lambda_Extension_Function_Error_Type='Extension.NoConfig')\nsys.exit(7)\nwhile True:",
    )
    functions.python("f", HELLO, Layers=layer(functions, {"extensions/watch.py": script}))
    result = functions.invoke("f")
    assert result.value["errorType"] == "Extension.InitError" and result.value["errorMessage"].endswith("Error: exit code 7")
    assert any("State: InitError\tEvents: [INVOKE,SHUTDOWN]\tError Type: Extension.NoConfig" in x for x in log_lines("/aws/lambda/f"))


def test_an_extension_that_cannot_be_executed_is_told(functions: Functions) -> None:
    functions.python("f", HELLO, Layers=layer(functions, {"extensions/watch.py": EXTERNAL}, mode=0o644))
    result = functions.invoke("f")
    assert result.value["errorType"] == "Extension.LaunchError"
    assert result.value["errorMessage"].endswith("Error: fork/exec /opt/extensions/watch.py: permission denied")


def test_an_environment_whose_extension_has_died_is_replaced(functions: Functions) -> None:
    script = EXTERNAL.replace("while True:", "seen = 0\nwhile True:").replace(
        'print("event"', 'seen += 1; sys.exit(1) if seen == 2 else print("event"'
    )
    source = "import time\nn = 0\ndef handler(event, context):\n    global n\n    n += 1\n    time.sleep(event)\n    return n\n"
    functions.python("f", source, Layers=layer(functions, {"extensions/watch.py": script}))
    assert functions.invoke("f", 0).value == 1
    assert functions.invoke("f", 8).value["errorType"] == "Extension.Crash"
    assert functions.invoke("f", 0).value == 1


def test_an_internal_extension_hears_of_invocations(functions: Functions) -> None:
    source = (
        API
        + """
id = register("inside", ["INVOKE"])
heard = []
threading.Thread(target=lambda: [heard.append(next(id)) for _ in range(9)], daemon=True).start()
refused = call("POST", "/2020-01-01/extension/register", '{"events": ["SHUTDOWN"]}', Lambda_Extension_Name="other")
def handler(event, context):
    for _ in range(100):
        if heard:
            break
        time.sleep(0.01)
    return [heard[-1]["requestId"] == context.aws_request_id, refused[0], json.loads(refused[2])["errorType"]]
"""
    )
    functions.python("f", source)
    assert functions.invoke("f").value == [True, 403, "Extension.InvalidEventType"]


def test_the_caller_has_the_answer_while_an_extension_works_on(functions: Functions) -> None:
    script = EXTERNAL.replace('print("event"', 'time.sleep(1.5 if event["eventType"] == "INVOKE" else 0); print("event"')
    functions.python(
        "f",
        "n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n\n",
        Timeout=1,
        Layers=layer(functions, {"extensions/watch.py": script}),
    )
    answer = functions.client.invoke(FunctionName="f", Payload=b"{}")
    assert (answer.get("FunctionError"), json.loads(answer["Payload"].read())) == (None, 1)
    # With the log, it waits: the extension takes longer than the function may.
    result = functions.invoke("f")
    assert result.value["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in result.log and "Status: timeout" in result.log


@pytest.mark.parametrize(("path", "schema"), [("/2022-07-01/telemetry", "2022-12-13"), ("/2020-08-15/logs", "2021-03-18")])
def test_telemetry_is_delivered(functions: Functions, log_lines: Callable[[str], list[str]], path: str, schema: str) -> None:
    script = LISTENER.replace("PATH", path).replace("SCHEMA", schema).replace("TYPES", '["platform", "function", "extension"]')
    functions.python("f", RECORDS, Layers=layer(functions, {"extensions/listen.py": script}))
    functions.invoke("f", {"until": "function"})
    records = functions.invoke("f", {"until": "platform.report"}).value
    kinds = [record["type"] for record in records]
    first = next(record["record"] for record in records if record["type"] == "platform.report")
    assert first["metrics"]["initDurationMs"] > 0 and first["metrics"]["memorySizeMB"] == 128
    assert {"platform.start", "platform.runtimeDone", "platform.extension", "function", "extension"} <= set(kinds)
    assert any(record["record"] == "from the function\n" for record in records if record["type"] == "function")
    newer = {"platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.telemetrySubscription"}
    if "telemetry" in path:
        assert newer <= set(kinds) and kinds[0] == "platform.initStart" and "platform.end" not in kinds
    else:
        assert not newer & set(kinds) and {"platform.logsSubscription", "platform.end"} <= set(kinds)
    lines = log_lines("/aws/lambda/f")
    label = "TELEMETRY" if "telemetry" in path else "LOGS"
    assert f"{label}\tName: listen.py\tState: Subscribed\tTypes: [Platform, Function, Extension]\n" in lines
    assert 'subscribed 200 "OK"\n' in lines


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"types": []}, "types should not be empty"),
        ({"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}}, "URI port is not provided"),
        ({"destination": {"protocol": "HTTP", "URI": "http://169.254.169.254:80"}}, "URI host should be sandbox.localdomain"),
        ({"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:9001"}}, "URI port 9001 is reserved"),
        ({"buffering": {"maxItems": 1}}, "maxItems should be between 1000 and 10000"),
        ({"schemaVersion": "1999-01-01"}, "schemaVersion is not supported"),
    ],
)
def test_a_bad_subscription_is_refused(functions: Functions, change: dict[str, Any], words: str) -> None:
    asked = {"types": ["platform"], "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}, **change}
    source = (
        API
        + f"""
id = register("inside", ["INVOKE"])
threading.Thread(target=lambda: [next(id) for _ in range(9)], daemon=True).start()
refused = call("PUT", "/2022-07-01/telemetry", {json.dumps(asked)!r}, Lambda_Extension_Identifier=id)
def handler(event, context):
    return [refused[0], json.loads(refused[2])]
"""
    )
    functions.python("f", source)
    status, told = functions.invoke("f").value
    assert (status, told["errorType"]) == (400, "Telemetry.ValidationError") and words in told["errorMessage"]


def test_a_wrapper_starts_the_runtime(functions: Functions) -> None:
    wrapper = '#!/bin/bash\nexport WRAPPED=yes\nargs=("$@")\nexec "${args[@]:0:$#-1}" -X importtime "${args[@]: -1}" 2>/dev/null\n'
    source = "import os, sys\ndef handler(event, context):\n    return [os.environ.get('WRAPPED'), 'importtime' in sys._xoptions]\n"
    variables = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}}
    functions.python("f", source, Layers=layer(functions, {"wrapper": wrapper}), Environment=variables)
    assert functions.invoke("f").value == ["yes", True]


def test_a_wrapper_that_is_missing_is_told(functions: Functions) -> None:
    functions.python("f", HELLO, Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}})
    result = functions.invoke("f")
    assert result.value["errorType"] == "Runtime.ExitError" and result.value["errorMessage"].endswith("exit status 127")
    assert "/opt/wrapper: does not exist" in result.log

"""Node.js functions: the handler in all its forms, its context, its errors, its log."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudjar.services.lambda_ import interpreters
from cloudjar.services.lambda_.runtimes import RUNTIMES

from .conftest import Functions

pytestmark = pytest.mark.skipif(interpreters.missing(RUNTIMES["nodejs20.x"]) != "", reason="no Node.js 20 or later on this machine")


def node(functions: Functions, source: str, file: str = "index.js", handler: str = "index.handler", **options: Any) -> None:
    functions.create("js", {file: source}, **{"Runtime": "nodejs20.x", "Handler": handler, **options})


def test_an_asynchronous_handler_answers(functions: Functions) -> None:
    node(functions, "exports.handler = async (event, context) => ({ ...event, name: context.functionName });")
    assert functions.invoke("js", {"k": "é"}).value == {"k": "é", "name": "js"}


def test_a_callback_answers_when_the_event_loop_is_empty(functions: Functions) -> None:
    source = (
        "let done = false; exports.handler = (e, c, cb) => { const o = {done}; setTimeout(() => { o.done = true; }, 30); cb(null, o); };"
    )
    node(functions, source)
    assert functions.invoke("js").value == {"done": True}


def test_a_callback_need_not_wait(functions: Functions) -> None:
    source = "exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 60000); cb(null, 'now'); };"
    node(functions, source)
    assert functions.invoke("js").value == "now"


def test_a_handler_that_never_answers_gives_null(functions: Functions) -> None:
    node(functions, "exports.handler = () => {};")
    assert functions.invoke("js").value is None
    assert functions.invoke("js").value is None


@pytest.mark.parametrize(
    ("file", "source", "handler"),
    [
        ("index.mjs", "export const handler = async () => import.meta.url.length > 0;", "index.handler"),
        ("src/app.js", "exports.api = { get: async () => true };", "src/app.api.get"),
        ("index.cjs", "exports.handler = async () => true;", "index.handler"),
    ],
)
def test_the_handler_is_found_in(functions: Functions, file: str, source: str, handler: str) -> None:
    node(functions, source, file, handler)
    assert functions.invoke("js").value is True


def test_a_package_may_be_of_modules(functions: Functions) -> None:
    files: dict[str, str | bytes] = {"package.json": '{"type":"module"}', "index.js": "export const handler = async () => 'esm';"}
    functions.create("js", files, Runtime="nodejs20.x", Handler="index.handler")
    assert functions.invoke("js").value == "esm"


def test_an_error_is_reported_with_its_trace(functions: Functions) -> None:
    node(functions, "exports.handler = async () => { throw new TypeError('no good'); };")
    result = functions.invoke("js")
    assert result.error == "Unhandled"
    assert (result.value["errorType"], result.value["errorMessage"]) == ("TypeError", "no good")
    assert result.value["trace"][0] == "TypeError: no good"
    assert result.value["trace"][1].startswith("    at exports.handler (/var/task/index.js:1:")
    assert "\tERROR\tInvoke Error \t{" in result.log


def test_what_is_thrown_may_be_no_error(functions: Functions) -> None:
    node(functions, "exports.handler = async () => { throw 'plain'; };")
    assert functions.invoke("js").value == {"errorType": "string", "errorMessage": "plain", "trace": []}


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        ("exports.other = 1;", "index.handler", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        (
            "//",
            "missing.handler",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'missing'\nRequire stack:\n- /var/runtime/index.mjs",
        ),
        ("let let = ;", "index.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: let is disallowed as a lexically bound name"),
        ("//", "handler", "Runtime.MalformedHandlerName", "Bad handler"),
    ],
)
def test_a_handler_that_cannot_be_loaded_is_told_of(functions: Functions, source: str, handler: str, kind: str, message: str) -> None:
    node(functions, source, handler=handler)
    result = functions.invoke("js")
    assert (result.error, result.value["errorType"], result.value["errorMessage"]) == ("Unhandled", kind, message)


def test_what_nobody_catches_ends_the_sandbox_and_not_the_function(functions: Functions) -> None:
    source = """
let calls = 0;
exports.handler = (event, context, callback) => {
  calls += 1;
  if (event === 'die') setTimeout(() => { throw new Error('late'); }, 5);
  else callback(null, calls);
};
"""
    node(functions, source)
    assert functions.invoke("js", "die").value["errorMessage"] == "late"
    assert functions.invoke("js", "live").value == 1


def test_an_unhandled_rejection_is_named(functions: Functions) -> None:
    node(functions, "exports.handler = (e, c, cb) => { Promise.reject(new Error('lost')); setTimeout(() => cb(null, 1), 500); };")
    result = functions.invoke("js")
    assert (result.value["errorType"], result.value["errorMessage"]) == ("Runtime.UnhandledPromiseRejection", "Error: lost")


def test_the_console_writes_records(functions: Functions) -> None:
    node(functions, "exports.handler = async () => { console.log('a %s', 'b'); console.warn('two\\nlines'); };")
    result = functions.invoke("js")
    assert re.search(rf"\d{{4}}-\d\d-\d\dT[\d:.]+Z\t{result.request_id}\tINFO\ta b\n", result.log)
    assert f"\t{result.request_id}\tWARN\ttwo\nlines\n" in result.log


def test_the_environment_names_the_runtime_and_layers_are_found(functions: Functions) -> None:
    from .conftest import package

    layer = functions.client.publish_layer_version(
        LayerName="lib", Content={"ZipFile": package({"nodejs/node_modules/lib/index.js": "module.exports = 'from the layer';"})}
    )["LayerVersionArn"]
    source = "exports.handler = async () => [process.env.AWS_EXECUTION_ENV, require('lib')];"
    node(functions, source, Layers=[layer])
    assert functions.invoke("js").value == ["AWS_Lambda_nodejs20.x", "from the layer"]


def test_an_older_runtime_runs_on_a_newer_node_and_says_so(functions: Functions, log_lines: Any) -> None:
    functions.world.clock.set(datetime(2022, 6, 1, tzinfo=UTC))
    node(functions, "exports.handler = async () => require('fs').readFileSync('/etc/os-release', 'utf8');", Runtime="nodejs12.x")
    assert 'PRETTY_NAME="Amazon Linux 2"' in functions.invoke("js").value
    assert re.fullmatch(r"INIT_START Runtime Version: nodejs12\.x \(Node\.js \d+ of this machine\)\n", log_lines("/aws/lambda/js")[0])


def streamed(functions: Functions) -> tuple[str, bytes, dict[str, Any]]:
    answer = functions.client.invoke_with_response_stream(FunctionName="js", Payload=b'{"k": 1}')
    pieces = list(answer["EventStream"])
    body = b"".join(piece["PayloadChunk"]["Payload"] for piece in pieces if "PayloadChunk" in piece)
    return answer["ResponseStreamContentType"], body, pieces[-1]["InvokeComplete"]


def test_a_handler_streams_its_answer(functions: Functions) -> None:
    source = """exports.handler = awslambda.streamifyResponse(async (event, out, context) => {
  out.setContentType('text/plain');
  out.write('one ');
  await new Promise((done) => setTimeout(done, 20));
  out.write(String(event.k) + typeof context.getRemainingTimeInMillis);
  out.end();
});"""
    node(functions, source)
    assert streamed(functions) == ("text/plain", b"one 1function", {})
    assert streamed(functions)[1] == b"one 1function"


def test_a_streamed_answer_may_have_a_head(functions: Functions) -> None:
    source = """exports.handler = awslambda.streamifyResponse(async (event, out) => {
  out = awslambda.HttpResponseStream.from(out, { statusCode: 201, headers: { 'x-a': 'b' } });
  out.write('made');
  out.end();
});"""
    node(functions, source)
    kind, body, _ = streamed(functions)
    assert (kind, body) == (
        "application/vnd.awslambda.http-integration-response",
        b'{"statusCode":201,"headers":{"x-a":"b"}}' + bytes(8) + b"made",
    )


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("out.write('x'); throw new TypeError('no');", "TypeError", "no"),
        ("out.write('x');", "string", "Response stream is not finished."),
    ],
)
def test_a_stream_that_fails_says_so_at_its_end(functions: Functions, body: str, kind: str, message: str) -> None:
    node(functions, "exports.handler = awslambda.streamifyResponse(async (event, out) => { " + body + " });")
    _, data, complete = streamed(functions)
    told = json.loads(complete["ErrorDetails"])
    assert (data, complete["ErrorCode"], told["errorType"], told["errorMessage"]) == (b"x", "Unhandled", kind, message)
    # The environment goes on.
    assert streamed(functions)[1] == b"x"


def test_the_console_writes_json_where_that_is_the_format(functions: Functions) -> None:
    source = """exports.handler = async () => {
  console.debug('hidden');
  console.log('a', 1);
  console.info({ k: 'v' });
  console.error('bad', new TypeError('no'));
};"""
    node(functions, source, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "INFO"})
    result = functions.invoke("js")
    lines = [json.loads(line) for line in result.log.splitlines() if '"level"' in line]
    assert [(line["level"], line["message"]) for line in lines[:2]] == [("INFO", "a 1"), ("INFO", {"k": "v"})]
    assert (lines[2]["level"], lines[2]["errorType"], lines[2]["errorMessage"]) == ("ERROR", "TypeError", "no")
    assert {line["requestId"] for line in lines} == {result.request_id} and len(lines) == 3

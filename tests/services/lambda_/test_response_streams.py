"""InvokeWithResponseStream: pieces as they come, errors at the end."""

from __future__ import annotations

import base64
from typing import Any

from .conftest import Functions

STREAM = """#!/bin/sh
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while true; do
  EVENT=$(curl -sS -D /tmp/headers "$API/invocation/next")
  ID=$(grep -i '^Lambda-Runtime-Aws-Request-Id' /tmp/headers | tr -d '\\r' | cut -d' ' -f2)
  echo "at work"
  (printf 'one '; printf 'two '; printf three) | curl -sS -X POST "$API/invocation/$ID/response" -T - -o /dev/null \\
    -H 'Lambda-Runtime-Function-Response-Mode: streaming' -H 'Transfer-Encoding: chunked' -H 'Content-Type: text/plain'
done
"""
# curl sends no trailers, so this one speaks HTTP itself.
BREAKS = """
import base64, os, socket
def handler(event, context):
    host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
    with socket.create_connection((host, int(port))) as s:
        s.sendall((f'POST /2018-06-01/runtime/invocation/{context.aws_request_id}/response HTTP/1.1\\r\\nHost: x\\r\\n'
            'Lambda-Runtime-Function-Response-Mode: streaming\\r\\nTransfer-Encoding: chunked\\r\\n'
            'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\\r\\n\\r\\n'
            '4\\r\\nhalf\\r\\n0\\r\\nLambda-Runtime-Function-Error-Type: Oops\\r\\n'
            'Lambda-Runtime-Function-Error-Body: ' + base64.b64encode(b'{"errorMessage":"broke"}').decode() + '\\r\\n\\r\\n').encode())
        s.recv(1000)
"""


def stream(functions: Functions, name: str, **options: Any) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
    answer = functions.client.invoke_with_response_stream(FunctionName=name, **options)
    events = list(answer["EventStream"])
    payload = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
    return answer, payload, events[-1]["InvokeComplete"]


def test_pieces_arrive_and_the_end_says_that_all_went_well(functions: Functions) -> None:
    functions.create("s", {"bootstrap": STREAM})
    answer, payload, end = stream(functions, "s", LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"], answer["ResponseStreamContentType"]) == (200, "$LATEST", "text/plain")
    assert payload == b"one two three"
    assert "at work" in base64.b64decode(end["LogResult"]).decode()
    assert "ErrorCode" not in end


def test_a_streaming_function_answers_a_plain_invoke_with_the_whole(functions: Functions) -> None:
    functions.create("s", {"bootstrap": STREAM})
    answer = functions.client.invoke(FunctionName="s")
    assert answer["Payload"].read() == b"one two three"


def test_a_function_that_does_not_stream_answers_in_one_piece(functions: Functions) -> None:
    functions.python("f", "def handler(event, context):\n    return event\n")
    _, payload, end = stream(functions, "f", Payload=b'{"a": 1}')
    assert (payload, end.get("ErrorCode")) == (b'{"a": 1}', None)


def test_an_error_in_the_middle_is_told_at_the_end(functions: Functions) -> None:
    functions.python("b", BREAKS)
    _, payload, end = stream(functions, "b")
    assert (payload, end["ErrorCode"], end["ErrorDetails"]) == (b"half", "Unhandled", '{"errorMessage":"broke"}')


def test_an_error_before_the_first_piece_is_told_at_the_end(functions: Functions) -> None:
    functions.python("f", "def handler(event, context):\n    raise ValueError('no')\n")
    _, payload, end = stream(functions, "f")
    assert payload == b"" and "ValueError" in end["ErrorDetails"]

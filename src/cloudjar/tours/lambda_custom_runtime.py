"""The tour "lambda-custom-runtime"."""

from __future__ import annotations

import base64
import json
import re
import zipfile

from cloudjar.tours.tour import Tour

BOOTSTRAP = """\
#!/bin/sh
# A custom runtime: ask for an event, handle it, answer; for ever.
set -eu
API="http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime"
COUNT=0
while true; do
  HEADERS="$(mktemp)"
  EVENT="$(curl -sS -L -D "$HEADERS" "$API/invocation/next")"
  ID="$(grep -i '^lambda-runtime-aws-request-id:' "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)"
  COUNT=$((COUNT + 1))
  echo "handling call $COUNT: $EVENT"
  curl -sS -X POST "$API/invocation/$ID/response" -d "{\\"count\\": $COUNT, \\"event\\": $EVENT}" > /dev/null
  rm -f "$HEADERS"
done
"""

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
ROLE = "arn:aws:iam::000000000000:role/tour-role"
RUNTIMES = ("provided.al2", "provided.al2023")


def lambda_custom_runtime(tour: Tour) -> None:
    """A Lambda function whose runtime is a shell script, from zip to warm call to kill -9 and back."""
    tour.step("A jar of its own", "The tour starts a jar on a free port, with an empty data directory.")
    tour.start_jar()
    who = tour.aws("sts", "get-caller-identity").json
    tour.check("the AWS CLI is the root of account 000000000000", who["Account"] == "000000000000", who)

    tour.step("The code", "A zip file whose only content is an executable shell script that polls the Runtime API with curl.")
    bootstrap = tour.write("bootstrap", BOOTSTRAP, mode=0o755)
    with zipfile.ZipFile(tour.folder / "function.zip", "w") as package:
        entry = zipfile.ZipInfo("bootstrap", (2026, 1, 1, 0, 0, 0))
        entry.external_attr = 0o100755 << 16
        package.writestr(entry, bootstrap.read_text())

    tour.step("A bucket, with the zip in it")
    tour.aws("s3", "mb", "s3://tour-code")
    tour.aws("s3", "cp", "function.zip", "s3://tour-code/function.zip")
    listed = tour.aws("s3", "ls", "s3://tour-code").out
    tour.check("the zip is listed", "function.zip" in listed, listed)

    tour.step("A role that Lambda may assume")
    role = tour.aws("iam", "create-role", "--role-name", "tour-role", "--assume-role-policy-document", TRUST).json["Role"]
    tour.check("the role has its ARN", role["Arn"] == ROLE, role["Arn"])
    tour.aws(
        "iam",
        "attach-role-policy",
        "--role-name",
        "tour-role",
        "--policy-arn",
        "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    )

    for runtime in RUNTIMES:
        _function(tour, runtime)

    tour.step("kill -9", "The jar dies without a warning, and starts again on the same data.")
    before = _state(tour)
    tour.kill_jar()
    tour.start_jar()
    tour.check("the bucket, the role, the functions and the log lines are as they were", _state(tour) == before)
    call = _invoke(tour, _name(RUNTIMES[0]))
    tour.check("the function runs again, cold, for its sandbox died with the jar", "Init Duration" in call.tail, call.tail)


class Call:
    """One invocation: the payload and the tail of the log."""

    def __init__(self, payload: object, tail: str) -> None:
        self.payload = payload
        self.tail = tail


def _name(runtime: str) -> str:
    return "tour-" + runtime.replace(".", "-")


def _function(tour: Tour, runtime: str) -> None:
    name = _name(runtime)
    tour.step(f"A function on {runtime}")
    tour.aws(
        *("lambda", "create-function", "--function-name", name, "--runtime", runtime, "--role", ROLE),
        *("--handler", "bootstrap", "--code", "S3Bucket=tour-code,S3Key=function.zip"),
    )
    tour.aws("lambda", "wait", "function-active-v2", "--function-name", name)
    made = tour.aws("lambda", "get-function-configuration", "--function-name", name, shown=False).json
    tour.check(f"{name} is active on {runtime}", (made["State"], made["Runtime"]) == ("Active", runtime), made)

    tour.step(f"{name}: a cold call")
    cold = _invoke(tour, name)
    tour.check("it answered its first event", cold.payload == {"count": 1, "event": {"hello": "world"}}, cold.payload)
    for line in ("START RequestId: ", "handling call 1", "END RequestId: ", "REPORT RequestId: "):
        tour.check(f"the log has a line with {line.strip()!r}", line in cold.tail, cold.tail)
    tour.check("the cold call reports its Init Duration", re.search(r"Init Duration: [\d.]+ ms", cold.tail) is not None, cold.tail)

    tour.step(f"{name}: a warm call")
    warm = _invoke(tour, name)
    tour.check("the same process answered", warm.payload == {"count": 2, "event": {"hello": "world"}}, warm.payload)
    tour.check("a warm call has no Init Duration", "Init Duration" not in warm.tail and "REPORT" in warm.tail, warm.tail)

    tour.step(f"{name}: the same lines in CloudWatch Logs")
    if tour.cli_major >= 2:
        logged = tour.aws("logs", "tail", f"/aws/lambda/{name}", "--format", "short").out
    else:  # version 1 has no `logs tail`; this is what version 2 asks for
        events = tour.aws("logs", "filter-log-events", "--log-group-name", f"/aws/lambda/{name}").json["events"]
        logged = "\n".join(event["message"] for event in events)
    lines = [line for call in (cold, warm) for line in call.tail.splitlines() if line.strip()]
    missing = [line for line in lines if line.strip() not in logged]
    tour.check(f"CloudWatch Logs has all {len(lines)} lines of both calls", not missing, missing)


def _invoke(tour: Tour, name: str) -> Call:
    # The CLI's second version wants to be told that the payload is text; the first has no such option.
    raw = ("--cli-binary-format", "raw-in-base64-out") if tour.cli_major >= 2 else ()
    answer = tour.aws(
        *("lambda", "invoke", "--function-name", name, "--payload", '{"hello": "world"}', "--log-type", "Tail", *raw, "answer.json")
    ).json
    tour.check("the call succeeded", answer["StatusCode"] == 200 and "FunctionError" not in answer, answer)
    tail = base64.b64decode(answer["LogResult"]).decode()
    tour.show(tail.rstrip())
    return Call(json.loads((tour.folder / "answer.json").read_text()), tail)


def _state(tour: Tour) -> list[object]:
    look = [
        ("s3api", "list-objects-v2", "--bucket", "tour-code"),
        ("iam", "get-role", "--role-name", "tour-role"),
        ("lambda", "list-functions"),
        ("logs", "filter-log-events", "--log-group-name", f"/aws/lambda/{_name(RUNTIMES[0])}"),
    ]
    return [tour.aws(*command, shown=False).json for command in look]

"""Custom and managed runtimes from their first day to their last, with the stock CLI on a real jar."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudjar.services.lambda_ import interpreters
from cloudjar.services.lambda_.runtimes import RUNTIMES
from command import Cloudjar

AWS = shutil.which("aws", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
pytestmark = pytest.mark.skipif(not AWS or not shutil.which("curl"), reason="needs the AWS CLI and curl")

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
# {"do": "die" | "sleep"} asks for trouble; anything else is answered with what this process has counted.
BOOTSTRAP = """#!/bin/sh
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
ME=$(cat /proc/sys/kernel/random/uuid)
COUNT=0
while true; do
  EVENT=$(curl -sS -D /tmp/headers "$API/invocation/next")
  ID=$(grep -i '^Lambda-Runtime-Aws-Request-Id' /tmp/headers | tr -d '\\r' | cut -d' ' -f2)
  COUNT=$((COUNT + 1))
  case "$EVENT" in
    *die*) kill -9 $$ ;;
    *sleep*) sleep 7654.321 ;;
    *wait*) sleep 1 ;;
  esac
  curl -sS -X POST "$API/invocation/$ID/response" -d "{\\"me\\": \\"$ME\\", \\"count\\": $COUNT}" > /dev/null
done
"""
REFUSED = "The runtime parameter of python3.6 is no longer supported for creating or updating AWS Lambda functions"
JAVA = """
public class Hello {
    public String handle(Object event) throws java.io.IOException {
        String release = new String(java.nio.file.Files.readAllBytes(java.nio.file.Paths.get("/etc/os-release")));
        return System.getenv("AWS_EXECUTION_ENV") + "\\n" + release;
    }
}
"""


class Answer:
    """What `aws lambda invoke` gave."""

    def __init__(self, told: dict[str, Any], payload: Any) -> None:
        self.error = told.get("FunctionError")
        self.log = base64.b64decode(told["LogResult"]).decode()
        self.payload = payload


class Cli:
    """The stock CLI, in a folder of its own."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
        }
        self.role = ""
        # The second version wants to be told that a payload is text; the first has no such option.
        self.raw = ("--cli-binary-format", "raw-in-base64-out") if "aws-cli/2" in self.run("--version").stdout else ()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(AWS), *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=120, check=False)

    def __call__(self, *arguments: str) -> Any:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def creating(self, name: str, runtime: str, package: str, handler: str = "none", *more: str) -> tuple[str, ...]:
        """The arguments that make a function."""
        what = ("--function-name", name, "--runtime", runtime, "--role", self.role, "--handler", handler)
        return ("lambda", "create-function", *what, "--zip-file", f"fileb://{package}", *more)

    def invoke(self, name: str, event: Any = None) -> Answer:
        what = ("--function-name", name, "--payload", json.dumps(event), "--log-type", "Tail", *self.raw)
        told = self("lambda", "invoke", *what, "answer.json")
        return Answer(told, json.loads((self.folder / "answer.json").read_text()))

    def zip(self, name: str, files: dict[str, str | bytes], mode: int = 0o755) -> str:
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            for path, data in files.items():
                entry = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
                entry.external_attr = (0o100000 | mode) << 16
                archive.writestr(entry, data)
        return name


@pytest.fixture
def endpoint(cj: Cloudjar) -> str:
    # Interpreters are looked for in the home folder too.
    home = Path(cj.environ["HOME"])
    home.mkdir()
    if (pythons := Path.home() / ".pyenv").is_dir():
        (home / ".pyenv").symlink_to(pythons)
    found: str = cj.up()["endpoint"]
    return found


@pytest.fixture
def aws(tmp_path: Path, endpoint: str) -> Cli:
    folder = tmp_path / "cli"
    folder.mkdir()
    cli = Cli(folder, endpoint)
    cli.role = cli("iam", "create-role", "--role-name", "f", "--assume-role-policy-document", json.dumps(TRUST))["Role"]["Arn"]
    policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    cli("iam", "attach-role-policy", "--role-name", "f", "--policy-arn", policy)
    return cli


def test_a_custom_runtime_from_its_package_or_a_layer(aws: Cli, cj: Cloudjar) -> None:
    good = aws.zip("good.zip", {"bootstrap": BOOTSTRAP})
    aws(*aws.creating("good", "provided.al2", good))
    cold, warm = aws.invoke("good"), aws.invoke("good")
    for line in ("START RequestId: ", "END RequestId: ", "REPORT RequestId: "):
        assert line in cold.log and line in warm.log
    assert "Init Duration: " in cold.log and "Init Duration: " not in warm.log

    aws(*aws.creating("mode", "provided.al2", aws.zip("mode.zip", {"bootstrap": BOOTSTRAP}, mode=0o644)))
    empty = aws.zip("empty.zip", {"readme": "nothing"})
    aws(*aws.creating("empty", "provided.al2", empty))
    for name in ("mode", "empty"):
        failed = aws.invoke(name)
        assert (failed.error, failed.payload["errorType"]) == ("Unhandled", "Runtime.InvalidEntrypoint")

    layer = aws("lambda", "publish-layer-version", "--layer-name", "runtime", "--zip-file", "fileb://good.zip")["LayerVersionArn"]
    aws(*aws.creating("layered", "provided.al2", empty, "none", "--layers", layer))
    assert aws.invoke("layered").payload["count"] == 1

    assert json.loads(cj("lambda", "invoke", "good", "{}").out)["count"] == 3
    assert "REPORT RequestId: " in cj("lambda", "logs", "good").out
    assert "export AWS_LAMBDA_FUNCTION_NAME=good" in cj("lambda", "env", "good").out.splitlines()


@pytest.mark.skipif(interpreters.missing(RUNTIMES["java8.al2"]) != "", reason="no JDK on this machine")
def test_a_jar_moves_from_java8_to_java8_al2(aws: Cli, cj: Cloudjar) -> None:
    cj("clock", "set", "2022-08-01")
    (aws.folder / "Hello.java").write_text(JAVA)
    subprocess.run(["javac", "--release", "8", "-nowarn", "Hello.java"], cwd=aws.folder, check=True, capture_output=True)
    jar = aws.zip("hello.jar", {"Hello.class": (aws.folder / "Hello.class").read_bytes()})
    options = ("Hello::handle", "--timeout", "60", "--memory-size", "512")
    made = aws(*aws.creating("hello", "java8", jar, *options))
    permit = ("--statement-id", "a", "--action", "lambda:InvokeFunction", "--principal", "s3.amazonaws.com")
    aws("lambda", "add-permission", "--function-name", "hello", *permit)
    policy = aws("lambda", "get-policy", "--function-name", "hello")
    old = aws.invoke("hello").payload.split("\n", 1)
    assert old[0] == "AWS_Lambda_java8" and 'PRETTY_NAME="Amazon Linux AMI 2018.03"' in old[1]

    changed = aws("lambda", "update-function-configuration", "--function-name", "hello", "--runtime", "java8.al2")
    assert (changed["LastUpdateStatus"], changed["FunctionArn"]) == ("InProgress", made["FunctionArn"])
    aws("lambda", "wait", "function-updated", "--function-name", "hello")
    assert aws("lambda", "get-policy", "--function-name", "hello") == policy
    new = aws.invoke("hello")
    assert "Init Duration: " in new.log
    assert new.payload.startswith("AWS_Lambda_java8.al2\n") and 'PRETTY_NAME="Amazon Linux 2"' in new.payload


@pytest.mark.skipif(interpreters.missing(RUNTIMES["python3.6"]) != "", reason="no Python 3.6 on this machine")
def test_a_runtime_is_shut_to_new_functions_and_then_to_old_ones(aws: Cli, cj: Cloudjar) -> None:
    package = aws.zip("old.zip", {"app.py": "import sys\ndef handler(event, context):\n    return list(sys.version_info[:2])\n"})
    update = ("lambda", "update-function-code", "--function-name", "old", "--zip-file", "fileb://old.zip")
    # One second before midnight in Los Angeles, and at midnight.
    assert cj("clock", "freeze").code == 0
    cj("clock", "set", "2022-07-18T06:59:59Z")
    aws(*aws.creating("old", "python3.6", package, "app.handler"))
    cj("clock", "set", "2022-07-18T07:00:00Z")
    assert REFUSED in aws.refused(*aws.creating("new", "python3.6", package, "app.handler"))

    cj("clock", "set", "2022-08-01")
    refused = aws.refused(*aws.creating("new", "python3.6", package, "app.handler"))
    assert "(InvalidParameterValueException)" in refused and REFUSED in refused
    aws(*update)

    # The boundary of the second phase, which this runtime's own dates give.
    end = RUNTIMES["python3.6"].block_update
    assert end is not None
    cj("clock", "set", f"{end}T06:59:59Z")
    aws(*update)
    cj("clock", "set", f"{end}T07:00:00Z")
    assert REFUSED in aws.refused(*update)
    cj("clock", "set", "2022-09-01")
    assert REFUSED in aws.refused(*aws.creating("new", "python3.6", package, "app.handler"))
    assert REFUSED in aws.refused(*update)
    assert aws.invoke("old").payload == [3, 6]


def test_a_runtime_that_dies_or_takes_too_long(aws: Cli) -> None:
    aws(*aws.creating("f", "provided.al2", aws.zip("f.zip", {"bootstrap": BOOTSTRAP}), "none", "--timeout", "1"))
    died = aws.invoke("f", {"do": "die"})
    assert (died.error, died.payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    again = aws.invoke("f")
    assert again.payload["count"] == 1 and "Init Duration: " in again.log
    late = aws.invoke("f", {"do": "sleep"})
    assert "Task timed out after 1.00 seconds" in late.payload["errorMessage"]
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"7654.321" in _read(path)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.skipif(interpreters.missing(RUNTIMES["python3.12"]) != "", reason="no Python 3.12 on this machine")
def test_snapshots_come_back_after_the_jar_has_died(aws: Cli, cj: Cloudjar) -> None:
    package = aws.zip("snap.zip", {"app.py": "import os\ndef handler(e, c):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"})
    aws(*aws.creating("snap", "python3.12", package, "app.handler", "--snap-start", "ApplyOn=PublishedVersions"))
    # It dies before or while the first version is initialised: that is done again.
    assert aws("lambda", "publish-version", "--function-name", "snap")["State"] == "Pending"
    os.kill(cj("status", "--json").json["pid"], signal.SIGKILL)
    aws.environ["AWS_ENDPOINT_URL"] = cj.up()["endpoint"]
    aws("lambda", "wait", "published-version-active", "--function-name", "snap", "--qualifier", "1")
    os.kill(cj("status", "--json").json["pid"], signal.SIGKILL)
    aws.environ["AWS_ENDPOINT_URL"] = cj.up()["endpoint"]
    answer = aws.invoke("snap:1")
    assert answer.payload == "snap-start" and "RESTORE_REPORT Restore Duration: " in answer.log


def test_many_calls_at_once_and_one_at_a_time(aws: Cli, endpoint: str, client: Callable[..., Any]) -> None:
    aws(*aws.creating("f", "provided.al2", aws.zip("f.zip", {"bootstrap": BOOTSTRAP}), "none", "--timeout", "30"))
    first, second = aws.invoke("f").payload, aws.invoke("f").payload
    assert (second["me"], first["count"], second["count"]) == (first["me"], 1, 2)

    def call(_: int) -> Any:
        try:
            return json.loads(client("lambda", endpoint).invoke(FunctionName="f", Payload=b'{"do": "wait"}')["Payload"].read())
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
            return error.response["Error"]["Code"]

    with ThreadPoolExecutor(20) as calls:
        answers = list(calls.map(call, range(20)))
        assert len({answer["me"] for answer in answers}) > 1
        aws("lambda", "put-function-concurrency", "--function-name", "f", "--reserved-concurrent-executions", "1")
        answers = list(calls.map(call, range(5)))
    assert "TooManyRequestsException" in answers
    assert [answer for answer in answers if answer != "TooManyRequestsException"]

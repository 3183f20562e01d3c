"""What calling a function costs: warm and cold, beside the function's own time and a bare interpreter.

    python bench/lambda.py [rounds]

A real jar in a process of its own, boto3 over one keep-alive connection. "over" is what a caller waits beyond the time
that the function itself took (REPORT's Duration); STS GetCallerIdentity shows what boto3 and HTTP take of it.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
SOURCE = "import json\ndef handler(event, context):\n    return event\n"
WITH_SDK = "import boto3\n" + SOURCE
SLOW = "import time\ndef handler(event, context):\n    time.sleep(0.5)\n    return event\n"
NODE = "exports.handler = async (event) => event;\n"
JAVA = """
public class App {
    public static java.util.Map<String, Object> handle(java.util.Map<String, Object> event) { return event; }
}
"""


def serve(pipe: Any) -> None:
    """A jar on a free port, until the pipe closes."""
    import uvloop

    from cloudjar.gateway.jar import Jar

    async def run() -> None:
        jar = Jar()
        pipe.send(await jar.serve())
        await asyncio.get_running_loop().run_in_executor(None, pipe.poll, None)
        await jar.stop(0.0)

    uvloop.run(run())


def package(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def java_classes() -> dict[str, str | bytes] | None:
    """The compiled handler; None where there is no compiler."""
    if shutil.which("javac") is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "App.java")
        source.write_text(JAVA)
        subprocess.run(["javac", str(source)], check=True)
        return {"App.class": Path(directory, "App.class").read_bytes()}


def timed(call: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = call()
    return (time.perf_counter() - began) * 1000, answer


def report(answer: dict[str, Any], name: str) -> float:
    log = base64.b64decode(answer["LogResult"]).decode()
    match = re.search(rf"\t{name}: ([\d.]+) ms", log)
    return float(match[1]) if match else 0.0


def show(what: str, values: list[float]) -> None:
    print(f"{what:44} median {statistics.median(values):7.2f} ms   least {min(values):7.2f} ms   worst {max(values):7.2f} ms")


def main() -> None:
    import boto3
    from botocore.config import Config

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    mine, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=serve, args=(theirs,))
    process.start()
    theirs.close()
    url = f"http://127.0.0.1:{mine.recv()}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    options: dict[str, Any] = {"endpoint_url": url, "region_name": "us-east-1", **keys}
    iam, sts, lambda_ = (boto3.client(s, config=Config(retries={"max_attempts": 0}), **options) for s in ("iam", "sts", "lambda"))
    role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="bench", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    request = {"Runtime": "python3.11", "Handler": "app.handler", "Role": role, "Code": {"ZipFile": package({"app.py": SOURCE})}}
    lambda_.create_function(FunctionName="bench", **request)

    def invoke(name: str = "bench") -> dict[str, Any]:
        answer: dict[str, Any] = lambda_.invoke(FunctionName=name, Payload=b'{"a": 1}', LogType="Tail")
        assert json.load(answer["Payload"]) == {"a": 1}
        return answer

    invoke()
    bare = [timed(lambda: subprocess.run(["/usr/bin/python3", "-S", "-E", "-c", "pass"], check=True))[0] for _ in range(20)]
    floor = [timed(sts.get_caller_identity)[0] for _ in range(rounds)]
    walls, overs = [], []
    for _ in range(rounds):
        wall, answer = timed(invoke)
        walls.append(wall)
        overs.append(wall - report(answer, "Duration"))
    cold, inits = [], []
    for number in range(max(10, rounds // 10)):
        lambda_.update_function_configuration(FunctionName="bench", Description=str(number))
        wall, answer = timed(invoke)
        cold.append(wall)
        inits.append(report(answer, "Init Duration"))
    show("a bare python3 -S -E", bare)
    show("STS GetCallerIdentity", floor)
    show("warm invoke", walls)
    show("warm invoke, over the function's own time", overs)
    show("cold invoke", cold)
    show("  of it, Init Duration", inits)

    def colds(title: str, name: str, files: dict[str, str | bytes], wait: float, count: int, **options: Any) -> None:
        """First calls after a change, `wait` seconds later; the very first, which may compile, does not count."""
        lambda_.create_function(FunctionName=name, **{**request, "Code": {"ZipFile": package(files)}, "MemorySize": 512, **options})
        invoke(name)
        times = []
        for number in range(count):
            lambda_.update_function_configuration(FunctionName=name, Description=str(number))
            time.sleep(wait)
            times.append(timed(lambda: invoke(name))[0])
        show(title, times)

    colds("cold, importing boto3, at once", "sdk", {"app.py": WITH_SDK}, 0.0, 5)
    colds("cold, importing boto3, its standby ready", "sdk-ready", {"app.py": WITH_SDK}, 2.0, 5)
    if shutil.which("node"):
        node = {"Runtime": "nodejs20.x", "Handler": "index.handler", "Timeout": 20}
        colds("cold Node.js", "node", {"index.js": NODE}, 0.0, 10, **node)
        warm = []
        for _ in range(rounds):
            wall, answer = timed(lambda: invoke("node"))
            warm.append(wall - report(answer, "Duration"))
        show("warm Node.js, over the function's own time", warm)
    classes = java_classes()
    if classes:
        java = {"Runtime": "java17", "Handler": "App::handle", "Timeout": 30}
        colds("cold Java", "java", classes, 0.0, 5, **java)

    def slow(_: int) -> None:
        client = clients.pop()
        client.invoke(FunctionName="slow")["Payload"].read()

    lambda_.create_function(FunctionName="slow", **{**request, "Code": {"ZipFile": package({"app.py": SLOW})}})
    clients = [boto3.client("lambda", config=Config(retries={"max_attempts": 0}), **options) for _ in range(16)]
    for client in clients:
        client.get_account_settings()
    with ThreadPoolExecutor(16) as threads:
        print(f"16 first calls of 0.5 s at once                {timed(lambda: list(threads.map(slow, range(16))))[0]:7.0f} ms")
    mine.close()
    process.join()


if __name__ == "__main__":
    main()

"""What a function reaches: the jar under AWS's names, its own Runtime API, the Internet, and nothing of the machine."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from cloudjar.compute.driver import Unsupported
from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions


@pytest.fixture(autouse=True)
def _has_networks(world: LocalWorld) -> None:
    async def has() -> str:
        try:
            made = await world._world().host.driver().network()
        except Unsupported as problem:
            return str(problem)
        if made is None:
            return "the driver has no networks of its own"
        made.close()
        return ""

    reason = world.local.run(has())
    if reason:
        pytest.skip(f"no networks here: {reason}")


def run(functions: Functions, body: str, **options: object) -> object:
    """What a Python function with this body returns."""
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    source = f"import json, os, socket, ssl, subprocess, urllib.request\ndef handler(event, context):\n{lines}\n"
    functions.python("probe", source, **{"Timeout": 60, "MemorySize": 512, **options})
    result = functions.invoke("probe")
    assert result.error is None, result.value
    return result.value


FETCH = "return urllib.request.urlopen({url!r}, timeout=30).read().decode()"
REACH = """
def reach(address):
    try:
        socket.create_connection(address, 5).close()
        return True
    except OSError:
        return False
"""


def test_the_runtime_api_is_where_aws_has_it(functions: Functions) -> None:
    assert run(functions, "return os.environ['AWS_LAMBDA_RUNTIME_API']") == "127.0.0.1:9001"


def test_an_sdk_without_an_endpoint_finds_the_jar(functions: Functions, world: LocalWorld) -> None:
    """A bucket's own host name, over TLS, verified with the roots that the environment names."""
    world.client("iam").attach_role_policy(RoleName="function", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    world.client("s3").create_bucket(Bucket="my.bucket")
    body = """
import boto3
del os.environ["AWS_ENDPOINT_URL"]
client = boto3.client("s3", region_name="us-east-1")
client.put_object(Bucket="my.bucket", Key="key", Body=b"value")
return client.meta.endpoint_url, client.get_object(Bucket="my.bucket", Key="key")["Body"].read().decode()
"""
    assert run(functions, body) == ["https://s3.amazonaws.com", "value"]


def test_an_sdk_with_the_endpoint_of_the_environment_finds_it_too(functions: Functions) -> None:
    body = "import boto3\nreturn boto3.client('sts').get_caller_identity()['Arn']"
    assert run(functions, body) == "arn:aws:sts::000000000000:assumed-role/function/probe"


def test_the_address_is_told_over_verified_tls(functions: Functions) -> None:
    body = """
del os.environ["SSL_CERT_FILE"]
context = ssl.create_default_context()
assert context.verify_mode == ssl.CERT_REQUIRED
return urllib.request.urlopen("https://checkip.amazonaws.com", context=context).read().decode()
"""
    address = run(functions, body)
    assert isinstance(address, str) and socket.inet_aton(address.removesuffix("\n"))


@pytest.mark.parametrize(
    "name",
    ["sqs.eu-west-1.amazonaws.com", "bucket.s3.us-east-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn", "lambda.us-east-1.api.aws",
     "abc.lambda-url.us-east-1.on.aws", "localhost.localstack.cloud", "sqs.us-east-1.localhost.localstack.cloud"],
)  # fmt: skip
def test_a_name_of_aws_is_the_jars(functions: Functions, name: str) -> None:
    address = run(functions, f"return socket.getaddrinfo({name!r}, 443, proto=socket.IPPROTO_TCP)[0][4][0]")
    assert address == "169.254.78.1"


def test_a_function_url_answers_under_its_host_of_aws(functions: Functions) -> None:
    functions.python(
        "target", "def handler(event, context):\n    return {'statusCode': 200, 'body': event['requestContext']['domainName']}\n"
    )
    url = functions.client.create_function_url_config(FunctionName="target", AuthType="NONE")["FunctionUrl"]
    functions.client.add_permission(
        FunctionName="target", StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE"
    )
    functions.client.add_permission(
        FunctionName="target", StatementId="call", Action="lambda:InvokeFunction", Principal="*", InvokedViaFunctionUrl=True
    )
    host = url.split("//")[1].split(".")[0] + ".lambda-url.us-east-1.on.aws"
    assert run(functions, FETCH.format(url=f"https://{host}/")) == host


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_curl_trusts_the_jar_without_any_variable(functions: Functions) -> None:
    body = "return subprocess.run(['curl', '-sS', 'https://checkip.amazonaws.com'], env={}, capture_output=True, text=True).stderr"
    assert run(functions, body) == ""


@pytest.mark.skipif(not shutil.which("node"), reason="no Node.js")
def test_node_trusts_the_jar(functions: Functions) -> None:
    source = """
const https = require("https");
exports.handler = () => new Promise((done, fail) =>
    https.get("https://checkip.amazonaws.com", (answer) => done(answer.statusCode)).on("error", fail));
"""
    functions.create("node", {"index.js": source}, Runtime="nodejs20.x", Handler="index.handler", Timeout=60, MemorySize=512)
    assert functions.invoke("node").value == 200


JAVA = """
public class App {
    public static String handle(String event) throws Exception {
        return new String(new java.net.URL("https://checkip.amazonaws.com").openStream().readAllBytes()).trim();
    }
}
"""


@pytest.mark.skipif(not shutil.which("javac"), reason="no JDK")
def test_java_trusts_the_jar(functions: Functions, tmp_path: Path) -> None:
    (tmp_path / "App.java").write_text(JAVA)
    subprocess.run(["javac", "App.java"], cwd=tmp_path, check=True, capture_output=True)
    files: dict[str, str | bytes] = {"App.class": (tmp_path / "App.class").read_bytes()}
    functions.create("java", files, Runtime="java17", Handler="App::handle", Timeout=60, MemorySize=512)
    result = functions.invoke("java", "x")
    assert result.error is None, result.value
    assert socket.inet_aton(result.value)


def test_the_jars_commands_are_not_there(functions: Functions) -> None:
    body = """
import urllib.error
def ask(path, **more):
    try:
        return urllib.request.urlopen(urllib.request.Request("http://localhost:4566" + path, **more)).status
    except urllib.error.HTTPError as error:
        return error.code
return [ask("/_cloudjar/worlds"), ask("/_cloudjar/worlds/reset", method="POST"), ask("/_localstack/state/reset", method="POST"),
        ask("/_localstack/info?worl%64=default"), ask("/_localstack/info")]
"""
    assert run(functions, body) == [403, 403, 403, 403, 200]


def test_nothing_of_the_host_is_reached(functions: Functions, world: LocalWorld) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        port = server.getsockname()[1]
        # No packet is sent: it only looks up which of its own addresses the host would use.
        try:
            probe.connect(("192.0.2.1", 9))
            own = probe.getsockname()[0]
        except OSError:
            own = "127.0.0.1"
        assert socket.create_connection((own, port), 5)
        jar = int(world.endpoint.rpartition(":")[2])
        places = [("127.0.0.1", port), (own, port), ("10.0.2.2", port), ("127.0.0.1", jar), (own, jar)]
        assert run(functions, f"{REACH}\nreturn [reach(tuple(place)) for place in json.loads({json.dumps(places)!r})]") == [False] * 5


def test_no_metadata_service_answers(functions: Functions) -> None:
    assert run(functions, f"{REACH}\nreturn [reach(('169.254.169.254', 80)), reach(('169.254.170.2', 80))]") == [False, False]


def test_a_function_has_a_runtime_api_of_its_own_only(functions: Functions) -> None:
    """Two sandboxes have the same address for it, and each meets its own there."""
    body = """
import http.client
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=5)
connection.request("POST", f"/2018-06-01/runtime/invocation/{event}/response", "stolen")
return connection.getresponse().status
"""
    source = "\n".join("    " + line for line in body.strip().splitlines())
    functions.python("thief", f"import os\ndef handler(event, context):\n{source}\n")
    functions.python("other", "import time\ndef handler(e, c):\n    time.sleep(e)\n    return c.aws_request_id\n")
    request_id = functions.invoke("other", 0).value
    assert functions.invoke("thief", request_id).value == 400
    assert functions.invoke("other", 0).value != request_id


def test_a_debugger_reaches_what_listens_inside(functions: Functions) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    source = (
        "import socket, threading\n"
        f"server = socket.create_server(('127.0.0.1', {port}))\n"
        "def serve():\n    while True:\n        client, _ = server.accept()\n"
        "        client.sendall(b'hello ' + client.recv(99))\n        client.close()\n"
        "threading.Thread(target=serve, daemon=True).start()\n"
        "def handler(event, context):\n    return context.get_remaining_time_in_millis()\n"
    )
    functions.python("f", source, Environment={"Variables": {"CLOUDJAR_DEBUG_PORT": str(port)}})
    assert functions.invoke("f").value > 600_000
    with socket.create_connection(("127.0.0.1", port), timeout=10) as debugger:
        debugger.sendall(b"you")
        assert debugger.recv(99) == b"hello you"

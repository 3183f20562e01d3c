"""Function URLs over a real socket: events and answers, authentication, CORS, streams."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloudjar.gateway.inprocess import LocalWorld

from .conftest import Functions
from .test_response_streams import STREAM

ECHO = "def handler(event, context):\n    return event\n"


class Site:
    """A function's URL, and a client for it."""

    def __init__(self, world: LocalWorld, functions: Functions, *, auth: str = "NONE", public: bool = True, **options: Any) -> None:
        self.endpoint = urlsplit(world.endpoint)
        self.config = functions.client.create_function_url_config(FunctionName="f", AuthType=auth, **options)
        self.host = urlsplit(self.config["FunctionUrl"]).netloc
        if public:
            functions.client.add_permission(
                FunctionName="f",
                StatementId="public",
                Action="lambda:InvokeFunctionUrl",
                Principal="*",
                FunctionUrlAuthType=auth,
            )
            functions.client.add_permission(
                FunctionName="f",
                StatementId="public-invoke",
                Action="lambda:InvokeFunction",
                Principal="*",
                InvokedViaFunctionUrl=True,
            )

    def ask(
        self, method: str = "GET", path: str = "/", body: bytes | None = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self.endpoint.hostname or "", self.endpoint.port, timeout=30)
        connection.request(method, path, body, {"Host": self.host, **{name.replace("_", "-"): value for name, value in headers.items()}})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response, data


def test_a_request_becomes_an_event_of_format_2(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", ECHO)
    site = Site(world, functions)
    response, body = site.ask("POST", "/a/b%20c?x=1&x=2&y=", b'{"k": 1}', Content_Type="application/json", Cookie="c=1; d=2")
    event = json.loads(body)
    assert event["headers"]["x-amzn-trace-id"].startswith("Root=1-")
    assert response.headers["x-amzn-trace-id"] == event["headers"]["x-amzn-trace-id"]
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/a/b%20c", "x=1&x=2&y=")
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["cookies"] == ["c=1", "d=2"] and "cookie" not in event["headers"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"k": 1}', False)
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["requestContext"]["accountId"] == "anonymous"


def test_bytes_come_and_go_in_base64(functions: Functions, world: LocalWorld) -> None:
    functions.python(
        "f", "def handler(e, c):\n    return {'statusCode': 200, 'body': e['body'], 'isBase64Encoded': e['isBase64Encoded']}\n"
    )
    _, body = Site(world, functions).ask("POST", "/", b"\x00\xff\x01", Content_Type="image/png")
    assert body == b"\x00\xff\x01"


def test_status_headers_and_cookies_are_the_functions(functions: Functions, world: LocalWorld) -> None:
    answer = {"statusCode": 201, "headers": {"X-Me": "yes"}, "cookies": ["a=1", "b=2"], "body": "made"}
    functions.python("f", f"def handler(e, c):\n    return {answer!r}\n")
    response, body = Site(world, functions).ask()
    assert (response.status, response.getheader("x-me"), body) == (201, "yes", b"made")
    assert [value for name, value in response.getheaders() if name.lower() == "set-cookie"] == ["a=1", "b=2"]


def test_a_failing_function_is_a_bad_gateway(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", "def handler(e, c):\n    raise ValueError\n")
    response, body = Site(world, functions).ask()
    assert (response.status, body) == (502, b"Internal Server Error")


def test_a_url_that_its_function_has_not_opened_is_forbidden(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", ECHO)
    response, body = Site(world, functions, public=False).ask()
    assert (response.status, json.loads(body)) == (403, {"Message": "Forbidden"})


def test_iam_wants_a_signature(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", ECHO)
    site = Site(world, functions, auth="AWS_IAM", public=False)
    assert site.ask()[0].status == 403
    key = _user(world, "lambda:InvokeFunction*")
    response, body = site.ask(**_signed(site, key))
    assert response.status == 200
    assert json.loads(body)["requestContext"]["authorizer"]["iam"]["userArn"] == "arn:aws:iam::000000000000:user/caller"


def test_iam_wants_a_permission_too(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", ECHO)
    site = Site(world, functions, auth="AWS_IAM", public=False)
    assert site.ask(**_signed(site, _user(world, "s3:GetObject")))[0].status == 403


def test_a_new_url_wants_both_permissions(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", ECHO)
    site = Site(world, functions)
    functions.client.remove_permission(FunctionName="f", StatementId="public-invoke")
    assert site.ask()[0].status == 403


def test_a_url_of_2024_was_content_with_one(functions: Functions, world: LocalWorld) -> None:
    world.clock.set(datetime(2024, 6, 1, tzinfo=UTC))
    functions.python("f", ECHO)
    site = Site(world, functions)
    functions.client.remove_permission(FunctionName="f", StatementId="public-invoke")
    assert site.ask()[0].status == 200


def _user(world: LocalWorld, action: str) -> dict[str, str]:
    iam = world.client("iam")
    iam.create_user(UserName="caller")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
    iam.put_user_policy(UserName="caller", PolicyName="p", PolicyDocument=json.dumps(policy))
    key: dict[str, str] = iam.create_access_key(UserName="caller")["AccessKey"]
    return key


def _signed(site: Site, key: dict[str, str]) -> dict[str, str]:
    request = AWSRequest("GET", f"http://{site.host}/", headers={"Host": site.host})
    SigV4Auth(Credentials(key["AccessKeyId"], key["SecretAccessKey"]), "lambda", "us-east-1").add_auth(request)
    return {name: value for name, value in request.headers.items() if name != "Host"}


def test_cors_is_answered_for_the_function(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", ECHO)
    site = Site(world, functions, Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 60})
    preflight, _ = site.ask("OPTIONS", Origin="https://a.example", Access_Control_Request_Method="GET")
    assert preflight.getheader("access-control-allow-origin") == "https://a.example"
    assert (preflight.getheader("access-control-allow-methods"), preflight.getheader("access-control-max-age")) == ("GET", "60")
    assert site.ask(Origin="https://a.example")[0].getheader("access-control-allow-origin") == "https://a.example"
    assert site.ask(Origin="https://b.example")[0].getheader("access-control-allow-origin") is None


def test_an_answer_streams(functions: Functions, world: LocalWorld) -> None:
    functions.create("f", {"bootstrap": STREAM})
    response, body = Site(world, functions, InvokeMode="RESPONSE_STREAM").ask()
    assert (response.getheader("content-type"), response.getheader("transfer-encoding"), body) == (
        "text/plain",
        "chunked",
        b"one two three",
    )


def test_a_url_can_be_called_by_path(functions: Functions, world: LocalWorld) -> None:
    functions.python("f", ECHO)
    site = Site(world, functions)
    id, site.host = site.host.partition(".")[0], "localhost"
    assert json.loads(site.ask(path=f"/_cloudjar/lambda-url/{id}/x/y")[1])["rawPath"] == "/x/y"


def test_a_config_can_be_changed_listed_and_deleted(functions: Functions, world: LocalWorld, aws_error: Any) -> None:
    functions.python("f", ECHO)
    site = Site(world, functions)
    client = functions.client
    assert client.update_function_url_config(FunctionName="f", AuthType="AWS_IAM")["AuthType"] == "AWS_IAM"
    assert [c["FunctionUrl"] for c in client.list_function_url_configs(FunctionName="f")["FunctionUrlConfigs"]] == [
        site.config["FunctionUrl"]
    ]
    with aws_error("ResourceConflictException"):
        client.create_function_url_config(FunctionName="f", AuthType="NONE")
    client.delete_function_url_config(FunctionName="f")
    with aws_error("ResourceNotFoundException"):
        client.get_function_url_config(FunctionName="f")
    assert site.ask()[0].status == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_reach_the_function(functions: Functions, world: LocalWorld, method: str) -> None:
    functions.python("f", ECHO)
    assert json.loads(Site(world, functions).ask(method)[1])["requestContext"]["http"]["method"] == method

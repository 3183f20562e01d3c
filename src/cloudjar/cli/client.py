"""How commands talk to a running jar: its own API, over HTTP."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from cloudjar.cli.problem import FAILED, NOT_RUNNING, Problem
from cloudjar.cli.up import running_home
from cloudjar.gateway.home import Home

TIMEOUT_SECONDS = 3600.0
"""Advancing a world by years may take long."""


class Client:
    """One jar's own API."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")
        # A proxy that the environment names is for the world outside, not for this machine.
        self._opener = build_opener(ProxyHandler({}))

    def get(self, path: str, **query: str) -> Any:
        """The answer to a question, as JSON says it. Raises Problem."""
        with self._open(Request(self._url(path, query))) as answer:
            return json.loads(answer.read())

    def post(self, path: str, members: Mapping[str, Any] | None = None, **query: str) -> Any:
        """The answer to a request for a change. Raises Problem."""
        body = json.dumps(dict(members or {})).encode()
        with self._open(Request(self._url(path, query), body, {"content-type": "application/json"})) as answer:
            return json.loads(answer.read())

    def download(self, path: str, file: Path, **query: str) -> int:
        """Puts an answer into a file, whole or not at all; returns its size in bytes."""
        partial = file.with_name(file.name + ".part")
        try:
            with self._open(Request(self._url(path, query))) as answer, partial.open("wb") as out:
                shutil.copyfileobj(answer, out, 1 << 20)
            size = partial.stat().st_size
            partial.replace(file)
            return size
        finally:
            partial.unlink(missing_ok=True)

    def upload(self, path: str, file: Path, **query: str) -> Any:
        """Sends a file as the body."""
        headers = {"content-type": "application/x-tar", "content-length": str(file.stat().st_size)}
        with file.open("rb") as body, self._open(Request(self._url(path, query), body, headers)) as answer:
            return json.loads(answer.read())

    def aws(
        self, service: str, region: str, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[Mapping[str, str], bytes]:
        """One call of an AWS service as the default account's root: headers and body. Raises LookupError for what is not there, Problem."""
        scope = f"test/20260101/{region}/{service}/aws4_request"
        sent = {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0", **(headers or {})}
        try:
            with self._opener.open(Request(f"{self.endpoint}{path}", body, sent, method=method), timeout=TIMEOUT_SECONDS) as answer:
                return answer.headers, answer.read()
        except HTTPError as refused:
            said = json.loads(refused.read() or b"{}")
            code = (refused.headers.get("x-amzn-errortype") or str(said.get("__type") or refused.code)).rpartition("#")[2]
            message = said.get("message") or said.get("Message") or code
            if code == "ResourceNotFoundException" and service == "logs":
                raise LookupError(message) from None
            raise Problem(message, FAILED, code) from None
        except URLError as problem:
            raise Problem(f"Nothing answers at {self.endpoint}: {problem.reason}.", NOT_RUNNING, "NotRunning") from None

    def aws_json(self, service: str, region: str, target: str, members: Mapping[str, Any]) -> Any:
        """One call in the AWS JSON protocol. Raises as `aws` does."""
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
        return json.loads(self.aws(service, region, "POST", "/", json.dumps(dict(members)).encode(), headers)[1])

    def _url(self, path: str, query: Mapping[str, str]) -> str:
        return f"{self.endpoint}{quote(path)}{'?' + urlencode(query) if query else ''}"

    def _open(self, request: Request) -> BinaryIO:
        try:
            opened: BinaryIO = self._opener.open(request, timeout=TIMEOUT_SECONDS)
            return opened
        except HTTPError as refused:
            try:
                said = json.loads(refused.read())
                raise Problem(said["message"], FAILED, said["error"]) from None
            except (ValueError, KeyError, TypeError):
                raise Problem(f"{self.endpoint} is not a cloudjar: it answered {refused.code}.") from None
        except URLError as problem:
            raise Problem(f"Nothing answers at {self.endpoint}: {problem.reason}.", NOT_RUNNING, "NotRunning") from None
        except (HTTPException, OSError, ValueError) as problem:
            raise Problem(f"{self.endpoint} does not answer as it should: {problem}.") from None


def find(args: Namespace, environ: Mapping[str, str]) -> Client:
    """The jar that a command is about: --endpoint's, or the one that runs in the data directory. Raises Problem."""
    if args.endpoint:
        endpoint = args.endpoint if "://" in args.endpoint else f"http://{args.endpoint}"
        if not endpoint.startswith(("http://", "https://")):
            raise Problem(f"{args.endpoint} is not a URL of a jar, such as http://localhost:4566.")
        return Client(endpoint)
    home = running_home(args, environ)
    note = Home(home).note()
    if note is None:
        raise Problem(f"No jar runs in {home}. `cloudjar up` starts one.", NOT_RUNNING, "NotRunning")
    return Client(note["endpoint"])

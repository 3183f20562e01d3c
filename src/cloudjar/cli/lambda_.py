"""`cloudjar lambda`: call a function, read its log, see its environment."""

from __future__ import annotations

import base64
import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cloudjar.cli import show
from cloudjar.cli.client import Client, find
from cloudjar.cli.problem import FAILED
from cloudjar.kernel.clock import pause

_POLL_SECONDS = 1.0


def invoke(args: Namespace, environ: Mapping[str, str]) -> int:
    """Calls a function; its answer goes to standard output, its log to standard error. Exit code 1 if it failed."""
    payload = args.payload or "{}"
    if payload == "-":
        data = sys.stdin.buffer.read()
    elif payload.startswith("@"):
        data = Path(payload[1:]).read_bytes()
    else:
        data = payload.encode()
    path = f"/2015-03-31/functions/{quote(args.name, safe='')}/invocations"
    headers, answer = find(args, environ).aws("lambda", args.region, "POST", path, data, {"X-Amz-Log-Type": "Tail"})
    error = headers.get("X-Amz-Function-Error")
    text = answer.decode("utf-8", "replace")
    log = base64.b64decode(headers.get("X-Amz-Log-Result") or "").decode("utf-8", "replace")
    if args.json:
        show.as_json({"payload": text, "error": error, "log": log})
    else:
        sys.stderr.write(log)
        show.say(text)
    return FAILED if error else 0


def logs(args: Namespace, environ: Mapping[str, str]) -> int:
    """Prints the end of a function's log; with --follow, goes on until interrupted."""
    client = find(args, environ)
    group = _configuration(client, args)["LoggingConfig"]["LogGroup"]
    seen: set[str] = set()
    start = 0
    while True:
        fresh = [event for event in _events(client, args.region, group, start) if event["eventId"] not in seen]
        for event in fresh[-args.lines :] if not seen else fresh:
            if args.json:
                show.as_json(event)
            else:
                show.say(event["message"].rstrip("\n"))
        sys.stdout.flush()
        if not args.follow:
            return 0
        seen.update(event["eventId"] for event in fresh)
        start = max([start, *(event["timestamp"] - 60_000 for event in fresh)])
        pause(_POLL_SECONDS)


def _events(client: Client, region: str, group: str, start: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    request: dict[str, Any] = {"logGroupName": group, "startTime": start}
    while True:
        try:
            answer = client.aws_json("logs", region, "Logs_20140328.FilterLogEvents", request)
        except LookupError:
            # Nothing has been written yet.
            return found
        found += answer["events"]
        if not answer.get("nextToken"):
            return found
        request["nextToken"] = answer["nextToken"]


def env(args: Namespace, environ: Mapping[str, str]) -> int:
    """Prints a function's environment as `export` lines, to run its code in a shell or a debugger."""
    client = find(args, environ)
    told = _configuration(client, args)
    variables = {
        "AWS_ENDPOINT_URL": client.endpoint,
        "AWS_REGION": args.region,
        "AWS_DEFAULT_REGION": args.region,
        "AWS_LAMBDA_FUNCTION_NAME": told["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": told["Version"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(told["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": told["LoggingConfig"]["LogGroup"],
        "_HANDLER": told["Handler"],
        **(told.get("Environment") or {}).get("Variables", {}),
    }
    if args.json:
        show.as_json(variables)
    else:
        for name, value in variables.items():
            show.say(f"export {name}={shlex.quote(value)}")
    return 0


def _configuration(client: Client, args: Namespace) -> Any:

    path = f"/2015-03-31/functions/{quote(args.name, safe='')}/configuration"
    return json.loads(client.aws("lambda", args.region, "GET", path)[1])

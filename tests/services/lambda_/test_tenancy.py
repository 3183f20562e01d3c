"""Tenant isolation: environments that serve one tenant each."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import ECHO, Functions, aws_refusal

SOURCE = """
import json, logging
count = 0
def handler(event, context):
    global count
    count += 1
    logging.getLogger().warning("called")
    return [context.tenant_id, count]
"""
PER_TENANT = {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}


def test_each_tenant_has_environments_of_its_own(functions: Functions) -> None:
    made = functions.python("py", SOURCE, **PER_TENANT)
    assert made["TenancyConfig"] == {"TenantIsolationMode": "PER_TENANT"}
    calls = [functions.invoke("py", TenantId=tenant).value for tenant in ("blue", "green", "blue", "green", "blue")]
    assert calls == [["blue", 1], ["green", 1], ["blue", 2], ["green", 2], ["blue", 3]]


def test_a_tenant_is_named_where_and_only_where_one_is_wanted(functions: Functions) -> None:
    functions.python("isolated", SOURCE, **PER_TENANT)
    functions.python("plain", SOURCE)
    for kind in ("RequestResponse", "Event", "DryRun"):
        with aws_refusal("is enabled with tenancy configuration. Add a valid tenant ID"):
            functions.client.invoke(FunctionName="isolated", InvocationType=kind)
        with aws_refusal("is not enabled with tenancy configuration. Remove the tenant ID"):
            functions.client.invoke(FunctionName="plain", InvocationType=kind, TenantId="blue")


def test_an_event_is_handled_for_its_tenant(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    functions.python("py", SOURCE, LoggingConfig={"LogFormat": "JSON"}, **PER_TENANT)
    functions.client.invoke(FunctionName="py", InvocationType="Event", TenantId="blue", Payload=b"1")
    for _ in range(500):
        if functions.world.client("logs").describe_log_groups()["logGroups"]:
            break
        time.sleep(0.01)
    lines = [json.loads(line) for line in log_lines("/aws/lambda/py")]
    records = {line["type"]: line["record"] for line in lines if "type" in line}
    assert records["platform.start"]["tenantId"] == records["platform.report"]["tenantId"] == "blue"
    assert [line["tenantId"] for line in lines if line.get("message") == "called"] == ["blue"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_node_functions_know_their_tenant(functions: Functions) -> None:
    source = "exports.handler = async (event, context) => context.tenantId;\n"
    functions.create("js", {"index.js": source}, Runtime="nodejs20.x", Handler="index.handler", **PER_TENANT)
    assert functions.invoke("js", TenantId="a b@c:d").value == "a b@c:d"


@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("function URL", lambda c: c.create_function_url_config(FunctionName="f", AuthType="NONE")),
        ("Provisioned", lambda c: c.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)),
        ("mapping", lambda c: c.create_event_source_mapping(FunctionName="f", EventSourceArn="arn:aws:sqs:us-east-1:000000000000:q")),
    ],
)
def test_what_cannot_name_a_tenant_is_refused(functions: Functions, what: str, call: Callable[[Any], Any]) -> None:
    functions.create("f", {"bootstrap": ECHO}, Publish=True, **PER_TENANT)
    with aws_refusal(f"{what}.* is not supported for functions enabled with tenancy"):
        call(functions.client)

"""The secrets of connections, which Secrets Manager keeps. Source: "Connections for API targets" in the user guide.

Whoever makes or changes a connection needs leave for its secret; when events are sent, the account's service-linked role reads it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError

PRINCIPAL = "apidestinations.events.amazonaws.com"
ROLE = "AWSServiceRoleForAmazonEventBridgeApiDestinations"
MEMBERS = {"BASIC": "BasicAuthParameters", "API_KEY": "ApiKeyAuthParameters", "OAUTH_CLIENT_CREDENTIALS": "OAuthParameters"}
_INVOCATION = "InvocationHttpParameters"
_CLIENT = "ClientParameters"


def create(ctx: Context, name: str, kind: str, parameters: dict[str, Any]) -> str:
    """A new secret's ARN."""
    _make_role(ctx)
    request = {"Name": f"events!connection/{name}/{ctx.ids.uuid()}", "SecretString": _text(kind, parameters)}
    return str(ctx.call("secretsmanager", "CreateSecret", request)["ARN"])


def update(ctx: Context, arn: str, kind: str, parameters: dict[str, Any]) -> None:
    """Puts other parameters into a secret."""
    ctx.call("secretsmanager", "PutSecretValue", {"SecretId": arn, "SecretString": _text(kind, parameters)})


def read(ctx: Context, arn: str, kind: str) -> dict[str, Any]:
    """The parameters in a secret, as the caller."""
    return _parameters(kind, ctx.call("secretsmanager", "GetSecretValue", {"SecretId": arn})["SecretString"])


def read_for_delivery(ctx: Context, arn: str, kind: str) -> dict[str, Any]:
    """The parameters in a secret, under the service-linked role."""
    role = ctx.arn("iam", f"role/aws-service-role/{PRINCIPAL}/{ROLE}", region="")
    return read(ctx.assume(role, PRINCIPAL), arn, kind)


def delete(ctx: Context, arn: str) -> None:
    """Deletes a secret at once; one that is not there is no error."""
    ctx.call("secretsmanager", "DeleteSecret", {"SecretId": arn, "ForceDeleteWithoutRecovery": True})


def _make_role(ctx: Context) -> None:
    try:
        ctx.as_service(PRINCIPAL).call("iam", "GetRole", {"RoleName": ROLE})
    except AwsError:
        ctx.call("iam", "CreateServiceLinkedRole", {"AWSServiceName": PRINCIPAL})


def _text(kind: str, parameters: dict[str, Any]) -> str:
    own = dict(parameters[MEMBERS[kind]])
    own |= own.pop(_CLIENT, {})
    if extra := parameters.get(_INVOCATION):
        own[_INVOCATION] = extra
    return json.dumps(_renamed(own, _snake))


def _parameters(kind: str, text: str) -> dict[str, Any]:
    own: dict[str, Any] = _renamed(json.loads(text), _camel)
    parameters: dict[str, Any] = {_INVOCATION: own.pop(_INVOCATION)} if _INVOCATION in own else {}
    if kind == "OAUTH_CLIENT_CREDENTIALS":
        own[_CLIENT] = {member: own.pop(member) for member in ("ClientID", "ClientSecret")}
    return {MEMBERS[kind]: own, **parameters}


def _renamed(value: Any, rename: Any) -> Any:
    if isinstance(value, dict):
        return {rename(name): _renamed(each, rename) for name, each in value.items()}
    return [_renamed(each, rename) for each in value] if isinstance(value, list) else value


def _snake(member: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", member).lower()


def _camel(name: str) -> str:
    return {"client_id": "ClientID", "oauth_http_parameters": "OAuthHttpParameters"}.get(
        name, "".join(part.capitalize() for part in name.split("_"))
    )

"""A call as CloudTrail tells it. Source: "CloudTrail record contents", CloudTrail User Guide."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec

from cloudjar.identity.service_reference import prefix_of
from cloudjar.kernel.principal import Principal
from cloudjar.services.cloudtrail.recorder import CallEvent, is_read_only

VERSION = "1.11"

_SOURCES = {
    "cloudwatch": "monitoring",
    "stepfunctions": "states",
    "elbv2": "elasticloadbalancing",
    "elb": "elasticloadbalancing",
    "ses": "ses",
}
_LAMBDA = {
    "CreateFunction": "20150331", "DeleteFunction": "20150331", "GetFunction": "20150331v2", "GetFunctionConfiguration": "20150331v2",
    "ListFunctions": "20150331", "UpdateFunctionCode": "20150331v2", "UpdateFunctionConfiguration": "20150331v2",
    "AddPermission": "20150331v2", "RemovePermission": "20150331v2", "GetPolicy": "20150331v2", "PublishVersion": "20150331",
    "CreateEventSourceMapping": "20150331", "DeleteEventSourceMapping": "20150331", "ListEventSourceMappings": "20150331",
    "ListVersionsByFunction": "20150331", "CreateAlias": "20150331", "DeleteAlias": "20150331", "UpdateAlias": "20150331",
    "ListAliases": "20150331", "GetAlias": "20150331", "TagResource": "20170331v2", "ListTags": "20170331",
}  # fmt: skip
"""Lambda's events have its API's versions in their names."""


def source_of(call: CallEvent) -> str:
    """eventSource: "s3.amazonaws.com"."""
    return f"{_SOURCES.get(call.service) or prefix_of(call.service)}.amazonaws.com"


def name_of(call: CallEvent) -> str:
    """eventName."""
    return call.operation + _LAMBDA.get(call.operation, "") if call.service == "lambda" else call.operation


def id_of(call: CallEvent) -> str:
    """eventID: the same whenever the event is told."""
    if call.event:
        own: str = msgspec.msgpack.decode(call.event)["eventID"]
        return own
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{call.request_id} {call.number}"))


def user_name(principal: Principal) -> str:
    """Username, as LookupEvents has it: the user's, or the session's."""
    return "root" if principal.kind == "root" else principal.arn.rpartition("/")[2] if "/" in principal.arn else principal.arn


def resources_of(call: CallEvent, region: str, account: str) -> list[dict[str, str]]:
    """The resources that a call names, as far as its parameters tell."""
    if call.event:
        told: list[dict[str, str]] = msgspec.msgpack.decode(call.event).get("resources", [])
        return told
    request = msgspec.msgpack.decode(call.request) or {}
    found = []
    bucket = request.get("Bucket")
    if call.service == "s3" and bucket:
        if request.get("Key"):
            found.append({"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{request['Key']}"})
        found.append({"accountId": account, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"})
    elif call.service == "lambda" and request.get("FunctionName"):
        name = request["FunctionName"]
        arn = name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{name}"
        found.append({"accountId": account, "type": "AWS::Lambda::Function", "ARN": arn})
    elif call.service == "dynamodb" and request.get("TableName"):
        arn = f"arn:aws:dynamodb:{region}:{account}:table/{request['TableName']}"
        found.append({"accountId": account, "type": "AWS::DynamoDB::Table", "ARN": arn})
    elif call.service == "iam":
        for member, kind in (("UserName", "User"), ("RoleName", "Role"), ("PolicyArn", "Policy"), ("GroupName", "Group")):
            if request.get(member):
                name = request[member]
                arn = name if name.startswith("arn:") else f"arn:aws:iam::{account}:{kind.lower()}/{name}"
                found.append({"accountId": account, "type": f"AWS::IAM::{kind}", "ARN": arn})
    elif call.service == "sts" and request.get("RoleArn"):
        found.append({"accountId": request["RoleArn"].split(":")[4:5][0], "type": "AWS::IAM::Role", "ARN": request["RoleArn"]})
    return found


def only_reads(call: CallEvent) -> bool:
    """readOnly."""
    return not call.event and is_read_only(call.operation)


def event_of(call: CallEvent, region: str, account: str) -> dict[str, Any]:
    """The whole event."""
    if call.event:
        own: dict[str, Any] = msgspec.msgpack.decode(call.event)
        return own
    read_only = is_read_only(call.operation)
    request = _told(msgspec.msgpack.decode(call.request)) or None
    event: dict[str, Any] = {
        "eventVersion": VERSION,
        "userIdentity": identity(call.principal, call.invoked_by, account),
        "eventTime": _time(call.time),
        "eventSource": source_of(call),
        "eventName": name_of(call),
        "awsRegion": region,
        "sourceIPAddress": call.source_ip,
        "userAgent": call.user_agent,
    }
    if call.error:
        event["errorCode"] = f"Client.{call.error}" if call.service == "ec2" else call.error
        event["errorMessage"] = call.message
    event |= {
        "requestParameters": request,
        "responseElements": _told(msgspec.msgpack.decode(call.response)) or None if call.response else None,
        "requestID": call.request_id,
        "eventID": id_of(call),
        "readOnly": read_only,
    }
    resources = resources_of(call, region, account)
    if resources and (call.data or call.service == "sts"):
        event["resources"] = resources
    event |= {
        "eventType": "AwsApiCall",
        "managementEvent": not call.data,
        "recipientAccountId": account,
    }
    if call.shared:
        event["sharedEventID"] = call.shared
    event["eventCategory"] = "Data" if call.data else "Management"
    host = call.url.partition("://")[2]
    if call.url.startswith("https") and not call.invoked_by:
        event["tlsDetails"] = {"clientProvidedHostHeader": host}
    return event


def identity(principal: Principal, invoked_by: str = "", recipient: str = "") -> dict[str, Any]:
    """userIdentity, as the account that gets the event sees it. Source: "CloudTrail userIdentity element"."""
    if principal.kind == "anonymous":
        return {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
    if principal.kind == "service":
        return {"type": "AWSService", "invokedBy": principal.arn}
    if recipient and principal.account != recipient:
        return {"type": "AWSAccount", "principalId": principal.user_id, "accountId": principal.account}
    kinds = {"root": "Root", "user": "IAMUser", "assumed-role": "AssumedRole", "federated-user": "FederatedUser"}
    found: dict[str, Any] = {
        "type": kinds[principal.kind],
        "principalId": principal.user_id,
        "arn": principal.arn,
        "accountId": principal.account,
        "accessKeyId": principal.access_key,
    }
    if principal.kind == "user":
        found["userName"] = principal.arn.rpartition("/")[2]
    if principal.issued:
        session: dict[str, Any] = {
            "attributes": {
                "creationDate": _time(datetime.fromtimestamp(principal.issued, tz=UTC)),
                "mfaAuthenticated": "true" if principal.mfa else "false",
            }
        }
        if principal.kind == "root" and principal.session_policies:
            session["assumedRoot"] = "true"
        if principal.kind == "assumed-role":
            session["sessionIssuer"] = {
                "type": "Role",
                "principalId": principal.user_id.partition(":")[0],
                "arn": principal.role_arn,
                "accountId": principal.account,
                "userName": principal.role_arn.rpartition("/")[2],
            }
        found["sessionContext"] = session
    if invoked_by:
        found["invokedBy"] = invoked_by
    return found


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _told(value: Any) -> Any:
    """Parameters with their names as CloudTrail writes them: the first letter small."""
    if isinstance(value, dict):
        return {_name(key): _told(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_told(item) for item in value]
    if isinstance(value, datetime):
        return value.strftime("%b %d, %Y %I:%M:%S %p")
    return value


def _name(key: str) -> str:
    if key == "Bucket":
        return "bucketName"
    head = 1
    while head < len(key) and key[head].isupper() and (head + 1 == len(key) or key[head + 1].isupper()):
        head += 1
    return key[:head].lower() + key[head:]

"""ValidatePolicy: errors, security warnings, warnings and suggestions. Source: "IAM Access Analyzer policy check reference"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from cloudjar.identity.policy import PolicyProblem, parse
from cloudjar.identity.policy.grammar import Kind
from cloudjar.identity.service_reference import condition_key_types, find_action, known_actions
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.services.accessanalyzer import errors
from cloudjar.services.accessanalyzer.patterns import meet, within
from cloudjar.services.accessanalyzer.positions import Path, span_to_wire, spans

_KINDS: dict[str, Kind] = {
    "IDENTITY_POLICY": "identity",
    "RESOURCE_POLICY": "resource",
    "SERVICE_CONTROL_POLICY": "scp",
    "RESOURCE_CONTROL_POLICY": "rcp",
}
_PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html"
_LINK = f"{_PAGE}#access-analyzer-reference-policy-checks-"
_GLOBAL_KEYS = frozenset(
    {
        "aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:currenttime", "aws:ec2instancesourceprivateipv4",
        "aws:ec2instancesourcevpc", "aws:epochtime", "aws:federatedprovider", "aws:multifactorauthage", "aws:multifactorauthpresent",
        "aws:principalaccount", "aws:principalarn", "aws:principalisawsservice", "aws:principalorgid", "aws:principalorgpaths",
        "aws:principalservicename", "aws:principalservicenameslist", "aws:principaltype", "aws:referer", "aws:requestedregion",
        "aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths", "aws:securetransport", "aws:sourceaccount", "aws:sourcearn",
        "aws:sourceidentity", "aws:sourceip", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourcevpc", "aws:sourcevpce", "aws:tagkeys",
        "aws:tokenissuetime", "aws:useragent", "aws:userid", "aws:username", "aws:viaawsservice", "aws:vpcsourceip", "aws:assumedroot",
        "aws:chatbotsourcearn", "aws:sourcevpcarn", "aws:vpceaccount", "aws:vpceorgid", "aws:vpceorgpaths",
    }
)  # fmt: skip
_TAG_KEYS = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/")


class Finding(NamedTuple):
    type: str
    code: str
    details: str
    path: Path


@operation()
def validate_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("locale", "EN") != "EN":
        raise not_implemented("accessanalyzer", "ValidatePolicy", "other languages than English")
    text = req["policyDocument"]
    found = list(findings(text, _KINDS[req["policyType"]]))
    start = 0
    if req.get("nextToken"):
        token = decode_token(req["nextToken"], errors.invalid("Invalid token."))
        start = int(token) if token.isdigit() else 0
    limit = req.get("maxResults") or 100
    places = spans(text) if found and found[0].code != "JSON_SYNTAX_ERROR" else {}
    answer: dict[str, Any] = {"findings": [_to_wire(text, places, each) for each in found[start : start + limit]]}
    if start + limit < len(found):
        answer["nextToken"] = encode_token(str(start + limit).encode())
    return answer


def _to_wire(text: str, places: dict[Path, tuple[int, int]], finding: Finding) -> dict[str, Any]:
    path = finding.path
    while path and path not in places:
        path = path[:-1]
    slug = f"{finding.type.lower().replace('_', '-')}-{finding.code.lower().replace('_', '-')}"
    elements = [{"index": part} if isinstance(part, int) else {"value": part} for part in path]
    return {
        "findingType": finding.type,
        "issueCode": finding.code,
        "findingDetails": finding.details,
        "learnMoreLink": _LINK + slug,
        "locations": [{"path": elements, "span": span_to_wire(text, places.get(path, (0, len(text))))}],
    }


def findings(text: str, kind: Kind) -> Iterator[Finding]:
    """All that can be said of a policy."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as problem:
        yield Finding("ERROR", "JSON_SYNTAX_ERROR", f"Fix the JSON syntax error: {problem}", ())
        return
    if not isinstance(data, dict):
        yield Finding("ERROR", "JSON_SYNTAX_ERROR", "Fix the JSON syntax error: a policy is an object.", ())
        return
    rows = data.get("Statement")
    if rows is None:
        yield Finding("ERROR", "MISSING_STATEMENT", "Add a Statement element to the policy.", ())
        return
    paths: list[tuple[Any, Path]] = (
        [(row, ("Statement", index)) for index, row in enumerate(rows)] if isinstance(rows, list) else [(rows, ("Statement",))]
    )
    broken = False
    for row, path in paths:
        for finding in _row(row, path, kind):
            broken = broken or finding.type == "ERROR"
            yield finding
    if not broken:
        try:
            parse(text, kind)
        except PolicyProblem as problem:
            yield Finding("ERROR", "SYNTAX_ERROR", problem.message, ())
            return
    if "Version" not in data:
        details = "We recommend that you specify the Version element to help you with debugging permission issues."
        yield Finding("WARNING", "MISSING_VERSION", details, ())


def _row(row: Any, path: Path, kind: Kind) -> Iterator[Finding]:
    if not isinstance(row, dict):
        yield Finding("ERROR", "DATA_TYPE_MISMATCH", "The text does not match the expected JSON data type object.", path)
        return
    for name, value in row.items():
        if name not in (
            *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
            *("Resource", "NotResource", "Condition"),
        ):
            yield Finding("ERROR", "UNSUPPORTED_ELEMENT", f"The policy element {name} is not supported. Remove or fix it.", (*path, name))
        if name.endswith(("Action", "Resource")) and value == []:
            yield Finding("SUGGESTION", f"EMPTY_ARRAY_{name.upper()}", f"The {name} element is empty.", (*path, name))
    if "Effect" not in row:
        yield Finding("ERROR", "MISSING_EFFECT", "Add an Effect element to the policy statement with a value of Allow or Deny.", path)
    elif row["Effect"] not in ("Allow", "Deny"):
        details = f"The Effect {row['Effect']} is not valid. Valid values are Allow and Deny."
        yield Finding("ERROR", "INVALID_EFFECT", details, (*path, "Effect"))
    if "Action" not in row and "NotAction" not in row:
        yield Finding("ERROR", "MISSING_ACTION", "Add an Action or NotAction element to the policy statement.", path)
    if kind != "resource" and "Resource" not in row and "NotResource" not in row:
        yield Finding("ERROR", "MISSING_RESOURCE", "Add a Resource or NotResource element to the policy statement.", path)
    has_principal = "Principal" in row or "NotPrincipal" in row
    if kind in ("identity", "scp") and has_principal:
        name = "Principal" if "Principal" in row else "NotPrincipal"
        yield Finding("ERROR", "UNSUPPORTED_ELEMENT_COMBINATION", f"The element {name} is not supported in this policy.", (*path, name))
    if kind == "resource" and not has_principal:
        yield Finding("ERROR", "MISSING_PRINCIPAL", "Add a Principal element to the policy statement.", path)
    if row.get("Effect") == "Allow" and "NotPrincipal" in row:
        details = "Using Allow with NotPrincipal can be overly permissive. We recommend that you use Principal instead."
        yield Finding("SECURITY_WARNING", "ALLOW_WITH_NOT_PRINCIPAL", details, (*path, "NotPrincipal"))
    actions = list(_strings(row, path, "Action")) + list(_strings(row, path, "NotAction"))
    yield from _actions(actions)
    yield from _redundant(list(_strings(row, path, "Action")), "ACTION")
    yield from _redundant(list(_strings(row, path, "Resource")), "RESOURCE")
    yield from _resources(row, path)
    yield from _conditions(row, path, [action for action, _ in actions])
    yield from _pass_role(row, path)


def _strings(row: dict[str, Any], path: Path, name: str) -> Iterator[tuple[str, Path]]:
    value = row.get(name)
    if isinstance(value, str):
        yield value, (*path, name)
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, str):
            yield item, (*path, name, index)


def _actions(actions: list[tuple[str, Path]]) -> Iterator[Finding]:
    for action, path in actions:
        if action == "*":
            continue
        prefix, colon, name = action.partition(":")
        if not colon or not name:
            yield Finding("ERROR", "INVALID_ACTION", f"The action {action} does not exist.", path)
            continue
        known = known_actions(prefix.lower())
        if not known:
            if "*" not in prefix and "?" not in prefix:
                details = f"The service {prefix} specified in the action does not exist."
                yield Finding("ERROR", "INVALID_SERVICE_IN_ACTION", details, path)
        elif "*" in name or "?" in name:
            if not any(within(each.lower(), name.lower()) for each in known):
                yield Finding("ERROR", "INVALID_ACTION", f"The action {action} does not exist.", path)
        elif find_action(action) is None:
            yield Finding("ERROR", "INVALID_ACTION", f"The action {action} does not exist.", path)


def _redundant(values: list[tuple[str, Path]], kind: str) -> Iterator[Finding]:
    for index, (value, path) in enumerate(values):
        for other, (wider, _) in enumerate(values):
            if other == index or not within(value.lower(), wider.lower()) or (value.lower() == wider.lower() and other > index):
                continue
            noun = kind.lower()
            details = (
                f"The {noun} {value} is redundant because it provides similar permissions to {wider}. Update the statement to remove it."
            )
            yield Finding("SUGGESTION", f"REDUNDANT_{kind}", details, path)
            break


def _resources(row: dict[str, Any], path: Path) -> Iterator[Finding]:
    for name in ("Resource", "NotResource"):
        for arn, where in _strings(row, path, name):
            if arn == "*" or arn.startswith("${") or not arn:
                continue
            if not arn.startswith(("arn:", "*")):
                yield Finding("ERROR", "MISSING_ARN_PREFIX", "Add the required 'arn:' prefix to the resource ARN.", where)
            elif arn.startswith("*"):
                continue
            elif arn.count(":") < 5:
                yield Finding("ERROR", "INVALID_ARN_RESOURCE", f"The resource ARN {arn} is not valid.", where)
            elif not meet(arn.split(":")[1], "aws") and not arn.split(":")[1].startswith("aws"):
                yield Finding("ERROR", "INVALID_ARN_PARTITION", "Add a valid partition to the resource ARN.", where)


def _conditions(row: dict[str, Any], path: Path, actions: list[str]) -> Iterator[Finding]:
    condition = row.get("Condition")
    for operator, keys in condition.items() if isinstance(condition, dict) else ():
        for key in keys if isinstance(keys, dict) else ():
            folded = key.lower()
            where = (*path, "Condition", operator, key)
            if folded.startswith("aws:"):
                if folded not in _GLOBAL_KEYS and not folded.startswith(_TAG_KEYS):
                    details = f"The condition key {key} does not exist. Use a valid condition key."
                    yield Finding("ERROR", "INVALID_GLOBAL_CONDITION_KEY", details, where)
                continue
            prefix = folded.partition(":")[0]
            types = condition_key_types(prefix)
            if types and not any(_names(each.lower(), folded) for each in types):
                service = next((action.partition(":")[0] for action in actions), prefix)
                details = f"The condition key {key} does not exist in the service {service}. Use a valid condition key."
                yield Finding("ERROR", "INVALID_SERVICE_CONDITION_KEY", details, where)


def _names(known: str, key: str) -> bool:
    """Whether a key is the known one; "s3:existingobjecttag/<key>" and "${tagkey}" stand for any name."""
    head = min((known.find(mark) for mark in ("<", "${") if mark in known), default=-1)
    return key.startswith(known[:head]) if head >= 0 else key == known


def _pass_role(row: dict[str, Any], path: Path) -> Iterator[Finding]:
    if row.get("Effect") != "Allow" or "*" not in [value for value, _ in _strings(row, path, "Resource")]:
        return
    condition = json.dumps(row.get("Condition") or {}).lower()
    if "iam:passedtoservice" in condition:
        return
    for action, where in _strings(row, path, "Action"):
        folded = action.lower()
        if folded == "iam:passrole":
            details = (
                "Using the iam:PassRole action with wildcards (*) in the resource can be overly permissive because it allows iam:PassRole"
                " permissions on multiple resources. We recommend that you specify resource ARNs or add the iam:PassedToService"
                " condition key to your statement."
            )
            yield Finding("SECURITY_WARNING", "PASS_ROLE_WITH_STAR_IN_RESOURCE", details, where)
        elif ("*" in folded or "?" in folded) and within("iam:passrole", folded):
            details = (
                "Using wildcards (*) in the action and the resource can be overly permissive because it allows iam:PassRole permissions"
                " on all resources. We recommend that you specify resource ARNs or add the iam:PassedToService condition key."
            )
            yield Finding("SECURITY_WARNING", "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE", details, where)

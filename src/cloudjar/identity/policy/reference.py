"""The second evaluator: slow, obvious, and written from AWS's flow charts, to compare the fast one with.

It reads documents as they are (parsed JSON), shares no code with the other, and keeps nothing between calls.
Source: "Policy evaluation logic" (flow chart), "Condition operators", "IAM JSON policy elements: Principal".
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloudjar.identity.policy.evaluate import AuthzRequest

Document = dict[str, Any]


@dataclass(frozen=True)
class Documents:
    """The documents that bear on a request: the fields of PolicySet, as JSON."""

    identity: list[Document]
    resource: list[Document]
    boundary: list[Document] | None = None
    session: list[Document] | None = None
    scps: list[list[Document]] | None = None
    rcps: list[list[Document]] | None = None
    scopes: list[Document] | None = None
    resource_required: bool = False


def allowed(request: AuthzRequest, documents: Documents) -> bool:
    """The flow chart, box by box."""
    who = request.principal
    is_account_principal = who.kind not in ("service", "anonymous")
    scps = documents.scps if is_account_principal else None

    # 1. Deny evaluation: all policies that apply.
    without_principals = documents.identity + (documents.boundary or []) + (documents.session or []) + (documents.scopes or [])
    without_principals += [d for level in (scps or []) + (documents.rcps or []) for d in level]
    if any(denies(document, request) for document in without_principals):
        return False
    if any(denies(document, request, principals=True) for document in documents.resource):
        return False

    # 2. and 3. Organizations: every level of SCPs and RCPs has an Allow.
    for level in (scps or []) + (documents.rcps or []):
        if not any(allows(document, request) for document in level):
            return False

    # Each layer that GetScopedCredentials laid over a session.
    if not all(allows(document, request) for document in documents.scopes or []):
        return False

    def resource_allows(*reaches: str) -> bool:
        return any(allows(document, request, reaches) for document in documents.resource)

    # Callers with no account behind them.
    if not is_account_principal or request.federated:
        return resource_allows("everybody", "itself")

    by_identity = who.kind == "root" or any(allows(document, request) for document in documents.identity)
    in_boundary = documents.boundary is None or any(allows(document, request) for document in documents.boundary)
    in_session = documents.session is None or any(allows(document, request) for document in documents.session)
    is_session = who.kind in ("assumed-role", "federated-user")

    if (request.resource_account or who.account) != who.account:
        # Both sides must allow.
        return resource_allows("everybody", "itself", "behind", "account") and by_identity and in_boundary and in_session

    # 4. Resource-based policies, within the account.
    if resource_allows("itself") or (resource_allows("everybody") and not is_session):
        return True
    if who.kind == "root" and resource_allows("account"):
        return True
    if resource_allows("behind", "everybody") and in_boundary and in_session:
        return True
    if documents.resource_required and not resource_allows("everybody", "itself", "behind", "account"):
        return False

    # 5. to 7. Identity-based policies, boundary, session policies.
    return by_identity and in_boundary and in_session


def denies(document: Document, request: AuthzRequest, principals: bool = False) -> bool:
    """Whether a Deny statement applies."""
    for statement in statements(document):
        concerned = not principals or denied_principal(statement, request)
        if statement["Effect"] == "Deny" and concerned and applies(document, statement, request):
            return True
    return False


def allows(document: Document, request: AuthzRequest, reaches: Iterable[str] = ()) -> bool:
    """Whether an Allow statement applies; with `reaches`, one whose Principal names the caller in one of those ways."""
    for statement in statements(document):
        if statement["Effect"] == "Allow" and applies(document, statement, request):
            if not reaches:
                return True
            if set(reaches) & named_as(statement, request):
                return True
    return False


def statements(document: Document) -> list[Document]:
    found = document["Statement"]
    return [found] if isinstance(found, dict) else found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def pairs(principal: Any) -> list[tuple[str, str]]:
    if principal == "*":
        return [("AWS", "*")]
    return [(kind, name) for kind, names in principal.items() for name in listed(names)]


def ways(kind: str, name: str, request: AuthzRequest) -> set[str]:
    """In which ways one entry of a Principal element names the caller."""
    who = request.principal
    if (kind, name) == ("AWS", "*"):
        return {"itself"} if request.federated else {"everybody"}
    if kind == "Service":
        return {"itself"} if who.kind == "service" and name in (who.arn, "*") else set()
    if kind == "Federated":
        return {"itself"} if request.federated == name else set()
    if kind == "CanonicalUser":
        return {"itself"} if request.canonical_user == name else set()
    found: set[str] = set()
    if who.kind in ("service", "anonymous") or request.federated:
        return found
    if name in (who.arn, who.user_id):
        found.add("itself")
    if who.role_arn and name == who.role_arn and not name.endswith(":root"):
        found.add("behind")
    if name in (who.account, f"arn:aws:iam::{who.account}:root"):
        found.add("account")
        if who.kind == "root":
            found.add("itself")
    return found


def named_as(statement: Document, request: AuthzRequest) -> set[str]:
    """In which ways an Allow statement's Principal names the caller."""
    if "NotPrincipal" in statement:
        return set() if any(ways(kind, name, request) for kind, name in pairs(statement["NotPrincipal"])) else {"itself"}
    return {way for kind, name in pairs(statement["Principal"]) for way in ways(kind, name, request)}


def denied_principal(statement: Document, request: AuthzRequest) -> bool:
    """Whether a Deny statement is about the caller. NotPrincipal spares whom it lists together with role and account."""
    if "Principal" in statement:
        return bool(named_as(statement, request))
    named = {way for kind, name in pairs(statement["NotPrincipal"]) for way in ways(kind, name, request)}
    who = request.principal
    if not named:
        return True
    if ("AWS", "*") in pairs(statement["NotPrincipal"]) or who.kind in ("service", "anonymous"):
        return False
    needed = {"itself", "account"} | ({"behind"} if who.role_arn and not who.role_arn.endswith(":root") else set())
    return not needed <= named


def applies(document: Document, statement: Document, request: AuthzRequest) -> bool:
    """Whether action, resource and every condition match."""
    variables = document.get("Version") == "2012-10-17"
    action = request.action.lower()
    if "Action" in statement:
        if not any(wild(pattern.lower(), action) for pattern in listed(statement["Action"])):
            return False
    elif any(wild(pattern.lower(), action) for pattern in listed(statement["NotAction"])):
        return False
    if "Resource" in statement:
        if not any(resource_matches(pattern, request, variables) for pattern in listed(statement["Resource"])):
            return False
    elif "NotResource" in statement and any(resource_matches(p, request, variables) for p in listed(statement["NotResource"])):
        return False
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            if not condition_holds(operator, key, [text(value) for value in listed(values)], request, variables):
                return False
    return True


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


LITERAL = {"*": "\ue000", "?": "\ue001"}


def substituted(pattern: str, request: AuthzRequest, variables: bool, colon: str = ":") -> str | None:
    """The pattern with its variables replaced; stars and question marks of values become stand-ins that match only themselves."""
    if not variables:
        return pattern
    out = ""
    while "${" in pattern and "}" in pattern[pattern.index("${") :]:
        before, _, rest = pattern.partition("${")
        inner, _, pattern = rest.partition("}")
        out += before
        if inner in ("*", "?", "$"):
            out += LITERAL.get(inner, inner)
            continue
        key, comma, default = inner.partition(",")
        value = request.context.get(key.strip().lower())
        if isinstance(value, tuple):
            value = value[0] if len(value) == 1 else "\0many"
        if value is None and comma and len(default.strip()) >= 2:
            value = default.strip()[1:-1]
        if value is None or value == "\0many":
            return None
        out += "".join(LITERAL.get(character, character) for character in value).replace(":", colon)
    return out + pattern


def wild(pattern: str, value: str) -> bool:
    """`*` and `?`, by the table that every textbook has."""
    value = "".join(LITERAL.get(character, character) for character in value)
    row = [True] + [False] * len(value)
    for character in pattern:
        next_row = [row[0] and character == "*"]
        for position, actual in enumerate(value):
            if character == "*":
                next_row.append(row[position + 1] or next_row[position])
            else:
                wanted = LITERAL.get(character, character) if character != "?" else actual
                next_row.append(row[position] and wanted == actual)
        row = next_row
    return row[-1]


def arn_matches(pattern: str, arn: str, request: AuthzRequest, variables: bool) -> bool:
    """Part by part; missing parts are stars; a value's own colons do not part."""
    actual = arn.split(":", 5)
    replaced = substituted(pattern, request, variables, colon="\ue002")
    if replaced is None or len(actual) != 6:
        return False
    if variables and pattern.startswith("${"):
        return wild(replaced.replace("\ue002", ":"), arn)
    parts = replaced.split(":", 5)
    parts += ["*"] * (6 - len(parts))
    return all(wild(wanted.replace("\ue002", ":"), part) for wanted, part in zip(parts, actual, strict=True))


def resource_matches(pattern: str, request: AuthzRequest, variables: bool) -> bool:
    return pattern == "*" or arn_matches(pattern, request.resource, request, variables)


def condition_holds(operator: str, key: str, values: list[str], request: AuthzRequest, variables: bool) -> bool:
    """One operator, one key."""
    found = request.context.get(key.lower())
    present = [] if found is None else [found] if isinstance(found, str) else list(found)
    quantifier, _, name = operator.rpartition(":")
    if name == "Null":
        return any((value.lower() == "true") == (not present) for value in values)
    if name.endswith("IfExists"):
        if not present:
            return True
        name = name.removesuffix("IfExists")
    negated = "Not" in name

    def one(value: str) -> bool:
        same = any(compare(name.replace("Not", ""), value, wanted, request, variables) for wanted in values)
        return not same if negated else same

    if quantifier == "ForAllValues":
        return all(one(value) for value in present)
    if quantifier == "ForAnyValue":
        return any(one(value) for value in present)
    if not present:
        return negated
    return all(one(value) for value in present) if negated else any(one(value) for value in present)


def compare(name: str, value: str, wanted: str, request: AuthzRequest, variables: bool) -> bool:
    """One value of the request against one of the policy, by a positive operator."""
    if name.startswith("String"):
        replaced = substituted(wanted, request, variables)
        if replaced is None:
            return False
        if name == "StringLike":
            return wild(replaced, value)
        plain = replaced.replace("\ue000", "*").replace("\ue001", "?")
        return plain == value if name == "StringEquals" else plain.casefold() == value.casefold()
    if name in ("ArnEquals", "ArnLike"):
        return len(value.split(":", 5)) == 6 and arn_matches(wanted, value, request, variables)
    if name == "Bool":
        return value.lower() == wanted.lower()
    if name == "BinaryEquals":
        try:
            return base64.b64decode(value, validate=True) == base64.b64decode(wanted, validate=True)
        except ValueError:
            return False
    if name == "IpAddress":
        try:
            return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
        except ValueError:
            return False
    try:
        left, right = (float(value), float(wanted)) if name.startswith("Numeric") else (seconds(value), seconds(wanted))
    except ValueError:
        return False
    return {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[name.removeprefix("Numeric").removeprefix("Date")]


def seconds(value: str) -> float:
    """Epoch seconds, written plainly, or an ISO 8601 date."""
    if set(value) <= set("-.0123456789") and value.count("-") < 2:
        return float(value)
    found = datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()

"""The grammar of a policy document, of each kind, with AWS's words for what is wrong.

Source: "Grammar of the IAM JSON policy language", and "IAM and AWS STS quotas".
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import msgspec

from cloudjar.identity.policy.operators import UnknownOperator, check_value, parse_operator

Kind = Literal["identity", "session", "boundary", "resource", "trust", "scp", "rcp"]

SYNTAX = "Syntax errors in policy."
NOT_JSON = "This policy contains invalid Json"
VERSIONS = ("2008-10-17", "2012-10-17")

# Characters, whitespace not counted.
MANAGED_SIZE = 6144
USER_INLINE_SIZE = 2048
GROUP_INLINE_SIZE = 5120
ROLE_INLINE_SIZE = 10240
TRUST_SIZE = 2048
SESSION_SIZE = 2048
SCP_SIZE = 5120
# No document is longer (S3 bucket policies: 20 KB; ECR, Secrets Manager: 20 KB; AWS's own for its support: 150 KB).
LARGEST = 262_144

_PRINCIPAL_TYPES = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_TOP = frozenset({"Version", "Id", "Statement"})
_FIELDS = frozenset({"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"})
_PARTITIONS = frozenset({"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"})
_SID = re.compile(r"[A-Za-z0-9]*").fullmatch
_VENDOR = re.compile(r"[A-Za-z0-9*?-]+").fullmatch
_ACTION = re.compile(r"[A-Za-z0-9*?:_-]+").fullmatch
_AWS_PRINCIPAL = re.compile(
    r"\d{12}"
    r"|arn:aws[a-z-]*:iam::\d{12}:(root|user/[\w+=,.@/\u0021-\u007f-]+|role/[\w+=,.@/\u0021-\u007f-]+)"
    r"|arn:aws[a-z-]*:sts::\d{12}:(assumed-role|federated-user)/[\w+=,.@/-]+"
    r"|A[A-Z0-9]{15,127}"
).fullmatch

Principals = tuple[tuple[str, str], ...]
"""(type, value) pairs; "*" is ("*", "*")."""


class PolicyProblem(Exception):
    """The document breaks the grammar. `message` is what AWS says, under the service's own code (MalformedPolicyDocument,
    MalformedPolicy, MalformedPolicyDocumentException ...)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Condition(msgspec.Struct, frozen=True):
    """One operator on one key: `StringLike`, `aws:PrincipalArn`, values."""

    operator: str
    key: str
    values: tuple[str, ...]


class Statement(msgspec.Struct, frozen=True):
    """One statement. Exactly one of actions and not_actions is not None; so for the others where the kind has them."""

    sid: str
    allow: bool
    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    not_resources: tuple[str, ...] | None = None
    principals: Principals | None = None
    not_principals: Principals | None = None
    conditions: tuple[Condition, ...] = ()


class PolicyDocument(msgspec.Struct, frozen=True):
    """A document that keeps the grammar."""

    version: str
    id: str
    statements: tuple[Statement, ...]


def policy_size(text: str) -> int:
    """The size that quotas count: characters, without whitespace."""
    return len("".join(text.split()))


def parse(document: str | bytes | dict[str, Any], kind: Kind = "identity") -> PolicyDocument:
    """The document, checked; PolicyProblem with AWS's message if it breaks the grammar of its kind."""
    data = document if isinstance(document, dict) else _load(document)
    if not isinstance(data, dict) or not data.keys() <= _TOP or "Statement" not in data:
        raise PolicyProblem(SYNTAX)
    version = data.get("Version", VERSIONS[0])
    if version not in VERSIONS:
        raise PolicyProblem("Policy document must be version 2012-10-17 or greater." if isinstance(version, str) else SYNTAX)
    identifier = data.get("Id", "")
    rows = data["Statement"]
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(identifier, str) or not isinstance(rows, list) or not rows:
        raise PolicyProblem(SYNTAX)
    statements = tuple([_statement(row, kind) for row in rows])
    sids = [statement.sid for statement in statements if statement.sid]
    if len(sids) != len(set(sids)):
        raise PolicyProblem("Statement IDs (SID) in a single policy must be unique.")
    return PolicyDocument(version, identifier, statements)


def _load(text: str | bytes) -> Any:
    if len(text) > LARGEST:
        raise PolicyProblem(NOT_JSON)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except PolicyProblem:
        raise
    except (ValueError, RecursionError):
        raise PolicyProblem(NOT_JSON) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PolicyProblem(SYNTAX)
    return found


def _no_constant(name: str) -> Any:
    raise PolicyProblem(NOT_JSON)


def _statement(row: Any, kind: Kind) -> Statement:
    if not isinstance(row, dict) or not row.keys() <= _FIELDS or row.get("Effect") not in ("Allow", "Deny"):
        raise PolicyProblem(SYNTAX)
    sid = row.get("Sid", "")
    if not isinstance(sid, str):
        raise PolicyProblem(SYNTAX)
    if kind not in ("resource", "trust") and not _SID(sid):
        raise PolicyProblem(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
        )
    allow = row["Effect"] == "Allow"
    if kind == "rcp" and allow and row != {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}:
        raise PolicyProblem("The provided policy document does not meet the requirements of the specified policy type.")
    actions, not_actions = _either(row, "Action", "NotAction")
    if kind == "rcp" and not_actions is not None:
        raise PolicyProblem("The provided policy document does not meet the requirements of the specified policy type.")
    if actions is None and not_actions is None:
        raise PolicyProblem("Policy statement must contain actions.")
    for action in actions or not_actions or ():
        _check_action(action, kind)
    resources, not_resources = _resources(row, kind)
    principals, not_principals = _principals(row, kind)
    conditions = _conditions(row["Condition"]) if "Condition" in row else ()
    return Statement(sid, allow, actions, not_actions, resources, not_resources, principals, not_principals, conditions)


def _either(row: dict[str, Any], name: str, negated: str) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    if name in row and negated in row:
        raise PolicyProblem(SYNTAX)
    return (_strings(row[name]) if name in row else None), (_strings(row[negated]) if negated in row else None)


def _strings(value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(item, str) for item in values):
        raise PolicyProblem(SYNTAX)
    return tuple(values)


def _check_action(action: str, kind: Kind) -> None:
    if action == "*" and kind != "trust":
        return
    vendor, colon, name = action.partition(":")
    if not colon:
        raise PolicyProblem("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if kind == "trust" and vendor.lower() != "sts":
        raise PolicyProblem("AssumeRole policy may only specify STS AssumeRole actions.")
    if not _VENDOR(vendor):
        raise PolicyProblem(f"Vendor {vendor} is not valid")
    if not _ACTION(name):
        raise PolicyProblem(SYNTAX)


def _resources(row: dict[str, Any], kind: Kind) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    if kind == "trust":
        for name in ("Resource", "NotResource"):
            if name in row:
                raise PolicyProblem(f"Has prohibited field {name}")
        return None, None
    resources, not_resources = _either(row, "Resource", "NotResource")
    if resources is None and not_resources is None:
        raise PolicyProblem("Missing required field Resource" if kind == "resource" else "Policy statement must contain resources.")
    for resource in resources or not_resources or ():
        _check_resource(resource)
    return resources, not_resources


def _check_resource(resource: str) -> None:
    # A variable may stand for the whole of it.
    if resource == "*" or resource.startswith("${"):
        return
    if not resource.startswith("arn:"):
        raise PolicyProblem(f'Resource {resource} must be in ARN format or "*".')
    parts = resource.split(":", 5)
    partition = parts[1]
    if "*" not in partition and "?" not in partition and partition not in _PARTITIONS and not partition.startswith("${"):
        raise PolicyProblem(f'Partition "{partition}" is not valid for resource "{resource}".')
    if len(parts) > 2 and parts[2] and not (_VENDOR(parts[2]) or parts[2].startswith("${")):
        raise PolicyProblem(f'Vendor "{parts[2]}" is not valid for resource "{resource}".')


def _principals(row: dict[str, Any], kind: Kind) -> tuple[Principals | None, Principals | None]:
    if kind in ("identity", "session", "boundary", "scp"):
        if "Principal" in row or "NotPrincipal" in row:
            raise PolicyProblem("Policy document should not specify a principal.")
        return None, None
    if "Principal" in row and "NotPrincipal" in row:
        raise PolicyProblem(SYNTAX)
    if kind == "rcp" and row.get("Principal") != "*":
        raise PolicyProblem("The provided policy document does not meet the requirements of the specified policy type.")
    if "Principal" in row:
        return _principal_list(row["Principal"]), None
    if "NotPrincipal" in row:
        if kind == "trust":
            raise PolicyProblem("Has prohibited field NotPrincipal")
        return None, _principal_list(row["NotPrincipal"])
    raise PolicyProblem("Missing required field Principal")


def _principal_list(value: Any) -> Principals:
    if value == "*":
        return (("*", "*"),)
    if not isinstance(value, dict) or not value or not value.keys() <= _PRINCIPAL_TYPES:
        raise PolicyProblem("Invalid principal in policy" if isinstance(value, (str, dict)) else SYNTAX)
    found: list[tuple[str, str]] = []
    for kind, names in value.items():
        for name in _strings(names):
            if kind == "AWS" and name != "*" and not _AWS_PRINCIPAL(name):
                raise PolicyProblem(f'Invalid principal in policy: "AWS":"{name}"')
            if kind == "Service" and (not name or ("*" in name and name != "*")):
                raise PolicyProblem(f'Invalid principal in policy: "SERVICE":"{name}"')
            found.append(("*", "*") if kind == "AWS" and name == "*" else (kind, name))
    return tuple(found)


def _conditions(value: Any) -> tuple[Condition, ...]:
    if not isinstance(value, dict):
        raise PolicyProblem(SYNTAX)
    found: list[Condition] = []
    for operator, keys in value.items():
        try:
            parsed = parse_operator(operator)
        except UnknownOperator:
            raise PolicyProblem(f"Invalid Condition type : {operator}") from None
        if not isinstance(keys, dict):
            raise PolicyProblem(SYNTAX)
        for key, values in keys.items():
            if ":" not in key:
                raise PolicyProblem("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
            texts = tuple([_scalar(item) for item in (values if isinstance(values, list) else [values])])
            if not all(check_value(parsed, text) for text in texts):
                raise PolicyProblem(SYNTAX)
            found.append(Condition(operator, key, texts))
    return tuple(found)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise PolicyProblem(SYNTAX)

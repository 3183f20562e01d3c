"""CheckAccessNotGranted, CheckNoNewAccess, CheckNoPublicAccess.

Where conditions stand in the way of certainty, a statement counts as granting: a check passes only where nothing can slip through.
"""

from __future__ import annotations

from typing import Any, Literal

from cloudjar.identity.policy import PolicyDocument, PolicyProblem, Statement, parse
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.accessanalyzer import errors
from cloudjar.services.accessanalyzer.patterns import meet, within

Kind = Literal["identity", "resource"]

_KEYS_OF_THE_FEW = frozenset(
    {
        "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceaccount", "aws:sourceowner", "aws:sourceip", "aws:principalorgid",
        "aws:principalorgpaths", "aws:userid", "aws:principalarn", "aws:principalaccount", "aws:sourceorgid", "aws:sourceorgpaths",
    }
)  # fmt: skip


def read(text: str, policy_type: str) -> PolicyDocument:
    """A policy of a request; raises InvalidParameterException."""
    kind: Kind = "identity" if policy_type == "IDENTITY_POLICY" else "resource"
    try:
        return parse(text, kind)
    except PolicyProblem as problem:
        raise errors.invalid_parameter(f"The policy document is not valid: {problem.message}") from None


def _lower(values: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(value.lower() for value in values or ())


def _touches_action(statement: Statement, action: str) -> bool:
    if statement.actions is not None:
        return any(meet(pattern, action) for pattern in _lower(statement.actions))
    return not any(within(action, pattern) for pattern in _lower(statement.not_actions))


def _touches_resource(statement: Statement, resource: str) -> bool:
    if statement.resources is None and statement.not_resources is None:
        return True
    if statement.resources is not None:
        return any(meet(pattern, resource) for pattern in statement.resources)
    return not any(within(resource, pattern) for pattern in statement.not_resources or ())


def _covers_action(statement: Statement, action: str) -> bool:
    if statement.actions is not None:
        return any(within(action, pattern) for pattern in _lower(statement.actions))
    return not any(meet(action, pattern) for pattern in _lower(statement.not_actions))


def _covers_resource(statement: Statement, resource: str) -> bool:
    if statement.resources is None and statement.not_resources is None:
        return True
    if statement.resources is not None:
        return any(within(resource, pattern) for pattern in statement.resources)
    return not any(meet(resource, pattern) for pattern in statement.not_resources or ())


def forbids(document: PolicyDocument, action: str, resource: str) -> bool:
    """Whether a denial without conditions covers all of it."""
    return any(
        not statement.allow
        and not statement.conditions
        and (statement.principals is None or ("*", "*") in statement.principals)
        and statement.not_principals is None
        and _covers_action(statement, action)
        and _covers_resource(statement, resource)
        for statement in document.statements
    )


def _reasons(found: list[int], document: PolicyDocument, words: str) -> list[dict[str, Any]]:
    reasons = []
    for index in found:
        sid = document.statements[index].sid
        reason: dict[str, Any] = {"description": f"{words}: {index}.", "statementIndex": index}
        reasons.append({**reason, "statementId": sid} if sid else reason)
    return reasons


@operation()
def check_access_not_granted(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    document = read(req["policyDocument"], req["policyType"])
    found: list[int] = []
    for access in req["access"]:
        actions = [action.lower() for action in access.get("actions") or ["*"]]
        resources = access.get("resources") or ["*"]
        if not access.get("actions") and not access.get("resources"):
            raise errors.invalid("Either actions or resources must be provided.")
        for index, statement in enumerate(document.statements):
            granted = any(
                _touches_action(statement, action) and _touches_resource(statement, resource) and not forbids(document, action, resource)
                for action in actions
                for resource in resources
            )
            if statement.allow and granted and index not in found:
                found.append(index)
    if found:
        return {
            "result": "FAIL",
            "message": "The policy document grants access to perform one or more of the listed actions or resources.",
            "reasons": _reasons(sorted(found), document, "One or more of the listed actions or resources in the statement with index"),
        }
    return {"result": "PASS", "message": "The policy document does not grant access to perform the listed actions or resources."}


@operation()
def check_no_new_access(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    new = read(req["newPolicyDocument"], req["policyType"])
    existing = read(req["existingPolicyDocument"], req["policyType"])
    found = [index for index, statement in enumerate(new.statements) if statement.allow and not _granted_already(statement, existing, new)]
    if found:
        return {
            "result": "FAIL",
            "message": "The modified permissions grant new access compared to your existing policy.",
            "reasons": _reasons(found, new, "New access in the statement with index"),
        }
    return {"result": "PASS", "message": "The modified permissions do not grant new access compared to your existing policy."}


def _granted_already(statement: Statement, existing: PolicyDocument, new: PolicyDocument) -> bool:
    """Whether the existing policy allows all that a statement of the new one does."""
    actions = _lower(statement.actions) or ("*",)
    resources = statement.resources or ("*",)
    for action in actions:
        for resource in resources:
            if not any(_contains(old, statement, action, resource) for old in existing.statements if old.allow):
                return False
            for old in existing.statements:
                # What was denied must be denied still.
                if not old.allow and _touches_action(old, action) and _touches_resource(old, resource) and old not in _denials(new):
                    return False
    return True


def _denials(document: PolicyDocument) -> list[Statement]:
    return [statement for statement in document.statements if not statement.allow]


def _contains(old: Statement, new: Statement, action: str, resource: str) -> bool:
    same_actions = _excepts_less(_lower(old.not_actions), _lower(new.not_actions))
    same_resources = _excepts_less(old.not_resources or (), new.not_resources or ())
    if not (same_actions or _covers_action(old, action)) or not (same_resources or _covers_resource(old, resource)):
        return False
    if not _same_people(old, new):
        return False
    # Every condition on the old one must narrow the new one as well.
    return all(condition in new.conditions for condition in old.conditions)


def _excepts_less(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    """Whether both except some, and the old one no more than the new one."""
    return bool(old) and set(old) <= set(new)


def _same_people(old: Statement, new: Statement) -> bool:
    if old.principals is None and old.not_principals is None:
        return True
    if old.principals is not None:
        return ("*", "*") in old.principals or (new.principals is not None and set(new.principals) <= set(old.principals))
    return old.not_principals is not None and old.not_principals == new.not_principals


@operation()
def check_no_public_access(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    document = read(req["policyDocument"], "RESOURCE_POLICY")
    found = [index for index, statement in enumerate(document.statements) if statement.allow and is_public(statement)]
    if found:
        return {
            "result": "FAIL",
            "message": "The resource policy grants public access for the given resource type.",
            "reasons": _reasons(found, document, "Public access granted in the following statement with index"),
        }
    return {"result": "PASS", "message": "The resource policy does not grant public access for the given resource type."}


def is_public(statement: Statement) -> bool:
    everybody = statement.not_principals is not None or any(value == "*" for _, value in statement.principals or ())
    narrowed = any(
        condition.key.lower() in _KEYS_OF_THE_FEW
        and "Not" not in condition.operator
        and not condition.operator.endswith("IfExists")
        and not any("*" in value or value in ("0.0.0.0/0", "::/0") for value in condition.values)
        for condition in statement.conditions
    )
    return everybody and not narrowed

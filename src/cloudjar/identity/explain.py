"""A denial in AWS's words, and under the service's code.

Source: "Troubleshoot access denied error messages"; where services differ, their own pages.
"""

from __future__ import annotations

from cloudjar.identity.policy.evaluate import AuthzRequest, Decision, PolicyType
from cloudjar.kernel.errors import AwsError

_EXPLICIT: dict[PolicyType, str] = {
    "identity": "an identity-based policy",
    "resource": "a resource-based policy",
    "boundary": "a permissions boundary",
    "session": "a session policy",
    "scp": "a service control policy",
    "rcp": "a resource control policy",
    "trust": "the role trust policy",
}
_ABSENT: dict[PolicyType, str] = {
    "identity": "identity-based policy",
    "resource": "resource-based policy",
    "boundary": "permissions boundary",
    "session": "session policy",
    "scp": "service control policy",
    "rcp": "resource control policy",
    "trust": "role trust policy",
}
_SHORT = {"user": "user", "role": "role", "group": "group", "instance-profile": "instance profile", "policy": "policy"}
_MADE = frozenset({"User", "Role", "Group", "InstanceProfile", "Policy", "ServiceLinkedRole"})
"""What IAM's Create... operations make: as yet, it has an ARN only."""
# Services that leave a "*" resource out of the sentence.
_SILENT_ABOUT_ALL = frozenset({"ec2", "secretsmanager", "ssm", "s3"})


def denial_message(request: AuthzRequest, decision: Decision) -> str:
    """The sentence of an AccessDenied answer."""
    service, _, operation = request.action.partition(":")
    action = request.action
    if service == "sqs":
        # SQS alone puts the operation in lower case.
        action = f"sqs:{operation.lower()}"
    elif service == "sns":
        action = f"SNS:{operation}"
    if request.principal.kind == "anonymous" and service == "s3":
        return "Access Denied"
    who = "anonymous" if request.principal.kind == "anonymous" else request.principal.arn
    resource = f'"{request.resource}"' if service == "s3" else _short(action, request.resource) if service == "iam" else request.resource
    place = "" if request.resource == "*" and service in _SILENT_ABOUT_ALL else f" on resource: {resource}"
    told = f"User: {who} is not authorized to perform: {action}{place} {reason(decision, action)}"
    return f"{told}: {decision.policy}" if _names_policy(request, decision) else told


def _short(action: str, arn: str) -> str:
    """How IAM writes what an action is about: "role web" for what should be there, the ARN for what is to be made or handed on."""
    kind, _, rest = arn.split(":", 5)[-1].partition("/")
    name = rest.rpartition("/")[2]
    if kind == "policy" and action == "iam:ListPolicies":
        return f"policy path /{rest}"
    if not name or kind not in _SHORT or action == "iam:PassRole" or action.removeprefix("iam:Create") in _MADE:
        return arn
    return f"policy {arn}" if kind == "policy" else f"{_SHORT[kind]} {name}"


def _names_policy(request: AuthzRequest, decision: Decision) -> bool:
    """Whether the policy that denied is told by its ARN: one of IAM's or of an organization's, within the account or organization.

    Source: "Enhanced access denied error messages with policy ARNs", AWS Security Blog. Inline policies have no ARN.
    """
    if not decision.explicit or not decision.policy.startswith("arn:") or decision.kind in ("resource", "trust"):
        return False
    return decision.kind != "rcp" or not _is_strangers(request)


def reason(decision: Decision, action: str) -> str:
    """ "because no identity-based policy allows the s3:GetObject action"; "with an explicit deny in ..."."""
    if decision.explicit:
        return f"with an explicit deny in {_EXPLICIT[decision.kind]}"
    return f"because no {_ABSENT[decision.kind]} allows the {action} action"


def access_denied(service: str, protocol: str, request: AuthzRequest, decision: Decision, encoded: str = "") -> AwsError:
    """The error of a denied call: `protocol` is the model's name for it; `encoded` is EC2's encoded authorization message."""
    message = denial_message(request, decision)
    if service == "s3" and _is_strangers(request):
        # S3 tells its reasons within an organization only.
        return AwsError("AccessDenied", "Access Denied", status=403)
    if protocol == "ec2":
        text = f"You are not authorized to perform this operation. {message}"
        return AwsError(
            "UnauthorizedOperation", f"{text}. Encoded authorization failure message: {encoded}" if encoded else text, status=403
        )
    if service == "sns":
        return AwsError("AuthorizationError", message, status=403)
    if service == "sqs" or protocol in ("query", "rest-xml"):
        return AwsError("AccessDenied", message, status=403)
    return AwsError("AccessDeniedException", message, status=403 if protocol == "rest-json" else 400)


def _is_strangers(request: AuthzRequest) -> bool:
    """Whether the resource is neither of the caller's account nor of its organization."""
    if request.resource_account in ("", request.principal.account) or request.principal.kind == "service":
        return False
    mine, its = request.context.get("aws:principalorgid"), request.context.get("aws:resourceorgid")
    return mine is None or mine != its

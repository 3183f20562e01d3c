"""Organizations' errors, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def not_in_use() -> AwsError:
    return AwsError("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")


def already_member() -> AwsError:
    return AwsError("AlreadyInOrganizationException", "The AWS account is already a member of an organization.")


def access_denied() -> AwsError:
    return AwsError("AccessDeniedException", "You don't have permissions to access this resource.")


def invalid(reason: str, message: str) -> AwsError:
    return AwsError("InvalidInputException", message, members={"Reason": reason})


def constraint(reason: str, message: str) -> AwsError:
    return AwsError("ConstraintViolationException", message, members={"Reason": reason})


def account_not_found() -> AwsError:
    return AwsError("AccountNotFoundException", "You specified an account that doesn't exist.")


def unit_not_found() -> AwsError:
    return AwsError("OrganizationalUnitNotFoundException", "You specified an organizational unit that doesn't exist.")


def parent_not_found() -> AwsError:
    return AwsError("ParentNotFoundException", "You specified a parent that doesn't exist.")


def child_not_found() -> AwsError:
    return AwsError("ChildNotFoundException", "You specified a child that doesn't exist.")


def root_not_found() -> AwsError:
    return AwsError("RootNotFoundException", "You specified a root that doesn't exist.")


def source_not_found() -> AwsError:
    return AwsError("SourceParentNotFoundException", "You specified a source parent that doesn't exist.")


def destination_not_found() -> AwsError:
    return AwsError("DestinationParentNotFoundException", "You specified a destination parent that doesn't exist.")


def duplicate_unit() -> AwsError:
    return AwsError("DuplicateOrganizationalUnitException", "An OU with the same name already exists.")


def unit_not_empty() -> AwsError:
    return AwsError("OrganizationalUnitNotEmptyException", "To delete an OU you must first remove all accounts and child OUs.")


def organization_not_empty() -> AwsError:
    return AwsError("OrganizationNotEmptyException", "To delete an organization you must first remove all member accounts.")


def management_cannot_leave() -> AwsError:
    return AwsError("MasterCannotLeaveOrganizationException", "You can't remove the management account from an organization.")


def duplicate_account() -> AwsError:
    return AwsError("DuplicateAccountException", "That account is already present in the specified destination.")


def status_not_found() -> AwsError:
    return AwsError(
        "CreateAccountStatusNotFoundException", "We can't find a create account request with the CreateAccountRequestId that you specified."
    )


def policy_not_found() -> AwsError:
    return AwsError("PolicyNotFoundException", "We can't find a policy with the PolicyId that you specified.")


def duplicate_policy() -> AwsError:
    return AwsError("DuplicatePolicyException", "A policy with that name already exists.")


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)


def policy_in_use() -> AwsError:
    return AwsError("PolicyInUseException", "You must detach the policy from all entities before you can delete it.")


def duplicate_attachment() -> AwsError:
    return AwsError("DuplicatePolicyAttachmentException", "The selected policy is already attached to the specified target.")


def not_attached() -> AwsError:
    return AwsError("PolicyNotAttachedException", "The policy isn't attached to the specified target in the specified root.")


def type_not_enabled() -> AwsError:
    return AwsError("PolicyTypeNotEnabledException", "The specified policy type isn't currently enabled in this root.")


def type_enabled() -> AwsError:
    return AwsError("PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled in the specified root.")


def target_not_found() -> AwsError:
    return AwsError("TargetNotFoundException", "We can't find a root, OU, account, or policy with the TargetId that you specified.")


def handshake_not_found() -> AwsError:
    return AwsError("HandshakeNotFoundException", "We can't find a handshake with the HandshakeId that you specified.")


def handshake_settled() -> AwsError:
    return AwsError("HandshakeAlreadyInStateException", "The specified handshake is already in the requested state.")


def handshake_over(state: str) -> AwsError:
    return AwsError(
        "InvalidHandshakeTransitionException", f"You can't perform the operation on the handshake in its current state: {state}."
    )


def duplicate_handshake() -> AwsError:
    return AwsError("DuplicateHandshakeException", "A handshake with the same action and target already exists.")


def already_registered() -> AwsError:
    return AwsError("AccountAlreadyRegisteredException", "The specified account is already a delegated administrator for this AWS service.")


def not_registered() -> AwsError:
    return AwsError("AccountNotRegisteredException", "The specified account is not a delegated administrator for this AWS service.")


def already_closed() -> AwsError:
    return AwsError("AccountAlreadyClosedException", "You attempted to close an account that is already closed.")


def handshake_constraint(reason: str, message: str) -> AwsError:
    return AwsError("HandshakeConstraintViolationException", message, members={"Reason": reason})

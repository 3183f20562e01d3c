"""Every error of EventBridge, in AWS's words."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError


def _not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message)


def _exists(message: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", message)


def bus_not_found(name: str) -> AwsError:
    return _not_found(f"Event bus {name} does not exist.")


def bus_exists(name: str) -> AwsError:
    return _exists(f"Event bus {name} already exists.")


def rule_not_found(name: str, bus: str) -> AwsError:
    return _not_found(f"Rule {name} does not exist on EventBus {bus}.")


def archive_not_found(name: str) -> AwsError:
    return _not_found(f"Archive {name} does not exist.")


def archive_exists(name: str) -> AwsError:
    return _exists(f"Archive {name} already exists.")


def replay_not_found(name: str) -> AwsError:
    return _not_found(f"Replay {name} does not exist.")


def replay_exists(name: str) -> AwsError:
    return _exists(f"Replay {name} already exists.")


def connection_not_found(name: str) -> AwsError:
    return _not_found(f"Failed to describe the connection(s). Connection '{name}' does not exist.")


def connection_exists(name: str) -> AwsError:
    return _exists(f"Connection {name} already exists.")


def destination_not_found(name: str) -> AwsError:
    return _not_found(f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist.")


def destination_exists(name: str) -> AwsError:
    return _exists(f"An api-destination '{name}' already exists.")


def endpoint_not_found(name: str) -> AwsError:
    return _not_found(f"Endpoint {name} does not exist.")


def endpoint_exists(name: str) -> AwsError:
    return _exists(f"Endpoint {name} already exists.")


def source_not_found(name: str) -> AwsError:
    return _not_found(f"Event source {name} does not exist.")


def source_exists(name: str) -> AwsError:
    return _exists(f"Event source {name} already exists.")


def bad_state(message: str) -> AwsError:
    return AwsError("InvalidStateException", message)


def no_such_statement(statement: str) -> AwsError:
    return _not_found(f"Statement with the provided id {statement} does not exist.")


def no_policy() -> AwsError:
    return _not_found("EventBus does not have a policy.")


def resource_not_found(arn: str) -> AwsError:
    return _not_found(f"Resource {arn} does not exist.")


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def bad_parameter(name: str, reason: str = "") -> AwsError:
    return invalid(f"Parameter {name} is not valid." + (f" Reason: {reason}" if reason else ""))


def cross_region() -> AwsError:
    return invalid("Cross-region API call is not allowed.")


def bad_pattern(reason: str) -> AwsError:
    return AwsError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


def limit_exceeded(message: str) -> AwsError:
    return AwsError("LimitExceededException", message)


def rule_has_targets() -> AwsError:
    return invalid("Rule can't be deleted since it has targets.")


def default_bus_stays() -> AwsError:
    return invalid("Cannot delete event bus default.")


def bad_status(message: str) -> AwsError:
    return AwsError("IllegalStatusException", message)


def policy_too_long(limit: int) -> AwsError:
    return AwsError("PolicyLengthExceededException", f"The policy is longer than {limit} characters.")

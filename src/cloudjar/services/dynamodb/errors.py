"""Every error of DynamoDB, in AWS's words."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.errors import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def invalid_parameters(detail: str) -> AwsError:
    return invalid(f"One or more parameter values were invalid: {detail}")


def invalid_expression(what: str, problem: object) -> AwsError:
    return invalid(f"Invalid {what}: {problem}")


# Values


def empty_value() -> AwsError:
    return invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")


def several_types() -> AwsError:
    return invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")


def null_not_true() -> AwsError:
    return invalid_parameters("Null attribute value types must have the value of true")


def too_deep() -> AwsError:
    return invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")


def empty_set(type_: str) -> AwsError:
    names = {"SS": "An string set  may not be empty", "NS": "An number set  may not be empty", "BS": "Binary sets should not be empty"}
    return invalid_parameters(names[type_])


def duplicate_numbers() -> AwsError:
    return invalid("Input collection contains duplicates")


def duplicate_members(members: list[Any]) -> AwsError:
    return invalid_parameters(f"Input collection [{', '.join(members)}] contains duplicates.")


def not_numeric(text: str | None) -> AwsError:
    return invalid(f"The parameter cannot be converted to a numeric value{'' if text is None else f': {text[:256]}'}")


def number_overflow() -> AwsError:
    return invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")


def number_underflow() -> AwsError:
    return invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")


def number_too_precise() -> AwsError:
    return invalid("Attempting to store more than 38 significant digits in a Number")


def item_too_large() -> AwsError:
    return invalid("Item size has exceeded the maximum allowed size")


def updated_item_too_large() -> AwsError:
    return invalid("Item size to update has exceeded the maximum allowed size")


# Keys


class KeyProblem(AwsError):
    """What is wrong with a key, or with an index's: in a transaction it is the reason for the cancellation."""


def _key_problem(detail: str) -> AwsError:
    return KeyProblem("ValidationException", f"One or more parameter values were invalid: {detail}")


def key_mismatch() -> AwsError:
    return KeyProblem("ValidationException", "The provided key element does not match the schema")


def missing_key(name: str) -> AwsError:
    return _key_problem(f"Missing the key {name} in the item")


def key_type_mismatch(name: str, expected: str, actual: str) -> AwsError:
    return _key_problem(f"Type mismatch for key {name} expected: {expected} actual: {actual}")


def index_key_type_mismatch(name: str, expected: str, actual: str, index: str) -> AwsError:
    return _key_problem(f"Type mismatch for Index Key {name} Expected: {expected} Actual: {actual} IndexName: {index}")


def empty_key(name: str, what: str) -> AwsError:
    return invalid(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
        f"empty {what} value. Key: {name}"
    )


def empty_index_key(name: str, what: str, index: str) -> AwsError:
    return invalid(
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. "
        f"The AttributeValue for a key attribute cannot contain an empty {what} value. IndexName: {index}, IndexKey: {name}"
    )


class EmptyKey(AwsError):
    """An empty value for a key: refused before anything else, in a transaction too."""


def empty_updated_index_key(what: str) -> AwsError:
    return EmptyKey(
        "ValidationException",
        "One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is "
        f"not supported. The AttributeValue for a key attribute cannot contain an empty {what} value.",
    )


def hash_key_too_large() -> AwsError:
    return _key_problem("Size of hashkey has exceeded the maximum size limit of2048 bytes")


def range_key_too_large() -> AwsError:
    return _key_problem("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")


def key_updated(name: str) -> AwsError:
    return _key_problem(f"Cannot update attribute {name}. This attribute is part of the key")


# Updates


def no_such_attribute() -> AwsError:
    return invalid("The provided expression refers to an attribute that does not exist in the item")


def wrong_operand() -> AwsError:
    return invalid("An operand in the update expression has an incorrect data type")


def invalid_path() -> AwsError:
    return invalid("The document path provided in the update expression is invalid for update")


def condition_failed(item: dict[str, Any] | None = None) -> AwsError:
    members = {"Item": item} if item is not None else None
    return AwsError("ConditionalCheckFailedException", "The conditional request failed", members=members)


# Expression parameters


def mixed_parameters(plain: list[str], expressions: list[str]) -> AwsError:
    return invalid(
        "Can not use both expression and non-expression parameters in the same request: "
        f"Non-expression parameters: {{{', '.join(plain)}}} Expression parameters: {{{', '.join(expressions)}}}"
    )


def operator_alone() -> AwsError:
    return invalid("ConditionalOperator cannot be used without Filter or Expected")


def unneeded_operator() -> AwsError:
    return invalid("ConditionalOperator can only be used when Filter or Expected has two or more elements")


def names_without_expression() -> AwsError:
    return invalid("ExpressionAttributeNames can only be specified when using expressions")


def values_without_expression(expressions: list[str]) -> AwsError:
    if not expressions:
        return invalid("ExpressionAttributeValues can only be specified when using expressions")
    verb = "is" if len(expressions) == 1 else "are"
    return invalid(f"ExpressionAttributeValues can only be specified when using expressions: {' and '.join(expressions)} {verb} null")


def empty_map(member: str) -> AwsError:
    return invalid(f"{member} must not be empty")


def bad_placeholder(member: str, key: str) -> AwsError:
    return invalid(f'{member} contains invalid key: Syntax error; key: "{key}"')


def unused(member: str, keys: list[str]) -> AwsError:
    return invalid(f"Value provided in {member} unused in expressions: keys: {{{', '.join(keys)}}}")


# Tables


def table_not_found() -> AwsError:
    return AwsError("ResourceNotFoundException", "Requested resource not found")


def named_table_not_found(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")


def source_table_not_found(name: str) -> AwsError:
    return AwsError("TableNotFoundException", f"Table not found: {name}")


def resource_not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Requested resource not found: ResourcArn: {arn} not found")


def table_exists(name: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Table already exists: {name}")


def target_table_exists(name: str) -> AwsError:
    return AwsError("TableAlreadyExistsException", f"Table already exists: {name}")


def table_in_use(name: str, status: str) -> AwsError:
    doing = {"CREATING": "created", "DELETING": "deleted", "UPDATING": "updated"}.get(status, status.lower())
    return AwsError("ResourceInUseException", f"Attempt to change a resource which is still in use: Table is being {doing}: {name}")


def table_protected(arn: str) -> AwsError:
    return invalid(f"Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first: {arn}")


def key_type_changed(name: str, old: str, new: str) -> AwsError:
    return invalid_parameters(f"The type of the key attribute {name} cannot be changed from {old} to {new}")


def unusable_key(detail: str) -> AwsError:
    return invalid_parameters(f"KMS key cannot be used: {detail}")


def inaccessible_key(detail: str) -> AwsError:
    return AwsError("AccessDeniedException", f"The KMS key that the table is encrypted with is inaccessible: {detail}")


def capacity_limit(member: str, most: int) -> AwsError:
    return limit_exceeded(f"Subscriber limit exceeded: {member} is limited to {most} units per table")


def lower_warm_throughput(member: str, what: str) -> AwsError:
    return invalid_parameters(
        f"Requested {member} for WarmThroughput for {what} is lower than current WarmThroughput, decreasing WarmThroughput is not supported"
    )


def invalid_table_name(name: str, constraint: str) -> AwsError:
    return invalid(f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: Member must {constraint}")


def too_many_keys(schema: list[dict[str, str]]) -> AwsError:
    elements = [f"KeySchemaElement(attributeName={key['AttributeName']}, keyType={key['KeyType']})" for key in schema]
    return invalid(
        f"1 validation error detected: Value '[{', '.join(elements)}]' at 'keySchema' failed to satisfy constraint: "
        "Member must have length less than or equal to 2"
    )


def no_such_index(name: str = "") -> AwsError:
    """PartiQL leaves the name out."""
    return invalid(f"The table does not have the specified index{': ' + name if name else ''}")


def index_backfilling(name: str) -> AwsError:
    return invalid(f"Cannot read from backfilling global secondary index: {name}")


def limit_exceeded(detail: str) -> AwsError:
    return AwsError("LimitExceededException", detail)


def no_replica(region: str) -> AwsError:
    return invalid(f"Update global table operation failed because the table does not have a replica in Region: '{region}'")


def replica_exists(name: str, region: str) -> AwsError:
    return invalid(f"Failed to create the new replica of table with name: '{name}' because one already exists: '{region}'")


# Reading


def no_key_condition() -> AwsError:
    return invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")


def missed_key(name: str) -> AwsError:
    return invalid(f"Query condition missed key schema element: {name}")


def unsupported_key_condition() -> AwsError:
    return invalid("Query key condition not supported")


def bad_start_key(detail: str = "") -> AwsError:
    return invalid(f"The provided starting key is invalid{': ' + detail if detail else ''}")


def start_key_outside() -> AwsError:
    return invalid("The provided starting key is outside query boundaries based on provided conditions")


def filter_not_projected(index: str, names: list[str]) -> AwsError:
    return invalid_parameters(f"Secondary index {index} does not project one or more filter attributes: [{', '.join(names)}]")


def inconsistent_index_read() -> AwsError:
    return invalid("Consistent reads are not supported on global secondary indexes")


# Transactions


def transaction_cancelled(reasons: list[dict[str, Any]]) -> AwsError:
    codes = ", ".join(reason["Code"] for reason in reasons)
    return AwsError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        members={"CancellationReasons": reasons},
    )


def repeated_in_transaction() -> AwsError:
    return invalid("Transaction request cannot include multiple operations on one item")


def idempotency_mismatch() -> AwsError:
    return AwsError("IdempotentParameterMismatchException", "Request parameters do not match the original request for this client token")


def duplicate_keys() -> AwsError:
    return invalid("Provided list of item keys contains duplicates")


# PartiQL


def malformed_statement(detail: str) -> AwsError:
    return invalid(f"Statement wasn't well formed, can't be processed: {detail}")


def duplicate_item() -> AwsError:
    return AwsError("DuplicateItemException", "Duplicate primary key exists in table")


def in_transaction(number: int, detail: str) -> AwsError:
    return invalid(f"Validation failed in TransactStatements[{number}]: {detail}")


def delete_returns_old(clause: str) -> AwsError:
    return invalid(
        f"Invalid returning clause: RETURNING {clause.replace('UPDATED', 'MODIFIED').replace('_', ' ')} *. "
        "Only RETURNING ALL OLD * is allowed in DELETE statements."
    )


def select_without_key() -> AwsError:
    return invalid("Select statements within BatchExecuteStatement must specify the primary key in the where clause.")

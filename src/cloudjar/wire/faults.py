"""What AWS answers to a request that it cannot read."""

from __future__ import annotations

from cloudjar.kernel.errors import AwsError
from cloudjar.wire.values import Malformed

MALFORMED_XML = "The XML you provided was not well-formed or did not validate against our published schema"


def client_error(fault: Malformed, protocol: str, service: str) -> AwsError:
    """The protocol's own client error for an unreadable value."""
    if service == "s3":
        return s3_error(fault)
    if protocol == "ec2":
        if fault.kind == "document":
            return AwsError("MalformedQueryString", "The query string contains a syntax error")
        return AwsError("InvalidParameterValue", f"Value ({clip(fault.value)}) for parameter {fault.name} is invalid. Invalid {fault.kind}")
    if protocol == "query":
        if fault.kind == "document":
            return AwsError("MalformedQueryString", "The query string contains a syntax error", status=404)
        return AwsError("MalformedInput", f"Invalid {fault.kind} value for parameter {fault.name}: {clip(fault.value)}")
    if protocol == "rest-xml":
        if fault.where == "body":
            return AwsError("MalformedInput", "Invalid XML")
        return AwsError("InvalidInput", f"Invalid {fault.kind} for {fault.name}: {clip(fault.value)}")
    if fault.where != "body":
        words = f"Invalid value for {fault.where} parameter {fault.name}: {clip(fault.value)} is not a valid {fault.kind}"
        return AwsError("SerializationException", words)
    if fault.kind == "document":
        if protocol == "rest-json":
            return AwsError("SerializationException", f"Could not parse request body into json: {fault.message}")
        return AwsError("SerializationException")
    return AwsError("SerializationException", fault.message or f"Unable to parse {fault.kind}")


def s3_error(fault: Malformed) -> AwsError:
    """The same for S3, which has its own words."""
    if fault.where == "body":
        return AwsError("MalformedXML", MALFORMED_XML)
    if fault.where == "uri" or (fault.where == "query" and fault.kind == "document"):
        return AwsError("InvalidURI", "Couldn't parse the specified URI.", members={"URI": clip(fault.value)})
    members = {"ArgumentName": fault.name, "ArgumentValue": clip(fault.value)}
    if fault.kind in ("integer", "long"):
        return AwsError("InvalidArgument", f"Provided {fault.name} not an integer or within integer range", members=members)
    return AwsError("InvalidArgument", f"Invalid value for {fault.name}", members=members)


def clip(value: object) -> str:
    """A value in a message, not too long."""
    return str(value)[:256]

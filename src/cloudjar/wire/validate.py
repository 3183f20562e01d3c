"""Whether parameters satisfy their model: required members, lengths, ranges, enums, patterns; refused in AWS's own words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from cloudjar.kernel.errors import AwsError
from cloudjar.wire.constraints import Constraint, constraints, java
from cloudjar.wire.models import OperationModel, Ref, ServiceModel, Shape
from cloudjar.wire.shapes import location_name

if TYPE_CHECKING:
    from collections.abc import Mapping


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request."""

    path: str
    """ "tags.1.member.key", each member's first letter in lower case."""
    value: str
    """The value in quotes, or "null"."""
    constraint: str
    member: str = ""
    """The member in the model's spelling, as the outermost parameter has it."""
    location: str = ""

    def __str__(self) -> str:
        value = f" {self.value}" if self.value else ""
        return f"Value{value} at '{self.path}' failed to satisfy constraint: {self.constraint}"


Check = Callable[[Any, str, list[Problem]], None]
Refuse = Callable[[list[Problem], OperationModel], AwsError]
MISSING = "Member must not be null"


def coral(code: str) -> Refuse:
    """The refusal of most services: all problems in one message."""

    def refuse(problems: list[Problem], operation: OperationModel) -> AwsError:
        count = len(problems)
        words = f"{count} validation error{'s' if count > 1 else ''} detected: "
        return AwsError(code, words + "; ".join(str(problem) for problem in problems))

    return refuse


def missing_parameter(problems: list[Problem], operation: OperationModel) -> AwsError:
    """The refusal of EC2 and the older query services: the first parameter that is not there."""
    return AwsError("MissingParameter", f"The request must contain the parameter {problems[0].member}")


_METRIC_CALLS = frozenset(("GetMetricStatistics", "ListMetrics", "PutMetricData"))


def cloudwatch(problems: list[Problem], operation: OperationModel) -> AwsError:
    """CloudWatch's refusal: what is not there is a MissingParameter; the calls of its first days have words of their own for values."""
    problem = problems[0]
    if problem.constraint == MISSING:
        return missing_parameter(problems, operation)
    if operation.name not in _METRIC_CALLS:
        return coral("ValidationError")(problems, operation)
    # "metricData.1.member.unit" is MetricData.member.1.Unit there.
    name = re.sub(r"\.(\d+)\.member", r".member.\1", problem.path)
    name = re.sub(r"(^|\.)([a-z])(?!ember\.\d)", lambda found: found[1] + found[2].upper(), name)
    if allowed := re.search(r"enum value set: \[(.*)\]", problem.constraint):
        return AwsError("InvalidParameterValue", f"The parameter {name} must be a value in the set [ {allowed[1]} ].")
    if most := re.fullmatch(r"Member must have length less than or equal to (\d+)", problem.constraint):
        kind = "collection" if problem.value.startswith("'[") else "parameter"
        words = "must not have a size greater than" if kind == "collection" else "must be no longer than"
        return AwsError("InvalidParameterValue", f"The {kind} {name} {words} {most[1]}{'' if kind == 'collection' else ' characters'}.")
    return AwsError("InvalidParameterValue", f"The value {problem.value.strip(chr(39))} for parameter {name} is invalid.")


def s3(problems: list[Problem], operation: OperationModel) -> AwsError:
    """S3's refusal, which depends on where the parameter should have been."""
    problem = problems[0]
    if problem.location == "payload":
        return AwsError("MissingRequestBodyError", "Request Body is empty")
    if problem.location == "header":
        return AwsError("InvalidRequest", f"Missing required header for this request: {problem.member}")
    if problem.location == "querystring":
        return AwsError("InvalidArgument", f"Missing required query parameter: {problem.member}", members={"ArgumentName": problem.member})
    return AwsError("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")


_PATTERN = "Member must satisfy regular expression pattern: "
_IAM_PATTERNS = {
    r"[\w+=,.@-]+": "only alphanumeric characters and/or the following: +=,.@_-",
    r"[\w+=/:,.@-]+": "only alphanumeric characters and/or the following: =/:,.@-",
    r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)": "begin and end with / and contain only alphanumeric characters and/or / characters.",
    r"((/[A-Za-z0-9\.,\+@=_-]+)*)/": "begin and end with / and contain only alphanumeric characters and/or / characters.",
    r"\u002F[\u0021-\u007F]*": "begin with / and contain only alphanumeric characters and/or / characters.",
    r"[\u0009\u000A\u000D\u0020-\u00FF]+": "only printable ASCII characters.",
}
"""What IAM says of its patterns instead of naming them."""


def iam(problems: list[Problem], operation: OperationModel) -> AwsError:
    """IAM's refusal: names and paths that do not match their patterns have words of their own."""
    others = [problem for problem in problems if problem.constraint.removeprefix(_PATTERN) not in _IAM_PATTERNS]
    if others:
        return coral("ValidationError")(others, operation)
    rule = _IAM_PATTERNS[problems[0].constraint.removeprefix(_PATTERN)]
    must = rule if rule.startswith("begin") else f"contain {rule}"
    return AwsError("ValidationError", f"The specified value for {problems[0].path} is invalid. It must {must}")


class Policy(msgspec.Struct, frozen=True):
    """How a service validates: what it looks at, and how it refuses."""

    refuse: Refuse
    only_required: bool = False
    """The service judges values itself, with codes of its own."""
    lenient_enums: frozenset[str] | None = frozenset()
    """Enum shapes that the service judges itself; None for all of them."""


PROTOCOL_POLICIES: dict[str, Policy] = {
    "ec2": Policy(missing_parameter, only_required=True),
    "query": Policy(coral("ValidationError")),
}
DEFAULT = Policy(coral("ValidationException"))
OLD_QUERY = Policy(missing_parameter, only_required=True)
SERVICE_POLICIES: dict[str, Policy] = {
    "cloudwatch": Policy(cloudwatch),
    "docdb": OLD_QUERY,
    "elasticache": OLD_QUERY,
    "iam": Policy(iam),
    "lambda": Policy(coral("ValidationException"), lenient_enums=frozenset(["Runtime", "Architecture"])),
    "logs": Policy(coral("InvalidParameterException")),
    "neptune": OLD_QUERY,
    "rds": OLD_QUERY,
    "redshift": OLD_QUERY,
    "s3": Policy(s3, only_required=True),
    "sdb": OLD_QUERY,
    "sqs": OLD_QUERY,
}


def policy(service: ServiceModel) -> Policy:
    """How a service validates."""
    return SERVICE_POLICIES.get(service.name) or PROTOCOL_POLICIES.get(service.protocol, DEFAULT)


def validate(operation: OperationModel, params: Mapping[str, Any], refuse: Refuse | None = None) -> None:
    """Returns if the parameters satisfy the operation's model, else raises the service's AwsError (or `refuse`'s)."""
    check = operation.check
    if check is None:
        return
    problems: list[Problem] = []
    check(params, "", problems)
    if problems:
        raise (refuse or policy(operation.service).refuse)(problems, operation)


class Checks:
    """The compiled checks of one service's shapes. What has nothing to check has no closure."""

    def __init__(self, service: ServiceModel) -> None:
        self.service = service
        self.policy = policy(service)
        self.made: dict[str, Check | None] = {}

    def operation(self, operation: OperationModel) -> Check | None:
        """The check of an operation's input; None if anything will do."""
        return self.compile(operation.input_ref) if operation.input_ref else None

    def compile(self, ref: Ref) -> Check | None:
        """The check for one use of a shape."""
        name = ref.shape
        if name in self.made:
            return self.made[name]
        shape = self.service.shape(name)
        if shape.document or shape.eventstream or shape.streaming or ref.streaming:
            return None
        if shape.type == "structure":
            members: list[tuple[str, str, Check]] = []
            check = self.made[name] = self.structure(shape, members)
            for member, member_ref in shape.members.items():
                inner = self.compile(member_ref) if not member_ref.jsonvalue else None
                if inner is not None:
                    members.append((member, lower_first(member), inner))
            return check
        self.made[name] = lambda value, path, problems: None  # a list that holds itself, while it is being compiled
        if shape.type == "list":
            made = self.list(shape)
        elif shape.type == "map":
            made = self.map(shape)
        else:
            made = self.scalar(shape)
        self.made[name] = made
        return made

    def constraints(self, shape: Shape) -> list[Constraint]:
        """A shape's own constraints, as far as the service looks at them here."""
        if self.policy.only_required:
            return []
        lenient = self.policy.lenient_enums
        return constraints(shape, enums=lenient is not None and shape.name not in lenient)

    def structure(self, shape: Shape, members: list[tuple[str, str, Check]]) -> Check:
        required = [(name, lower_first(name), self.absence(shape, name)) for name in shape.required if name in shape.members]

        def check(value: Any, path: str, problems: list[Problem]) -> None:
            for name, lowered, absent in required:
                if value.get(name) is None:
                    problems.append(absent(f"{path}{lowered}"))
            for name, lowered, inner in members:
                item = value.get(name)
                if item is not None:
                    inner(item, f"{path}{lowered}", problems)

        return lambda value, path, problems: check(value, f"{path}." if path else "", problems)

    def absence(self, shape: Shape, name: str) -> Callable[[str], Problem]:
        """The problem of a required member that is not there."""
        ref = shape.members[name]
        location = "payload" if name == shape.payload else ref.location
        wire_name = location_name(ref, self.service.shape(ref.shape), name) if location in ("header", "querystring") else name
        return lambda path: Problem(path, "null", MISSING, wire_name, location)

    def list(self, shape: Shape) -> Check | None:
        assert shape.member is not None
        own = self.constraints(shape)
        item_shape = self.service.shape(shape.member.shape)
        if item_shape.type in ("structure", "list", "map"):
            inner = self.compile(shape.member)
            items: list[Constraint] = []
        else:
            inner, items = None, self.constraints(item_shape)
        if not own and not items and inner is None:
            return None
        words = f"Member must satisfy constraint: [{', '.join(text for _, text in items)}]"

        def check(value: Any, path: str, problems: list[Problem]) -> None:
            report(own, value, path, problems, shape.sensitive)
            if items and any(item is not None and not test(item) for item in value for test, _ in items):
                problems.append(Problem(path, shown(value, item_shape.sensitive), words))
            if inner is not None:
                for index, item in enumerate(value, 1):
                    if item is not None:
                        inner(item, f"{path}.{index}.member", problems)

        return check

    def map(self, shape: Shape) -> Check | None:
        assert shape.key is not None and shape.value is not None
        own, keys = self.constraints(shape), self.constraints(self.service.shape(shape.key.shape))
        value_shape = self.service.shape(shape.value.shape)
        if value_shape.type in ("structure", "list", "map"):
            inner = self.compile(shape.value)
            values: list[Constraint] = []
        else:
            inner, values = None, self.constraints(value_shape)
        if not own and not keys and not values and inner is None:
            return None
        key_words = f"Map keys must satisfy constraint: [{', '.join(text for _, text in keys)}]"
        value_words = f"Map value must satisfy constraint: [{', '.join(text for _, text in values)}]"

        def check(value: Any, path: str, problems: list[Problem]) -> None:
            report(own, value, path, problems, shape.sensitive)
            if keys and any(not test(key) for key in value for test, _ in keys):
                problems.append(Problem(path, shown(value, value_shape.sensitive), key_words))
            if values and any(item is not None and not test(item) for item in value.values() for test, _ in values):
                problems.append(Problem(path, shown(value, value_shape.sensitive), value_words))
            if inner is not None:
                for key, item in value.items():
                    if item is not None:
                        inner(item, f"{path}.{key}.member", problems)

        return check

    def scalar(self, shape: Shape) -> Check | None:
        own = self.constraints(shape)
        if not own:
            return None
        sensitive = shape.sensitive

        def check(value: Any, path: str, problems: list[Problem]) -> None:
            for test, words in own:
                if not test(value):
                    problems.append(Problem(path, shown(value, sensitive), words))

        return check


def report(own: list[Constraint], value: Any, path: str, problems: list[Problem], sensitive: bool) -> None:
    """Adds the constraints that a value does not satisfy."""
    for test, words in own:
        if not test(value):
            problems.append(Problem(path, shown(value, sensitive), words))


def shown(value: Any, sensitive: bool) -> str:
    """A value in a message; nothing where it is secret."""
    return "" if sensitive else f"'{java(value)}'"


def lower_first(name: str) -> str:
    """ "RoleName" -> "roleName"."""
    return name[:1].lower() + name[1:]

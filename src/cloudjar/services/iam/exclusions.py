"""What a simulation leaves out, and which resources it insists on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cloudjar.services.iam import errors

_SCENARIO = ("instance", "image", "security-group", "network-interface")
SCENARIOS = {
    "EC2-VPC-InstanceStore": _SCENARIO,
    "EC2-VPC-InstanceStore-Subnet": (*_SCENARIO, "subnet"),
    "EC2-VPC-EBS": (*_SCENARIO, "volume"),
    "EC2-VPC-EBS-Subnet": (*_SCENARIO, "subnet", "volume"),
}
"""ResourceHandlingOption, and the kinds of EC2's resources that a simulation must then name."""


@dataclass(frozen=True)
class Exclusions:
    """A PolicyExclusionList, read."""

    types: frozenset[str]
    arns: tuple[re.Pattern[str], ...]
    inlines: tuple[tuple[str, str, re.Pattern[str]], ...]
    """(policy's name, kind of entity, its name)."""

    @property
    def scps(self) -> bool:
        """Whether all service control policies are left out."""
        return "scp" in self.types

    def managed(self, arn: str, kind: str) -> bool:
        """Whether an attached managed policy ("aws-managed" or "user-managed") is left out."""
        return kind in self.types or any(pattern.fullmatch(arn) for pattern in self.arns)

    def boundary(self, arn: str, kind: str) -> bool:
        """Whether a permissions boundary is left out."""
        return "permission-boundary" in self.types or self.managed(arn, kind)

    def scp(self, policy_id: str) -> bool:
        """Whether one service control policy is left out."""
        return any(pattern.pattern.endswith(f"/{re.escape(policy_id)}") for pattern in self.arns)

    def inline(self, kind: str, entity: str, name: str) -> bool:
        """Whether an inline policy of a "user", "group" or "role" is left out."""
        return "inline" in self.types or any(
            name == policy and kind == of and bool(pattern.fullmatch(entity)) for policy, of, pattern in self.inlines
        )


def read(items: Sequence[dict[str, Any]]) -> Exclusions:
    """The list of a request; raises InvalidInput for what does not parse."""
    types, arns, inlines = set(), [], []
    for item in items:
        if len(item) != 1:
            raise errors.invalid_input("Specify exactly one of PolicyType, PolicyArn, or InlinePolicyIdentifier.")
        if "PolicyType" in item:
            types.add(item["PolicyType"])
        elif "PolicyArn" in item:
            arn = item["PolicyArn"]
            head, slash, name = arn.rpartition("/")
            if not re.fullmatch(r"arn:aws[\w-]*:(iam|organizations)::[\w-]*:policy[^*?]*", head) or not slash:
                raise errors.invalid_input(f"ARN {arn} is not valid.")
            arns.append(re.compile(re.escape(head + "/") + _pattern(name)))
        else:
            found = item["InlinePolicyIdentifier"]
            inlines.append((found["PolicyName"], found["AttachmentType"].lower(), re.compile(_pattern(found["AttachmentName"]))))
    return Exclusions(frozenset(types), tuple(arns), tuple(inlines))


def _pattern(text: str) -> str:
    """At most one * and any number of ?, as an expression."""
    if text.count("*") > 1:
        raise errors.invalid_input(f"{text} has more than one wildcard *.")
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


def check_resources(option: str, arns: Sequence[str]) -> None:
    """Raises InvalidInput unless the resources are those of the scenario."""
    if option not in SCENARIOS:
        raise errors.invalid_input(f"Invalid ResourceHandlingOption: {option}. Valid values are: {', '.join(SCENARIOS)}")
    kinds = {arn.split(":", 5)[-1].partition("/")[0] for arn in arns if arn.startswith("arn:") and arn.split(":")[2] == "ec2"}
    missing = [kind for kind in SCENARIOS[option] if kind not in kinds]
    if missing:
        raise errors.invalid_input(f"The resources for {option} lack: {', '.join(missing)}")

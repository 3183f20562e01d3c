"""What an operation asks IAM about: actions, resource types, condition keys and dependent actions, as data.

`data/` is made by `scripts/service_reference.py` from packages that carry AWS's Service Authorization Reference;
`exceptions.json` is ours: the operations whose actions have other names, and those that need no permission. An action with
`?` there is asked only where the request wants what it guards (a version, an ACL, tags). `additions.json` is ours too: actions
that are newer than the packages, each with the action that is described as it will be.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

Level = Literal["List", "Read", "Write", "Tagging", "Permissions management"]
_LEVELS: tuple[Level, ...] = ("List", "Read", "Write", "Tagging", "Permissions management")
_HERE = Path(__file__).parent


class ResourceSpec(msgspec.Struct, frozen=True):
    """A type of resource that an action is about."""

    name: str
    arn: str
    """The format, "arn:${Partition}:s3:::${BucketName}/${ObjectName}"."""
    required: bool
    condition_keys: tuple[str, ...]
    """Those that hold for this action on this type of resource, and those of the type itself."""


class ActionSpec(msgspec.Struct, frozen=True):
    """One action of the Service Authorization Reference."""

    action: str
    """"s3:GetObject"."""
    level: Level = "Write"
    resources: tuple[ResourceSpec, ...] = ()
    """None means that only "*" can be asked about."""
    condition_keys: tuple[str, ...] = ()
    """The service's own and tag keys; the global ones always hold."""
    dependent_actions: tuple[str, ...] = ()
    """"iam:PassRole": what the caller may need besides, depending on the request."""
    optional: bool = False
    """Asked only where the request wants what it guards."""
    described: bool = True
    """False where the reference lacks the operation: then the action is the operation's name and nothing more is known."""


@cache
def _services() -> dict[str, str]:
    found: dict[str, str] = msgspec.json.decode(_HERE.joinpath("data", "services.json").read_bytes())
    return found


@cache
def service_names() -> dict[str, str]:
    """Every prefix, and its service's name as AWS writes it ("s3": "Amazon S3")."""
    found: dict[str, str] = msgspec.json.decode(_HERE.joinpath("names.json").read_bytes())
    return found


@cache
def _exceptions() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = msgspec.json.decode(_HERE.joinpath("exceptions.json").read_bytes())
    return found


@cache
def _additions() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = msgspec.json.decode(_HERE.joinpath("additions.json").read_bytes())
    return found


@lru_cache(maxsize=64)
def _reference(prefix: str) -> dict[str, Any] | None:
    if not prefix.replace("-", "").isalnum():
        return None
    path = _HERE.joinpath("data", f"{prefix}.json")
    if prefix == "services" or not path.is_file():
        return None
    found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    for name, like in _additions().get(prefix, {}).items():
        found["actions"].setdefault(name, found["actions"][like])
    found["folded"] = {name.lower(): name for name in found["actions"]}
    return found


def prefix_of(service: str) -> str:
    """IAM's prefix for a service of botocore's: "stepfunctions" -> "states"; the name itself where the reference lacks it."""
    return _services().get(service, service)


@lru_cache(maxsize=4096)
def actions_for(service: str, operation: str) -> tuple[ActionSpec, ...]:
    """The actions that IAM is asked about for an operation ("s3", "HeadObject"); () where AWS asks for none.

    The first ones are the operation's own; optional ones follow what the request holds.
    """
    names = _exceptions().get(service, {}).get(operation)
    prefix = prefix_of(service)
    if names is None:
        reference = _reference(prefix)
        if reference is None or operation in reference["actions"]:
            names = [f"{prefix}:{operation}"]
        else:
            names = [f"{prefix}:{name}" for name in reference["operations"].get(operation, (operation,))]
    return tuple([_spec(name.removesuffix("?"), name.endswith("?")) for name in names])


def find_action(action: str) -> ActionSpec | None:
    """The reference's entry for "s3:getobject" in any case; None if it has none."""
    found = _spec(action, False)
    return found if found.described else None


def known_actions(prefix: str) -> tuple[str, ...]:
    """The names of a prefix's actions, without it, in order; () for an unknown prefix."""
    reference = _reference(prefix)
    return tuple(reference["actions"]) if reference else ()


def condition_key_types(prefix: str) -> dict[str, str]:
    """A prefix's condition keys and their types ("String", "ArrayOfString", "ARN", "Numeric", "Bool" ...)."""
    reference = _reference(prefix)
    return dict(reference["keys"]) if reference else {}


def resource_formats(prefix: str) -> dict[str, str]:
    """A prefix's resource types and their ARN formats."""
    reference = _reference(prefix)
    return {name: row[0] for name, row in reference["resources"].items()} if reference else {}


def _spec(action: str, optional: bool) -> ActionSpec:
    prefix, _, name = action.partition(":")
    reference = _reference(prefix.lower())
    exact = reference["folded"].get(name.lower()) if reference else None
    if reference is None or exact is None:
        return ActionSpec(action, optional=optional, described=False)
    level, resources, keys, depends = reference["actions"][exact]
    lists = reference["lists"]
    types = reference["resources"]
    specs = []
    for kind, required, own in resources:
        arn, shared = types.get(kind, ["*", 0])
        both = dict.fromkeys([*lists[own], *lists[shared]])
        specs.append(ResourceSpec(kind, arn, bool(required), tuple(both)))
    return ActionSpec(f"{prefix.lower()}:{exact}", _LEVELS[level], tuple(specs), tuple(lists[keys]), tuple(depends), optional=optional)

"""`cloudjar why` and `cloudjar policy`: why calls were denied, and what would be enough."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from cloudjar.cli import show
from cloudjar.cli.client import find

_TYPES = {
    "identity": "identity-based policy",
    "resource": "resource-based policy",
    "boundary": "permissions boundary",
    "session": "session policy",
    "scp": "service control policy",
    "rcp": "resource control policy",
    "trust": "role trust policy",
}


def why(args: Namespace, environ: Mapping[str, str]) -> int:
    """Prints the last denials, newest first."""
    query = {"limit": str(args.limit), "world": args.world} | ({"principal": args.principal} if args.principal else {})
    told = find(args, environ).get("/_cloudjar/denials", **query)
    if args.json:
        show.as_json(told)
        return 0
    if not told["denials"]:
        show.say("Nothing has been denied since the jar started.")
    for denial in told["denials"]:
        _print(denial, args.keys)
    return 0


def _print(denial: dict[str, Any], keys: bool) -> None:
    show.facts(
        [
            (
                "call",
                f"{denial['service']}:{denial['operation']}, {denial['time']}{'' if denial['enforced'] else ' (audit: not enforced)'}",
            ),
            ("principal", denial["principal"]),
            ("action", denial["action"]),
            ("resource", denial["resource"]),
            ("because", _reason(denial)),
            ("request id", denial["request_id"]),
        ]
    )
    if keys:
        for key, value in sorted(denial["context"].items()):
            show.say(f"  {key} = {value}")
    show.say("")


def _reason(denial: dict[str, Any]) -> str:
    kind = _TYPES[denial["policy_type"]]
    if denial["explicit"]:
        return f"statement {denial['statement']} of {denial['policy']} ({kind}) denies it"
    return f"no {kind} allows it"


def policy(args: Namespace, environ: Mapping[str, str]) -> int:
    """Prints the least policy for what a principal did, or tried to do, since the jar started."""
    show.as_json(find(args, environ).get("/_cloudjar/policy", principal=args.principal, world=args.world))
    return 0

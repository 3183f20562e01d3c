"""/_cloudjar/denials and /_cloudjar/policy: why calls were denied, and what a principal needs."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudjar.gateway.own_http import Ask, Refusal, answer
from cloudjar.wire.http import Response


def denials(ask: Ask) -> Response:
    """The last denials of the world, newest first; `?principal=` narrows them to an ARN."""
    wanted = ask.text("principal", "")
    judge = ask.jar.judge
    found = [each for each in reversed(judge.denials.last) if each.world == ask.world.name and wanted in ("", each.principal)]
    return answer({"iam": judge.mode, "denials": msgspec.to_builtins(found[: ask.limit()])})


def policy(ask: Ask) -> Response:
    """The least policy that covers what a user or role asked for since the jar started."""
    judge, principal = ask.jar.judge, ask.text("principal")
    asked = judge.denials.asks_of(ask.world.name, principal)
    if not asked:
        known = ", ".join(judge.denials.principals(ask.world.name)) or "nobody yet"
        raise Refusal(404, "UnknownPrincipal", f"{principal} has asked for nothing since this jar started. Who has: {known}.")
    return answer(least_policy(asked))


def least_policy(asked: list[tuple[str, str]]) -> dict[str, Any]:
    """A policy that allows these (action, resource) pairs and nothing else."""
    resources: dict[str, list[str]] = {}
    for action, resource in sorted(set(asked)):
        resources.setdefault(action, []).append(resource)
    statements: dict[tuple[str, ...], list[str]] = {}
    for action, about in resources.items():
        # What was asked about everything needs no list beside it.
        statements.setdefault(("*",) if "*" in about else tuple(about), []).append(action)
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": list(about)} for about, actions in sorted(statements.items())],
    }

"""Rotation: the four steps of a Lambda function, at once or by schedule; tried again when they fail.

Source: "Rotation by Lambda function", AWS Secrets Manager User Guide.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel import keys, trail
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import effect, operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.secretsmanager import errors, replication, schedule
from cloudjar.services.secretsmanager.records import CURRENT, PENDING, Secret, Version, find_writable, home, on_secret, staged

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
PRINCIPAL = "secretsmanager.amazonaws.com"
RETRY_SECONDS = (60, 600, 3600)
"""The pauses before a failed rotation is tried again."""


@operation(on=on_secret)
async def rotate_secret(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("ExternalSecretRotationMetadata") or req.get("ExternalSecretRotationRoleArn"):
        raise not_implemented("secretsmanager", "RotateSecret", "managed external secrets")
    rules = req.get("RotationRules") or {}
    schedule.check(rules)
    with ctx.transaction():
        secret = find_writable(ctx, req["SecretId"])
        function = req.get("RotationLambdaARN") or secret.rotation_function
        if not function:
            raise errors.no_rotation_function()
    await _check_function(home(ctx, secret).as_service(PRINCIPAL, secret.arn), function)
    with ctx.transaction():
        secret = find_writable(ctx, req["SecretId"])
        there = home(ctx, secret)
        rules = rules or secret.rotation_rules
        opens = schedule.next_after(rules, ctx.now)
        secret = there.put(
            replace(secret, rotation_function=function, rotation_rules=rules, rotation_enabled=True, next_rotation=opens, changed=ctx.now)
        )
        _arm(there, secret, opens)
        token = req.get("ClientRequestToken") or ctx.ids.uuid()
        if req.get("RotateImmediately", True):
            _begin(there, secret, token)
            return {"ARN": secret.arn, "Name": secret.name, "VersionId": token}
        there.effect(try_function, secret.name, token)
        return {"ARN": secret.arn, "Name": secret.name}


async def _check_function(ctx: Context, function: str) -> None:
    try:
        await ctx.call_async("lambda", "Invoke", {"FunctionName": function, "InvocationType": "DryRun"})
    except AwsError as problem:
        if problem.code == "NotImplemented":
            raise
        raise errors.function_refused() from None


@operation(on=on_secret)
def cancel_rotate_secret(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_writable(ctx, req["SecretId"])
    if not secret.rotation_function:
        raise errors.no_rotation_function()
    home(ctx, secret).put(replace(secret, rotation_enabled=False, next_rotation=None, rotation_attempts=0))
    answer = {"ARN": secret.arn, "Name": secret.name}
    pending = staged(ctx, secret, PENDING)
    return answer | {"VersionId": pending.id} if pending is not None and CURRENT not in pending.stages else answer


def _begin(ctx: Context, secret: Secret, token: str) -> None:
    """An empty version that waits for its value; then the function runs."""
    pending = staged(ctx, secret, PENDING)
    if pending is not None and CURRENT not in pending.stages:
        raise errors.rotation_in_progress()
    if ctx.get(Version, secret.arn, token) is not None:
        raise errors.token_in_use(token, secret.arn)
    if pending is not None:
        ctx.put(replace(pending, stages=[stage for stage in pending.stages if stage != PENDING]))
    ctx.put(Version(secret.arn, token, ctx.now, [PENDING]))
    ctx.put(replace(secret, rotation_attempts=0))
    _announce(ctx, secret, "RotationStarted")
    ctx.effect(run, secret.name, token)


def _arm(ctx: Context, secret: Secret, opens: datetime | None) -> None:
    if opens is not None:
        ctx.after(rotate_when_due, secret.name, keys.microseconds(opens), at=opens)


@timer
def rotate_when_due(ctx: Context, name: str, due: int) -> None:
    """The window has opened, unless the schedule was changed meanwhile."""
    secret = ctx.get(Secret, name)
    if secret is None or secret.deletion is not None or not secret.rotation_enabled or secret.next_rotation is None:
        return
    if keys.microseconds(secret.next_rotation) != due:
        return
    opens = schedule.next_after(secret.rotation_rules, ctx.now)
    secret = ctx.put(replace(secret, next_rotation=opens))
    _arm(ctx, secret, opens)
    pending = staged(ctx, secret, PENDING)
    if pending is not None and CURRENT not in pending.stages:
        # A rotation that never ended is tried once more, in place of a new one.
        ctx.put(replace(secret, rotation_attempts=0))
        ctx.effect(run, name, pending.id)
        return
    _begin(ctx, secret, ctx.ids.uuid())


@effect
async def run(ctx: Context, name: str, token: str) -> None:
    """The four steps. A function's steps may be repeated: its author is told so."""
    problem = await _steps(ctx, name, token, STEPS)
    with ctx.transaction():
        secret = ctx.get(Secret, name)
        version = ctx.get(Version, secret.arn, token) if secret else None
        if secret is None or version is None:
            return
        if not problem and CURRENT not in version.stages:
            problem = "finishSecret did not move AWSCURRENT to the new version"
        if not problem:
            secret = ctx.put(replace(secret, last_rotated=ctx.now, rotation_attempts=0))
            replication.copy_out(ctx, secret)
            _announce(ctx, secret, "RotationSucceeded")
            return
        _announce(ctx, secret, "RotationFailed", problem)
        if secret.rotation_attempts < len(RETRY_SECONDS):
            ctx.after(try_again, name, token, seconds=RETRY_SECONDS[secret.rotation_attempts])
        ctx.put(replace(secret, rotation_attempts=secret.rotation_attempts + 1))


@timer
def try_again(ctx: Context, name: str, token: str) -> None:
    """Repeats a failed rotation, unless it was cancelled, or somebody has tidied up, meanwhile."""
    secret = ctx.get(Secret, name)
    version = ctx.get(Version, secret.arn, token) if secret else None
    if secret is not None and secret.deletion is None and secret.rotation_enabled and version is not None and PENDING in version.stages:
        ctx.effect(run, name, token)


@effect
async def try_function(ctx: Context, name: str, token: str) -> None:
    """RotateImmediately=false: the configuration is tried by the step testSecret, on a version that goes again."""
    with ctx.transaction():
        secret = ctx.get(Secret, name)
        if secret is None or staged(ctx, secret, PENDING) is not None:
            return
        ctx.put(Version(secret.arn, token, ctx.now, [PENDING]))
    problem = await _steps(ctx, name, token, ("testSecret",))
    with ctx.transaction():
        secret = ctx.get(Secret, name)
        version = ctx.get(Version, secret.arn, token) if secret else None
        if secret is None:
            return
        if version is not None and CURRENT not in version.stages:
            ctx.delete(version)
        if problem:
            _announce(ctx, secret, "TestRotationFailed", problem)
        else:
            _announce(ctx, secret, "TestRotationSucceeded")


async def _steps(ctx: Context, name: str, token: str, steps: tuple[str, ...]) -> str:
    """Runs steps of the function in turn; says what went wrong, or ""."""
    with ctx.transaction():
        secret = ctx.get(Secret, name)
    if secret is None or not secret.rotation_function:
        return "the secret, or its rotation function, is gone"
    service = ctx.as_service(PRINCIPAL, secret.arn)
    for step in steps:
        event = json.dumps({"Step": step, "SecretId": secret.arn, "ClientRequestToken": token}).encode()
        try:
            answer = await service.call_async("lambda", "Invoke", {"FunctionName": secret.rotation_function, "Payload": event})
        except AwsError as problem:
            return f"{step}: {problem.code}: {problem.message}"
        if answer.get("FunctionError"):
            return f"{step}: {bytes(answer.get('Payload') or b'').decode('utf-8', 'replace')}"
    return ""


def _announce(ctx: Context, secret: Secret, what: str, problem: str = "") -> None:
    """Publishes what CloudTrail would report of the service's own doing."""
    told = {"errorMessage": problem} if problem else {}
    trail.announce(
        ctx, "secretsmanager", what, ("AWS::SecretsManager::Secret", secret.arn), additionalEventData={"SecretId": secret.arn}, **told
    )

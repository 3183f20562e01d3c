"""SnapStart: published versions that are initialised when they are published, and go on from there when they are called.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
"""

from __future__ import annotations

import json

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect
from cloudjar.kernel.records import replace
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.invocation import Outcome
from cloudjar.services.lambda_.pool import Pool
from cloudjar.services.lambda_.runtimes import Runtime

_OLDEST = {"java": (11,), "python": (3, 12), "dotnet": (8,)}
_LARGEST_STORAGE_MB = 512


def check(apply_on: str, runtime: Runtime, storage_mb: int) -> None:
    """Refuses what SnapStart does not support. Raises InvalidParameterValueException."""
    if apply_on != "PublishedVersions":
        return
    if not _is_supported(runtime):
        raise errors.invalid(f"{runtime.name} is not supported for SnapStart enabled functions.")
    if storage_mb > _LARGEST_STORAGE_MB:
        raise errors.invalid(f"EphemeralStorage greater than {_LARGEST_STORAGE_MB} MB is not supported for SnapStart enabled functions.")


def _is_supported(runtime: Runtime) -> bool:
    oldest = _OLDEST.get(runtime.family)
    numbers = runtime.name.removeprefix(runtime.family).split(".")
    # "java8.al2" is no number, and "dotnetcore3.1" none of .NET's since it dropped the "core".
    if oldest is None or not all(number.isdecimal() for number in numbers):
        return False
    return tuple(map(int, numbers)) >= oldest


@effect
async def initialise(ctx: Context, name: str, number: int) -> None:
    """Initialises a version that was published; it is then active, or has failed."""
    pool = ctx.world.part(Pool)
    with ctx.transaction():
        version = ctx.get(Version, name, number)
    if version is None or version.state != "Pending":
        return
    state, reason, code = "Active", "", ""
    try:
        problem = await pool.snapshots.initialise(ctx, version)
        if problem is not None:
            state, reason, code = "Failed", _words(problem), _reason_code(problem)
    except AwsError as error:
        state, reason, code = "Failed", error.message, "InternalError"
    with ctx.transaction():
        version = ctx.get(Version, name, number)
        if version is not None:
            status = "Successful" if state == "Active" else "Failed"
            ctx.put(replace(version, state=state, update_status=status, state_reason=reason, state_reason_code=code))
    if version is None:
        # It was deleted meanwhile.
        pool.retire(ctx.account, ctx.region, name, {number})


def _reason_code(problem: Outcome) -> str:
    if problem.status == "timeout":
        return "FunctionError.InitTimeout"
    if problem.error == "Runtime.InvalidEntrypoint":
        return "FunctionError.InvalidEntryPoint"
    return "FunctionError.ExtensionInitError" if problem.error.startswith("Extension.") else "FunctionError.RuntimeInitError"


def _words(problem: Outcome) -> str:
    try:
        told = json.loads(problem.payload)
        message = str(told["errorMessage"])
    except (ValueError, KeyError, TypeError, RecursionError):
        message = ""
    return f"{problem.error}: {message}" if message else problem.error

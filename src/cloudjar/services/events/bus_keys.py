"""Buses and archives under a customer's key: EventBridge must be able to use it for every event.

Source: "Encrypting EventBridge event buses with AWS KMS keys" in the user guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudjar.kernel import customer_keys, targets
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.input_template import dump
from cloudjar.kernel.marks import effect
from cloudjar.services.events import errors

if TYPE_CHECKING:
    from cloudjar.services.events.buses import Bus

PRINCIPAL = "events.amazonaws.com"


def chosen(ctx: Context, key: str) -> str:
    """The ARN of the key that is asked for; "" for EventBridge's own. Raises ValidationException."""
    if not key:
        return ""
    try:
        return customer_keys.chosen(ctx, key)
    except AwsError as error:
        raise errors.bad_parameter("KmsKeyIdentifier", error.message) from None


def seal(ctx: Context, key: str, arn: str) -> AwsError | None:
    """What keeps EventBridge from encrypting for a bus or an archive; None where nothing does."""
    if not key:
        return None
    try:
        customer_keys.sealed(ctx.as_service(PRINCIPAL, arn), key, {"aws:events:event-bus:arn": arn})
    except AwsError as error:
        return error
    return None


def accepts(ctx: Context, bus: Bus, arn: str, event: dict[str, Any]) -> bool:
    """Whether a bus can keep an event: if not, the bus's dead-letter queue gets it. Events of AWS services have AWS's own key."""
    if event["source"].startswith("aws.") and not event["source"].startswith("aws.partner/"):
        return True
    problem = seal(ctx, bus.kms_key, arn)
    if problem is None:
        return True
    if bus.dead_letter_arn:
        ctx.effect(bury, bus.dead_letter_arn, arn, dump(event), problem.code, problem.message)
    return False


@effect
async def bury(ctx: Context, queue: str, bus: str, event: str, code: str, message: str) -> None:
    """Puts an event that could not be encrypted into the bus's dead-letter queue."""
    told = {"EVENT_BUS_ARN": bus, "ERROR_CODE": code, "ERROR_MESSAGE": message or code}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in told.items()}
    try:
        await targets.send(targets.acting(ctx, "", PRINCIPAL, bus), queue, event, {"MessageAttributes": attributes})
    except AwsError as error:
        ctx.world.host.log_failure(f"dead letter of {bus}", error)

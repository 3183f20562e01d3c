"""The history of durable executions: one event for each thing that happened."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace

if TYPE_CHECKING:
    from cloudjar.services.lambda_.durable_executions import DurableExecution


@record("lambda.durable_event", key=("execution", "number"))
class DurableEvent(Record):
    """One event."""

    execution: str
    number: int
    type: str
    time: datetime
    operation: str
    name: str = ""
    subtype: str = ""
    parent: str = ""
    details: dict[str, Any] = {}
    input: str | None = None
    result: str | None = None
    error: dict[str, Any] | None = None


def note(
    ctx: Context,
    execution: DurableExecution,
    type_: str,
    operation_id: str,
    *,
    name: str = "",
    subtype: str = "",
    parent: str = "",
    input: str | None = None,
    result: str | None = None,
    error: dict[str, Any] | None = None,
    **details: Any,
) -> DurableExecution:
    """Adds an event; gives the execution with its count, which the caller stores."""
    number = execution.events + 1
    ctx.put(DurableEvent(execution.id, number, type_, ctx.now, operation_id, name, subtype, parent, details, input, result, error))
    return replace(execution, events=number)


def _on_execution(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["DurableExecutionArn"])


@operation(on=_on_execution)
def get_durable_execution_history(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.lambda_.durable_executions import find_execution

    execution = find_execution(ctx, req["DurableExecutionArn"])
    rows = ctx.where(DurableEvent, execution=execution.id)
    included = bool(req.get("IncludeExecutionData"))
    return ctx.page(req, rows.backwards() if req.get("ReverseOrder") else rows, lambda e: _to_wire(e, included=included))


def _to_wire(event: DurableEvent, *, included: bool) -> dict[str, Any]:
    def told(value: Any) -> dict[str, Any]:
        return {"Payload": value, "Truncated": False} if included else {"Truncated": True}

    details: dict[str, Any] = dict(event.details)
    for member, value in (("Input", event.input), ("Result", event.result), ("Error", event.error)):
        if value is not None:
            details[member] = told(value)
    if event.type.endswith("Succeeded") and event.type not in ("WaitSucceeded",):
        details.setdefault("Result", {})
    if event.type.endswith(("Failed", "Stopped")):
        details.setdefault("Error", {})
    wire: dict[str, Any] = {
        "EventType": event.type,
        "EventId": event.number,
        "EventTimestamp": event.time,
        f"{event.type}Details": details,
    }
    optional = (("Id", event.operation), ("Name", event.name), ("SubType", event.subtype), ("ParentId", event.parent))
    return wire | {member: value for member, value in optional if value}

"""AddPermission and RemovePermission: statements of the queue's policy, by label."""

from __future__ import annotations

import json
import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.sqs import errors
from cloudjar.services.sqs.queues import addressed, on_queue, queue_arn

MOST_ACTIONS = 7
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACCOUNT = re.compile(r"\d{12}")
ACTIONS = frozenset(
    (
        "*",
        "AddPermission",
        "ChangeMessageVisibility",
        "CreateQueue",
        "DeleteMessage",
        "DeleteQueue",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "ListQueueTags",
        "ListQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "RemovePermission",
        "SendMessage",
        "SetQueueAttributes",
        "TagQueue",
        "UntagQueue",
    )
)


@operation(on=on_queue)
def add_permission(ctx: Context, req: dict[str, Any]) -> None:
    label, accounts, actions = req["Label"], req["AWSAccountIds"], req["Actions"]
    _check(label, accounts, actions)
    home, queue = addressed(ctx, req)
    arn = queue_arn(home, queue.name)
    policy = json.loads(queue.policy) if queue.policy else {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}
    if any(statement.get("Sid") == label for statement in _statements(policy)):
        raise errors.invalid_value(label, "Label", "Already exists.")
    principals = [f"arn:{home.partition}:iam::{account}:root" for account in accounts]
    allowed = [f"SQS:{action}" for action in actions]
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Action": allowed[0] if len(allowed) == 1 else allowed,
        "Resource": arn,
    }
    policy["Statement"] = [*_statements(policy), statement]
    home.put(replace(queue, policy=json.dumps(policy, separators=(",", ":")), modified=home.now))


@operation(on=on_queue)
def remove_permission(ctx: Context, req: dict[str, Any]) -> None:
    home, queue = addressed(ctx, req)
    policy = json.loads(queue.policy) if queue.policy else {}
    statements = _statements(policy)
    kept = [statement for statement in statements if statement.get("Sid") != req["Label"]]
    if len(kept) == len(statements):
        raise errors.invalid_value(req["Label"], "Label", "can't find label on existing policy.")
    text = json.dumps({**policy, "Statement": kept}, separators=(",", ":")) if kept else ""
    home.put(replace(queue, policy=text, modified=home.now))


def _check(label: str, accounts: list[str], actions: list[str]) -> None:
    if not _LABEL.fullmatch(label):
        raise errors.invalid_value(label, "Label", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.")
    if not accounts:
        raise errors.missing_parameter("The request must contain the parameter AWSAccountIds.")
    if not actions:
        raise errors.missing_parameter("The request must contain the parameter Actions.")
    if len(actions) > MOST_ACTIONS:
        raise AwsError("OverLimit", f"{len(actions)} Actions were found, maximum allowed is {MOST_ACTIONS}.", status=403)
    for account in accounts:
        if not _ACCOUNT.fullmatch(account):
            raise errors.invalid_value(f"[{account}]", "PrincipalId", "Unable to verify.")
    for action in actions:
        if action not in ACTIONS:
            raise errors.invalid_value(
                f"SQS:{action}", "ActionName", "Please refer to the appropriate WSDL for a list of valid actions."
            )  # fmt: skip


def _statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    found = policy.get("Statement") or []
    return found if isinstance(found, list) else [found]

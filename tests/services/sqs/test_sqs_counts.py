"""Whatever happens to a queue, its counts, its groups and its messages agree."""

from __future__ import annotations

import random

import pytest
from botocore.exceptions import ClientError

from cloudjar.services.sqs.groups import Group
from cloudjar.services.sqs.messages import DELAYED, IN_FLIGHT, READY, Counts, Message


def check(world):
    """The truth by a walk over all records, beside what is kept."""
    with world._world().reading() as ctx:
        messages = list(ctx.where(Message))
        for counts in ctx.where(Counts):
            mine = [message for message in messages if message.store == counts.store]
            found = tuple(sum(message.state == state for message in mine) for state in (DELAYED, IN_FLIGHT))
            assert (counts.total, counts.delayed, counts.in_flight) == (len(mine), *found)
            groups = {group.name: group for group in ctx.where(Group, store=counts.store)}
            by_group: dict[str, list[Message]] = {}
            for message in sorted(mine, key=lambda each: each.seq):
                if message.fifo:
                    by_group.setdefault(message.group, []).append(message)
            assert groups.keys() == by_group.keys()
            for name, line in by_group.items():
                assert groups[name].in_flight == sum(message.state == IN_FLIGHT for message in line)
                assert groups[name].first == (line[0].seq if line[0].state == READY else 0)


@pytest.mark.parametrize("seed", range(4))
def test_counts_and_groups_agree_with_the_messages(world, sqs, make, arn_of, seed):
    dice = random.Random(seed)
    fifo = bool(seed % 2)
    suffix = ".fifo" if fifo else ""
    dead = make("dead" + suffix)
    policy = f'{{"deadLetterTargetArn": "{arn_of(dead)}", "maxReceiveCount": 2}}'
    url = make("orders" + suffix, RedrivePolicy=policy, MessageRetentionPeriod="120", VisibilityTimeout="20")
    handles: list[str] = []

    def act() -> None:
        kind = dice.choice(("send", "send", "send", "receive", "receive", "delete", "change", "wait", "purge", "delay"))
        if kind == "send":
            more = {"MessageGroupId": str(dice.randrange(3)), "MessageDeduplicationId": str(dice.random())} if fifo else {}
            if not fifo and dice.random() < 0.3:
                more = {"DelaySeconds": dice.randrange(30)}
            sqs.send_message(QueueUrl=url, MessageBody="x", **more)
        elif kind == "receive":
            found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=dice.randint(1, 10))
            handles.extend(message["ReceiptHandle"] for message in found.get("Messages", []))
        elif kind == "delete" and handles:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=dice.choice(handles))
        elif kind == "change" and handles:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=dice.choice(handles), VisibilityTimeout=dice.choice((0, 5, 40)))
        elif kind == "wait":
            world.clock.advance(seconds=dice.choice((1, 10, 30, 70)))
        elif kind == "delay":
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": dice.choice(("0", "15"))})
        elif dice.random() < 0.1:
            sqs.purge_queue(QueueUrl=url)

    for _ in range(150):
        try:
            act()
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
        check(world)

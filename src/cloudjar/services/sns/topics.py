"""Topics: their record, their names, and their life."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import islice
from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record
from cloudjar.services.sns import errors

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,251}\.fifo")
AT_ONCE = 1000


@record("sns.topic", key="name")
class Topic(Record):
    """A topic. `attributes` holds what was set, in AWS's spelling. `deleted` counts subscriptions that have gone."""

    name: str
    arn: str
    created: datetime
    attributes: dict[str, str]
    deleted: int = 0
    archived_since: datetime | None = None

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]


def parse_arn(ctx: Context, arn: str | None, member: str = "TopicArn") -> tuple[str, str]:
    """The account and name in a topic's ARN. Raises InvalidParameter."""
    parts = (arn or "").split(":")
    if len(parts) < 6:
        raise errors.invalid(f"{member} Reason: An ARN must have at least 6 elements, not {len(parts)}")
    # Links in messages are followed by nobody in particular, from no Region.
    if parts[:3] != ["arn", ctx.partition, "sns"] or (parts[3] != ctx.region and ctx.principal.kind != "anonymous") or not parts[5]:
        raise errors.invalid(member)
    return parts[4], parts[5]


def home_of(ctx: Context, arn: str) -> Context:
    """The context of a resource's account and Region."""
    parts = arn.split(":")
    return ctx if (parts[3], parts[4]) == (ctx.region, ctx.account) else ctx.at(region=parts[3], account=parts[4])


NAMESPACE = "AWS/SNS"


def count(ctx: Context, topic_arn: str, name: str, value: float = 1.0, unit: str = "Count") -> None:
    """Adds to one of a topic's metrics."""
    ctx.metric(NAMESPACE, name, (("TopicName", topic_arn.rpartition(":")[2]),), value, unit)


def find_topic(ctx: Context, arn: str | None, member: str = "TopicArn") -> tuple[Context, Topic]:
    """The topic and the context of its account; NotFound if there is none."""
    _, name = parse_arn(ctx, arn, member)
    home = home_of(ctx, arn or "")
    topic = home.get(Topic, name)
    if topic is None:
        raise errors.topic_not_found()
    return home, topic


def on_topic(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req.get("TopicArn") or "*")


@operation(on=lambda ctx, req: ctx.arn("sns", req["Name"]))
def create_topic(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.sns import signing, topic_attributes

    name, given = req["Name"], req.get("Attributes") or {}
    topic_tags = tags.from_list(req.get("Tags"))
    fifo = given.get("FifoTopic") == "true"
    if not (_FIFO_NAME if fifo else _NAME).fullmatch(name):
        reason = "Fifo Topic names must end with .fifo and must be made up of" if fifo else "Topic names must be made up of"
        raise errors.invalid(f"Topic Name Reason: {reason} only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens,"
                             " and must be between 1 and 256 characters long.")  # fmt: skip
    if req.get("DataProtectionPolicy"):
        raise not_implemented("sns", "CreateTopic", "DataProtectionPolicy")
    arn = ctx.arn("sns", name)
    existing = ctx.get(Topic, name)
    if existing:
        if any(topic_attributes.shown(ctx, existing).get(key, "") != value for key, value in given.items()):
            raise errors.invalid("Attributes Reason: Topic already exists with different attributes")
        if topic_tags and topic_tags != ctx.tags(arn):
            raise errors.invalid("Tags Reason: Topic already exists with different tags")
        return {"TopicArn": arn}
    _check_tags(topic_tags)
    topic = Topic(name, arn, ctx.now, {})
    for key, value in given.items():
        topic = topic_attributes.changed(topic, key, value, ctx.now, creating=True)
    ctx.put(topic)
    ctx.set_tags(arn, topic_tags)
    signing.prepare(ctx)
    return {"TopicArn": arn}


@operation(on=on_topic)
def delete_topic(ctx: Context, req: dict[str, Any]) -> None:
    _, name = parse_arn(ctx, req["TopicArn"])
    home = home_of(ctx, req["TopicArn"])
    topic = home.get(Topic, name)
    if topic:
        if topic.archived_since:
            raise errors.archive_stands()
        home.delete(topic)
        home.set_tags(topic.arn, {})
        _forget(home, topic.arn)


@timer
def forget_topic(ctx: Context, arn: str) -> None:
    """Removes a deleted topic's subscriptions, some at a time."""
    _forget(ctx, arn)


def _forget(ctx: Context, arn: str) -> None:
    from cloudjar.services.sns.deduplication import Deduplication
    from cloudjar.services.sns.subscriptions import Subscription

    gone: list[Subscription | Deduplication] = list(islice(ctx.where(Subscription, topic_arn=arn), AT_ONCE))
    gone += islice(ctx.where(Deduplication, topic_arn=arn), AT_ONCE - len(gone))
    for each in gone:
        ctx.delete(each)
    if len(gone) == AT_ONCE:
        ctx.after(forget_topic, arn)


@operation(on=lambda ctx, req: "*")
def list_topics(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return ctx.page(
        req, ctx.where(Topic), lambda topic: {"TopicArn": topic.arn}, default=100, maximum=100, error=errors.invalid("NextToken")
    )


# Tags


def on_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["ResourceArn"])


@operation(on=on_resource)
def tag_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, arn = _tagged(ctx, req)
    added = tags.from_list(req["Tags"])
    _check_tags({**home.tags(arn), **added})
    home.add_tags(arn, added)
    return {}


@operation(on=on_resource)
def untag_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, arn = _tagged(ctx, req)
    home.remove_tags(arn, req["TagKeys"])
    return {}


@operation(on=on_resource)
def list_tags_for_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, arn = _tagged(ctx, req)
    return {"Tags": tags.to_list(home.tags(arn))}


def _tagged(ctx: Context, req: dict[str, Any]) -> tuple[Context, str]:
    try:
        home, topic = find_topic(ctx, req["ResourceArn"], "ResourceArn")
    except AwsError as error:
        raise (errors.resource_not_found() if error.code == "NotFound" else error) from error
    return home, topic.arn


def _check_tags(wanted: dict[str, str]) -> None:
    if len(wanted) > tags.LIMIT:
        raise errors.too_many_tags()
    tags.check(wanted, "InvalidParameter")

"""Publish and PublishBatch."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Any

import msgspec

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.sns import archive, deduplication, encryption, errors, fan_out, message_attributes, platform_endpoints, sms
from cloudjar.services.sns.topics import Topic, count, find_topic

LARGEST = 262_144
MOST_ENTRIES = 10
FIRST_SEQUENCE_NUMBER = 10_000_000_000_000_000_000
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_TOKEN = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_SUBJECT = re.compile(r"[\x20-\x7e]{1,100}")
_PHONE = re.compile(r"\+?[0-9]{5,20}")


class Published(msgspec.Struct, frozen=True):
    """A message that was accepted."""

    id: str
    time: datetime
    message: str
    by_protocol: dict[str, str]
    """What MessageStructure "json" has for single protocols."""
    subject: str | None
    attributes: dict[str, dict[str, Any]]
    group: str = ""
    deduplication_id: str = ""
    sequence_number: str = ""

    def text_for(self, protocol: str) -> str:
        """The message as this protocol's subscribers get it."""
        return self.by_protocol.get(protocol, self.message)


def on_target(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req.get("TopicArn") or req.get("TargetArn") or "*")


@operation(on=on_target)
def publish(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    target, phone = req.get("TopicArn") or req.get("TargetArn"), req.get("PhoneNumber")
    if (target is None) == (phone is None) or (req.get("TopicArn") and req.get("TargetArn")):
        raise errors.invalid(
            "TopicArn or TargetArn Reason: no value for required parameter" if not target else "Only one target is allowed"
        )
    if phone is not None:
        if not _PHONE.fullmatch(phone):
            raise errors.invalid(f"PhoneNumber Reason: {phone} is not valid to publish to")
        published = _read(ctx, None, req)
        sms.send(ctx, phone, published.text_for("sms"), message_id=published.id, subject=published.subject or "", published=published.time)
        return {"MessageId": published.id}
    assert target is not None
    if ":endpoint/" in target:
        published = _read(ctx, None, req)
        platform_endpoints.push(ctx, target, published)
        return {"MessageId": published.id}
    home, topic = find_topic(ctx, target, "TopicArn" if req.get("TopicArn") else "TargetArn")
    return _publish(ctx, home, topic, req)


@operation(on=lambda ctx, req: req["TopicArn"])
def publish_batch(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    home, topic = find_topic(ctx, req["TopicArn"])
    entries = req["PublishBatchRequestEntries"]
    if not entries:
        raise errors.empty_batch()
    if len(entries) > MOST_ENTRIES:
        raise errors.too_many_entries()
    ids = [entry["Id"] for entry in entries]
    if len(set(ids)) < len(ids):
        raise errors.repeated_entry_id()
    if not all(_ENTRY_ID.fullmatch(each) for each in ids):
        raise errors.invalid_entry_id()
    if sum(len(entry["Message"].encode("utf-8", "surrogatepass")) for entry in entries) > LARGEST:
        raise errors.batch_too_long()
    answer: dict[str, Any] = {"Successful": [], "Failed": []}
    for entry in entries:
        try:
            with ctx.transaction():
                answer["Successful"].append({"Id": entry["Id"], **_publish(ctx, home, topic, entry)})
        except AwsError as error:
            fault = (error.status or 400) < 500
            answer["Failed"].append({"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": fault})
    return answer


def _publish(ctx: Context, home: Context, topic: Topic, req: dict[str, Any]) -> dict[str, Any]:
    published = _read(ctx, topic, req)
    answer = {"MessageId": published.id}
    if topic.fifo:
        known = deduplication.earlier(home, topic, published.group, published.deduplication_id)
        if known:
            return {"MessageId": known.message_id, "SequenceNumber": known.sequence_number}
        answer["SequenceNumber"] = published.sequence_number
        deduplication.remember(home, topic, published.group, published.deduplication_id, published.id, published.sequence_number)
    encryption.check_key(ctx, topic)
    count(home, topic.arn, "NumberOfMessagesPublished")
    size = len(req["Message"].encode("utf-8", "surrogatepass")) + message_attributes.size(published.attributes)
    count(home, topic.arn, "PublishSize", float(size), "Bytes")
    fan_out.deliver(home, topic, published)
    archive.keep(home, topic, published)
    return answer


def _read(ctx: Context, topic: Topic | None, req: dict[str, Any]) -> Published:
    """The message of a request. Raises InvalidParameter, ParameterValueInvalid."""
    message, subject = req["Message"], req.get("Subject")
    if not message:
        raise errors.invalid("Empty message")
    if subject is not None and (not _SUBJECT.fullmatch(subject) or subject[0] == " "):
        raise errors.invalid("Subject")
    attributes = message_attributes.check(req.get("MessageAttributes") or {})
    if len(message.encode("utf-8", "surrogatepass")) + message_attributes.size(attributes) > LARGEST:
        raise errors.invalid("Message too long")
    by_protocol: dict[str, str] = {}
    structure = req.get("MessageStructure")
    if structure:
        if structure != "json":
            raise errors.invalid(f"MessageStructure: {structure}")
        by_protocol = _structured(message)
        message = by_protocol.pop("default")
    group, deduplication_id = _placement(topic, req) if topic else ("", "")
    sequence_number = ""
    if topic and topic.fifo:
        sequence_number = str(FIRST_SEQUENCE_NUMBER + 1000 * ctx.world.step(ctx._open(), "sns"))
    return Published(ctx.ids.uuid(), ctx.now, message, by_protocol, subject, attributes, group, deduplication_id, sequence_number)


def _structured(message: str) -> dict[str, str]:
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise errors.invalid("Message Structure - JSON message body failed to parse")
    if not isinstance(found.get("default"), str):
        raise errors.invalid("Message Structure - No default entry in JSON message body")
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _placement(topic: Topic, req: dict[str, Any]) -> tuple[str, str]:
    """The group and the deduplication id of a message."""
    group, given = req.get("MessageGroupId"), req.get("MessageDeduplicationId")
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", given)):
        if value is not None and not _TOKEN.fullmatch(value):
            raise errors.invalid(f"{name} Reason: it can only include alphanumeric and punctuation characters. 1 to 128 in length.")
    if not topic.fifo:
        if given is not None:
            raise errors.invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type"
            )
        return group or "", ""
    if group is None:
        raise errors.invalid("The MessageGroupId parameter is required for FIFO topics")
    if given is not None:
        return group, given
    if topic.attributes.get("ContentBasedDeduplication") != "true":
        raise errors.invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
    return group, hashlib.sha256(req["Message"].encode("utf-8", "surrogatepass")).hexdigest()

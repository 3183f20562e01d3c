"""/_aws/sqs and /_aws/sns: looks at messages that change nothing, and the mail and text messages that went nowhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from cloudjar.gateway.own_http import Ask, Refusal, answer
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.world import DEFAULT_ACCOUNT, DEFAULT_REGION
from cloudjar.wire.hosts import parse_host
from cloudjar.wire.http import Response

SQS_NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"
_TRUE = ("true", "1", "yes")


def sqs_messages(ask: Ask) -> Response:
    """The messages of `QueueUrl`, or of the path's REGION/ACCOUNT/NAME; all are still there afterwards.

    `ShowInvisible` and `ShowDelayed` show those that nobody can receive now.
    XML as ReceiveMessage once gave it, JSON where the client accepts that.
    """
    from cloudjar.services.sqs import inspection

    place = ask.request.path.removeprefix("/_aws/sqs/messages").strip("/").split("/")
    if len(place) == 3:
        region, url = place[0], "/" + unquote("/".join(place[1:]))
    else:
        url = ask.text("QueueUrl")
        region = ask.query.get("region") or parse_host(url.partition("://")[2].partition("/")[0]).region or DEFAULT_REGION
    with _looking(ask, DEFAULT_ACCOUNT, region) as ctx:
        try:
            found = inspection.look(ctx, url, invisible=_flag(ask, "ShowInvisible"), delayed=_flag(ask, "ShowDelayed"))
        except AwsError as error:
            raise Refusal(error.status or 400, error.code, error.message) from error
    if "json" in ask.request.headers.get("accept", ""):
        return answer({"ReceiveMessageResponse": {"ReceiveMessageResult": {"Message": [_listed(each) for each in found]}}})
    messages = "".join([_message_xml(each) for each in found])
    xml = (
        f'<?xml version="1.0"?><ReceiveMessageResponse xmlns="{SQS_NAMESPACE}"><ReceiveMessageResult>{messages}</ReceiveMessageResult>'
        f"<ResponseMetadata><RequestId>{ask.jar.next_request_id()}</RequestId></ResponseMetadata></ReceiveMessageResponse>"
    )
    return Response(200, {"content-type": "text/xml", "cache-control": "no-store"}, xml.encode())


# SNS

_KINDS = {"email-messages": "email", "sms-messages": "sms", "platform-endpoint-messages": "push"}
_MEMBERS = {"email": "email_messages", "sms": "sms_messages", "push": "platform_endpoint_messages"}
_ADDRESSES = {"email": "emailAddress", "sms": "phoneNumber", "push": "endpointArn"}


def sns_outbox(ask: Ask) -> Response:
    """The mail, text messages or push notifications that SNS would have sent, by their address."""
    from cloudjar.services.sns import outbox

    kind, account, region = _outbox_asked(ask)
    by_address: dict[str, list[dict[str, Any]]] = {}
    with _looking(ask, account, region) as ctx:
        for sent in outbox.messages(ctx, kind, ask.query.get(_ADDRESSES[kind], "")):
            shown = {
                "MessageId": sent.message_id,
                "Message": sent.text,
                "Subject": sent.subject or None,
                "TopicArn": sent.topic_arn or None,
                "MessageAttributes": sent.attributes or None,
                "PhoneNumber" if kind == "sms" else "TargetArn" if kind == "push" else "EmailAddress": sent.to,
                "Timestamp": sent.time,
            }
            by_address.setdefault(sent.to, []).append(shown)
    return answer({_MEMBERS[kind]: by_address, "region": region})


def clear_sns_outbox(ask: Ask) -> Response:
    """Forgets them."""
    from cloudjar.services.sns import outbox

    kind, account, region = _outbox_asked(ask)
    with _looking(ask, account, region) as ctx:
        outbox.clear(ctx, kind, ask.query.get(_ADDRESSES[kind], ""))
    return Response(204)


def _outbox_asked(ask: Ask) -> tuple[str, str, str]:
    kind = _KINDS[ask.request.path.rstrip("/").rpartition("/")[2]]
    return kind, ask.query.get("accountId", DEFAULT_ACCOUNT), ask.query.get("region", DEFAULT_REGION)


def sns_sms_reply(ask: Ask) -> Response:
    """Somebody answers a text message; "STOP" opts the number out, as it does on AWS."""
    from cloudjar.services.sns import sms

    account, region = ask.query.get("accountId", DEFAULT_ACCOUNT), ask.query.get("region", DEFAULT_REGION)
    phone, text = ask.text("phoneNumber"), ask.text("text")
    with _looking(ask, account, region) as ctx:
        return answer({"optedOut": sms.reply(ctx, phone, text)})


def sns_subscription_token(ask: Ask) -> Response:
    """The token with which a subscription can be confirmed, whatever became of the message that carries it."""
    from cloudjar.services.sns.subscriptions import Subscription

    arn = unquote(ask.request.path).rstrip("/").rpartition("/")[2]
    topic_arn, _, subscription_id = arn.rpartition(":")
    with ask.world.reading() as ctx:
        found = ctx.get(Subscription, topic_arn, subscription_id)
    if found is None or not found.token:
        raise Refusal(404, "NotFound", f"There is no subscription {arn} that waits, or waited, to be confirmed.")
    return answer({"subscription_token": found.token, "subscription_arn": arn})


def sns_certificate(ask: Ask) -> Response:
    """The certificate that verifies the signatures of SNS's messages."""
    from cloudjar.services.sns.signing import SigningKey

    with ask.world.reading() as ctx:
        found = ctx.get(SigningKey, "sns")
    if found is None or found.path != ask.request.path:
        raise Refusal(404, "NotFound", "There is no such certificate.")
    return Response(200, {"content-type": "application/x-pem-file"}, found.certificate_pem)


# SQS's shapes


def _listed(message: dict[str, Any]) -> dict[str, Any]:
    """A message in the query protocol's form: attributes as a list of names and values."""
    shown = {name: value for name, value in message.items() if name not in ("Attributes", "MessageAttributes")}
    shown["Attribute"] = [{"Name": name, "Value": value} for name, value in message["Attributes"].items()]
    if message.get("MessageAttributes"):
        shown["MessageAttribute"] = [{"Name": name, "Value": value} for name, value in message["MessageAttributes"].items()]
    return shown


def _message_xml(message: dict[str, Any]) -> str:
    from base64 import b64encode

    parts = [f"<{name}>{escape(message[name])}</{name}>" for name in ("MessageId", "ReceiptHandle", "MD5OfBody", "Body")]
    parts += [f"<Attribute><Name>{n}</Name><Value>{escape(v)}</Value></Attribute>" for n, v in message["Attributes"].items()]
    for name, value in message.get("MessageAttributes", {}).items():
        inner = "".join([f"<{k}>{escape(b64encode(v).decode() if isinstance(v, bytes) else v)}</{k}>" for k, v in value.items()])
        parts.append(f"<MessageAttribute><Name>{escape(name)}</Name><Value>{inner}</Value></MessageAttribute>")
    return f"<Message>{''.join(parts)}</Message>"


def _flag(ask: Ask, name: str) -> bool:
    return str(ask.body.get(name, ask.query.get(name, ""))).lower() in _TRUE


class _looking:
    """A context for looking, in an account and Region."""

    def __init__(self, ask: Ask, account: str, region: str) -> None:
        self._reading = ask.world.reading()
        self._account, self._region = account, region

    def __enter__(self) -> Context:
        return self._reading.__enter__().at(account=self._account, region=self._region)

    def __exit__(self, *problem: Any) -> None:
        self._reading.__exit__(*problem)

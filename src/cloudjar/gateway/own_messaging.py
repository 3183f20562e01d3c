"""/_aws/sqs and /_aws/sns: looks at messages that change nothing, and the mail and text messages that went nowhere."""

from __future__ import annotations

from typing import Any
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
    """The messages of `QueueUrl`, all still there afterwards; `ShowInvisible` and `ShowDelayed` show those that nobody can receive now.

    XML as ReceiveMessage once gave it, JSON where the client accepts that.
    """
    from cloudjar.services.sqs import inspection

    url = ask.body.get("QueueUrl") or ask.text("QueueUrl")
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

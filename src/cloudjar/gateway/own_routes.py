"""The own API's table of paths, and the way of a request through it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from cloudjar.gateway import localstack, own_clock, own_iam, own_issuers, own_lambda, own_looks, own_messaging, own_tables, own_worlds
from cloudjar.gateway.own_http import Ask, Handler, Refusal, check_asker, read_body, read_query, refused
from cloudjar.kernel.world import World
from cloudjar.kernel.worlds import WorldProblem
from cloudjar.wire.http import BodyTooLarge, BodyTruncated, Request, Response

if TYPE_CHECKING:
    from cloudjar.gateway.jar import Jar

ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/_cloudjar/health"): own_looks.health,
    ("GET", "/_cloudjar/info"): own_looks.info,
    ("GET", "/_cloudjar/worlds"): own_worlds.show,
    ("POST", "/_cloudjar/worlds"): own_worlds.fork,
    ("POST", "/_cloudjar/worlds/fork"): own_worlds.fork,
    ("POST", "/_cloudjar/worlds/save"): own_worlds.save,
    ("POST", "/_cloudjar/worlds/restore"): own_worlds.restore,
    ("POST", "/_cloudjar/worlds/reset"): own_worlds.reset,
    ("POST", "/_cloudjar/worlds/drop"): own_worlds.drop,
    ("GET", "/_cloudjar/worlds/export"): own_worlds.export,
    ("POST", "/_cloudjar/worlds/import"): own_worlds.import_,
    ("GET", "/_cloudjar/clock"): own_clock.show,
    ("POST", "/_cloudjar/clock/freeze"): own_clock.freeze,
    ("POST", "/_cloudjar/clock/resume"): own_clock.resume,
    ("POST", "/_cloudjar/clock/set"): own_clock.set_,
    ("POST", "/_cloudjar/clock/advance"): own_clock.advance,
    ("POST", "/_cloudjar/clock/rate"): own_clock.rate,
    ("POST", "/_cloudjar/clock/autojump"): own_clock.autojump,
    ("POST", "/_cloudjar/clock/hold"): own_clock.hold,
    ("POST", "/_cloudjar/clock/release"): own_clock.release,
    ("GET", "/_cloudjar/timers"): own_looks.timers,
    ("GET", "/_cloudjar/events"): own_looks.events,
    ("GET", "/_cloudjar/calls"): own_looks.calls,
    ("GET", "/_cloudjar/denials"): own_iam.denials,
    ("GET", "/_cloudjar/policy"): own_iam.policy,
    ("GET", "/_cloudjar/coverage"): own_looks.coverage,
    ("GET", "/_cloudjar/ca"): own_looks.ca_files,
    ("GET", "/_cloudjar/ca.pem"): own_looks.ca,
    ("GET", "/_cloudjar/ca-bundle.pem"): own_looks.ca_bundle,
    ("GET", "/_cloudjar/lambda/package"): own_lambda.package,
    ("GET", "/_cloudjar/lambda/runtimes"): own_lambda.runtimes,
    ("POST", "/_cloudjar/lambda/runtimes"): own_lambda.choose_runtimes,
    ("GET", "/_localstack/health"): localstack.health,
    ("POST", "/_localstack/health"): localstack.act,
    ("GET", "/_localstack/info"): localstack.info,
    ("GET", "/_localstack/init"): localstack.init,
    ("GET", "/_localstack/init/boot"): localstack.init,
    ("GET", "/_localstack/init/start"): localstack.init,
    ("GET", "/_localstack/init/ready"): localstack.init,
    ("GET", "/_localstack/init/shutdown"): localstack.init,
    ("POST", "/_localstack/state/save"): localstack.save,
    ("POST", "/_localstack/state/load"): localstack.load,
    ("POST", "/_localstack/state/reset"): localstack.reset,
    ("DELETE", "/_aws/dynamodb/expired"): own_tables.expire,
    ("GET", "/_aws/sqs/messages"): own_messaging.sqs_messages,
    ("POST", "/_aws/sqs/messages"): own_messaging.sqs_messages,
    ("GET", "/_aws/sns/email-messages"): own_messaging.sns_outbox,
    ("DELETE", "/_aws/sns/email-messages"): own_messaging.clear_sns_outbox,
    ("GET", "/_aws/sns/sms-messages"): own_messaging.sns_outbox,
    ("DELETE", "/_aws/sns/sms-messages"): own_messaging.clear_sns_outbox,
    ("POST", "/_aws/sns/sms-replies"): own_messaging.sns_sms_reply,
    ("GET", "/_aws/sns/platform-endpoint-messages"): own_messaging.sns_outbox,
    ("DELETE", "/_aws/sns/platform-endpoint-messages"): own_messaging.clear_sns_outbox,
}

PREFIXED: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/SimpleNotificationService-", own_messaging.sns_certificate),
    ("GET", own_issuers.WELL_KNOWN, own_issuers.document),
    ("GET", own_issuers.BY_PATH, own_issuers.document),
    ("GET", "/_aws/sqs/messages/", own_messaging.sqs_messages),
    ("GET", "/_aws/sns/subscription-tokens/", own_messaging.sns_subscription_token),
)
"""Paths whose end says which thing is meant."""

STREAMED = frozenset({"/_cloudjar/worlds/import"})
"""Paths whose body is not JSON; the handler reads it."""


async def answer_to(jar: Jar, world: World, request: Request) -> Response:
    """The answer to one request for the own API; never raises."""
    try:
        return await _answer(jar, world, request)
    except Refusal as refusal:
        return refused(refusal)
    except WorldProblem as problem:
        return refused(Refusal(404 if "There is no" in str(problem) else 409, "WorldProblem", str(problem)))
    except BodyTooLarge:
        return refused(Refusal(413, "BodyTooLarge", "The body is larger than anything that this API takes."))
    except BodyTruncated:
        return refused(Refusal(400, "BodyTruncated", "The body ended before all of it had come."))
    except Exception as error:  # the rim: a bug of ours, in full in the log
        jar.log_failure(f"{request.method} {request.path}", error)
        return refused(Refusal(500, "InternalFailure", f"cloudjar failed: {error!r}. The log has the traceback: `cloudjar logs`."))


async def _answer(jar: Jar, world: World, request: Request) -> Response:
    check_asker(request)
    method = "GET" if request.method == "HEAD" else request.method
    path = request.path.rstrip("/")
    handler = ROUTES.get((method, path)) or next((each for verb, at, each in PREFIXED if verb == method and path.startswith(at)), None)
    if handler is None:
        raise _unknown(method, path)
    query = read_query(request.query)
    if "world" in query:
        world = jar.worlds.existing(query["world"])
    ask = Ask(jar, world, request, query)
    if method != "GET" and path not in STREAMED:
        ask.body = await read_body(request)
    found = handler(ask)
    return await found if inspect.isawaitable(found) else found


def _unknown(method: str, path: str) -> Refusal:
    allowed = [each for each, known in ROUTES if known == path]
    if allowed:
        return Refusal(405, "MethodNotAllowed", f"{path} takes {' and '.join(allowed)}, not {method}.", {"allow": ", ".join(allowed)})
    if path.startswith("/_aws"):
        return Refusal(501, "NotImplemented", f"cloudjar does not have {path}.")
    if path.startswith("/_localstack/state/"):
        return Refusal(
            501, "NotImplemented", "cloudjar saves, loads and resets a whole world, not single services: /_localstack/state/reset."
        )
    start = "/_localstack" if path.startswith("/_localstack") else "/_cloudjar"
    known = ", ".join(sorted({each for _, each in ROUTES if each.startswith(start)}))
    return Refusal(404, "NotFound", f"There is no {path}. There are: {known}.")

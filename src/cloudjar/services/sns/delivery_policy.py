"""Delivery policies: when a delivery that failed is tried again.

Source: "Creating an HTTP/S delivery policy" and "Amazon SNS message delivery retries", SNS Developer Guide.
"""

from __future__ import annotations

import json
from typing import Any

from cloudjar.services.sns import errors

DEFAULT: dict[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
CONTENT_TYPE = "text/plain; charset=UTF-8"
BACKOFFS = ("arithmetic", "exponential", "geometric", "linear")
MOST_RETRIES = 100
LONGEST_DELAY = 3600


def read_topic_policy(text: str) -> dict[str, Any]:
    """A topic's DeliveryPolicy that is in order. Raises InvalidParameter."""
    policy = _object(text)
    http = policy.get("http")
    if set(policy) - {"http"} or not isinstance(http, dict):
        raise errors.invalid("DeliveryPolicy: must have the one member http")
    known = {"defaultHealthyRetryPolicy", "disableSubscriptionOverrides", "defaultThrottlePolicy", "defaultRequestPolicy"}
    if set(http) - known:
        raise errors.invalid(f"DeliveryPolicy: unknown member {min(set(http) - known)}")
    _check(http.get("defaultHealthyRetryPolicy"), http.get("defaultThrottlePolicy"), http.get("defaultRequestPolicy"))
    return policy


def read_subscription_policy(text: str) -> dict[str, Any]:
    """A subscription's DeliveryPolicy that is in order. Raises InvalidParameter."""
    policy = _object(text)
    known = {"healthyRetryPolicy", "throttlePolicy", "requestPolicy", "sicklyRetryPolicy", "guaranteed"}
    if set(policy) - known:
        raise errors.invalid(f"DeliveryPolicy: unknown member {min(set(policy) - known)}")
    _check(policy.get("healthyRetryPolicy"), policy.get("throttlePolicy"), policy.get("requestPolicy"))
    return policy


def effective_topic_policy(text: str) -> dict[str, Any]:
    """A topic's policy with AWS's defaults in it."""
    http = (json.loads(text) if text else {}).get("http", {})
    throttle = _given(http.get("defaultThrottlePolicy"))
    return {
        "http": {
            "defaultHealthyRetryPolicy": {**DEFAULT, **_given(http.get("defaultHealthyRetryPolicy"))},
            "disableSubscriptionOverrides": bool(http.get("disableSubscriptionOverrides")),
            "defaultRequestPolicy": {"headerContentType": CONTENT_TYPE, **_given(http.get("defaultRequestPolicy"))},
            **({"defaultThrottlePolicy": throttle} if throttle else {}),
        }
    }


def effective_subscription_policy(topic_policy: str, own: str) -> dict[str, Any]:
    """What counts for one subscription: its own policy over the topic's, unless the topic forbids that."""
    http = effective_topic_policy(topic_policy)["http"]
    policy = json.loads(own) if own and not http["disableSubscriptionOverrides"] else {}
    return {
        "healthyRetryPolicy": {**http["defaultHealthyRetryPolicy"], **_given(policy.get("healthyRetryPolicy"))},
        "requestPolicy": {**http["defaultRequestPolicy"], **_given(policy.get("requestPolicy"))},
        "sicklyRetryPolicy": None,
        "throttlePolicy": _given(policy.get("throttlePolicy")) or http.get("defaultThrottlePolicy"),
        "guaranteed": False,
    }


def delays(policy: dict[str, Any]) -> list[int]:
    """The seconds before each retry: at once, the shortest delay, backing off, the longest delay."""
    low, high = policy["minDelayTarget"], policy["maxDelayTarget"]
    early, least, most = policy["numNoDelayRetries"], policy["numMinDelayRetries"], policy["numMaxDelayRetries"]
    between = max(0, policy["numRetries"] - early - least - most)
    found = [0] * early + [low] * least + [_backoff(policy["backoffFunction"], low, high, at, between) for at in range(between)]
    return (found + [high] * most)[: policy["numRetries"]]


def managed_delay(attempt: int) -> int | None:
    """Seconds before retry number `attempt` (from 1) of a delivery to a queue or function; None when SNS gives up, after 23 days."""
    if attempt <= 3:
        return 0
    if attempt <= 5:
        return 1
    if attempt <= 15:
        return min(20, round(20 ** ((attempt - 5) / 10)))
    return 20 if attempt <= 100_015 else None


def _backoff(function: str, low: int, high: int, at: int, count: int) -> int:
    if count <= 1 or high <= low:
        return low
    share = at / (count - 1)
    if function == "linear":
        return round(low + (high - low) * share)
    if function == "arithmetic":
        return round(low + (high - low) * at * (at + 1) / ((count - 1) * count))
    if function == "geometric":
        return round(max(low, 1) * (high / max(low, 1)) ** share)
    return min(high, round(max(low, 1) * 2**at))


def _check(retry: Any, throttle: Any, request: Any) -> None:
    if throttle is not None:
        rate = throttle.get("maxReceivesPerSecond") if isinstance(throttle, dict) and set(throttle) <= {"maxReceivesPerSecond"} else 0
        if rate is not None and (type(rate) is not int or rate < 1):
            raise errors.invalid("DeliveryPolicy: throttlePolicy.maxReceivesPerSecond must be a whole number greater than 0")
    if request is not None and (not isinstance(request, dict) or not isinstance(request.get("headerContentType", ""), str)):
        raise errors.invalid("DeliveryPolicy: requestPolicy")
    if retry is None:
        return
    if not isinstance(retry, dict) or set(retry) - set(DEFAULT):
        raise errors.invalid("DeliveryPolicy: healthyRetryPolicy")
    whole = {**DEFAULT, **_given(retry)}
    for name, most in (("minDelayTarget", LONGEST_DELAY), ("maxDelayTarget", LONGEST_DELAY), ("numRetries", MOST_RETRIES)):
        if type(whole[name]) is not int or not 0 <= whole[name] <= most:
            raise errors.invalid(f"DeliveryPolicy: {name} must be between 0 and {most}")
    for name in ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries"):
        if type(whole[name]) is not int or not 0 <= whole[name] <= MOST_RETRIES:
            raise errors.invalid(f"DeliveryPolicy: {name} must be between 0 and {MOST_RETRIES}")
    if "maxDelayTarget" in retry and whole["maxDelayTarget"] < whole["minDelayTarget"]:
        raise errors.invalid("DeliveryPolicy: maxDelayTarget must be greater than or equal to minDelayTarget")
    if whole["backoffFunction"] not in BACKOFFS:
        raise errors.invalid("DeliveryPolicy: backoffFunction")


def _given(policy: Any) -> dict[str, Any]:
    """The members that say something: null means AWS's default."""
    return {name: value for name, value in (policy or {}).items() if value is not None}


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise errors.invalid("DeliveryPolicy: failed to parse JSON.")
    return found

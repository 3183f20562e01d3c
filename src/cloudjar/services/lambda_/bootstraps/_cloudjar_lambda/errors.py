"""Errors as callers and logs are told of them."""

# It runs in functions, not in the jar: kept to what Python 3.6 knows, and out of the type checker's way.
# mypy: ignore-errors
# ruff: noqa: UP031

import json
import os
import sys
import time

from _cloudjar_lambda.logs import SECONDS, write_record

# What AWS's runtime warns of where initialisation fails.
_WARNING = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, a Lambda "
    "runtime update can cause unexpected function behavior. For functions using managed runtimes, runtime updates can be triggered by a "
    "function change, or can be applied automatically. To determine if the runtime has been updated, check the runtime version in the "
    "INIT_START log entry. If this error correlates with a change in the runtime version, you may be able to mitigate this error by "
    "temporarily rolling back to the previous runtime version. For more information, see "
    "https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html"
)


class FaultException(Exception):
    """A failure of the runtime itself, in the words that a function's owner reads."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = trace or []


def describe(error):
    """(errorMessage, errorType, stackTrace) of an exception, without the runtime's own frames."""
    if isinstance(error, FaultException):
        return error.message, error.kind, error.trace
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    # As the code names its files: compiled, it may lie elsewhere.
    ours = (os.path.dirname(os.path.dirname(describe.__code__.co_filename)), "<frozen importlib")
    frames = [frame for frame in frames if not frame.filename.startswith(ours)]
    trace = traceback.format_list([(f.filename, f.lineno, f.name, f.line) for f in frames])
    return str(error), type(error).__name__, trace


def log_error(message, kind, trace, request_id=""):
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        told = {"timestamp": time.strftime(SECONDS, time.gmtime()), "level": "ERROR"}
        told.update(error_result(message, kind, trace, request_id))
        write_record(encode(told).decode())
        return
    lines = ["[ERROR] %s: %s" % (kind, message) if kind else "[ERROR] %s" % message]
    lines.append("Traceback (most recent call last):")
    for element in trace:
        for line in element.splitlines() or [""]:
            bare = line.lstrip(" ")
            # No-break spaces, as in AWS's logs: others would be lost there.
            lines.append("\u00a0" * (len(line) - len(bare)) + bare)
    write_record("\n".join(lines))


def warn_of_failed_init():
    import logging

    logging.warning(_WARNING)


def error_result(message, kind, trace, request_id):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def error_body(message, kind, trace, request_id):
    return encode(error_result(message, kind, trace, request_id))


def encode(value):
    """A handler's result as JSON, as AWS's runtime writes it: Decimals to the letter, letters past ASCII as they are since 3.12."""
    decimals = []

    def default(value):
        if type(value).__name__ == "Decimal" and type(value).__module__ in ("decimal", "_decimal"):
            if value.is_nan():
                return float("nan")
            decimals.append(str(value))
            return "\ue000decimal:%d\ue000" % (len(decimals) - 1)
        raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)

    ascii_only = sys.version_info < (3, 12)
    text = json.dumps(value, default=default, ensure_ascii=ascii_only)
    for number, decimal in enumerate(decimals):
        text = text.replace(json.dumps("\ue000decimal:%d\ue000" % number, ensure_ascii=ascii_only), decimal, 1)
    return text.encode("utf-8")

"""The Python runtime: loads the handler, then serves invocations from the Runtime API. Python 3.6 and later, few imports, one socket.

What starts it may be this file, or the same compiled, under the same name, by the very interpreter that runs it.
"""

# It runs in functions, not in the jar: kept to what Python 3.6 knows, and out of the type checker's way.
# mypy: ignore-errors
# ruff: noqa: UP031, UP036

import json
import os
import sys

from _cloudjar_lambda.api import Client
from _cloudjar_lambda.context import LambdaContext
from _cloudjar_lambda.errors import FaultException, describe, encode, error_body, log_error, warn_of_failed_init
from _cloudjar_lambda.logs import Current, LoggingFinder


def load(handler):
    """The handler function; raises FaultException in the runtime's own words."""
    module_name, dot, function_name = handler.rpartition(".")
    if not dot:
        raise FaultException("Runtime.MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % handler)
    name = module_name.replace("/", ".")
    import importlib

    try:
        if name.split(".")[0] in sys.builtin_module_names:
            raise FaultException("Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name)
        module = importlib.import_module(name)
    except ImportError as error:
        raise FaultException("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error)) from None
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        message = "Syntax error in module '%s': %s" % (module_name, error)
        raise FaultException("Runtime.UserCodeSyntaxError", message, trace) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise FaultException("Runtime.HandlerNotFound", message) from None


def stand_by(pipe, sdk):
    """Imports the AWS SDK, then waits until there is an invocation; its environment comes through the pipe."""
    given = list(sys.argv)
    before = set(sys.modules)
    if pipe.startswith("cold:"):
        pipe = pipe[5:]
    elif sys.version_info >= (3, 8):
        # The jar's SDK is too new for older ones.
        sys.path.append(os.path.dirname(sdk))
        import boto3  # noqa: F401

        sys.path.pop()
        # A function that brings any of it, or anything by such a name, must get its own: begin again without.
        own = {name.partition(".")[0] for folder in sys.path[:3] if os.path.isdir(folder) for name in os.listdir(folder)}
        if own & {name.partition(".")[0] for name in set(sys.modules) - before}:
            os.execv(sys.executable, [sys.executable, "-S", "-s", *given[:3], "cold:" + pipe])
    with open(pipe) as release:
        line = release.readline()
    if not line:
        raise SystemExit(0)
    os.environ.update(json.loads(line))


def main():
    # One pipe for both, so that what is written to one after the other is read so; a line goes out when it is whole.
    os.dup2(1, 2)
    if sys.version_info >= (3, 7):
        sys.stdout.reconfigure(line_buffering=True)
    else:
        import io

        # Python 3.6 would take ASCII where the locale is not installed.
        sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", line_buffering=True)
    env = os.environ
    version = "%d.%d" % sys.version_info[:2]
    task = env["LAMBDA_TASK_ROOT"]
    # As arguments, because a driver that mounts nothing rewrites paths there: where layers are, and one package of the SDK.
    # A wrapper (AWS_LAMBDA_EXEC_WRAPPER) is given the bare script.
    layers, sdk = sys.argv[1:3] if len(sys.argv) > 2 else ("/opt", env["LAMBDA_RUNTIME_DIR"] + "/boto3")
    sys.path[0:1] = [task, "%s/python/lib/python%s/site-packages" % (layers, version), layers + "/python"]
    sys.meta_path.insert(0, LoggingFinder())
    if len(sys.argv) > 3:
        stand_by(sys.argv[3], sdk)
    del sys.argv[1:]
    ours = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python")
    sys.path += ["/var/lang/lib/python%s/site-packages" % version, os.path.dirname(sdk), ours]
    import site

    # Started without `site`; functions still call exit() and quit().
    site.setquit()
    client = Client(env["AWS_LAMBDA_RUNTIME_API"])
    try:
        try:
            handler = load(env["_HANDLER"])
        except FaultException:
            raise
        except Exception as error:
            message, kind, trace = describe(error)
            warn_of_failed_init()
            log_error(message, kind, trace)
            client.post("init/error", error_body(message, kind, trace, ""), error_type=kind)
            return 1
        if env.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
            from _cloudjar_lambda.snapshots import go_on_from_snapshot

            if not go_on_from_snapshot(client):
                return 1
    except FaultException as fault:
        warn_of_failed_init()
        log_error(fault.message, fault.kind, fault.trace)
        client.post("init/error", error_body(fault.message, fault.kind, fault.trace, ""), error_type=fault.kind)
        return 1
    sys.stdout.flush()
    while True:
        serve(client, handler)


def serve(client, handler):
    """One invocation."""
    status, headers, payload = client.next()
    if status != 200:
        raise SystemExit(1)
    request_id = headers["lambda-runtime-aws-request-id"]
    Current.request_id = request_id
    Current.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
    trace_id = headers.get("lambda-runtime-trace-id")
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    try:
        context = LambdaContext(
            request_id,
            headers.get("lambda-runtime-invoked-function-arn", ""),
            int(headers.get("lambda-runtime-deadline-ms", "0")),
            headers.get("lambda-runtime-client-context"),
            Current.tenant_id,
        )
        try:
            event = json.loads(payload.decode("utf-8"))
        except ValueError as error:
            raise FaultException("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error) from None
        result = handler(event, context)
        kind = "application/json"
        try:
            if isinstance(result, bytes):
                body, kind = result, "application/unknown"
            else:
                body = encode(result)
        except Exception as error:
            raise FaultException("Runtime.MarshalError", "Unable to marshal response: %s" % error) from None
    except Exception as error:
        message, kind, trace = describe(error)
        log_error(message, kind, trace, request_id)
        sys.stdout.flush()
        client.answer(request_id, "error", error_body(message, kind, trace, request_id), error_type=kind)
        return
    sys.stdout.flush()
    client.answer(request_id, "response", body, kind)


if __name__ == "__main__":
    sys.exit(main())

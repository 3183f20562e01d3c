"""The Python runtime: loads the handler, then serves invocations from the Runtime API. Python 3.6 and later, few imports, one socket."""

# It runs in functions, not in the jar: kept to what Python 3.6 knows, and out of the type checker's way.
# mypy: ignore-errors
# ruff: noqa: UP031, UP036

import _socket as sockets  # `socket` itself takes longer to import than an invocation
import json
import os
import sys
import time

_API = "/2018-06-01/runtime/"
_SECONDS = "%Y-%m-%dT%H:%M:%SZ"
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


# The Runtime API


class Client:
    """One keep-alive connection."""

    def __init__(self, address):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.sock = None
        self.buffer = b""
        self.unsent = b""

    def request(self, data):
        """(status, headers, body) of the answer; connects again if the connection was lost between requests."""
        if self.sock is None:
            self.sock = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM)
            self.sock.connect((self.host, self.port))
            self.sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        self.sock.sendall(data)
        return self._answer()

    def _answer(self):
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            self._more()
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        self.buffer = self.buffer[end + 4 :]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        if len(self.buffer) < length:
            pieces, size = [self.buffer], len(self.buffer)
            while size < length:
                piece = self.sock.recv(min(1 << 20, length - size))
                if not piece:
                    raise SystemExit(1)
                pieces.append(piece)
                size += len(piece)
            self.buffer = b"".join(pieces)
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(lines[0].split(" ")[1]), headers, body

    def _more(self):
        data = self.sock.recv(1 << 16)
        if not data:
            # The sandbox is being ended.
            raise SystemExit(1)
        self.buffer += data

    def next(self):
        """Sends what came of the last invocation, and waits for another: in one write, because each one wakes the other side up."""
        unsent, self.unsent = self.unsent, b""
        answer = self.request(unsent + ("GET %sinvocation/next HTTP/1.1\r\nHost: %s\r\n\r\n" % (_API, self.host)).encode())
        return self._answer() if unsent else answer

    def restore_next(self):
        """Waits until the sandbox goes on from where it is now."""
        return self.request(("GET %srestore/next HTTP/1.1\r\nHost: %s\r\n\r\n" % (_API, self.host)).encode())

    def answer(self, request_id, what, body, content_type="application/json", error_type=""):
        """What came of an invocation; it goes out with the request for the next one."""
        self.unsent = self._post("invocation/%s/%s" % (request_id, what), body, content_type, error_type)

    def post(self, path, body, error_type=""):
        return self.request(self._post(path, body, "application/json", error_type))

    def _post(self, path, body, content_type, error_type):
        head = "POST %s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (
            _API,
            path,
            self.host,
            content_type,
            len(body),
        )
        if error_type:
            head += "Lambda-Runtime-Function-Error-Type: %s\r\n" % error_type
        return head.encode("latin-1") + b"\r\n" + body


# What the handler is given


class CognitoIdentity:
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __init__(self):
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None

    def __repr__(self):
        return "CognitoIdentity([cognito_identity_id=%s,cognito_identity_pool_id=%s])" % (
            self.cognito_identity_id,
            self.cognito_identity_pool_id,
        )


class Client_:
    __slots__ = ["app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id"]

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))


class ClientContext:
    __slots__ = ["client", "custom", "env"]

    def __init__(self, values):
        self.custom = values.get("custom")
        self.env = values.get("env")
        self.client = Client_(values.get("client") or {})


class LambdaContext:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    def __init__(self, request_id, arn, deadline_ms, client_context):
        env = os.environ
        self.aws_request_id = request_id
        self.log_group_name = env.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = env.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = arn
        self.tenant_id = None
        self.client_context = ClientContext(json.loads(client_context)) if client_context else None
        self.identity = CognitoIdentity()
        self._epoch_deadline_time_in_ms = deadline_ms

    def get_remaining_time_in_millis(self):
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, message):
        _write_record(str(message))

    def __repr__(self):
        return (
            "LambdaContext([aws_request_id=%s,log_group_name=%s,log_stream_name=%s,function_name=%s,memory_limit_in_mb=%s,function_version=%s,invoked_function_arn=%s,client_context=%s,identity=%s,tenant_id=%s])"
            % (
                self.aws_request_id,
                self.log_group_name,
                self.log_stream_name,
                self.function_name,
                self.memory_limit_in_mb,
                self.function_version,
                self.invoked_function_arn,
                self.client_context,
                self.identity,
                self.tenant_id,
            )
        )


# Logging


def _write_record(text):
    # One record is one log event: the platform puts the line breaks back.
    sys.stdout.write(text.rstrip("\n").replace("\n", "\r") + "\n")
    sys.stdout.flush()


class Current:
    """The invocation that is being served."""

    request_id = ""


class LoggingFinder:
    """Gives the root logger Lambda's handler when the function first imports `logging`; who does not, does not pay for it."""

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        import importlib.util

        spec = importlib.util.find_spec("logging")
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            _set_up_logging(module)

        class Loader:
            create_module = spec.loader.create_module
            get_code = getattr(spec.loader, "get_code", None)

        Loader.exec_module = staticmethod(exec_module)
        spec.loader = Loader
        return spec


def _set_up_logging(logging):
    class LambdaLoggerHandler(logging.Handler):
        def emit(self, record):
            try:
                _write_record(self.format(record))
            except Exception:
                self.handleError(record)

    class LambdaLoggerFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = Current.request_id
            return True

    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler()
    handler.setFormatter(
        logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S")
    )
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        handler.setFormatter(_json_formatter(logging))
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO")
        logging.getLogger().setLevel({"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(level, level))
    handler.addFilter(LambdaLoggerFilter())
    logging.getLogger().addHandler(handler)


def _json_formatter(logging):
    import traceback

    known = set(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"aws_request_id", "message", "asctime"}

    class JsonFormatter(logging.Formatter):
        def format(self, record):
            level = logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10)
            line = {"timestamp": self.formatTime(record, _SECONDS), "level": level}
            line["message"] = record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage()
            line["logger"] = record.name
            if record.exc_info:
                line["stackTrace"] = traceback.format_tb(record.exc_info[2])
                line["errorType"] = record.exc_info[0].__name__
                line["errorMessage"] = str(record.exc_info[1])
            line["requestId"] = record.aws_request_id
            if record.exc_info:
                line["location"] = "%s:%s:%d" % (record.pathname, record.funcName, record.lineno)
            line.update((name, value) for name, value in vars(record).items() if name not in known and name not in line)
            return json.dumps({name: value for name, value in line.items() if value is not None}, default=str, ensure_ascii=False) + "\n"

    return JsonFormatter()


# The handler


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


def describe(error):
    """(errorMessage, errorType, stackTrace) of an exception, without the runtime's own frames."""
    if isinstance(error, FaultException):
        return error.message, error.kind, error.trace
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    ours = (os.path.dirname(os.path.abspath(__file__)), "<frozen importlib")
    frames = [frame for frame in frames if not frame.filename.startswith(ours)]
    trace = traceback.format_list([(f.filename, f.lineno, f.name, f.line) for f in frames])
    return str(error), type(error).__name__, trace


def log_error(message, kind, trace, request_id=""):
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        told = {"timestamp": time.strftime(_SECONDS, time.gmtime()), "level": "ERROR"}
        told.update(error_result(message, kind, trace, request_id))
        _write_record(encode(told).decode())
        return
    lines = ["[ERROR] %s: %s" % (kind, message) if kind else "[ERROR] %s" % message]
    lines.append("Traceback (most recent call last):")
    for element in trace:
        for line in element.splitlines() or [""]:
            bare = line.lstrip(" ")
            # No-break spaces, as in AWS's logs: others would be lost there.
            lines.append("\u00a0" * (len(line) - len(bare)) + bare)
    _write_record("\n".join(lines))


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
        if env.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start" and not go_on_from_snapshot(client):
            return 1
    except FaultException as fault:
        warn_of_failed_init()
        log_error(fault.message, fault.kind, fault.trace)
        client.post("init/error", error_body(fault.message, fault.kind, fault.trace, ""), error_type=fault.kind)
        return 1
    sys.stdout.flush()
    while True:
        serve(client, handler)


def go_on_from_snapshot(client):
    """Runs the function's hooks before, waits, and runs those after; whether all went well. Raises FaultException."""
    hooks = sys.modules.get("snapshot_restore_py")
    try:
        before = list(hooks.get_before_snapshot()) if hooks else []
        for function, args, kwargs in reversed(before):
            function(*args, **kwargs)
    except Exception as error:
        message, _, trace = describe(error)
        raise FaultException("Runtime.BeforeSnapshotError", message, trace) from None
    sys.stdout.flush()
    status, _, _ = client.restore_next()
    if status != 200:
        raise SystemExit(1)
    try:
        after = list(hooks.get_after_restore()) if hooks else []
        for function, args, kwargs in after:
            function(*args, **kwargs)
    except Exception as error:
        message, _, trace = describe(error)
        kind = "Runtime.AfterRestoreError"
        log_error(message, kind, trace)
        client.post("restore/error", error_body(message, kind, trace, ""), error_type=kind)
        return False
    sys.stdout.flush()
    return True


def serve(client, handler):
    """One invocation."""
    status, headers, payload = client.next()
    if status != 200:
        raise SystemExit(1)
    request_id = headers["lambda-runtime-aws-request-id"]
    Current.request_id = request_id
    trace_id = headers.get("lambda-runtime-trace-id")
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    try:
        context = LambdaContext(
            request_id,
            headers.get("lambda-runtime-invoked-function-arn", ""),
            int(headers.get("lambda-runtime-deadline-ms", "0")),
            headers.get("lambda-runtime-client-context"),
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

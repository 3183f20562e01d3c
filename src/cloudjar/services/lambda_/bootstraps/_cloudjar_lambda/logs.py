"""Logging as functions use it: records as Lambda keeps them, as text or as JSON."""

# It runs in functions, not in the jar: kept to what Python 3.6 knows, and out of the type checker's way.
# mypy: ignore-errors
# ruff: noqa: UP031

import json
import os
import sys
import time

SECONDS = "%Y-%m-%dT%H:%M:%SZ"


def write_record(text):
    # One record is one log event: the platform puts the line breaks back.
    sys.stdout.write(text.rstrip("\n").replace("\n", "\r") + "\n")
    sys.stdout.flush()


class Current:
    """The invocation that is being served."""

    request_id = ""
    tenant_id = None


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
            _set_up(module)

        class Loader:
            create_module = spec.loader.create_module
            get_code = getattr(spec.loader, "get_code", None)

        Loader.exec_module = staticmethod(exec_module)
        spec.loader = Loader
        return spec


def _set_up(logging):
    class LambdaLoggerHandler(logging.Handler):
        def emit(self, record):
            try:
                write_record(self.format(record))
            except Exception:
                self.handleError(record)

    class LambdaLoggerFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = Current.request_id
            record.tenant_id = Current.tenant_id
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

    known = set(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"aws_request_id", "tenant_id", "message", "asctime"}

    class JsonFormatter(logging.Formatter):
        def format(self, record):
            level = logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10)
            line = {"timestamp": self.formatTime(record, SECONDS), "level": level}
            line["message"] = record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage()
            line["logger"] = record.name
            if record.exc_info:
                line["stackTrace"] = traceback.format_tb(record.exc_info[2])
                line["errorType"] = record.exc_info[0].__name__
                line["errorMessage"] = str(record.exc_info[1])
            line["requestId"] = record.aws_request_id
            line["tenantId"] = record.tenant_id
            if record.exc_info:
                line["location"] = "%s:%s:%d" % (record.pathname, record.funcName, record.lineno)
            line.update((name, value) for name, value in vars(record).items() if name not in known and name not in line)
            return json.dumps({name: value for name, value in line.items() if value is not None}, default=str, ensure_ascii=False) + "\n"

    return JsonFormatter()

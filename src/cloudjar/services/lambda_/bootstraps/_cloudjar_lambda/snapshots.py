"""SnapStart: the hooks of snapshot_restore_py, and the wait between them."""

# It runs in functions, not in the jar: kept to what Python 3.6 knows, and out of the type checker's way.
# mypy: ignore-errors

import sys

from _cloudjar_lambda.errors import FaultException, describe, error_body, log_error


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

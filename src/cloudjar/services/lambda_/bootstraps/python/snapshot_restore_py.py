"""The hooks of SnapStart, under the name and with the functions of AWS's library `snapshot-restore-py`, which Lambda's Python has."""

# It runs in functions, not in the jar.
# mypy: ignore-errors

_before_snapshot = []
_after_restore = []


def register_before_snapshot(func, *args, **kwargs):
    """A hook that runs before the snapshot is taken: the last one registered runs first. A decorator too."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func, *args, **kwargs):
    """A hook that runs after a restore, in the order of registration. A decorator too."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot():
    """The hooks (function, arguments, keyword arguments), in the order of registration."""
    return _before_snapshot


def get_after_restore():
    """The hooks (function, arguments, keyword arguments), in the order of registration."""
    return _after_restore

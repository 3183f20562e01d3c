"""What can go wrong in a command, and the exit codes that scripts can use."""

from __future__ import annotations

import sys

FAILED = 1
USAGE = 2
NOT_RUNNING = 3
PORT_TAKEN = 4
HOME_TAKEN = 5


class Problem(Exception):
    """A command cannot do what was asked; the text says why, and what to do."""

    def __init__(self, message: str, code: int = FAILED, error: str = "Failed") -> None:
        super().__init__(message)
        self.code = code
        self.error = error

    def report(self, *, as_json: bool) -> int:
        """Writes the problem to standard error; returns the exit code."""
        if as_json:
            import json

            print(json.dumps({"error": self.error, "message": str(self)}), file=sys.stderr)
        else:
            print(f"cloudjar: {self}", file=sys.stderr)
        return self.code

"""The pipe that a standby waits at: its release, with the environment of its invocations, comes through it."""

from __future__ import annotations

import json
import os
import stat


class Pipe:
    """What a standby reads its release from: a FIFO that is mounted into its sandbox, held open here."""

    def __init__(self, path: str) -> None:
        self.path = path
        os.mkfifo(path, 0o600)
        os.chmod(path, stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        # For reading too: the opening would otherwise wait for the sandbox's.
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def send(self, variables: dict[str, str]) -> None:
        """The release. Raises OSError."""
        try:
            os.write(self._descriptor, json.dumps(variables).encode() + b"\n")
        finally:
            # Gone from the file system before any of the function's code runs; what has been written can still be read.
            os.unlink(self.path)

    def release(self) -> None:
        """The release of one that needs no variables. Raises OSError."""
        os.write(self._descriptor, b"go\n")

    def close(self) -> None:
        """No release will come, or the sandbox has read it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass

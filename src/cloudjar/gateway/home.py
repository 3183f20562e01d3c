"""A jar's home directory: the lock that makes it the only one there, and the note that says where it is found."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from pathlib import Path
from typing import Any


class HomeTaken(Exception):
    """Another jar runs in this home."""


class Home:
    """One jar's directory: worlds and blobs, and beside them `jar.lock`, `jar.json` (the note) and `jar.log`.

    Who holds the lock, runs; the kernel lets it go when the process ends, however it ends. So no stale note ever deceives.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "jar.log"
        self._note = directory / "jar.json"
        self._lock = directory / "jar.lock"
        self._held = -1

    def take(self) -> None:
        """Makes this process the home's jar, until it ends. Raises HomeTaken, OSError."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise HomeTaken(f"A jar runs already in {self.directory}.") from None
        self._held = descriptor
        self._note.unlink(missing_ok=True)

    def publish(self, note: dict[str, Any]) -> None:
        """Says where the jar is found: call it when the jar answers."""
        fresh = self._note.with_name("jar.json.new")
        fresh.write_text(json.dumps(note, indent=2) + "\n")
        fresh.replace(self._note)

    def leave(self) -> None:
        """Gives the home back."""
        self._note.unlink(missing_ok=True)
        os.close(self._held)
        self._held = -1

    def taken(self) -> bool:
        """Whether a jar runs here, ready or not."""
        try:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def note(self) -> dict[str, Any] | None:
        """What the jar that runs here published: pid, port, endpoint; None if none runs, or it is not ready yet."""
        if not self.taken():
            return None
        try:
            found = json.loads(self._note.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the jar that runs here, if one does."""
        note = self.note()
        if note is not None:
            try:
                os.kill(note["pid"], number)
            except ProcessLookupError:
                pass

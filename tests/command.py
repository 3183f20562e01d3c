"""The real command, in a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


class Done:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cloudjar:
    """`cj("status")` runs one command on one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home / "user"),
            "CLOUDJAR_DATA": str(home / "data"),
            "LC_ALL": "C.UTF-8",
        }

    @property
    def data(self) -> Path:
        return Path(self.environ["CLOUDJAR_DATA"])

    def __call__(self, *arguments: str, **environ: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "cloudjar", *arguments],
            env={**self.environ, **environ},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def up(self, *arguments: str, **environ: str) -> dict[str, Any]:
        """Starts a jar on any free port; its note."""
        done = self("up", "--port", "0", "--json", *arguments, **environ)
        assert done.code == 0, done.err
        note: dict[str, Any] = done.json
        return note

    def start_process(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """A command that is left running."""
        return subprocess.Popen(
            [sys.executable, "-m", "cloudjar", *arguments],
            env={**self.environ, **environ},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> None:
        """Kills whatever runs in the home."""
        try:
            os.kill(json.loads((self.data / "jar.json").read_text())["pid"], signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass

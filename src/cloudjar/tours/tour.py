"""What a tour is made of: a jar of its own, the stock AWS CLI, steps, and checks that can fail."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

COMMAND_SECONDS = 120
"""How long one command of a tour may take."""


class TourFailed(Exception):
    """A check did not hold, or a command could not be run; the tour ends."""


class Answer:
    """What a command printed, and how it ended."""

    def __init__(self, code: int, out: str, error: str) -> None:
        self.code = code
        self.out = out
        self.error = error

    @property
    def json(self) -> Any:
        """The output as JSON."""
        try:
            return json.loads(self.out)
        except ValueError:
            raise TourFailed(f"not JSON: {self.out[:500]!r} {self.error[:500]!r}") from None


class Tour:
    """One run of a tour. It keeps to a folder and a port of its own, so a running jar is not disturbed."""

    def __init__(self, say: Callable[[str, str], None], environment: Mapping[str, str]) -> None:
        """`say(kind, text)` prints: kind is "step", "text", "command", "output", "pass" or "fail"."""
        self._say = say
        self._environment = environment
        self.folder = Path(tempfile.mkdtemp(prefix="cloudjar-tour-"))
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.checks = 0

    # Narration

    def step(self, title: str, text: str = "") -> None:
        """A new step."""
        self._say("step", title)
        if text:
            self._say("text", text)

    def show(self, text: str) -> None:
        """Shows some output."""
        self._say("output", text)

    def check(self, what: str, holds: bool, found: Any = None) -> None:
        """States what must be true now; TourFailed if it is not."""
        if not holds:
            self._say("fail", what)
            raise TourFailed(f"{what}: found {found!r}" if found is not None else what)
        self.checks += 1
        self._say("pass", what)

    def write(self, name: str, text: str, *, mode: int = 0o644) -> Path:
        """Makes a file in the tour's folder, and shows it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        self._say("text", f"{name}:")
        self._say("output", text)
        return path

    # Commands

    def aws(self, *arguments: str, shown: bool = True, keys: Mapping[str, str] | None = None) -> Answer:
        """Runs the stock AWS CLI against the tour's jar; TourFailed if it fails."""
        answer = self.try_aws(*arguments, shown=shown, keys=keys)
        if answer.code:
            raise TourFailed(f"`aws {shlex.join(arguments)}` ended with {answer.code}: {answer.error.strip()}")
        return answer

    def try_aws(self, *arguments: str, shown: bool = True, keys: Mapping[str, str] | None = None) -> Answer:
        """Runs the stock AWS CLI, which may fail. `keys` are the environment's names of credentials; by default the root user's."""
        program, version = self._cli
        # AWS_ENDPOINT_URL came with 2.13; Debian 12 has 2.9. Version 1 heeds it, but for a few services (`aws sqs`) that it sends to AWS.
        endpoint = () if version >= (2, 13) else ("--endpoint-url", self.endpoint)
        return self._run([program, *endpoint, *arguments], shown=f"aws {shlex.join(arguments)}" if shown else "", keys=keys)

    @property
    def cli_major(self) -> int:
        """The major version of the AWS CLI: 1 or 2."""
        return self._cli[1][0]

    @cached_property
    def _cli(self) -> tuple[str, tuple[int, int]]:
        """The AWS CLI to use, and its version: the newest there is, for only version 2 has `logs tail`."""
        places = (*self._environment.get("PATH", os.defpath).split(os.pathsep), str(Path(sys.executable).parent))
        found: dict[tuple[int, int], str] = {}
        for place in dict.fromkeys(places):
            program = shutil.which("aws", path=place)
            if program is not None:
                answer = self._run([program, "--version"], shown="")
                version = re.match(r"aws-cli/(\d+)\.(\d+)", answer.out or answer.error)
                if version:
                    found.setdefault((int(version[1]), int(version[2])), program)
        if not found:
            raise TourFailed("The AWS CLI is not installed. Install it with: pip install awscli")
        newest = max(found)
        return found[newest], newest

    def _run(self, argv: list[str], *, shown: str, keys: Mapping[str, str] | None = None) -> Answer:
        if shown:
            self._say("command", shown)
        variables = {
            "PATH": self._environment.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_PAGER": "",
            "AWS_CONFIG_FILE": str(self.folder / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "no-credentials"),
        } | dict(keys or {})
        try:
            done = subprocess.run(
                argv,
                cwd=self.folder,
                env=variables,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TourFailed(f"`{shlex.join(argv)}` did not end within {COMMAND_SECONDS} seconds") from None
        if shown and (done.stdout or done.stderr).strip():
            self._say("output", (done.stdout or done.stderr).rstrip())
        return Answer(done.returncode, done.stdout, done.stderr)

    # The jar

    def start_jar(self) -> None:
        """Starts the tour's jar, on its own data directory; returns when it is ready."""
        self._say("command", f"cloudjar up --port {self.port} --data jar")
        self.cloudjar("up", "--port", str(self.port))

    def stop_jar(self) -> None:
        """Ends the tour's jar in good order, if it runs."""
        self.cloudjar("down", may_fail=True)

    def kill_jar(self) -> None:
        """kill -9."""
        pid = int(json.loads(self.cloudjar("status", "--json").out)["pid"])
        self._say("command", f"kill -9 {pid}")
        os.kill(pid, signal.SIGKILL)

    def cloudjar(self, command: str, *arguments: str, may_fail: bool = False) -> Answer:
        argv = [sys.executable, "-m", "cloudjar", command, *arguments, "--data", str(self.folder / "jar")]
        answer = self._run(argv, shown="")
        if answer.code and not may_fail:
            raise TourFailed(f"`cloudjar {command}` ended with {answer.code}: {answer.error.strip() or answer.out.strip()}")
        return answer

    def close(self) -> None:
        """Ends the jar and removes the tour's folder."""
        self.stop_jar()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Init scripts: what a user wants done when the jar boots, starts, is ready, or ends."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cloudjar.compute.output import LineSplitter, Reader
from cloudjar.compute.spawn import Ended, Program, Spawner
from cloudjar.gateway.localstack import STAGES

_AWSLOCAL = '#!/bin/sh\nexec aws --endpoint-url="$AWS_ENDPOINT_URL" "$@"\n'


@dataclass(slots=True)
class Script:
    """One file of a stage's folder."""

    stage: str
    path: Path
    state: str = "UNKNOWN"
    """LocalStack's words: UNKNOWN, RUNNING, SUCCESSFUL, ERROR."""


class InitScripts:
    """The scripts of DIR/{boot,start,ready,shutdown}.d: .sh and .py files, in the order of their paths, one after the other."""

    def __init__(self, directory: Path, environment: Mapping[str, str], log: logging.Logger) -> None:
        self._environment = dict(environment)
        self._log = log
        self._spawner = Spawner()
        self.completed: set[str] = set()
        self.scripts: list[Script] = []
        for stage in STAGES:
            found = sorted((directory / f"{stage}.d").rglob("*"))
            self.scripts += [Script(stage, path) for path in found if path.suffix in (".sh", ".py") and path.is_file()]

    def rows(self) -> list[dict[str, str]]:
        """The scripts as LocalStack shows them."""
        return [{"stage": each.stage.upper(), "name": each.path.name, "state": each.state} for each in self.scripts]

    def use_endpoint(self, url: str, tools: Path) -> None:
        """Points the AWS clients of later scripts at the jar; `tools` gets an `awslocal`, for those that have none."""
        names = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        # What the user has set goes first, except where the jar is.
        self._environment = {**names, **self._environment, "AWS_ENDPOINT_URL": url}
        if self.scripts:
            tools.mkdir(exist_ok=True)
            (tools / "awslocal").write_text(_AWSLOCAL)
            (tools / "awslocal").chmod(0o755)
            beside = os.path.dirname(sys.executable)
            self._environment["PATH"] = os.pathsep.join((self._environment.get("PATH", os.defpath), beside, str(tools)))

    async def run(self, stage: str) -> None:
        """Runs a stage's scripts to their end. One that fails is logged, and the next one runs."""
        for script in self.scripts:
            if script.stage == stage:
                script.state = "RUNNING"
                try:
                    status = await self._run(script)
                except OSError as problem:
                    self._log.error("init script %s cannot run: %s", script.path, problem)
                    status = -1
                script.state = "ERROR" if status else "SUCCESSFUL"
                if status > 0:
                    self._log.error("init script %s failed with exit status %d", script.path, os.waitstatus_to_exitcode(status))
        self.completed.add(stage)

    async def close(self) -> None:
        """Ends what still runs."""
        await self._spawner.close()

    async def _run(self, script: Script) -> int:
        """One script; returns its wait status. Its output goes to the log, line by line."""
        ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        argv = [sys.executable, str(script.path)] if script.path.suffix == ".py" else ["/bin/sh", str(script.path)]
        if script.path.suffix == ".sh" and os.access(script.path, os.X_OK):
            argv = [str(script.path)]
        splitter = LineSplitter()
        reader = Reader(lambda data: self._show(script, splitter.feed(data)))
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            program = Program(argv, self._environment, cwd=str(script.path.parent), keep=True)
            await self._spawner.start(program, (nothing, reader.writer, reader.writer), ended.set_result)
            reader.close_writer()
            return (await ended).status
        finally:
            os.close(nothing)
            reader.finish()
            self._show(script, splitter.finish())

    def _show(self, script: Script, lines: list[bytes]) -> None:
        for line in lines:
            self._log.info("%s: %s", script.path.name, line.decode(errors="replace"))

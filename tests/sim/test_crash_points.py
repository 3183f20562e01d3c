"""The same clients, and a crash after every commit: what a jar had acknowledged by then, the jar that comes up afterwards has."""

from __future__ import annotations

import copy
import functools
import os
from pathlib import Path

import pytest
from ledgers import Actor, Bus, Items, Messages, Objects, Parameters, Topic, Uploads

from cloudjar.gateway.inprocess import LocalJar

KINDS = [Objects, Uploads, Messages, Items, Topic, Bus, Parameters]
STEPS = 6


class Copies:
    """Copies of a world as each of its commits left it, each with the ledgers of that moment."""

    def __init__(self, local: LocalJar, folder: Path) -> None:
        self.local = local
        self.folder = folder
        self.actors: list[Actor] = []
        self.taken: list[tuple[Path, list[Actor]]] = []
        self.store = local.do(lambda: local.jar.worlds.open("default").store)
        self.commit = self.store.commit
        self.store.commit = self.copying  # type: ignore[method-assign]

    def copying(self) -> None:
        wrote = self.store._open is not None and self.store._open.bytes_written
        self.commit()
        if wrote and self.actors:
            home = self.folder / f"{len(self.taken):04d}"
            self.store.copy(home / self.store.directory.relative_to(self.local.jar.directory))
            # Blob files never change, and none is removed within the hour.
            for shared in ("blobs", "ca"):
                os.symlink(self.local.jar.directory / shared, home / shared)
            self.taken.append((home, copy.deepcopy(self.actors)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_crash_after_any_commit_loses_nothing(tmp_path, kind):
    with LocalJar(tmp_path / "live") as local:
        copies = Copies(local, tmp_path)
        clients = functools.cache(local.world().client)
        actor = kind(kind.__name__, 7)
        actor.set_up(clients)
        copies.actors = [actor]
        for _ in range(STEPS):
            actor.step(clients)
    assert len(copies.taken) >= STEPS // 2
    for home, actors in copies.taken:
        with LocalJar(home) as local:
            world = local.world()
            world.clock.advance(minutes=10)
            for kept in actors:
                kept.check(functools.cache(world.client))

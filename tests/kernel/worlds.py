"""A world without a jar, for kernel tests: a host whose functions are this module's."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from cloudjar.kernel import marks
from cloudjar.kernel.blobs import BlobStore
from cloudjar.kernel.records import Record, record
from cloudjar.kernel.world import World


@record(
    "test.note", key="name", indexes={"colour": ("colour", "rank"), "made": "made"}, blobs=lambda note: [note.blob] if note.blob else []
)
class Note(Record):
    name: str
    made: datetime
    colour: str | None = None
    rank: int = 0
    blob: str = ""


@record("test.seen", key="n", scope="world")
class Seen(Record):
    """What a handler saw, in the order that it saw it."""

    n: int
    what: str
    at: datetime


class Host:
    """Resolves marked functions of this module; `failing` names those that must fail, with how often."""

    def __init__(self) -> None:
        self.failing: dict[str, int] = {}
        self.failures: list[str] = []

    def listeners(self, source: str, detail_type: str) -> list[str]:
        return ["worlds:listen", "worlds:listen_too"] if source == "test" else []

    def resolve(self, name: str, mark: type) -> Any:
        function = name.split(":")[1]
        if self.failing.get(function, 0) > 0:
            self.failing[function] -= 1
            raise RuntimeError(f"{function} was told to fail")
        found = getattr(sys.modules[__name__], function)
        assert isinstance(getattr(found, marks.MARK), mark)
        return found

    def log_failure(self, what: str, error: BaseException) -> None:
        self.failures.append(f"{what}: {error}")


def see(ctx: Any, what: str) -> None:
    ctx.put(Seen(ctx.world.step(ctx._open(), "seen"), what, ctx.now))


def seen(world: World) -> list[str]:
    with world.reading() as ctx:
        return [s.what for s in ctx.where(Seen)]


@marks.timer
def ring(ctx: Any, name: str) -> None:
    see(ctx, f"ring {name}")


@marks.timer
def ring_and_publish(ctx: Any, name: str) -> None:
    see(ctx, f"ring {name}")
    ctx.emit("test", "Rang", {"name": name})


@marks.timer
def ring_daily(ctx: Any) -> None:
    see(ctx, f"day {ctx.now:%d}")
    ctx.after(ring_daily, seconds=86_400)


@marks.on_event("test")
def listen(ctx: Any, event: Any) -> None:
    see(ctx, f"heard {event.detail['name']}")


@marks.on_event("test")
def listen_too(ctx: Any, event: Any) -> None:
    see(ctx, f"heard {event.detail['name']} too")


@marks.effect
async def act(ctx: Any, name: str) -> None:
    with ctx.transaction():
        see(ctx, f"acted {name}")


def open_world(directory: Path, host: Host | None = None, **options: Any) -> World:
    return World("test", directory / "world", BlobStore(directory / "blobs"), host or Host(), **options)  # type: ignore[arg-type]

"""/_cloudjar/worlds: worlds, their endpoints, their snapshots."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from cloudjar.gateway.own_http import Ask, Refusal, answer
from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.worlds import DEFAULT, WorldProblem
from cloudjar.wire.http import FileBody, Response

LARGEST_IMPORT = 64 << 30
"""Bytes of an exported world that are taken."""


def show(ask: Ask) -> Response:
    jar = ask.jar
    return answer({"worlds": [_row(ask, name) for name in jar.worlds.names()], "snapshots": jar.worlds.snapshots()})


async def fork(ask: Ask) -> Response:
    worlds = ask.jar.worlds
    source = ask.text("from", ask.world.name)
    name = ask.text("name", "") or next(free for n in itertools.count(1) if (free := f"{source[:56]}-{n}") not in worlds.names())
    worlds.fork(source, name)
    try:
        await ask.jar.serve(name)
    except OSError as problem:
        await ask.jar.drop(name)
        raise Refusal(
            503, "NoPort", f"No port is free for the new world: {problem.strerror}. Drop worlds that are not needed."
        ) from problem
    return answer(_row(ask, name), 201)


def save(ask: Ask) -> Response:
    name, snapshot = _world(ask), ask.text("snapshot")
    ask.jar.worlds.save(name, snapshot)
    return answer({"world": name, "snapshot": snapshot}, 201)


async def restore(ask: Ask) -> Response:
    name = _world(ask)
    await ask.jar.worlds.restore(name, ask.text("snapshot"))
    await ask.jar.serve(name)
    return answer(_row(ask, name))


async def reset(ask: Ask) -> Response:
    name = _world(ask)
    ask.jar.worlds.existing(name)
    await ask.jar.worlds.reset(name)
    return answer(_row(ask, name))


async def drop(ask: Ask) -> Response:
    if "snapshot" in ask.body:
        ask.jar.worlds.drop_snapshot(ask.text("snapshot"))
        return answer({"snapshot": ask.text("snapshot"), "dropped": True})
    name = ask.text("name")
    if name == DEFAULT:
        raise Refusal(409, "DefaultWorld", "The default world always exists. Reset it instead: `cloudjar world reset`.")
    ask.jar.worlds.require(name)
    # The answer may have to go out over the very endpoint that ends: so it is not waited for.
    if ask.jar.endpoints.port(name) == ask.request.port:
        raise Refusal(409, "OwnEndpoint", "Ask for it at another world's endpoint, such as the default world's.")
    await ask.jar.drop(name)
    return answer({"name": name, "dropped": True})


async def export(ask: Ask) -> Response:
    """The world as one tar file."""
    jar = ask.jar
    copy = jar.worlds.copy_out(_world(ask))
    file = copy.with_suffix(".tar")
    try:
        await jar.offload(jar.worlds.pack, copy, file)
        body = FileBody.open(file)
    finally:
        file.unlink(missing_ok=True)
    return Response(200, {"content-type": "application/x-tar", "cache-control": "no-store"}, body)


async def import_(ask: Ask) -> Response:
    """A world from a tar file: the request's body."""
    jar = ask.jar
    name = ask.text("name")
    jar.worlds.check_new(name)
    file = jar.worlds.scratch() / f"{secret_bytes(8).hex()}.tar"
    try:
        await _receive(ask, file)
        unpacked = await jar.offload(jar.worlds.unpack, file)
    finally:
        file.unlink(missing_ok=True)
    jar.worlds.adopt(unpacked, name)
    await jar.serve(name)
    return answer(_row(ask, name), 201)


async def _receive(ask: Ask, file: Path) -> None:
    size = 0
    with file.open("wb") as out:
        async for chunk in ask.request.body:
            size += len(chunk)
            if size > LARGEST_IMPORT:
                raise Refusal(413, "BodyTooLarge", f"An exported world may have {LARGEST_IMPORT} bytes at most.")
            out.write(chunk)


def _world(ask: Ask) -> str:
    return ask.text("world", ask.world.name)


def _row(ask: Ask, name: str) -> dict[str, Any]:
    jar = ask.jar
    try:
        info = jar.worlds.info(name)
    except ValueError as problem:
        raise WorldProblem(f"The world {name!r} has an unreadable world.json: {problem}.") from problem
    return {
        "name": name,
        "parent": info.parent,
        "endpoint": jar.endpoints.url(name),
        "port": jar.endpoints.port(name),
        "open": name in jar.worlds.open_worlds,
    }

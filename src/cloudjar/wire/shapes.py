"""Walking a model's shapes once, to compile a reader or a writer for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudjar.wire.models import Ref, ServiceModel, Shape

Convert = Callable[[Any], Any]

RESPONSE_LOCATIONS = ("header", "headers", "statusCode")
"""Where a response's member can be besides its body."""


class UnknownMember(TypeError):
    """A result holds a member that the model lacks: a mistake in the service's code, never in a client's request."""


class Compiler:
    """Compiles shapes into closures; each shape once, shapes that contain themselves included.

    A subclass has one method per kind: `structure`, `list`, `map`, `scalar`. `list` and `map` get thunks for the parts that may
    not be compiled yet.
    """

    def __init__(self, service: ServiceModel) -> None:
        self.service = service
        self.made: dict[tuple[str, str, bool], Convert] = {}

    def compile(self, ref: Ref) -> Convert:
        """The closure for one use of a shape."""
        shape = self.service.shape(ref.shape)
        key = (ref.shape, ref.timestamp_format, flattened(ref, shape))
        made = self.made.get(key)
        if made is not None:
            return made
        if shape.type == "structure":
            if shape.document:
                convert = self.document(ref, shape)
            else:
                members: dict[str, Any] = {}
                convert = self.made[key] = self.structure(ref, shape, members)
                self.fill(shape, members)
                return convert
        elif shape.type in ("list", "map"):
            convert = self.collection(key, ref, shape)
        else:
            convert = self.scalar(ref, shape)
        self.made[key] = convert
        return convert

    def compile_exception(self, shape: Shape) -> Convert:
        """The closure for an exception's own members."""
        return self.compile(Ref(shape.name))

    def collection(self, key: tuple[str, str, bool], ref: Ref, shape: Shape) -> Convert:
        """A list or a map; a forwarding closure stands in while its parts are compiled."""
        target: list[Convert] = []
        self.made[key] = lambda value: target[0](value)
        convert = self.list(ref, shape) if shape.type == "list" else self.map(ref, shape)
        target.append(convert)
        return convert

    def fill(self, shape: Shape, members: dict[str, Any]) -> None:
        """Puts the compiled members of a structure where its closure looks for them."""
        raise NotImplementedError

    def structure(self, ref: Ref, shape: Shape, members: dict[str, Any]) -> Convert:
        """The closure for a structure; `members` is filled after this returns."""
        raise NotImplementedError

    def list(self, ref: Ref, shape: Shape) -> Convert:
        """The closure for a list."""
        raise NotImplementedError

    def map(self, ref: Ref, shape: Shape) -> Convert:
        """The closure for a map."""
        raise NotImplementedError

    def scalar(self, ref: Ref, shape: Shape) -> Convert:
        """The closure for anything else."""
        raise NotImplementedError

    def document(self, ref: Ref, shape: Shape) -> Convert:
        """The closure for a free-form value."""
        raise NotImplementedError


def flattened(ref: Ref, shape: Shape) -> bool:
    """Whether a list's or map's items stand in the parent itself."""
    return ref.flattened or shape.flattened


def timestamp_format(ref: Ref, shape: Shape) -> str:
    """The timestampFormat in force; "" for the protocol's own."""
    return ref.timestamp_format or shape.timestamp_format


def location_name(ref: Ref, shape: Shape, name: str) -> str:
    """The name on the wire of a member called `name`."""
    return ref.location_name or shape.location_name or name


def part(ref: Ref | None) -> Ref:
    """A list's element, a map's key or value, which every such shape has."""
    assert ref is not None
    return ref

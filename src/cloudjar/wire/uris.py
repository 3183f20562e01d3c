"""Which operation of a REST service a method, path and query string mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cloudjar.wire.http import Request
from cloudjar.wire.models import OperationModel, ServiceModel
from cloudjar.wire.shapes import location_name

Labels = dict[str, str]


@dataclass(slots=True)
class Candidate:
    """One operation at one path: the labels that the path fills and what must be there besides."""

    operation: str
    labels: tuple[str, ...]
    literals: tuple[tuple[str, str | None], ...]
    """Query parameters that the request URI itself demands: `?uploads`, `?list-type=2`."""
    query: tuple[str, ...] = ()
    """Required query members; they tell operations at the same path apart, such as UploadPart from PutObject."""
    headers: tuple[str, ...] = ()
    """Required headers, which tell CopyObject from PutObject."""

    def fits(self, query: Labels) -> bool:
        """Whether the request has what the URI itself demands."""
        return all(name in query and (value is None or query[name] == value) for name, value in self.literals)


@dataclass(slots=True)
class Node:
    """One place in the tree of paths."""

    literal: dict[str, Node] = field(default_factory=dict)
    label: Node | None = None
    greedy: list[tuple[tuple[str, ...], dict[str, list[Candidate]]]] = field(default_factory=list)
    """After a greedy label: the literal segments that must follow it, and the operations by method."""
    methods: dict[str, list[Candidate]] = field(default_factory=dict)


Match = tuple[list[Candidate], tuple[str, ...]]


class UriTable:
    """All paths of one REST service, as a tree of segments."""

    def __init__(self, service: ServiceModel) -> None:
        self.root = Node()
        for name in service.operations:
            self._add(service.operations[name])
        for candidates in self._groups(self.root):
            if len(candidates) > 1:
                for candidate in candidates:
                    demand(candidate, service.operations[candidate.operation])
                # The most demanding first; a deprecated twin (GetBucketLifecycle) last.
                candidates.sort(key=lambda it: (service.operations[it.operation].deprecated, -len(it.literals), -rank(it)))

    def _add(self, operation: OperationModel) -> None:
        path, _, query = operation.http.request_uri.partition("?")
        literals = []
        for item in query.split("&"):
            if item:
                name, equals, value = item.partition("=")
                literals.append((name, value if equals and value else None))
        segments = path.strip("/").split("/") if path.strip("/") else []
        labels = tuple(segment[1:-1].rstrip("+") for segment in segments if segment[:1] == "{")
        candidate = Candidate(operation.name, labels, tuple(literals))
        node = self.root
        for index, segment in enumerate(segments):
            if segment.endswith("+}"):
                suffix = tuple(segments[index + 1 :])
                methods = next((methods for known, methods in node.greedy if known == suffix), None)
                if methods is None:
                    methods = {}
                    node.greedy.append((suffix, methods))
                    node.greedy.sort(key=lambda it: -len(it[0]))
                methods.setdefault(operation.http.method, []).append(candidate)
                return
            if segment[:1] == "{":
                if node.label is None:
                    node.label = Node()
                node = node.label
            else:
                node = node.literal.setdefault(segment, Node())
        node.methods.setdefault(operation.http.method, []).append(candidate)

    def _groups(self, node: Node) -> Iterator[list[Candidate]]:
        yield from node.methods.values()
        for _, methods in node.greedy:
            yield from methods.values()
        for child in node.literal.values():
            yield from self._groups(child)
        if node.label:
            yield from self._groups(node.label)

    def find(self, request: Request, path: str) -> tuple[str, Labels] | None:
        """The operation's name and its labels, still percent-encoded; None if the service has nothing there."""
        found = walk(self.root, path[1:].split("/"), 0, request.method)
        if found is None:
            return None
        candidates, values = found
        chosen: Candidate | None = candidates[0]
        if len(candidates) > 1 or candidates[0].literals:
            chosen = choose(candidates, request)
            if chosen is None:
                return None
        assert chosen is not None
        return chosen.operation, dict(zip(chosen.labels, values, strict=True))

    def has_path(self, path: str) -> bool:
        """Whether some method would have an operation at this path."""
        segments = path[1:].split("/")
        return any(walk(self.root, segments, 0, method) for method in ("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"))


def walk(node: Node, segments: list[str], index: int, method: str) -> Match | None:
    """The operations at the end of a path and the values of its labels: literals before labels before greedy labels."""
    count = len(segments)
    at_end = index == count or (index == count - 1 and segments[index] == "")
    if at_end:
        here = node.methods.get(method)
        if here is not None:
            return here, ()
    if index == count:
        return None
    segment = segments[index]
    child = node.literal.get(segment)
    if child is not None:
        found = walk(child, segments, index + 1, method)
        if found is not None:
            return found
    if node.label is not None and segment:
        found = walk(node.label, segments, index + 1, method)
        if found is not None:
            return found[0], (segment, *found[1])
    if not at_end:
        for suffix, methods in node.greedy:
            end = count - len(suffix)
            if end > index and tuple(segments[end:]) == suffix and method in methods:
                return methods[method], ("/".join(segments[index:end]),)
    return None


def choose(candidates: list[Candidate], request: Request) -> Candidate | None:
    """The operation that a request means among those at one path: the most demanding one that it satisfies."""
    if not request.query:
        for candidate in candidates:
            if not candidate.literals and not candidate.query and has_all(candidate.headers, request):
                return candidate
    query = split_query(request.query)
    lenient: list[Candidate] = []
    for candidate in candidates:
        if candidate.fits(query):
            if all(name in query for name in candidate.query) and has_all(candidate.headers, request):
                if lenient and len(lenient[0].literals) > len(candidate.literals):
                    break  # `?attributes` without its header is still no GetObject
                return candidate
            lenient.append(candidate)
    # Nothing has all that it requires: the least demanding one is meant, and validation says what is missing.
    return min(lenient, key=lambda it: (-len(it.literals), rank(it)), default=None)


def has_all(headers: tuple[str, ...], request: Request) -> bool:
    """Whether a request has all of these headers."""
    return not headers or all(name in request.headers for name in headers)


def rank(candidate: Candidate) -> int:
    """How much a candidate demands besides literals."""
    return len(candidate.query) + len(candidate.headers)


def demand(candidate: Candidate, operation: OperationModel) -> None:
    """Fills in the required query parameters and headers, which matter only where operations share a path."""
    shape = operation.input
    if shape is None:
        return
    query, headers = [], []
    for name in shape.required:
        ref = shape.members[name]
        wire_name = location_name(ref, operation.service.shape(ref.shape), name)
        if ref.location == "querystring":
            query.append(wire_name)
        elif ref.location == "header":
            headers.append(wire_name.lower())
    candidate.query, candidate.headers = tuple(query), tuple(headers)


def split_query(query: str) -> dict[str, str]:
    """Parameters by name, undecoded: the names that operations are told apart by are plain ASCII."""
    if not query:
        return {}
    found = {}
    for item in query.split("&"):
        name, _, value = item.partition("=")
        found[name] = value
    return found

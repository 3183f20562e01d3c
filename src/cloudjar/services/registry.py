"""The services that cloudjar has: found by their folders; each operation loaded when first called, checked against the models."""

from __future__ import annotations

import importlib
import keyword
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, overload

from cloudjar.kernel import marks
from cloudjar.wire.models import Models, OperationModel, ServiceModel

HERE = Path(__file__).parent

M = TypeVar("M")


_DEFINED = re.compile(r"^(?:async )?def (\w+)\(|^(\w+(?:, \w+)*)(?:: [^=\n]+)? = ", re.MULTILINE)
"""What a module defines at its top: functions, and names that are assigned."""


class Operation:
    """One implemented operation."""

    __slots__ = ("function", "mark", "model", "name")

    def __init__(self, name: str, function: Callable[..., Any], mark: marks.OperationMark, model: OperationModel) -> None:
        self.name = name
        self.function = function
        self.mark = mark
        self.model = model


class Operations(Mapping[str, Operation]):
    """The operations of a service that cloudjar has, by name.

    The first call of a service should not wait for the modules of all the others: which module defines an operation is read off the
    text, and the module is loaded when the operation is first asked for. To walk over them loads them all.
    """

    def __init__(self, package: str, model: ServiceModel) -> None:
        self._package = package
        self._model = model
        self._found: dict[str, Operation | None] = {}

    @cached_property
    def _modules(self) -> dict[str, list[str]]:
        """The modules that define an operation's name in Python's spelling, marked or not."""
        names = self._model.by_snake_name
        found: dict[str, list[str]] = {}
        for file in sorted((HERE / self._package).glob("*.py")):
            for match in _DEFINED.finditer(file.read_text("utf-8")):
                for name in (match[1] or match[2]).split(", "):
                    if name in names:
                        modules = found.setdefault(names[name], [])
                        if file.stem not in modules:
                            modules.append(file.stem)
        return found

    def _load(self, name: str) -> Operation | None:
        attribute = self._model.snake_names[name] if name in self._model.operations else ""
        for module in self._modules.get(name, ()):
            function = getattr(importlib.import_module(f"cloudjar.services.{self._package}.{module}"), attribute)
            mark = getattr(function, marks.MARK, None)
            if isinstance(mark, marks.OperationMark):
                return Operation(name, function, mark, self._model.operations[name])
        return None

    @overload
    def get(self, name: str, /) -> Operation | None: ...
    @overload
    def get(self, name: str, /, default: Any) -> Any: ...
    def get(self, name: str, /, default: Any = None) -> Any:
        """The operation, or None where cloudjar does not have it."""
        try:
            found = self._found[name]
        except KeyError:
            found = self._found[name] = self._load(name)
        return default if found is None else found

    def __getitem__(self, name: str) -> Operation:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._modules if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Service:
    """One implemented service."""

    def __init__(self, name: str, model: ServiceModel) -> None:
        package = package_name(name)
        self.name = name
        self.model = model
        self.operations = Operations(package, model)
        self.edge: Any = _module(package, "edge")
        """What HTTP asks beside the operations (S3's preflights and websites); None where there is nothing such."""
        self.policy = _module(package, "policy")
        """Where the service tells of its resources' policies; see identity/resource_policy.py. None if they have none."""
        calls: Any = _module(package, "call_metrics")
        self.tell: Callable[..., None] | None = calls.tell if calls else None
        """Tells CloudWatch of each call that has been answered: (ctx, req, result, failure, seconds); None where none are counted."""


def _module(package: str, name: str) -> ModuleType | None:
    return importlib.import_module(f"cloudjar.services.{package}.{name}") if (HERE / package / f"{name}.py").exists() else None


class Services:
    """All services of a jar. `service(name)` takes botocore's directory names: "s3", "lambda"."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self._loaded: dict[str, Service] = {}
        self._functions: dict[tuple[str, type], Callable[..., Any]] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The services that cloudjar has, loaded or not."""
        return tuple(sorted(entry.name.rstrip("_").replace("_", "-") for entry in HERE.iterdir() if (entry / "__init__.py").exists()))

    def is_loaded(self, name: str) -> bool:
        """Whether the service has been called since the start."""
        return name in self._loaded

    def service(self, name: str) -> Service | None:
        """The service of that name, or None if cloudjar has no such service."""
        found = self._loaded.get(name)
        if found is None and name in self.names:
            found = self._loaded[name] = Service(name, self.models.service(name))
        return found

    def listeners(self, source: str, detail_type: str) -> list[str]:
        """Names of the functions that listen to such events, by service."""
        return [name for name, mark in self._listeners if mark.hears(source, detail_type)]

    def gauges(self, namespace: str) -> Sequence[tuple[marks.GaugesMark, Callable[..., Any]]]:
        """The readings of a namespace of metrics ("AWS/SQS")."""
        return self._gauges.get(namespace, ())

    def resolve(self, name: str, mark: type) -> Callable[..., Any]:
        """The marked function of that name; LookupError for anything else, so that stored names reach only what is meant to be."""
        found = self._functions.get((name, mark))
        if found is None:
            module, _, function = name.partition(":")
            found = getattr(importlib.import_module(f"cloudjar.{module}"), function, None)
            if not isinstance(getattr(found, marks.MARK, None), mark) or found is None:
                raise LookupError(f"{name} is not marked as {mark.__name__}")
            self._functions[name, mark] = found
        return found

    @cached_property
    def _gauges(self) -> dict[str, list[tuple[marks.GaugesMark, Callable[..., Any]]]]:
        found: dict[str, list[tuple[marks.GaugesMark, Callable[..., Any]]]] = {}
        for mark, function in self._marked("gauges", marks.GaugesMark):
            found.setdefault(mark.namespace, []).append((mark, function))
        return found

    @cached_property
    def _listeners(self) -> list[tuple[str, marks.EventMark]]:
        return [(marks.name_of(function), mark) for mark, function in self._marked("listeners", marks.EventMark)]

    def _marked(self, file: str, kind: type[M]) -> Iterator[tuple[M, Callable[..., Any]]]:
        """The functions with a mark in one file of each service that has it."""
        for name in self.names:
            package = package_name(name)
            if not (HERE / package / f"{file}.py").exists():
                continue
            for function in vars(importlib.import_module(f"cloudjar.services.{package}.{file}")).values():
                mark = getattr(function, marks.MARK, None)
                if isinstance(mark, kind):
                    yield mark, function


def package_name(service: str) -> str:
    """The Python package of a service: "lambda" lives in `lambda_`."""
    name = service.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name

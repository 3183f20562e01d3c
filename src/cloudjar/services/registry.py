"""The services that cloudjar has: found by their folders, loaded when first called, checked against the models."""

from __future__ import annotations

import importlib
import inspect
import keyword
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from cloudjar.kernel import marks
from cloudjar.wire.models import Models, OperationModel, ServiceModel

HERE = Path(__file__).parent

M = TypeVar("M")


class Operation:
    """One implemented operation."""

    __slots__ = ("function", "is_async", "mark", "model", "name")

    def __init__(self, name: str, function: Callable[..., Any], mark: marks.OperationMark, model: OperationModel) -> None:
        self.name = name
        self.function = function
        self.mark = mark
        self.model = model
        self.is_async = inspect.iscoroutinefunction(function)


class Service:
    """One implemented service."""

    def __init__(self, name: str, model: ServiceModel, operations: dict[str, Operation], package: ModuleType) -> None:
        self.name = name
        self.model = model
        self.operations = operations
        self.package = package
        self.tell = _call_metrics(package)
        """Tells CloudWatch of each call that has been answered: (ctx, req, result, failure, seconds); None where none are counted."""


def _call_metrics(package: ModuleType) -> Callable[..., None] | None:
    if not (HERE / package.__name__.rpartition(".")[2] / "call_metrics.py").exists():
        return None
    tell: Callable[..., None] = importlib.import_module(f"{package.__name__}.call_metrics").tell
    return tell


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
            found = self._loaded[name] = self._load(name)
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

    def _load(self, name: str) -> Service:
        package = importlib.import_module(f"cloudjar.services.{package_name(name)}")
        model = self.models.service(name)
        operations: dict[str, Operation] = {}
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            for attribute, function in vars(module).items():
                mark = getattr(function, marks.MARK, None)
                if not isinstance(mark, marks.OperationMark):
                    continue
                operation_name = model.by_snake_name.get(attribute)
                if operation_name is None:
                    raise LookupError(f"{module.__name__}.{attribute} is marked @operation, but {name} has no operation of that name")
                known = operations.get(operation_name)
                if known is not None and known.function is not function:
                    raise LookupError(f"{name}:{operation_name} is implemented twice, the second time in {module.__name__}")
                operations[operation_name] = Operation(operation_name, function, mark, model.operations[operation_name])
        return Service(name, model, operations, package)


def package_name(service: str) -> str:
    """The Python package of a service: "lambda" lives in `lambda_`."""
    name = service.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name

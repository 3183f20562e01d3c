"""Every operation is found where it is, and once: it is loaded by what the text of its package says."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from cloudjar.kernel import marks
from cloudjar.services.registry import Services, package_name
from cloudjar.wire.models import Models

SERVICES = Services(Models())


@pytest.mark.parametrize("name", SERVICES.names)
def test_what_is_marked_is_what_is_found(name):
    service = SERVICES.service(name)
    package = importlib.import_module(f"cloudjar.services.{package_name(name)}")
    marked = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for attribute, function in vars(module).items():
            if isinstance(getattr(function, marks.MARK, None), marks.OperationMark) and function.__module__ == module.__name__:
                assert attribute in service.model.by_snake_name, f"{module.__name__}.{attribute} is no operation of {name}"
                operation = service.model.by_snake_name[attribute]
                assert operation not in marked, f"{operation} is implemented twice, the second time in {module.__name__}"
                marked[operation] = function
    found = {operation: service.operations[operation].function for operation in service.operations}
    assert {operation: found[operation] for operation in marked} == marked


def test_only_what_is_called_is_loaded():
    service = Services(Models()).service("sts")
    assert service.operations.get("GetCallerIdentity").name == "GetCallerIdentity"
    assert list(service.operations._found) == ["GetCallerIdentity"]
    assert service.operations.get("NoSuchOperation") is None
    assert "NoSuchOperation" not in service.operations

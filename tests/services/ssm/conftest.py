"""What Parameter Store's tests share."""

from __future__ import annotations

import pytest


@pytest.fixture
def ssm(world):
    return world.client("ssm")


@pytest.fixture
def put(ssm):
    """`put("/a/b", "value")`: a String parameter."""

    def make(name, value="v", **options):
        return ssm.put_parameter(Name=name, Value=value, **{"Type": "String", **options})

    return make


@pytest.fixture
def events(world):
    """The events of Systems Manager so far, oldest first: (detail type, detail)."""
    from cloudjar.kernel.events import Event

    def read():
        opened = world.local.jar.worlds.open(world.name)

        def look():
            with opened.reading() as ctx:
                return [(event.detail_type, event.detail) for event in ctx.where(Event) if event.source == "aws.ssm"]

        return world.local.do(look)

    return read

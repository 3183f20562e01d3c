"""cloudjar: a whole AWS in a jar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudjar.gateway.inprocess import LocalWorld

__version__ = "0.1.0"


def world(**options: Any) -> LocalWorld:
    """An ephemeral world in this process: `cloudjar.world().client("s3")`. Options are Jar's; `close()` ends it."""
    from cloudjar.gateway.inprocess import LocalJar

    return LocalJar(**options).world()

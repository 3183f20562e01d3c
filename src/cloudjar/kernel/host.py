"""What the kernel asks of the layers above it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from cloudjar.kernel.context import Context
    from cloudjar.kernel.errors import AwsError
    from cloudjar.kernel.marks import GaugesMark
    from cloudjar.kernel.meter import Batch
    from cloudjar.kernel.paging import PageMembers
    from cloudjar.kernel.principal import Principal
    from cloudjar.kernel.world import World

T = TypeVar("T")

Question = tuple[str, str, Mapping[str, str]]
"""What IAM is asked: an action, a resource, and condition keys (in lower case) that only whoever asks knows."""


class Host(Protocol):
    """The jar, as a world sees it."""

    def call(self, ctx: Context, service: str, operation: str, req: dict[str, Any]) -> dict[str, Any]:
        """Validates, authorizes and runs a `def` operation in the context's transaction."""
        ...

    async def call_async(self, ctx: Context, service: str, operation: str, req: dict[str, Any]) -> dict[str, Any]:
        """The same for any operation, in transactions of its own."""
        ...

    def assume(self, ctx: Context, role_arn: str, service: str, source_arn: str = "") -> Context:
        """The context under a role that a service may assume, for a resource."""
        ...

    def form_caller(self, ctx: Context, fields: Mapping[str, str]) -> Principal:
        """Who signed the fields (names in lower case) of a browser's form; the anonymous where nobody did."""
        ...

    def allowed(self, ctx: Context, action: str, resource: str, keys: Mapping[str, str] | None = None) -> bool:
        """Whether the caller may do something else besides ("s3:ListBucket"), where that changes an answer.

        `keys` are condition keys (in lower case) that only whoever asks knows.
        """
        ...

    def refusals(self, ctx: Context, questions: Sequence[Question], req: dict[str, Any]) -> list[AwsError | None]:
        """For each question the error of a caller who may not, or None: for operations that do what they may of many things."""
        ...

    def page_members(self, service: str, operation: str) -> PageMembers:
        """Which members carry an operation's pages."""
        ...

    def listeners(self, source: str, detail_type: str) -> list[str]:
        """Names of the functions that listen to such events."""
        ...

    def keep_metrics(self, ctx: Context, batches: Sequence[Batch]) -> None:
        """Writes metrics that services have told into CloudWatch's records."""
        ...

    def gauges(self, namespace: str) -> Sequence[tuple[GaugesMark, Callable[..., Any]]]:
        """The readings of a namespace of metrics."""
        ...

    def resolve(self, name: str, mark: type) -> Callable[..., Any]:
        """The marked function with a name that `marks.name_of` gave; refuses functions that lack the mark."""
        ...

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        """Runs slow pure work on another thread."""
        ...

    async def endpoint(self, world: World) -> str:
        """The URL by which what runs on this machine reaches a world; its socket is opened if need be."""
        ...

    def driver(self) -> Any:
        """The compute driver of this machine; a `compute.driver.Driver`. Raises Unsupported where there is none."""
        ...

    async def network(self, world: World) -> Any:
        """A `compute.networks.Network` for one sandbox, where the jar answers for a world under AWS's names; the caller closes it.

        None where the driver has none but the host's.
        """
        ...

    def plane(self, name: str) -> Any:
        """The module of a data plane, by its folder: what services cannot import, because it lies above them."""
        ...

    def log_failure(self, what: str, error: BaseException) -> None:
        """Writes a failure of background work, with its traceback, to the jar's log."""
        ...

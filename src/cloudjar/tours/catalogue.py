"""The tours that there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cloudjar.tours.iam_requested_region import iam_requested_region
from cloudjar.tours.lambda_custom_runtime import lambda_custom_runtime
from cloudjar.tours.tour import Tour

TOURS: Mapping[str, Callable[[Tour], None]] = {
    "iam-requested-region": iam_requested_region,
    "lambda-custom-runtime": lambda_custom_runtime,
}


def title(name: str) -> str:
    """The first line of what a tour says of itself."""
    return (TOURS[name].__doc__ or "").splitlines()[0]

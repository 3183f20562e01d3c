"""Public parameters, `/aws/service/...`: what AWS publishes, as far as cloudjar knows it truly.

The Regions come from botocore's data. An AMI's id is that of the newest image which EC2 here has under the name that AWS gives such
images; without one, the parameter is not there.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, NamedTuple

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.services.ssm import errors, public_images
from cloudjar.services.ssm.filters import lies_under
from cloudjar.wire.models import botocore_data_dir

_PREFIX = "/aws/service/"
_REGIONS = "/aws/service/global-infrastructure/regions"


class PublicParameter(NamedTuple):
    """One of AWS's own parameters."""

    name: str
    value: str
    data_type: str = "text"


def is_public(name: str) -> bool:
    """Whether a name, or a path, is AWS's own."""
    return f"{name}/".startswith(_PREFIX)


def find(ctx: Context, name: str) -> PublicParameter:
    """The parameter of that name; ParameterNotFound."""
    if images := public_images.images_of(name):
        return _image(ctx, name, images)
    value = _regions().get(name)
    if value is None:
        raise errors.parameter_not_found()
    return PublicParameter(name, value)


def _image(ctx: Context, name: str, images: str) -> PublicParameter:
    """The newest image of that kind; EC2 says NotImplemented where there is no EC2."""
    answer = ctx.call(
        "ec2", "DescribeImages", {"Filters": [{"Name": "name", "Values": [images]}, {"Name": "is-public", "Values": ["true"]}]}
    )
    found = sorted(answer.get("Images") or [], key=lambda image: str(image.get("CreationDate", "")))
    if not found:
        raise errors.parameter_not_found()
    return PublicParameter(name, found[-1]["ImageId"], "aws:ec2:image")


@lru_cache(maxsize=1)
def _regions() -> dict[str, str]:
    found = {}
    for partition in json.loads((botocore_data_dir() / "partitions.json").read_bytes())["partitions"]:
        for region, about in partition["regions"].items():
            if region.endswith("-global"):
                continue
            found[f"{_REGIONS}/{region}"] = region
            found[f"{_REGIONS}/{region}/longName"] = about["description"]
            found[f"{_REGIONS}/{region}/partition"] = partition["id"]
            found[f"{_REGIONS}/{region}/domain"] = partition["outputs"]["dnsSuffix"]
    return found


def region_names() -> frozenset[str]:
    """Every Region that AWS has."""
    return frozenset(value for name, value in _regions().items() if name == f"{_REGIONS}/{value}")


def page(ctx: Context, req: dict[str, Any], path: str, recursive: bool) -> dict[str, Any]:
    """The public parameters in a hierarchy, some at a time."""
    found = [name for name in sorted([*public_images.LISTED, *_regions()]) if lies_under(name, path, recursive) and _is_there(ctx, name)]
    if token := req.get("NextToken"):
        after = decode_token(token, errors.invalid_token()).decode("utf-8", "replace")
        found = [name for name in found if name > after]
    size = min(req.get("MaxResults") or 10, 10)
    answer: dict[str, Any] = {"Parameters": [to_wire(ctx, find(ctx, name)) for name in found[:size]]}
    if len(found) > size:
        answer["NextToken"] = encode_token(found[size - 1].encode())
    return answer


def _is_there(ctx: Context, name: str) -> bool:
    try:
        find(ctx, name)
    except AwsError as problem:
        if problem.code != "ParameterNotFound":
            raise
        return False
    return True


def to_wire(ctx: Context, parameter: PublicParameter) -> dict[str, Any]:
    """A public parameter: of no account."""
    return {
        "Name": parameter.name,
        "Type": "String",
        "Value": parameter.value,
        "Version": 1,
        "ARN": ctx.arn("ssm", f"parameter{parameter.name}", account=""),
        "DataType": parameter.data_type,
    }

"""The filters of DescribeParameters and GetParametersByPath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cloudjar.kernel.context import Context
from cloudjar.services.ssm import errors, names
from cloudjar.services.ssm.records import Parameter, ParameterVersion, latest_version, parameter_arn

Test = Callable[[Parameter], bool]

_OPTIONS = {
    "Name": ("Equals", "BeginsWith", "Contains"),
    "Type": ("Equals", "BeginsWith"),
    "KeyId": ("Equals", "BeginsWith"),
    "Path": ("OneLevel", "Recursive"),
    "Tier": ("Equals",),
    "DataType": ("Equals",),
    "Label": ("Equals",),
}


class Filter(NamedTuple):
    """One condition: any of the values will do."""

    key: str
    option: str
    values: list[str]

    def matches(self, text: str) -> bool:
        """Whether a text meets the condition."""
        if self.option == "BeginsWith":
            return text.startswith(tuple(self.values))
        if self.option == "Contains":
            return any(value in text for value in self.values)
        return text in self.values


def tests(ctx: Context, given: list[dict[str, Any]], *, by_path: bool) -> list[Test]:
    """The filters of a request as tests; InvalidFilterKey, InvalidFilterOption, InvalidFilterValue."""
    return [_test(ctx, _checked(each, by_path)) for each in given]


def older_tests(ctx: Context, given: list[dict[str, Any]]) -> list[Test]:
    """The member Filters, from before ParameterFilters: names by their beginning."""
    return [_test(ctx, Filter(each["Key"], "BeginsWith" if each["Key"] == "Name" else "Equals", each["Values"])) for each in given]


def _checked(given: dict[str, Any], by_path: bool) -> Filter:
    key, values = given["Key"], given.get("Values") or []
    is_tag = key.startswith("tag:")
    if by_path and key not in ("Type", "KeyId", "Label"):
        raise errors.bad_filter_key(key)
    if not by_path and key == "Label":
        raise errors.bad_filter_key(key)
    option = given.get("Option") or ("OneLevel" if key == "Path" else "Equals")
    if option not in (("Equals",) if is_tag else _OPTIONS[key]):
        raise errors.bad_filter_option(option, key)
    if not values and not is_tag:
        raise errors.bad_filter_value(f"The filter {key} needs a value.")
    if key == "Type" and option == "Equals" and not set(values) <= {"String", "StringList", "SecureString"}:
        raise errors.bad_filter_value("The filter Type takes String, StringList and SecureString.")
    if key == "Path":
        for value in values:
            names.check_path(value)
    return Filter(key, option, values)


def _test(ctx: Context, wanted: Filter) -> Test:
    if wanted.key == "Name":
        # The slash that a path starts with may be left out.
        return lambda parameter: wanted.matches(parameter.name) or wanted.matches(parameter.name.removeprefix("/"))
    if wanted.key == "Type":
        return lambda parameter: wanted.matches(parameter.type)
    if wanted.key == "Tier":
        return lambda parameter: wanted.matches(parameter.tier)
    if wanted.key == "Path":
        return lambda parameter: any(lies_under(parameter.name, path, wanted.option == "Recursive") for path in wanted.values)
    if wanted.key == "KeyId":
        return lambda parameter: wanted.matches(latest_version(ctx, parameter).key_id)
    if wanted.key == "DataType":
        return lambda parameter: wanted.matches(latest_version(ctx, parameter).data_type)
    if wanted.key == "Label":
        return lambda parameter: any(
            set(version.labels) & set(wanted.values) for version in ctx.where(ParameterVersion, name=parameter.name)
        )
    name = wanted.key.removeprefix("tag:")

    def tagged(parameter: Parameter) -> bool:
        value = ctx.tags(parameter_arn(ctx, parameter.name)).get(name)
        return value is not None and (not wanted.values or value in wanted.values)

    return tagged


def lies_under(name: str, path: str, recursive: bool) -> bool:
    """Whether a parameter is in a hierarchy; the root holds names without a slash, too."""
    start = path.rstrip("/") + "/"
    name = name if name.startswith("/") else f"/{name}"
    return name.startswith(start) and (recursive or "/" not in name[len(start) :])

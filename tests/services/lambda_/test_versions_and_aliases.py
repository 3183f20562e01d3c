"""Published versions, and the aliases that point at them."""

from __future__ import annotations

import pytest

from .conftest import Functions, package


def source(answer: str) -> str:
    return (
        f"def handler(event, context):\n    return ['{answer}', context.function_version, context.invoked_function_arn.split(':', 6)[6]]\n"
    )


@pytest.fixture
def two_versions(functions: Functions) -> Functions:
    """f with versions 1 ("one") and 2 ("two")."""
    functions.python("f", source("one"), Publish=True)
    functions.client.update_function_code(FunctionName="f", ZipFile=package({"app.py": source("two")}), Publish=True)
    return functions


def test_a_version_keeps_its_code(two_versions: Functions) -> None:
    assert two_versions.invoke("f", Qualifier="1").value == ["one", "1", "f:1"]
    assert two_versions.invoke("f", Qualifier="2").value == ["two", "2", "f:2"]
    latest = two_versions.invoke("f")
    assert (latest.value, latest.version) == (["two", "$LATEST", "f"], "$LATEST")


def test_publishing_without_a_change_gives_the_same_version(two_versions: Functions) -> None:
    assert two_versions.client.publish_version(FunctionName="f")["Version"] == "2"


def test_numbers_are_not_used_again(two_versions: Functions) -> None:
    two_versions.client.delete_function(FunctionName="f", Qualifier="2")
    assert two_versions.client.publish_version(FunctionName="f")["Version"] == "3"


def test_versions_are_listed_with_latest_first(two_versions: Functions) -> None:
    versions = two_versions.client.list_versions_by_function(FunctionName="f")["Versions"]
    assert [v["Version"] for v in versions] == ["$LATEST", "1", "2"]
    assert versions[1]["FunctionArn"].endswith(":function:f:1")


def test_publishing_other_code_than_expected_is_refused(functions: Functions) -> None:
    functions.python("f", source("one"))
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match=r"CodeSHA256 \(x\) is different"):
        functions.client.publish_version(FunctionName="f", CodeSha256="x")


def test_an_alias_leads_to_its_version(two_versions: Functions) -> None:
    two_versions.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    called = two_versions.invoke("f", Qualifier="live")
    assert (called.value, called.version) == (["one", "1", "f:live"], "1")
    two_versions.client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert two_versions.invoke("f:live").value == ["two", "2", "f:live"]


def test_a_weighted_alias_shares_the_calls(two_versions: Functions) -> None:
    two_versions.client.create_alias(
        FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}}
    )
    served = [two_versions.invoke("f", Qualifier="live").version for _ in range(30)]
    assert set(served) == {"1", "2"}


def test_weights_of_zero_and_one_are_exact(two_versions: Functions) -> None:
    two_versions.client.create_alias(
        FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}}
    )
    assert {two_versions.invoke("f", Qualifier="live").version for _ in range(8)} == {"2"}


def test_a_version_that_an_alias_needs_cannot_be_deleted(two_versions: Functions) -> None:
    two_versions.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    with pytest.raises(two_versions.client.exceptions.ResourceConflictException, match="live"):
        two_versions.client.delete_function(FunctionName="f", Qualifier="1")


def test_aliases_are_listed_by_version(two_versions: Functions) -> None:
    for name, version in (("a", "1"), ("b", "2"), ("c", "1")):
        two_versions.client.create_alias(FunctionName="f", Name=name, FunctionVersion=version)
    found = two_versions.client.list_aliases(FunctionName="f", FunctionVersion="1")["Aliases"]
    assert [alias["Name"] for alias in found] == ["a", "c"]


def test_a_deleted_alias_is_gone(two_versions: Functions) -> None:
    two_versions.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    two_versions.client.delete_alias(FunctionName="f", Name="live")
    with pytest.raises(two_versions.client.exceptions.ResourceNotFoundException, match="Cannot find alias arn"):
        two_versions.client.get_alias(FunctionName="f", Name="live")

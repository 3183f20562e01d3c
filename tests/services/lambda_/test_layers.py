"""Layers: versions, listing, and what functions may refer to."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Functions, aws_refusal, package


@pytest.fixture
def layer(functions: Functions) -> Any:
    """Publishes a version of a layer of one file."""

    def publish(name: str = "lib", text: str = "x", **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = functions.client.publish_layer_version(
            LayerName=name, Content={"ZipFile": package({"data.txt": text})}, **options
        )
        return answer

    return publish


def test_versions_count_up_and_are_kept(functions: Functions, layer: Any) -> None:
    first, second = layer(Description="a", CompatibleRuntimes=["python3.11"]), layer(text="y")
    assert (first["Version"], second["Version"]) == (1, 2)
    assert first["LayerVersionArn"] == "arn:aws:lambda:us-east-1:000000000000:layer:lib:1"
    found = functions.client.get_layer_version(LayerName="lib", VersionNumber=1)
    assert (found["Description"], found["CompatibleRuntimes"]) == ("a", ["python3.11"])
    assert found["Content"]["CodeSha256"] == first["Content"]["CodeSha256"]
    assert functions.client.get_layer_version_by_arn(Arn=first["LayerVersionArn"])["Version"] == 1


def test_layers_are_listed_with_their_latest_version(functions: Functions, layer: Any) -> None:
    layer("a")
    layer("b", CompatibleRuntimes=["python3.11"])
    layer("b")
    listed = functions.client.list_layers()["Layers"]
    assert [(item["LayerName"], item["LatestMatchingVersion"]["Version"]) for item in listed] == [("a", 1), ("b", 2)]
    matching = functions.client.list_layers(CompatibleRuntime="python3.11")["Layers"]
    assert [(item["LayerName"], item["LatestMatchingVersion"]["Version"]) for item in matching] == [("b", 1)]
    assert [v["Version"] for v in functions.client.list_layer_versions(LayerName="b")["LayerVersions"]] == [2, 1]


def test_a_deleted_version_number_is_not_used_again(functions: Functions, layer: Any) -> None:
    layer()
    functions.client.delete_layer_version(LayerName="lib", VersionNumber=1)
    with pytest.raises(functions.client.exceptions.ResourceNotFoundException):
        functions.client.get_layer_version(LayerName="lib", VersionNumber=1)
    assert layer()["Version"] == 2


def test_a_function_may_have_five_layers(functions: Functions, layer: Any) -> None:
    arns = [layer(f"l{n}")["LayerVersionArn"] for n in range(6)]
    functions.python("five", "def handler(e, c):\n    import os\n    return os.listdir('/opt')\n", Layers=arns[:5])
    assert functions.invoke("five").value == ["data.txt"]
    assert [item["Arn"] for item in functions.client.get_function_configuration(FunctionName="five")["Layers"]] == arns[:5]
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="Cannot reference more than 5 layers"):
        functions.python("six", "", Layers=arns)


def test_two_versions_of_one_layer_are_refused(functions: Functions, layer: Any) -> None:
    arns = [layer(text=text)["LayerVersionArn"] for text in "ab"]
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="Two different versions of the same layer"):
        functions.python("f", "", Layers=arns)


def test_a_layers_policy_has_what_was_added(functions: Functions, layer: Any) -> None:
    layer()
    functions.client.add_layer_version_permission(
        LayerName="lib", VersionNumber=1, StatementId="all", Action="lambda:GetLayerVersion", Principal="*"
    )
    assert '"Sid":"all"' in functions.client.get_layer_version_policy(LayerName="lib", VersionNumber=1)["Policy"]
    functions.client.remove_layer_version_permission(LayerName="lib", VersionNumber=1, StatementId="all")
    with pytest.raises(functions.client.exceptions.ResourceNotFoundException):
        functions.client.get_layer_version_policy(LayerName="lib", VersionNumber=1)


def test_a_function_and_its_layers_share_one_limit(functions: Functions, layer: Any) -> None:
    half = package({"half": b"\0" * 140_000_000}, compressed=True)
    arn = functions.client.publish_layer_version(LayerName="half", Content={"ZipFile": half})["LayerVersionArn"]
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="combined with layers exceeds"):
        functions.python("f", "", Code={"ZipFile": half}, Layers=[arn])


def test_a_layer_that_is_no_zip_is_refused(functions: Functions) -> None:
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="Could not unzip uploaded file"):
        functions.client.publish_layer_version(LayerName="bad", Content={"ZipFile": b"nonsense"})


def test_a_function_keeps_running_with_a_layer_that_was_deleted(functions: Functions, layer: Any) -> None:
    functions.python("f", "import os\ndef handler(e, c):\n    return os.listdir('/opt')\n", Layers=[layer()["LayerVersionArn"]])
    functions.client.delete_layer_version(LayerName="lib", VersionNumber=1)
    assert functions.invoke("f").value == ["data.txt"]


def test_runtimes_that_never_were_are_refused(functions: Functions) -> None:
    with aws_refusal(r"Value '\[python3.12, bogus\]' at 'compatibleRuntimes' failed to satisfy constraint"):
        functions.client.publish_layer_version(
            LayerName="l", Content={"ZipFile": package({"a": "b"})}, CompatibleRuntimes=["python3.12", "bogus"]
        )

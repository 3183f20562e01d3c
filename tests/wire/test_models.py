"""Service models, read from botocore's data without botocore."""

from __future__ import annotations

import subprocess
import sys

import botocore
import pytest
from botocore.loaders import Loader

from cloudjar.wire.catalogue import FILE, render
from cloudjar.wire.models import Models, snake


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


def test_every_operation_has_the_python_name_that_botocore_gives_it(models: Models) -> None:
    names = {name for service in models.names() for name in models.service(service).operations}
    assert len(names) > 10_000
    assert [name for name in names if snake(name) != botocore.xform_name(name)] == []


def test_every_service_of_botocore_is_there(models: Models) -> None:
    assert list(models.names()) == Loader().list_available_services("service-2")


def test_the_newest_api_version_is_loaded(models: Models) -> None:
    assert models.service("ec2").api_version == "2016-11-15"


def test_a_service_that_does_not_exist_is_a_key_error(models: Models) -> None:
    with pytest.raises(KeyError):
        models.service("no-such-service")


def test_loading_models_does_not_import_botocore() -> None:
    code = (
        "import sys; from cloudjar.wire.codec import Codec; from cloudjar.wire.route import route; from cloudjar.wire.models import Models;"
        "Models().service('s3').operations['PutObject'].check;"
        "print([name for name in sys.modules if name.startswith(('botocore', 'cbor2', 'anycrc'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_errors_are_found_by_wire_code_and_by_shape_name(models: Models) -> None:
    iam = models.service("iam")
    by_code, by_name = iam.error("NoSuchEntity"), iam.error("NoSuchEntityException")
    assert by_code is by_name is not None
    assert by_code.error is not None and by_code.error.http_status_code == 404


def test_streaming_members_are_known(models: Models) -> None:
    s3 = models.service("s3")
    assert s3.operations["PutObject"].streaming_input == "Body"
    assert s3.operations["GetObject"].streaming_output == "Body"
    assert s3.operations["SelectObjectContent"].output_stream == "Payload"
    assert models.service("lambda").operations["Invoke"].streaming_input is None


def test_idempotency_tokens_are_known(models: Models) -> None:
    assert models.service("ec2").operations["RunInstances"].idempotency_tokens == ("ClientToken",)


def test_paginators_come_from_botocores_data(models: Models) -> None:
    assert models.service("iam").paginators["ListUsers"]["input_token"] == "Marker"


def test_the_catalogue_is_that_of_the_installed_botocore(models: Models) -> None:
    assert render(models) == FILE.read_bytes(), "run `python -m cloudjar.wire.catalogue`"

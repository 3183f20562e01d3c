"""Material: rotated, replicated, imported, expired."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_public_key

from cloudjar.kernel.events import Event


def current(kms, key):
    return kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]


def state(kms, key):
    return kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]


# Rotation


def test_a_key_rotates_every_year_and_still_decrypts(world, kms, key):
    first, blob = current(kms, key), kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 365
    world.clock.advance(days=364)
    assert current(kms, key) == first
    world.clock.advance(days=2)
    second = current(kms, key)
    assert second != first
    opened = kms.decrypt(CiphertextBlob=blob)
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"old", first)
    fresh = kms.encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=fresh)["KeyMaterialId"] == second
    world.clock.advance(days=365)
    rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [rotation["RotationType"] for rotation in rotations] == ["AUTOMATIC", "AUTOMATIC"]
    everything = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [material["KeyMaterialState"] for material in everything] == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]


def test_rotation_that_is_off_does_not_happen(world, kms, key):
    first = current(kms, key)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    kms.disable_key_rotation(KeyId=key)
    world.clock.advance(days=200)
    assert current(kms, key) == first
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False


def test_a_changed_period_counts_from_the_change(world, kms, key):
    first = current(kms, key)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    world.clock.advance(days=80)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=100)
    world.clock.advance(days=95)
    assert current(kms, key) == first
    world.clock.advance(days=6)
    assert current(kms, key) != first


def test_a_rotation_missed_while_disabled_happens_when_the_key_is_enabled(world, kms, key):
    first = current(kms, key)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    kms.disable_key(KeyId=key)
    world.clock.advance(days=100)
    assert current(kms, key) == first
    kms.enable_key(KeyId=key)
    assert current(kms, key) != first


def test_a_key_rotates_on_demand_25_times(kms, key, aws_error):
    seen = {current(kms, key)}
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key)
        seen.add(current(kms, key))
    assert len(seen) == 26
    with aws_error("LimitExceededException"):
        kms.rotate_key_on_demand(KeyId=key)


def test_asymmetric_keys_do_not_rotate(kms, aws_error):
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    with aws_error("UnsupportedOperationException"):
        kms.enable_key_rotation(KeyId=key)


def test_what_time_does_to_keys_is_published(world, kms, key, empty):
    put_material(kms, empty, bytes(32), ValidTo=world.clock.now() + timedelta(days=1))
    kms.rotate_key_on_demand(KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    world.clock.advance(days=8)
    opened = world.local.jar.worlds.open(world.name)

    def look():
        with opened.reading() as ctx:
            return [(event.detail_type, event.detail) for event in ctx.where(Event) if event.source == "aws.kms"]

    events = world.local.do(look)
    assert [(kind, detail["key-id"]) for kind, detail in events if kind.startswith("KMS")] == [
        ("KMS CMK Rotation", key),
        ("KMS Imported Key Material Expiration", empty),
        ("KMS CMK Deletion", key),
    ]
    own = [detail for kind, detail in events if kind == "AWS Service Event via CloudTrail"]
    assert [(each["eventName"], each["serviceEventDetails"]["keyId"]) for each in own] == [
        ("RotateKey", key),
        ("DeleteExpiredKeyMaterial", empty),
        ("DeleteKey", key),
    ]


# Multi-Region keys


@pytest.fixture
def europe(world):
    return world.client("kms", region="eu-west-1")


@pytest.fixture
def shared(kms):
    return kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]


def test_a_replica_decrypts_what_the_primary_encrypted(kms, europe, shared, aws_error):
    assert shared.startswith("mrk-")
    blob = kms.encrypt(KeyId=shared, Plaintext=b"x")["CiphertextBlob"]
    made = kms.replicate_key(KeyId=shared, ReplicaRegion="eu-west-1", Description="copy")["ReplicaKeyMetadata"]
    assert made["Arn"] == f"arn:aws:kms:eu-west-1:000000000000:key/{shared}" and made["Description"] == "copy"
    assert made["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA"
    assert made["MultiRegionConfiguration"]["PrimaryKey"]["Region"] == "us-east-1"
    assert europe.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    with aws_error("AlreadyExistsException"):
        kms.replicate_key(KeyId=shared, ReplicaRegion="eu-west-1")
    with aws_error("UnsupportedOperationException"):
        europe.replicate_key(KeyId=shared, ReplicaRegion="us-west-2")


def test_a_rotation_reaches_every_region(kms, europe, shared):
    kms.replicate_key(KeyId=shared, ReplicaRegion="eu-west-1")
    kms.rotate_key_on_demand(KeyId=shared)
    assert current(kms, shared) == current(europe, shared)
    assert kms.decrypt(CiphertextBlob=europe.encrypt(KeyId=shared, Plaintext=b"x")["CiphertextBlob"])["Plaintext"] == b"x"


def test_what_regions_share_is_synchronized_and_told(world, kms, shared):
    rules = world.client("events")
    rules.put_rule(Name="sync", EventPattern='{"source":["aws.kms"],"detail":{"eventName":["SynchronizeMultiRegionKey"]}}')
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:told"
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})
    rules.put_targets(Rule="sync", Targets=[{"Id": "1", "Arn": arn}])
    kms.rotate_key_on_demand(KeyId=shared)
    kms.replicate_key(KeyId=shared, ReplicaRegion="eu-west-1")
    kms.enable_key_rotation(KeyId=shared)
    told = [
        json.loads(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]["Body"])["detail"]["responseElements"]["keyId"]
        for _ in range(2)
    ]
    assert told == [f"arn:aws:kms:us-east-1:000000000000:key/{shared}"] * 2
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_the_primary_region_moves(kms, europe, shared):
    kms.replicate_key(KeyId=shared, ReplicaRegion="eu-west-1")
    kms.update_primary_region(KeyId=shared, PrimaryRegion="eu-west-1")
    regions = kms.describe_key(KeyId=shared)["KeyMetadata"]["MultiRegionConfiguration"]
    assert regions["MultiRegionKeyType"] == "REPLICA" and regions["PrimaryKey"]["Region"] == "eu-west-1"
    assert [replica["Region"] for replica in regions["ReplicaKeys"]] == ["us-east-1"]
    europe.replicate_key(KeyId=shared, ReplicaRegion="us-west-2")


def test_a_primary_waits_for_its_replicas_to_go(world, kms, europe, shared, aws_error):
    kms.replicate_key(KeyId=shared, ReplicaRegion="eu-west-1")
    assert kms.schedule_key_deletion(KeyId=shared, PendingWindowInDays=7)["KeyState"] == "PendingReplicaDeletion"
    world.clock.advance(days=60)
    assert state(kms, shared) == "PendingReplicaDeletion"
    europe.schedule_key_deletion(KeyId=shared, PendingWindowInDays=7)
    world.clock.advance(days=7, seconds=1)
    assert state(kms, shared) == "PendingDeletion"
    world.clock.advance(days=7, seconds=1)
    with aws_error("NotFoundException"):
        kms.describe_key(KeyId=shared)


def test_a_single_region_key_is_not_replicated(kms, key, aws_error):
    with aws_error("UnsupportedOperationException"):
        kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")


# Imported material


def wrap(public, algorithm, secret):
    digest = hashes.SHA1() if algorithm.endswith("SHA_1") else hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(digest), digest, None)
    if not algorithm.startswith("RSA_AES"):
        return load_der_public_key(public).encrypt(secret, oaep)
    kek = os.urandom(32)
    return load_der_public_key(public).encrypt(kek, oaep) + aes_key_wrap_with_padding(kek, secret)


def put_material(kms, key, secret, algorithm="RSAES_OAEP_SHA_256", **options):
    parameters = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048")
    if "ValidTo" not in options:
        options["ExpirationModel"] = "KEY_MATERIAL_DOES_NOT_EXPIRE"
    return kms.import_key_material(
        KeyId=key,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=wrap(parameters["PublicKey"], algorithm, secret),
        **options,
    )


@pytest.fixture
def empty(kms):
    """A key that waits for its material."""
    return kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"])
def test_a_key_works_with_imported_material(kms, empty, aws_error, algorithm):
    with aws_error("KMSInvalidStateException", "is pending import."):
        kms.encrypt(KeyId=empty, Plaintext=b"x")
    put_material(kms, empty, bytes(range(32)), algorithm)
    described = kms.describe_key(KeyId=empty)["KeyMetadata"]
    assert described["KeyState"] == "Enabled" and described["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
    blob = kms.encrypt(KeyId=empty, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_private_key_is_imported(kms):
    key = kms.create_key(Origin="EXTERNAL", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    private = ec.generate_private_key(ec.SECP256R1())
    put_material(kms, key, private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "RSA_AES_KEY_WRAP_SHA_256")
    signature = kms.sign(KeyId=key, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    private.public_key().verify(signature, b"m", ec.ECDSA(hashes.SHA256()))


def test_material_of_the_wrong_kind_is_refused(kms, empty, aws_error):
    with aws_error("IncorrectKeyMaterialException"):
        put_material(kms, empty, b"short")
    parameters = kms.get_parameters_for_import(KeyId=empty, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    options = {"KeyId": empty, "ImportToken": parameters["ImportToken"], "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    with aws_error("InvalidCiphertextException"):
        kms.import_key_material(**options, EncryptedKeyMaterial=b"x" * 256)
    with aws_error("InvalidImportTokenException"):
        kms.import_key_material(**{**options, "ImportToken": b"other"}, EncryptedKeyMaterial=b"x" * 256)
    assert state(kms, empty) == "PendingImport"


def test_an_import_token_is_good_for_a_day(world, kms, empty, aws_error):
    parameters = kms.get_parameters_for_import(KeyId=empty, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    world.clock.advance(hours=25)
    with aws_error("ExpiredImportTokenException"):
        kms.import_key_material(
            KeyId=empty,
            ImportToken=parameters["ImportToken"],
            EncryptedKeyMaterial=wrap(parameters["PublicKey"], "RSAES_OAEP_SHA_256", bytes(32)),
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )


def test_material_expires_and_comes_back_only_as_it_was(world, kms, empty, aws_error):
    secret = bytes(range(32))
    put_material(kms, empty, secret, ValidTo=world.clock.now() + timedelta(days=10))
    blob = kms.encrypt(KeyId=empty, Plaintext=b"x")["CiphertextBlob"]
    world.clock.advance(days=11)
    assert state(kms, empty) == "PendingImport"
    with aws_error("KMSInvalidStateException"):
        kms.decrypt(CiphertextBlob=blob)
    with aws_error("IncorrectKeyMaterialException"):
        put_material(kms, empty, bytes(32))
    put_material(kms, empty, secret)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    kms.delete_imported_key_material(KeyId=empty)
    assert state(kms, empty) == "PendingImport"


def test_new_imported_material_waits_for_a_rotation_on_demand(kms, empty, aws_error):
    put_material(kms, empty, bytes(32))
    blob = kms.encrypt(KeyId=empty, Plaintext=b"old")["CiphertextBlob"]
    with aws_error("KMSInvalidStateException"):
        kms.rotate_key_on_demand(KeyId=empty)
    first = current(kms, empty)
    second = put_material(kms, empty, bytes(range(32)), ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
    assert current(kms, empty) == first
    kms.rotate_key_on_demand(KeyId=empty)
    assert current(kms, empty) == second
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"old"


def test_material_of_a_multi_region_key_is_imported_into_each_region(kms, europe):
    key = kms.create_key(Origin="EXTERNAL", MultiRegion=True)["KeyMetadata"]["KeyId"]
    put_material(kms, key, bytes(range(32)))
    kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
    assert state(europe, key) == "PendingImport"
    put_material(europe, key, bytes(range(32)))
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert europe.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_key_of_kms_takes_no_import(kms, key, aws_error):
    with aws_error("UnsupportedOperationException", "origin is AWS_KMS which is not valid for this operation."):
        kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")

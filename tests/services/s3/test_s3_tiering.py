"""Intelligent-Tiering: archive tiers, and the way back."""

from __future__ import annotations

import pytest

LARGE = b"x" * (128 * 1024)


def configuration(*tierings, **more):
    return {"Id": "t", "Status": "Enabled", "Tierings": [{"Days": days, "AccessTier": tier} for days, tier in tierings], **more}


@pytest.fixture
def put(s3, bucket):
    def put(*tierings, **more):
        wanted = configuration(*tierings, **more)
        s3.put_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="t", IntelligentTieringConfiguration=wanted)

    return put


BOTH = ((90, "ARCHIVE_ACCESS"), (180, "DEEP_ARCHIVE_ACCESS"))


def test_what_nobody_reads_is_archived_and_restored(world, s3, bucket, put, aws_error):
    put(*BOTH)
    for key in ("read", "idle", "small", "plain"):
        more = {} if key == "plain" else {"StorageClass": "INTELLIGENT_TIERING"}
        s3.put_object(Bucket=bucket, Key=key, Body=b"x" if key == "small" else LARGE, **more)
    world.clock.advance(days=60)
    s3.get_object(Bucket=bucket, Key="read")
    world.clock.advance(days=32)
    with aws_error("InvalidObjectState", "access tier") as caught:
        s3.get_object(Bucket=bucket, Key="idle")
    for key in ("read", "small", "plain"):
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read(1) == b"x"
    head = s3.head_object(Bucket=bucket, Key="idle")
    assert (head["ArchiveStatus"], head["StorageClass"]) == ("ARCHIVE_ACCESS", "INTELLIGENT_TIERING")
    with aws_error("InvalidObjectState"):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "idle"})
    with aws_error("InvalidArgument", "Days"):
        s3.restore_object(Bucket=bucket, Key="idle", RestoreRequest={"Days": 1})
    s3.restore_object(Bucket=bucket, Key="idle", RestoreRequest={"GlacierJobParameters": {"Tier": "Standard"}})
    assert s3.head_object(Bucket=bucket, Key="idle")["Restore"] == 'ongoing-request="true"'
    world.clock.advance(hours=5, seconds=1)
    assert s3.get_object(Bucket=bucket, Key="idle")["Body"].read() == LARGE
    assert not {"ArchiveStatus", "Restore"} & s3.head_object(Bucket=bucket, Key="idle").keys()
    with aws_error("InvalidObjectState"):
        s3.restore_object(Bucket=bucket, Key="idle", RestoreRequest={})
    assert caught


def test_the_deep_tier_follows(world, s3, bucket, put, aws_error):
    put(*BOTH, Filter={"Prefix": "old/"})
    for key in ("old/a", "new/a"):
        s3.put_object(Bucket=bucket, Key=key, Body=LARGE, StorageClass="INTELLIGENT_TIERING")
    world.clock.advance(days=182)
    assert s3.head_object(Bucket=bucket, Key="old/a")["ArchiveStatus"] == "DEEP_ARCHIVE_ACCESS"
    assert "ArchiveStatus" not in s3.head_object(Bucket=bucket, Key="new/a")
    with aws_error("InvalidArgument", "Expedited"):
        s3.restore_object(Bucket=bucket, Key="old/a", RestoreRequest={"GlacierJobParameters": {"Tier": "Expedited"}})


def test_configurations_are_checked_listed_and_deleted(s3, bucket, put, aws_error):
    for days, tier in ((89, "ARCHIVE_ACCESS"), (179, "DEEP_ARCHIVE_ACCESS"), (731, "ARCHIVE_ACCESS")):
        with aws_error("InvalidArgument"):
            put((days, tier))
    with aws_error("MalformedXML"):
        put()
    put(*BOTH)
    listed = s3.list_bucket_intelligent_tiering_configurations(Bucket=bucket)["IntelligentTieringConfigurationList"]
    assert (
        listed
        == [configuration(*BOTH)]
        == [s3.get_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="t")["IntelligentTieringConfiguration"]]
    )
    s3.delete_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="t")
    with aws_error("NoSuchConfiguration"):
        s3.get_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="t")


def test_listings_tell_of_restores(world, s3, bucket):
    s3.put_object(Bucket=bucket, Key="cold", Body=b"x", StorageClass="GLACIER")
    s3.put_object(Bucket=bucket, Key="warm", Body=b"x")

    def status():
        listed = s3.list_objects_v2(Bucket=bucket, OptionalObjectAttributes=["RestoreStatus"])["Contents"]
        return [item.get("RestoreStatus") for item in listed]

    assert status() == [None, None]
    s3.restore_object(Bucket=bucket, Key="cold", RestoreRequest={"Days": 1})
    assert status() == [{"IsRestoreInProgress": True}, None]
    world.clock.advance(hours=6)
    first = status()[0]
    assert first["IsRestoreInProgress"] is False and first["RestoreExpiryDate"].hour == 0
    assert "RestoreStatus" not in s3.list_objects(Bucket=bucket)["Contents"][0]
    assert "RestoreStatus" in s3.list_object_versions(Bucket=bucket, OptionalObjectAttributes=["RestoreStatus"])["Versions"][0]

"""Log groups that are encrypted with a customer's KMS key."""

import json
import tarfile

import pytest

GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:app"


@pytest.fixture
def logs(world):
    world.clock.freeze()
    return world.client("logs")


@pytest.fixture
def key(world):
    """A key that CloudWatch Logs may use for this group alone."""
    root = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "kms:*", "Resource": "*"}
    condition = {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": [GROUP, "arn:aws:logs:us-east-1:000000000000:query-result:*"]}}
    actions = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    principal = {"Service": "logs.us-east-1.amazonaws.com"}
    ours = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*", "Condition": condition}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [root, ours]})
    return world.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]


def put(world, *messages):
    now = int(world.clock.now().timestamp() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    world.client("logs").put_log_events(logGroupName="app", logStreamName="s", logEvents=events)


def seen(logs):
    return [event["message"] for event in logs.filter_log_events(logGroupName="app")["events"]]


@pytest.fixture
def encrypted(logs, key):
    logs.create_log_group(logGroupName="app", kmsKeyId=key)
    logs.create_log_stream(logGroupName="app", logStreamName="s")
    return key


def test_an_encrypted_group_tells_its_key_and_reads_as_it_was_written(world, logs, encrypted):
    [group] = logs.describe_log_groups()["logGroups"]
    assert group["kmsKeyId"] == encrypted
    put(world, "one", "two")
    assert seen(logs) == ["one", "two"]
    assert [e["message"] for e in logs.get_log_events(logGroupName="app", logStreamName="s")["events"]] == ["one", "two"]


def test_what_is_stored_is_not_the_message(world, logs, encrypted, tmp_path):
    logs.create_log_group(logGroupName="plain")
    logs.create_log_stream(logGroupName="plain", logStreamName="s")
    put(world, "a secret of the first group")
    now = int(world.clock.now().timestamp() * 1000)
    event = {"timestamp": now, "message": "a secret of the second group"}
    logs.put_log_events(logGroupName="plain", logStreamName="s", logEvents=[event])
    world.export(tmp_path / "world")
    with tarfile.open(tmp_path / "world") as archive:
        stored = b"".join(part.read() for member in archive if (part := archive.extractfile(member)))
    assert b"secret of the second group" in stored
    assert b"secret of the first group" not in stored


def test_events_cannot_be_read_nor_written_while_the_key_is_disabled(world, logs, encrypted, aws_error):
    put(world, "one")
    kms = world.client("kms")
    kms.disable_key(KeyId=encrypted)
    with aws_error("AccessDeniedException", f"The specified KMS key does not exist or is not allowed to be used with Arn '{GROUP}'"):
        seen(logs)
    with aws_error("AccessDeniedException"):
        logs.get_log_events(logGroupName="app", logStreamName="s")
    with aws_error("AccessDeniedException"):
        put(world, "two")
    kms.enable_key(KeyId=encrypted)
    assert seen(logs) == ["one"]


def test_a_key_whose_policy_does_not_name_the_service_is_refused(world, logs, aws_error):
    other = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    with aws_error("AccessDeniedException", f"The specified KMS key does not exist or is not allowed to be used with Arn '{GROUP}'"):
        logs.create_log_group(logGroupName="app", kmsKeyId=other)
    assert logs.describe_log_groups()["logGroups"] == []


def test_a_key_for_another_group_is_refused(logs, key, aws_error):
    with aws_error("AccessDeniedException"):
        logs.create_log_group(logGroupName="other", kmsKeyId=key)


def test_a_disabled_key_is_refused(world, logs, key, aws_error):
    world.client("kms").disable_key(KeyId=key)
    with aws_error("InvalidParameterException"):
        logs.create_log_group(logGroupName="app", kmsKeyId=key)


def test_a_group_keeps_what_it_had_when_its_key_comes_and_goes(world, logs, key):
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="s")
    put(world, "plain")
    logs.associate_kms_key(logGroupName="app", kmsKeyId=key)
    put(world, "sealed")
    logs.disassociate_kms_key(resourceIdentifier=GROUP)
    put(world, "plain again")
    assert seen(logs) == ["plain", "sealed", "plain again"]
    assert "kmsKeyId" not in logs.describe_log_groups()["logGroups"][0]
    world.client("kms").disable_key(KeyId=key)
    with pytest.raises(logs.exceptions.ClientError, match="KMS key"):
        seen(logs)


def test_query_results_are_encrypted_with_a_key_of_their_own(world, logs, key, aws_error):
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="s")
    put(world, "one")
    logs.associate_kms_key(resourceIdentifier="arn:aws:logs:us-east-1:000000000000:query-result:*", kmsKeyId=key)
    query = logs.start_query(logGroupName="app", startTime=0, endTime=2**32, queryString="fields @message")["queryId"]
    world.settle()
    assert logs.get_query_results(queryId=query)["results"][0][0]["value"] == "one"
    assert logs.list_log_groups_for_query(queryId=query)["logGroupIdentifiers"] == ["app"]
    world.client("kms").disable_key(KeyId=key)
    with aws_error("AccessDeniedException"):
        logs.get_query_results(queryId=query)


def test_one_target_is_named(logs, key, aws_error):
    with aws_error("InvalidParameterException"):
        logs.associate_kms_key(kmsKeyId=key)
    with aws_error("InvalidParameterException"):
        logs.disassociate_kms_key()

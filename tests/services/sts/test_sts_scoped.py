"""GetScopedCredentials, and the sizes of session tokens."""

import json

import pytest
from sts_documents import make_role

READ_QUEUES = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["sqs:List*", "sts:*"], "Resource": "*"}})
ALL = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})


@pytest.fixture
def role(iam, sts, with_credentials):
    """Credentials of a role that may do everything."""
    arn = make_role(iam, "worker")
    iam.attach_role_policy(RoleName="worker", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    return sts.assume_role(RoleArn=arn, RoleSessionName="job", SourceIdentity="ada")["Credentials"]


def test_a_scope_narrows_the_session_and_keeps_who_it_is(with_credentials, role, aws_error):
    whole = with_credentials(role)
    answer = whole.get_scoped_credentials(Policy=READ_QUEUES)
    assert (answer["ScopedPoliciesCount"], answer["SourceIdentity"]) == (1, "ada")
    assert answer["SessionInfo"]["Arn"] == whole.get_caller_identity()["Arn"]
    assert answer["Credentials"]["Expiration"] == role["Expiration"]
    narrowed = with_credentials(answer["Credentials"], "sqs")
    narrowed.list_queues()
    with aws_error("AccessDenied", "no session policy allows the sqs:createqueue action"):
        narrowed.create_queue(QueueName="q")
    with_credentials(role, "sqs").create_queue(QueueName="q")


def test_a_scope_holds_where_a_resources_policy_names_the_very_session(world, with_credentials, role, aws_error):
    queues = world.client("sqs")
    url = queues.create_queue(QueueName="q")["QueueUrl"]
    session = with_credentials(role).get_caller_identity()["Arn"]
    statement = {"Effect": "Allow", "Principal": {"AWS": session}, "Action": "sqs:*", "Resource": "*"}
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": statement})})
    scoped = with_credentials(with_credentials(role).get_scoped_credentials(Policy=READ_QUEUES)["Credentials"], "sqs")
    with aws_error("AccessDenied", "session policy"):
        scoped.send_message(QueueUrl=url, MessageBody="m")


def test_scopes_add_up_to_three(with_credentials, role, aws_error):
    credentials = role
    for layer in (1, 2, 3):
        answer = with_credentials(credentials).get_scoped_credentials(Policy=ALL)
        assert answer["ScopedPoliciesCount"] == layer
        credentials = answer["Credentials"]
    with aws_error("AccessDenied", "3"):
        with_credentials(credentials).get_scoped_credentials(Policy=ALL)
    assert with_credentials(credentials).get_scoped_credentials(DurationSeconds=60)["ScopedPoliciesCount"] == 3


def test_a_scope_cannot_be_shaken_off_by_the_next(with_credentials, role, aws_error):
    scoped = with_credentials(role).get_scoped_credentials(Policy=READ_QUEUES)["Credentials"]
    wider = with_credentials(scoped).get_scoped_credentials(Policy=ALL)["Credentials"]
    with aws_error("AccessDenied"):
        with_credentials(wider, "sqs").create_queue(QueueName="q")


def test_a_scoped_session_ends_earlier_never_later(world, with_credentials, role, aws_error):
    short = with_credentials(role).get_scoped_credentials(DurationSeconds=60)["Credentials"]
    with aws_error("InsufficientSessionLifetime"):
        with_credentials(role).get_scoped_credentials(DurationSeconds=7200)
    world.clock.advance(seconds=61)
    with aws_error("ExpiredToken"):
        with_credentials(short).get_caller_identity()
    with_credentials(role).get_caller_identity()


def test_who_has_lasting_credentials_has_no_session_to_scope(sts, as_user, with_credentials, aws_error):
    ada = as_user("ada")
    for client in (ada, sts):
        with aws_error("InvalidSubjectCredentials"):
            client.get_scoped_credentials(Policy=ALL)
    session = with_credentials(ada.get_session_token()["Credentials"])
    assert session.get_scoped_credentials(Policy=ALL)["SessionInfo"]["Arn"].endswith("user/ada")


def test_a_scope_must_say_something_and_be_a_policy(with_credentials, role, aws_error):
    client = with_credentials(role)
    with aws_error("ValidationError", "Policy or DurationSeconds"):
        client.get_scoped_credentials()
    with aws_error("MalformedPolicyDocument"):
        client.get_scoped_credentials(Policy="{}")


def test_a_token_is_as_large_as_was_asked(iam, sts, as_user, with_credentials):
    arn = make_role(iam, "r")
    for answer in (
        sts.assume_role(RoleArn=arn, RoleSessionName="job", MinimumSessionTokenSize=2048),
        as_user("ada").get_session_token(MinimumSessionTokenSize=2048),
        as_user("bob").get_federation_token(Name="feda", MinimumSessionTokenSize=2048),
    ):
        assert answer["SessionTokenSize"] == len(answer["Credentials"]["SessionToken"]) >= 2048
        assert 50 <= answer["SessionTokenUtilization"] <= 51
    small = sts.assume_role(RoleArn=arn, RoleSessionName="job")
    assert small["SessionTokenSize"] == len(small["Credentials"]["SessionToken"]) < 400

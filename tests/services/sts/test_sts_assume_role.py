"""AssumeRole: who may, for how long, and what a session carries on."""

import pytest
from sts_documents import ACCOUNT, make_role, trust


def test_a_sessions_caller_is_the_role(iam, sts, with_credentials):
    role = iam.get_role(RoleName=make_role(iam, "r").rpartition("/")[2])["Role"]
    answer = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="deploy")
    assert answer["AssumedRoleUser"] == {
        "AssumedRoleId": f"{role['RoleId']}:deploy",
        "Arn": "arn:aws:sts::000000000000:assumed-role/r/deploy",
    }
    identity = with_credentials(answer["Credentials"]).get_caller_identity()
    assert (identity["Arn"], identity["UserId"]) == (answer["AssumedRoleUser"]["Arn"], answer["AssumedRoleUser"]["AssumedRoleId"])


def test_a_role_that_trusts_a_service_does_not_let_a_person_in(iam, sts, aws_error):
    arn = make_role(iam, "r", trust({"Service": "lambda.amazonaws.com"}))
    with aws_error("AccessDenied", f"User: {ACCOUNT} is not authorized to perform: sts:AssumeRole on resource: {arn}"):
        sts.assume_role(RoleArn=arn, RoleSessionName="deploy")


def test_a_role_that_is_not_there_is_refused_in_the_same_words(sts, aws_error):
    missing = "arn:aws:iam::000000000000:role/missing"
    with aws_error("AccessDenied", f"is not authorized to perform: sts:AssumeRole on resource: {missing}"):
        sts.assume_role(RoleArn=missing, RoleSessionName="deploy")


@pytest.mark.parametrize("arn", ["arn:aws:iam::000000000000:user/nobody", "arn:aws:s3:::no-role-at-all"])
def test_what_is_no_roles_arn_is_invalid(sts, aws_error, arn):
    with aws_error("ValidationError"):
        sts.assume_role(RoleArn=arn, RoleSessionName="deploy")


def test_only_the_named_user_gets_in(iam, as_user, aws_error):
    ada, bob = as_user("ada"), as_user("bob")
    arn = make_role(iam, "r", trust({"AWS": "arn:aws:iam::000000000000:user/ada"}))
    ada.assume_role(RoleArn=arn, RoleSessionName="deploy")
    with aws_error("AccessDenied"):
        bob.assume_role(RoleArn=arn, RoleSessionName="deploy")


def test_another_account_gets_in_where_it_is_trusted(world, iam, aws_error):
    arn = make_role(iam, "r", trust({"AWS": "111122223333"}))
    friend, stranger = world.client("sts", access_key="111122223333"), world.client("sts", access_key="444455556666")
    assert friend.assume_role(RoleArn=arn, RoleSessionName="deploy")["AssumedRoleUser"]["Arn"].split(":")[4] == "000000000000"
    with aws_error("AccessDenied"):
        stranger.assume_role(RoleArn=arn, RoleSessionName="deploy")


def test_the_external_id_must_be_the_agreed_one(iam, sts, aws_error):
    arn = make_role(iam, "r", trust({"AWS": ACCOUNT}, condition={"StringEquals": {"sts:ExternalId": "secret-42"}}))
    sts.assume_role(RoleArn=arn, RoleSessionName="deploy", ExternalId="secret-42")
    for wrong in ({}, {"ExternalId": "secret-43"}):
        with aws_error("AccessDenied"):
            sts.assume_role(RoleArn=arn, RoleSessionName="deploy", **wrong)


def test_a_session_ends_by_the_worlds_clock(world, iam, sts, with_credentials, aws_error):
    answer = sts.assume_role(RoleArn=make_role(iam, "r"), RoleSessionName="deploy", DurationSeconds=900)
    session = with_credentials(answer["Credentials"])
    world.clock.advance(seconds=890)
    session.get_caller_identity()
    world.clock.advance(seconds=20)
    with aws_error("ExpiredToken", "The security token included in the request is expired"):
        session.get_caller_identity()
    world.clock.advance(days=2)
    with aws_error("InvalidClientTokenId"):
        session.get_caller_identity()


def test_a_session_lasts_no_longer_than_its_role_allows(iam, sts, aws_error):
    arn = make_role(iam, "r", MaxSessionDuration=7200)
    sts.assume_role(RoleArn=arn, RoleSessionName="deploy", DurationSeconds=7200)
    with aws_error("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."):
        sts.assume_role(RoleArn=arn, RoleSessionName="deploy", DurationSeconds=7201)


def test_a_chained_session_lasts_an_hour_at_most(iam, sts, with_credentials, aws_error):
    first, second = make_role(iam, "a"), make_role(iam, "b", MaxSessionDuration=43200)
    chained = with_credentials(sts.assume_role(RoleArn=first, RoleSessionName="deploy")["Credentials"])
    chained.assume_role(RoleArn=second, RoleSessionName="deploy", DurationSeconds=3600)
    with aws_error("ValidationError", "1 hour session limit for roles assumed by role chaining"):
        chained.assume_role(RoleArn=second, RoleSessionName="deploy", DurationSeconds=3601)


def test_transitive_tags_go_along_and_cannot_be_set_again(iam, sts, with_credentials, aws_error):
    team_only = trust(
        {"AWS": ACCOUNT}, action=["sts:AssumeRole", "sts:TagSession"], condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    )
    first, second = make_role(iam, "a"), make_role(iam, "b", team_only)
    tags = [{"Key": "team", "Value": "blue"}, {"Key": "own", "Value": "1"}]
    answer = sts.assume_role(RoleArn=first, RoleSessionName="deploy", Tags=tags, TransitiveTagKeys=["team"])
    assert 0 < answer["PackedPolicySize"] <= 100
    chained = with_credentials(answer["Credentials"])
    third = with_credentials(chained.assume_role(RoleArn=second, RoleSessionName="deploy")["Credentials"])
    third.assume_role(RoleArn=second, RoleSessionName="deploy")
    with aws_error("AccessDenied", "conflicts with a session tag"):
        third.assume_role(RoleArn=second, RoleSessionName="deploy", Tags=[{"Key": "Team", "Value": "red"}])


def test_tags_need_the_permission_to_tag(iam, sts, aws_error):
    arn = make_role(iam, "r", trust({"AWS": ACCOUNT}))
    with aws_error("AccessDenied", "sts:TagSession"):
        sts.assume_role(RoleArn=arn, RoleSessionName="deploy", Tags=[{"Key": "team", "Value": "blue"}])


def test_a_source_identity_stays_for_the_whole_chain(iam, sts, with_credentials, aws_error):
    first, second = make_role(iam, "a"), make_role(iam, "b")
    answer = sts.assume_role(RoleArn=first, RoleSessionName="deploy", SourceIdentity="ada")
    assert answer["SourceIdentity"] == "ada"
    chained = with_credentials(answer["Credentials"])
    assert chained.assume_role(RoleArn=second, RoleSessionName="deploy")["SourceIdentity"] == "ada"
    with aws_error("AccessDenied"):
        chained.assume_role(RoleArn=second, RoleSessionName="deploy", SourceIdentity="bob")


@pytest.mark.parametrize("policy", ["{", '{"Statement": []}'])
def test_a_session_policy_must_be_a_policy(iam, sts, aws_error, policy):
    with aws_error("MalformedPolicyDocument"):
        sts.assume_role(RoleArn=make_role(iam, "r"), RoleSessionName="deploy", Policy=policy)


def test_a_role_that_wants_mfa_does_not_open_without(iam, as_user, aws_error):
    ada = as_user("ada")
    arn = make_role(iam, "r", trust({"AWS": ACCOUNT}, condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    with aws_error("AccessDenied"):
        ada.assume_role(RoleArn=arn, RoleSessionName="deploy")
    with aws_error("AccessDenied", "MultiFactorAuthentication failed"):
        ada.assume_role(RoleArn=arn, RoleSessionName="deploy", SerialNumber="arn:aws:iam::000000000000:mfa/none", TokenCode="123456")


def test_a_deleted_and_remade_role_is_another_one(iam, sts):
    first = sts.assume_role(RoleArn=make_role(iam, "r"), RoleSessionName="deploy")["AssumedRoleUser"]["AssumedRoleId"]
    iam.detach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.delete_role(RoleName="r")
    assert sts.assume_role(RoleArn=make_role(iam, "r"), RoleSessionName="deploy")["AssumedRoleUser"]["AssumedRoleId"] != first


def test_what_a_chain_brings_along_needs_the_next_roles_permission(iam, sts, with_credentials, aws_error):
    first, plain = make_role(iam, "a"), make_role(iam, "b", trust({"AWS": ACCOUNT}))
    tagged = sts.assume_role(RoleArn=first, RoleSessionName="deploy", Tags=[{"Key": "team", "Value": "blue"}], TransitiveTagKeys=["team"])
    with aws_error("AccessDenied", "sts:TagSession"):
        with_credentials(tagged["Credentials"]).assume_role(RoleArn=plain, RoleSessionName="deploy")
    known = sts.assume_role(RoleArn=first, RoleSessionName="deploy", SourceIdentity="ada")
    with aws_error("AccessDenied", "sts:SetSourceIdentity"):
        with_credentials(known["Credentials"]).assume_role(RoleArn=plain, RoleSessionName="deploy")


@pytest.mark.parametrize(
    "arn", ["arn:aws:iam::1:role/short", "arn:aws:iam::111122223333:user/ann", "arn:aws:s3:::role/some-bucket", "x" * 20]
)
def test_what_is_no_roles_arn_is_invalid_whoever_asks(world, iam, aws_error, arn):
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    nobody = world.client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    with aws_error("ValidationError", f"{arn} is invalid"):
        nobody.assume_role(RoleArn=arn, RoleSessionName="job")

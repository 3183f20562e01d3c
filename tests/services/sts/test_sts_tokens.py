"""GetSessionToken, GetFederationToken, GetAccessKeyInfo, DecodeAuthorizationMessage."""

import json

from sts_documents import make_role

READ = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}})


def test_a_users_session_is_still_the_user(as_user, with_credentials):
    ada = as_user("ada")
    answer = ada.get_session_token(DurationSeconds=900)["Credentials"]
    assert answer["AccessKeyId"].startswith("ASIA")
    assert with_credentials(answer).get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:user/ada"


def test_sessions_give_no_session_tokens(iam, sts, with_credentials, aws_error):
    role = with_credentials(sts.assume_role(RoleArn=make_role(iam, "r"), RoleSessionName="deploy")["Credentials"])
    for call in (role.get_session_token, lambda: role.get_federation_token(Name="feda")):
        with aws_error("AccessDenied", "with session credentials"):
            call()


def test_a_federated_user_is_called_by_the_name_given(as_user, with_credentials):
    answer = as_user("ada").get_federation_token(Name="visitor", Policy=READ)
    assert answer["FederatedUser"] == {
        "FederatedUserId": "000000000000:visitor",
        "Arn": "arn:aws:sts::000000000000:federated-user/visitor",
    }
    assert with_credentials(answer["Credentials"]).get_caller_identity()["Arn"] == answer["FederatedUser"]["Arn"]


def test_the_roots_sessions_last_an_hour_at_most(world, sts):
    world.clock.freeze()
    for answer in (sts.get_session_token(DurationSeconds=43200), sts.get_federation_token(Name="visitor")):
        assert (answer["Credentials"]["Expiration"] - world.clock.now()).total_seconds() <= 3600


def test_an_access_key_tells_its_account(world, iam, sts):
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]["AccessKeyId"]
    other = world.client("iam", access_key="111122223333")
    other.create_user(UserName="bob")
    foreign = other.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    assert sts.get_access_key_info(AccessKeyId=key)["Account"] == "000000000000"
    assert sts.get_access_key_info(AccessKeyId=foreign)["Account"] == "111122223333"
    # As with AWS's, the number is in the id itself.
    other.delete_access_key(UserName="bob", AccessKeyId=foreign)
    assert sts.get_access_key_info(AccessKeyId=foreign)["Account"] == "111122223333"


def test_only_what_the_judge_sealed_is_decoded(world, sts, aws_error):
    from cloudjar.identity.encoded_message import encode

    sealed = encode({"allowed": False}, world._world().seed)
    assert json.loads(sts.decode_authorization_message(EncodedMessage=sealed)["DecodedMessage"]) == {"allowed": False}
    with aws_error("InvalidAuthorizationMessageException"):
        sts.decode_authorization_message(EncodedMessage="A" + sealed[1:])

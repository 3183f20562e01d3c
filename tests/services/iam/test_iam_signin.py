"""What newer members of IAM's model ask for is done or refused, never passed over."""

import pytest
from iam_documents import LAMBDA


def test_a_role_has_the_longest_signin_session_that_was_set(iam, aws_error):
    made = iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA, MaxSigninSessionDuration=7200)["Role"]
    assert made["MaxSigninSessionDuration"] == 7200
    iam.update_role(RoleName="r", Description="d")
    assert iam.get_role(RoleName="r")["Role"]["MaxSigninSessionDuration"] == 7200
    with aws_error("InvalidInput"):
        iam.update_role(RoleName="r", MaxSigninSessionDuration=3600, ResetMaxSigninSessionDuration=True)
    iam.update_role(RoleName="r", ResetMaxSigninSessionDuration=True)
    assert "MaxSigninSessionDuration" not in iam.get_role(RoleName="r")["Role"]


def test_so_has_a_password(iam):
    iam.create_user(UserName="u")
    made = iam.create_login_profile(UserName="u", Password="Secret-1-secret", MaxSigninSessionDuration=3600)["LoginProfile"]
    assert made["MaxSigninSessionDuration"] == 3600
    iam.update_login_profile(UserName="u", MaxSigninSessionDuration=7200)
    assert iam.get_login_profile(UserName="u")["LoginProfile"]["MaxSigninSessionDuration"] == 7200
    iam.update_login_profile(UserName="u", ResetMaxSigninSessionDuration=True)
    assert "MaxSigninSessionDuration" not in iam.get_login_profile(UserName="u")["LoginProfile"]


def test_trusted_identity_propagation_is_refused(iam, aws_error):
    context = {"SubjectSourceKey": "sub"}
    with aws_error("NotImplemented"):
        iam.create_open_id_connect_provider(Url="https://id.example.com", ContextProvider=context)
    arn = iam.create_open_id_connect_provider(Url="https://id.example.com")["OpenIDConnectProviderArn"]
    with aws_error("NotImplemented"):
        iam.update_open_id_connect_provider(OpenIDConnectProviderArn=arn, ContextProvider=context)
    with aws_error("InvalidInput", "ContextProvider and RemoveContextProvider"):
        iam.update_open_id_connect_provider(OpenIDConnectProviderArn=arn, ContextProvider=context, RemoveContextProvider=True)
    with aws_error("NoSuchEntity"):
        iam.update_open_id_connect_provider(OpenIDConnectProviderArn=arn + "x", RemoveContextProvider=True)
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"][0]["IsTrustedIdentityPropagationEnabled"] is False


@pytest.mark.parametrize("service", ["bedrock.amazonaws.com", "logs.amazonaws.com"])
def test_api_keys_of_services_are_refused(iam, aws_error, service):
    iam.create_user(UserName="u")
    with aws_error("NotImplemented"):
        iam.create_service_specific_credential(UserName="u", ServiceName=service)


def test_only_api_keys_have_an_age(iam, aws_error):
    iam.create_user(UserName="u")
    with aws_error("ValidationError", "CredentialAgeDays"):
        iam.create_service_specific_credential(UserName="u", ServiceName="codecommit.amazonaws.com", CredentialAgeDays=30)


def test_nothing_is_set_to_expired(iam, aws_error):
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    with aws_error("InvalidInput"):
        iam.update_access_key(UserName="u", AccessKeyId=key, Status="Expired")
    assert iam.list_access_keys(UserName="u")["AccessKeyMetadata"][0]["Status"] == "Active"

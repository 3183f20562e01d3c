"""GetWebIdentityToken: AWS as an OpenID Connect provider for others."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from cloudjar.identity import jwt


def refusal(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def fetch(url, **headers):
    with urlopen(Request(url, headers=headers)) as answer:
        return json.load(answer)


@pytest.fixture
def issuer(iam):
    return iam.enable_outbound_web_identity_federation()["IssuerIdentifier"]


def test_the_feature_is_switched_on_and_off(iam):
    assert refusal(iam.get_outbound_web_identity_federation_info) == "FeatureDisabled"
    url = iam.enable_outbound_web_identity_federation()["IssuerIdentifier"]
    assert url.startswith("https://") and url.endswith(".tokens.sts.global.api.aws")
    assert refusal(iam.enable_outbound_web_identity_federation) == "FeatureEnabled"
    info = iam.get_outbound_web_identity_federation_info()
    assert (info["IssuerIdentifier"], info["JwtVendingEnabled"]) == (url, True)
    iam.disable_outbound_web_identity_federation()
    assert refusal(iam.disable_outbound_web_identity_federation) == "FeatureDisabled"
    assert iam.enable_outbound_web_identity_federation()["IssuerIdentifier"] == url


@pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
def test_a_token_says_who_calls_and_is_verified_with_the_served_keys(world, iam, as_user, issuer, algorithm):
    iam.create_user(UserName="someone")
    ann = as_user("ann")
    iam.tag_user(UserName="ann", Tags=[{"Key": "team", "Value": "red"}])
    answer = ann.get_web_identity_token(
        Audience=["https://api.example.com"], SigningAlgorithm=algorithm, Tags=[{"Key": "run", "Value": "7"}]
    )
    token = jwt.read(answer["WebIdentityToken"])
    served = fetch(f"{world.endpoint}/.well-known/openid-configuration", host=issuer.removeprefix("https://"))
    assert served["issuer"] == issuer
    name = issuer.removeprefix("https://").partition(".")[0]
    keys = fetch(f"{world.endpoint}/_cloudjar/issuers/{name}/.well-known/jwks.json")
    jwt.verify(token, keys)
    claims = token.claims
    assert (claims["iss"], claims["aud"], claims["sub"]) == (issuer, "https://api.example.com", "arn:aws:iam::000000000000:user/ann")
    own = claims["https://sts.amazonaws.com/"]
    assert (own["aws_account"], own["principal_tags"], own["request_tags"]) == ("000000000000", {"team": "red"}, {"run": "7"})
    assert claims["exp"] == claims["iat"] + 300 == int(answer["Expiration"].timestamp())


def test_a_token_is_taken_by_a_role_that_trusts_the_issuer(iam, sts, as_user, issuer):
    arn = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["here"], ThumbprintList=["0" * 40])["OpenIDConnectProviderArn"]
    trust = {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRoleWithWebIdentity"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    token = as_user("ann").get_web_identity_token(Audience=["here"], SigningAlgorithm="RS256")["WebIdentityToken"]
    answer = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="visit", WebIdentityToken=token)
    assert answer["SubjectFromWebIdentityToken"] == "arn:aws:iam::000000000000:user/ann"


def test_tokens_are_refused_where_they_should_be(iam, as_user, with_credentials, issuer):
    ann = as_user("ann")
    assert refusal(ann.get_web_identity_token, Audience=["a"], SigningAlgorithm="HS256") == "ValidationError"
    assert refusal(ann.get_web_identity_token, Audience=["a"], SigningAlgorithm="RS256", SubjectMode="OriginIdentity") == "ValidationError"
    trust = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}))["Role"]
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    session = with_credentials(ann.assume_role(RoleArn=role["Arn"], RoleSessionName="visit", DurationSeconds=900)["Credentials"])
    long = {"Audience": ["a"], "SigningAlgorithm": "ES384", "DurationSeconds": 3600}
    assert refusal(session.get_web_identity_token, **long) == "SessionDurationEscalationException"
    claims = jwt.read(session.get_web_identity_token(Audience=["a", "b"], SigningAlgorithm="ES384")["WebIdentityToken"]).claims
    assert (claims["sub"], claims["aud"]) == (role["Arn"], ["a", "b"])
    iam.disable_outbound_web_identity_federation()
    assert refusal(ann.get_web_identity_token, Audience=["a"], SigningAlgorithm="RS256") == "OutboundWebIdentityFederationDisabledException"

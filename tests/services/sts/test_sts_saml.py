"""AssumeRoleWithSAML. `saml_response.xml` was signed by signxml 4 and lxml: verifier and vector have nothing in common."""

import base64
import datetime
import re
from pathlib import Path

import pytest
from sts_documents import make_role, trust

HERE = Path(__file__).parent
RESPONSE = (HERE / "saml_response.xml").read_text()
CERTIFICATE = re.sub("-----.*?-----|\\s", "", (HERE / "saml_certificate.pem").read_text())
ISSUED = datetime.datetime(2026, 11, 23, 12, 0, 30, tzinfo=datetime.UTC)
PROVIDER = "arn:aws:iam::000000000000:saml-provider/idp"


def metadata(issuer="https://idp.example.test/metadata", certificate=CERTIFICATE):
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{issuer}"><md:IDPSSODescriptor '
        'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo '
        'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>'
        f"{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService "
        'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.test/sso"/>'
        f"</md:IDPSSODescriptor></md:EntityDescriptor>{' ' * 1000}"
    )


@pytest.fixture
def role(world, iam):
    world.clock.freeze()
    world.clock.set(ISSUED)
    iam.create_saml_provider(Name="idp", SAMLMetadataDocument=metadata())
    condition = {"StringEquals": {"saml:aud": "https://signin.aws.amazon.com/saml"}}
    return make_role(
        iam, "federated", trust({"Federated": PROVIDER}, action=["sts:AssumeRoleWithSAML", "sts:TagSession"], condition=condition)
    )


def assume(sts, role, text=RESPONSE, **options):
    assertion = base64.b64encode(text.encode()).decode()
    return sts.assume_role_with_saml(RoleArn=role, PrincipalArn=PROVIDER, SAMLAssertion=assertion, **options)


def test_a_signed_assertion_opens_the_role(sts, role, with_credentials):
    answer = assume(sts, role)
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/federated/ada@example.test"
    assert (answer["Subject"], answer["SubjectType"]) == ("ada & co", "persistent")
    assert answer["Issuer"] == "https://idp.example.test/metadata"
    assert with_credentials(answer["Credentials"]).get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ada@example.test", "root@example.test"),
        ('ID="_a1"', 'ID="_a2"'),
        ("ada &amp; co", "ada &amp; co<!-- -->"),
        ("2026-11-23T12:05:00Z", "2036-11-23T12:05:00Z"),
    ],
)
def test_a_changed_assertion_is_refused(sts, role, aws_error, old, new):
    assert old in RESPONSE
    if "<!--" in new:
        # Comments are not signed; they must not cut the text either.
        assert assume(sts, role, RESPONSE.replace(old, new))["Subject"] == "ada & co"
        return
    with aws_error("InvalidIdentityToken", "Response signature invalid"):
        assume(sts, role, RESPONSE.replace(old, new))


def test_an_assertion_without_a_signature_is_refused(sts, role, aws_error):
    with aws_error("InvalidIdentityToken", "Response signature invalid"):
        assume(sts, role, re.sub("<ds:Signature.*</ds:Signature>", "", RESPONSE, flags=re.DOTALL))


def test_a_second_assertion_around_the_signed_one_is_refused(sts, role, aws_error):
    signed = re.search("<saml:Assertion.*</saml:Assertion>", RESPONSE, re.DOTALL).group()
    forged = re.sub("<ds:Signature.*</ds:Signature>", "", signed, flags=re.DOTALL).replace("_a1", "_evil").replace("ada@", "root@")
    inside = forged.replace("</saml:Assertion>", signed + "</saml:Assertion>")
    for wrapped in (RESPONSE.replace(signed, forged + signed), RESPONSE.replace(signed, inside)):
        with aws_error("InvalidIdentityToken"):
            assume(sts, role, wrapped)


@pytest.mark.parametrize("text", ["not xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "<a>" * 5000 + "</a>" * 5000, "<Response/>"])
def test_what_is_no_response_is_refused(sts, role, aws_error, text):
    with aws_error("InvalidIdentityToken"):
        assume(sts, role, text)


def test_an_assertion_is_redeemed_in_time(world, sts, role, aws_error):
    world.clock.advance(minutes=6)
    with aws_error("ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance"):
        assume(sts, role)


def test_a_role_that_the_assertion_does_not_name_stays_shut(iam, sts, role, aws_error):
    other = make_role(iam, "other", trust({"Federated": PROVIDER}, action="sts:AssumeRoleWithSAML"))
    with aws_error("AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"):
        assume(sts, other)


def test_a_role_that_does_not_trust_the_provider_stays_shut(iam, sts, role, aws_error):
    iam.update_assume_role_policy(RoleName="federated", PolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    with aws_error("AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"):
        assume(sts, role)


def test_metadata_must_have_a_signing_certificate(iam, aws_error):
    for wrong in (metadata(certificate="AAAA"), "<x/>" + " " * 1000, "nonsense " * 200):
        with aws_error("InvalidInput", "Could not parse metadata"):
            iam.create_saml_provider(Name="bad", SAMLMetadataDocument=wrong)

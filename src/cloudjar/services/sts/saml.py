"""AssumeRoleWithSAML: a role's session for an assertion that a SAML provider signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudjar.identity.providers import SamlProvider
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.services.sts import errors, sessions, trust
from cloudjar.services.sts.assume_role import answer, duration, request_keys, role_arn, role_session

if TYPE_CHECKING:
    from xml.dom.minidom import Element

ACTION = "sts:AssumeRoleWithSAML"
RECIPIENT = "https://signin.aws.amazon.com/saml"
_RECIPIENTS = re.compile(
    r"https://([a-z0-9-]+\.)?signin\.(aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)/(saml|platform/saml/acs/[\w-]+)"
)
SHORTEST_SECONDS = 900
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"


@dataclass(frozen=True)
class Assertion:
    """What a verified assertion says."""

    issuer: str
    subject: str
    subject_type: str
    recipient: str
    attributes: dict[str, list[str]]
    ends: datetime | None
    """SessionNotOnOrAfter: when the provider wants the session over."""

    def one(self, name: str) -> str:
        """The first value of one of AWS's attributes; "" if there is none."""
        return next(iter(self.attributes.get(ATTRIBUTES + name, ())), "")


@operation(on=role_arn)
def assume_role_with_saml(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    role = trust.find_role(ctx, req["RoleArn"], ACTION)
    account = role.arn.split(":")[4]
    provider = ctx.at(account=account).get(SamlProvider, req["PrincipalArn"])
    if provider is None:
        raise errors.invalid_identity_token("Specified provider doesn't exist")
    assertion = _verified(req["SAMLAssertion"], provider, ctx.now)
    pairs = [{part.strip() for part in value.split(",")} for value in assertion.attributes.get(f"{ATTRIBUTES}Role", ())]
    if {role.arn, provider.arn} not in pairs:
        raise errors.not_authorized_federated(ACTION)
    name = assertion.one("RoleSessionName")
    if not 2 <= len(name) <= 64:
        raise errors.invalid_identity_token("RoleSessionName is required in AuthnResponse")

    start = f"{ATTRIBUTES}PrincipalTag:"
    tags = {key.removeprefix(start): values[0] for key, values in assertion.attributes.items() if key.startswith(start) and values}
    transitive = tuple(assertion.attributes.get(f"{ATTRIBUTES}TransitiveTagKeys", ()))
    if set(transitive) - set(tags):
        raise errors.invalid_identity_token("A transitive tag key is not among the tags of the assertion")
    scope = sessions.scope_of({**req, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})
    source_identity = assertion.one("SourceIdentity")
    qualifier = base64.b64encode(hashlib.sha1(f"{assertion.issuer}{account}/{provider.name}".encode()).digest()).decode()
    claims = {
        "saml:aud": assertion.recipient,
        "saml:iss": assertion.issuer,
        "saml:sub": assertion.subject,
        "saml:sub_type": assertion.subject_type,
        "saml:namequalifier": qualifier,
    }
    keys = request_keys(name, source_identity, scope) | claims | {"aws:federatedprovider": provider.arn}
    trust.check(ctx, role, ACTION, keys, federated=provider.arn)
    if tags:
        trust.check(ctx, role, "sts:TagSession", keys, federated=provider.arn)
    if source_identity:
        trust.check(ctx, role, "sts:SetSourceIdentity", keys, federated=provider.arn)
    seconds = duration(req, role)
    if assertion.ends:
        seconds = max(SHORTEST_SECONDS, min(seconds, int((assertion.ends - ctx.now).total_seconds())))
    session = sessions.issue(
        ctx,
        role_session(role, name, scope),
        seconds,
        least_token=req.get("MinimumSessionTokenSize"),
        source_identity=source_identity,
        transitive_tags=transitive,
        federated_provider=provider.arn,
        claims=claims,
    )
    return answer(session, scope) | {
        "Subject": assertion.subject,
        "SubjectType": assertion.subject_type,
        "Issuer": assertion.issuer,
        "Audience": assertion.recipient,
        "NameQualifier": qualifier,
    }


def _verified(encoded: str, provider: SamlProvider, now: datetime) -> Assertion:
    """The assertion, if the provider signed it and it holds now."""
    from cloudjar.identity import xmldsig

    invalid = errors.invalid_identity_token("Your request included an invalid SAML response.")
    try:
        document = xmldsig.read(base64.b64decode("".join(encoded.split()), validate=True))
        response = document.documentElement
        if response is None or (response.namespaceURI, response.localName) != (PROTOCOL, "Response"):
            raise invalid
        # One assertion, and a direct child: there is no second one that could be meant.
        assertions = xmldsig.children(response, ASSERTION, "Assertion")
        if len(assertions) != 1 or len(document.getElementsByTagNameNS(ASSERTION, "Assertion")) != 1:
            raise invalid
        signed = assertions[0] if xmldsig.children(assertions[0], xmldsig.DS, "Signature") else response
        try:
            xmldsig.verify(signed, provider.certificates)
        except xmldsig.BadSignature:
            raise errors.invalid_identity_token("Response signature invalid") from None
    except (xmldsig.BadSignature, binascii.Error):
        raise invalid from None
    for status in response.getElementsByTagNameNS(PROTOCOL, "StatusCode")[:1]:
        if status.getAttribute("Value") != SUCCESS:
            raise errors.rejected_claim("The identity provider did not authenticate the user.")
    try:
        found = _read(assertions[0], now)
    except ValueError:
        raise invalid from None
    if found.issuer != provider.issuer:
        raise errors.invalid_identity_token("Issuer not present in specified provider")
    return found


def _read(assertion: Element, now: datetime) -> Assertion:
    from cloudjar.identity.xmldsig import text_of

    def first(parent: Element, name: str) -> Element | None:
        return next(iter(parent.getElementsByTagNameNS(ASSERTION, name)), None)

    issuer, name_id = first(assertion, "Issuer"), first(assertion, "NameID")
    confirmation, conditions = first(assertion, "SubjectConfirmationData"), first(assertion, "Conditions")
    if issuer is None or name_id is None or confirmation is None:
        raise ValueError("incomplete")
    limits = [element.getAttribute("NotOnOrAfter") for element in (confirmation, conditions) if element is not None]
    if not limits[0] or any(now >= _instant(limit) for limit in limits if limit):
        raise errors.expired_token("Token must be redeemed within 5 minutes of issuance")
    early = conditions.getAttribute("NotBefore") if conditions is not None else ""
    if early and now < _instant(early) - timedelta(minutes=5):
        raise errors.invalid_identity_token("The SAML response is not valid yet")
    recipient = confirmation.getAttribute("Recipient")
    if not _RECIPIENTS.fullmatch(recipient):
        raise _wrong_audience()
    audiences = [text_of(audience).strip() for audience in assertion.getElementsByTagNameNS(ASSERTION, "Audience")]
    if audiences and not {"urn:amazon:webservices", RECIPIENT, recipient} & set(audiences):
        raise _wrong_audience()
    attributes: dict[str, list[str]] = {}
    for attribute in assertion.getElementsByTagNameNS(ASSERTION, "Attribute"):
        values = [text_of(value).strip() for value in attribute.getElementsByTagNameNS(ASSERTION, "AttributeValue")]
        attributes.setdefault(attribute.getAttribute("Name"), []).extend(values)
    statement = first(assertion, "AuthnStatement")
    ends = statement.getAttribute("SessionNotOnOrAfter") if statement is not None else ""
    form = name_id.getAttribute("Format").rpartition(":")[2]
    return Assertion(
        issuer=text_of(issuer).strip(),
        subject=text_of(name_id).strip(),
        subject_type=form if form in ("persistent", "transient") else name_id.getAttribute("Format") or "unspecified",
        recipient=recipient,
        attributes=attributes,
        ends=_instant(ends) if ends else None,
    )


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("SAML's instants are UTC")
    return found


def _wrong_audience() -> AwsError:
    return errors.invalid_identity_token("Audience in the SAML response is not valid")

"""Identity providers as records: IAM keeps them, STS checks what they signed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.records import Record, record


@record("iam.oidc_provider", key="arn", scope="account")
class OidcProvider(Record):
    """An OpenID Connect provider: who issues web identity tokens, and for whom."""

    arn: str
    url: str
    """Without "https://", as AWS shows it."""
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]
    created: datetime


@record("iam.saml_provider", key="arn", scope="account")
class SamlProvider(Record):
    """A SAML 2.0 provider, by its metadata document."""

    arn: str
    name: str
    uuid: str
    metadata: str
    created: datetime
    valid_until: datetime
    issuer: str
    certificates: tuple[bytes, ...]
    """DER, of the keys that it signs with."""


@record("identity.issuer_keys", key="url", scope="world")
class IssuerKeys(Record):
    """The public keys of a token issuer that lives in this world (a user pool, a cluster): nobody has to ask for them by HTTP."""

    url: str
    """The tokens' "iss", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x"."""
    jwks: dict[str, Any]
    """A JSON Web Key Set (RFC 7517)."""

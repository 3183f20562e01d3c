"""IAM's quotas, at AWS's defaults. Source: "IAM and AWS STS quotas"."""

from __future__ import annotations

from cloudjar.services.iam import errors

USERS = 5000
GROUPS = 300
ROLES = 1000
POLICIES = 1500
INSTANCE_PROFILES = 1000
SERVER_CERTIFICATES = 20
OIDC_PROVIDERS = 100
SAML_PROVIDERS = 100
ACCESS_KEYS_PER_USER = 2
GROUPS_PER_USER = 10
SIGNING_CERTIFICATES_PER_USER = 2
SSH_KEYS_PER_USER = 5
SERVICE_CREDENTIALS_PER_USER = 2
MFA_DEVICES_PER_USER = 8
VERSIONS_PER_POLICY = 5
ATTACHED_POLICIES = 10
CLIENT_IDS_PER_PROVIDER = 100
TAGS = 50

TRUST_POLICY_SIZE = 2048
MANAGED_POLICY_SIZE = 6144
INLINE_SIZE = {"user": 2048, "group": 5120, "role": 10240}
"""Letters, white space not counted; over all inline policies of one owner together."""


def check(count: int, limit: int, name: str) -> None:
    """Room for one more? Raises LimitExceeded with the quota's name."""
    if count >= limit:
        raise errors.quota(name, limit)

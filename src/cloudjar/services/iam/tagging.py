"""The tag operations: three for each kind of entity that has tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.iam import tags
from cloudjar.services.iam.entities import find_role, find_user
from cloudjar.services.iam.instance_profiles import find_profile
from cloudjar.services.iam.mfa_devices import find_device
from cloudjar.services.iam.oidc_providers import find_oidc_provider
from cloudjar.services.iam.policies import find_own
from cloudjar.services.iam.saml_providers import find_saml_provider
from cloudjar.services.iam.server_certificates import find_certificate

Request = dict[str, Any]
Find = Callable[[Context, Request], str]
"""The ARN of the entity that a request names; raises NoSuchEntity."""
Change = Callable[[Context, Request], None]


def _operations(find: Find) -> tuple[Change, Change, Callable[[Context, Request], Request]]:
    @operation(on=find)
    def tag(ctx: Context, req: Request) -> None:
        tags.put(ctx, find(ctx, req), req["Tags"])

    @operation(on=find)
    def untag(ctx: Context, req: Request) -> None:
        tags.remove(ctx, find(ctx, req), req["TagKeys"])

    @operation(on=find)
    def list_tags(ctx: Context, req: Request) -> Request:
        return tags.page(ctx, req, find(ctx, req))

    return tag, untag, list_tags


tag_user, untag_user, list_user_tags = _operations(lambda ctx, req: find_user(ctx, req["UserName"]).arn)
tag_role, untag_role, list_role_tags = _operations(lambda ctx, req: find_role(ctx, req["RoleName"]).arn)
tag_policy, untag_policy, list_policy_tags = _operations(lambda ctx, req: find_own(ctx, req["PolicyArn"]).arn)
tag_instance_profile, untag_instance_profile, list_instance_profile_tags = _operations(
    lambda ctx, req: find_profile(ctx, req["InstanceProfileName"]).arn
)
tag_mfa_device, untag_mfa_device, list_mfa_device_tags = _operations(lambda ctx, req: find_device(ctx, req["SerialNumber"]).serial)
tag_open_id_connect_provider, untag_open_id_connect_provider, list_open_id_connect_provider_tags = _operations(
    lambda ctx, req: find_oidc_provider(ctx, req["OpenIDConnectProviderArn"]).arn
)
tag_saml_provider, untag_saml_provider, list_saml_provider_tags = _operations(
    lambda ctx, req: find_saml_provider(ctx, req["SAMLProviderArn"]).arn
)
tag_server_certificate, untag_server_certificate, list_server_certificate_tags = _operations(
    lambda ctx, req: find_certificate(ctx, req["ServerCertificateName"]).arn
)

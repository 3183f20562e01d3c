"""Tenant isolation: functions whose environments each serve one tenant only, whom every call names.

https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html
"""

from __future__ import annotations

from cloudjar.kernel.context import Context
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.functions import Version, find_version

PER_TENANT = "PER_TENANT"


def check_call(version: Version, tenant: str) -> None:
    """A call names a tenant where, and only where, the function wants one. Raises InvalidParameterValueException."""
    if version.tenant_isolation and not tenant:
        raise errors.invalid(
            "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."
        )
    if tenant and not version.tenant_isolation:
        raise errors.invalid(
            "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again."
        )


def refuse(ctx: Context, name: str, what: str) -> None:
    """Refuses what cannot name a tenant, or would be initialised for none. Raises InvalidParameterValueException."""
    if find_version(ctx, name).tenant_isolation:
        raise errors.invalid(f"{what} is not supported for functions enabled with tenancy configuration.")

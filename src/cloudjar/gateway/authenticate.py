"""Who makes a request: credentials to principal."""

from __future__ import annotations

from cloudjar.identity.credentials import AccessKey, Session
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.principal import ANONYMOUS, Principal, root_of
from cloudjar.kernel.world import DEFAULT_ACCOUNT, World
from cloudjar.wire.http import Request
from cloudjar.wire.route import Route


def authenticate(world: World, target: Route, request: Request, wall_seconds: float) -> Principal:
    """The principal behind a request's access key.

    `test` is the default account's root and 12 digits are that account's; other keys must have been issued by this
    world's IAM or STS. Signatures are not verified yet.
    """
    key = target.access_key
    if not key:
        return ANONYMOUS
    if key == "test":
        return root_of(DEFAULT_ACCOUNT, key)
    if len(key) == 12 and key.isdecimal() and key.isascii():
        return root_of(key, key)
    with world.reading() as ctx:
        session = ctx.get(Session, key)
        issued = ctx.get(AccessKey, key)
        if session is not None and session.expires <= ctx.now:
            raise AwsError("ExpiredToken", "The security token included in the request is expired", status=403)
    if session is not None:
        return session.principal
    if issued is None or issued.status != "Active":
        raise unknown_key(target)
    if not issued.user_name:
        return root_of(issued.account, key)
    return Principal("user", issued.account, issued.user_arn, issued.user_id, key)


def unknown_key(target: Route) -> AwsError:
    """The error for an access key that nobody issued, as each family of services words it."""
    if target.service == "s3":
        return AwsError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", status=403)
    if target.protocol in ("query", "ec2"):
        return AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", status=403)
    return AwsError("UnrecognizedClientException", "The security token included in the request is invalid.", status=400)

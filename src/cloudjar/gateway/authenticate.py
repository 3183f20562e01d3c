"""Who makes a request: credentials to principal, signatures verified."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from cloudjar.identity.credentials import AccessKey, Session
from cloudjar.identity.organization import Member
from cloudjar.identity.roles import Role
from cloudjar.identity.sigv4 import (
    V4A,
    Credentials,
    SignatureProblem,
    SigningKeys,
    check_presigned,
    check_region_set,
    check_scope,
    declared_payload,
    parse_credentials,
    parse_post,
    to_aws_error,
    verify,
    verify_post,
)
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.principal import ANONYMOUS, Principal, root_of
from cloudjar.kernel.records import replace
from cloudjar.kernel.world import DEFAULT_ACCOUNT, DEFAULT_REGION, World
from cloudjar.wire.hosts import is_region, parse_host
from cloudjar.wire.http import Body, BufferedBody, Request
from cloudjar.wire.models import OperationModel
from cloudjar.wire.route import Route

if TYPE_CHECKING:
    from cloudjar.wire.catalogue import Catalogue

ANONYMOUS_SERVICES = frozenset({"s3", "sqs", "sns"})
"""Services whose resources' policies may let in everybody."""

LARGEST_HASHED = 64 << 20
"""Bytes of a body that is held back until its hash, which the signature covers, is known. S3's own bodies are hashed as they stream."""
USED_GRANULARITY = timedelta(minutes=1)
"""When a key was last used is kept to the minute: a write for each call would say no more."""
ISSUED_KEPT = 1000
"""Credentials that a world remembers."""

OF_ANY_SESSION = frozenset({"GetCallerIdentity", "GetScopedCredentials"})
"""STS's operations that every session may call."""

PLACEHOLDERS = frozenset(
    [
        *("test", "testing", "dummy", "fake", "foo", "foobar", "local", "localstack", "mock", "mock_access_key", "fakeMyKeyId"),
        *("AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"),
    ]
)
"""What test suites write where a key must stand, and the keys of AWS's own documentation: nobody can have been issued one of them."""


class Authenticator:
    """Verifies requests; one for a jar. `strict` refuses the keys that stand for a root user without a secret."""

    def __init__(self, wall: Callable[[], float], *, strict: bool = False) -> None:
        self.strict = strict
        self._wall = wall
        self._keys = SigningKeys()

    async def authenticate(
        self, world: World, catalogue: Catalogue, target: Route, operation: OperationModel, request: Request, body: bytes | Body
    ) -> tuple[Principal, bytes | Body]:
        """The caller, and the body to go on with: one that is signed in chunks is verified as it is read.

        `test` and other placeholders are the default account's root, 12 digits are that account's; other keys must have been
        issued by this world's IAM or STS, and sign what they send. Raises AwsError in the words of the service that is called.
        """
        key = target.access_key
        if target.service == "s3" and target.region and not is_region(target.region):
            # Old clients sign for "US" until they are told better.
            raise _no_region(target)
        if key and not self.strict and (root := unsigned_root(key)) is not None:
            if root.account in closed_accounts(world):
                raise to_aws_error(SignatureProblem("unknown-key"), target.protocol, target.service)
            if target.service == "s3" and "Signature=" in request.query:
                # A placeholder's signature proves nothing, but a URL that it signed ends like any other.
                try:
                    check_presigned(request, self._wall())
                except SignatureProblem as problem:
                    raise to_aws_error(problem, target.protocol, target.service) from None
            return root, body
        try:
            credentials = parse_credentials(request)
            if credentials is None:
                if target.service not in ANONYMOUS_SERVICES and not takes_anyone(operation):
                    raise SignatureProblem("missing")
                return ANONYMOUS, body
            _check_scope(catalogue, target, request, credentials)
            principal, secret = self._find(world, target.service, target.region or "", credentials)
            declared = declared_payload(request)
            if isinstance(body, bytes):
                digest = None if declared and len(declared) != 64 else sha256(body).hexdigest()
            elif declared or target.service == "s3":
                digest = None
            else:
                data = await body.read(LARGEST_HASHED)
                body, digest = BufferedBody(data), sha256(data).hexdigest()
            verify(request, credentials, secret, self._wall(), digest, self._keys, virtual_bucket=target.virtual_bucket or "")
            if principal.account in closed_accounts(world):
                raise SignatureProblem("unknown-key")
            if principal.issued:
                check_session(principal, operation)
        except SignatureProblem as problem:
            raise to_aws_error(problem, target.protocol, target.service) from None
        if not isinstance(body, bytes) and declared.startswith("STREAMING-AWS4-"):
            if declared.endswith("-EVENTS"):
                return principal, body
            body = SignedChunks(body, credentials, secret, self._keys, trailer=declared.endswith("-TRAILER"))
        return principal, body

    def authenticate_form(self, world: World, region: str, fields: Mapping[str, str]) -> Principal:
        """The caller behind the fields (names in lower case) of a browser's POST to S3; the anonymous where nothing is signed."""
        try:
            credentials = parse_post(fields)
            if credentials is None:
                return ANONYMOUS
            root = None if self.strict else unsigned_root(credentials.access_key)
            if root is not None:
                principal = root
            else:
                principal, secret = self._find(world, "s3", region, credentials)
                verify_post(fields, credentials, secret, self._keys)
            if principal.account in closed_accounts(world):
                raise SignatureProblem("unknown-key")
            return principal
        except SignatureProblem as problem:
            raise to_aws_error(problem, "rest-xml", "s3") from None

    def _find(self, world: World, service: str, region: str, credentials: Credentials) -> tuple[Principal, str]:
        """The principal and the secret behind an access key; raises SignatureProblem."""
        known, now = world.part(_Issued), world.clock.now()
        found = known.credentials(credentials.access_key)
        if isinstance(found, Session):
            if not hmac.compare_digest(found.token.encode(), credentials.token.encode("utf-8", "replace")):
                raise SignatureProblem("token-invalid")
            if found.expires <= now:
                raise SignatureProblem("token-expired")
            known.note(found, service, region, now)
            return found.principal, found.secret
        if found is None or found.status != "Active" or credentials.token:
            raise SignatureProblem("unknown-key")
        known.note(found, service, region, now)
        if not found.user_name:
            return root_of(found.account, found.id), found.secret
        return Principal("user", found.account, found.user_arn, found.user_id, found.id), found.secret


class _Issued:
    """Credentials as last read, and when their use was last noted. A part of the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._version = -1
        self._found: dict[str, Session | AccessKey] = {}
        self._noted: dict[str, datetime] = {}

    def credentials(self, key: str) -> Session | AccessKey | None:
        """What was issued under an access key; None if nothing was."""
        version = self._world.versions["identity"]
        if self._version != version or len(self._found) >= ISSUED_KEPT:
            self._version = version
            self._found.clear()
        found = self._found.get(key)
        if found is None:
            with self._world.reading() as ctx:
                found = ctx.get(Session, key) if key[:4] == "ASIA" else None
                found = found or ctx.get(AccessKey, key)
            if found is not None:
                self._found[key] = found
        return found

    def note(self, used: Session | AccessKey, service: str, region: str, now: datetime) -> None:
        """Remembers, to the minute, that an access key, or a session's role, was used."""
        noted = self._noted.get(used.id)
        if noted is not None and timedelta(0) <= now - noted < USED_GRANULARITY:
            return
        if len(self._noted) >= ISSUED_KEPT:
            self._noted.clear()
        self._noted[used.id] = now
        with self._world.reading() as ctx:
            if isinstance(used, Session):
                _note_role(ctx, used.principal, region)
            elif used.last_used is None or not timedelta(0) <= now - used.last_used < USED_GRANULARITY:
                ctx.put(replace(used, last_used=now, last_used_service=service, last_used_region=region or "N/A"))


def unsigned_root(key: str) -> Principal | None:
    """The root user that a well-known access key stands for; None for a real one."""
    if key in PLACEHOLDERS:
        return root_of(DEFAULT_ACCOUNT, key)
    if len(key) == 12 and key.isdecimal() and key.isascii():
        return root_of(key, key)
    return None


def check_session(principal: Principal, operation: OperationModel) -> None:
    """Refuses what sessions may not do, whatever their policies say.

    Source: "Compare AWS STS credentials", IAM User Guide: sessions by GetSessionToken cannot call IAM without MFA, nor STS but for a few
    operations; those by GetFederationToken can call neither, but for GetCallerIdentity. A role's sessions can do both.
    """
    service = operation.service.name
    of_assume_root = principal.kind == "root" and principal.session_policies
    if service not in ("iam", "sts") or principal.kind == "assumed-role" or of_assume_root:
        return
    federated = principal.kind == "federated-user"
    if service == "iam":
        if federated or not principal.mfa:
            raise SignatureProblem("unknown-key")
    elif operation.name not in OF_ANY_SESSION and (federated or operation.name != "AssumeRole") and not takes_anyone(operation):
        raise AwsError("AccessDenied", f"Cannot call {operation.name} with session credentials", status=403)


class _Closed:
    """The accounts that are closed, as last read. A part of the world."""

    def __init__(self, world: World) -> None:
        self.version = -1
        self.accounts: frozenset[str] = frozenset()


def closed_accounts(world: World) -> frozenset[str]:
    """The accounts of a world that Organizations has closed: nobody of theirs can call anything."""
    known, version = world.part(_Closed), world.versions["organizations"]
    if known.version != version:
        with world.reading() as ctx:
            known.accounts = frozenset([member.account for member in ctx.where(Member) if member.status == "SUSPENDED"])
        known.version = version
    return known.accounts


def takes_anyone(operation: OperationModel) -> bool:
    """Whether an operation needs no signature: AssumeRoleWithWebIdentity and the like."""
    return operation.auth_type == "none" or "smithy.api#noAuth" in operation.auth


def _note_role(ctx: Context, principal: Principal, region: str) -> None:
    if principal.kind != "assumed-role":
        return
    home = ctx.at(account=principal.account)
    role = home.get(Role, principal.role_arn.rpartition("/")[2])
    if role is not None and (role.last_used is None or not timedelta(0) <= ctx.now - role.last_used < USED_GRANULARITY):
        home.put(replace(role, last_used=ctx.now, last_used_region=region))


def _check_scope(catalogue: Catalogue, target: Route, request: Request, credentials: Credentials) -> None:
    """The signature must be for the service that was found and, where the host says one, for its Region."""
    if target.access_key not in (None, credentials.access_key):
        # What found the service read another key than what verifies: the header is not what either takes it for.
        raise SignatureProblem("incomplete")
    if credentials.form.startswith("v2"):
        return
    name = credentials.service
    meant = catalogue.by_signing_name.get(name) or catalogue.by_endpoint_prefix.get(name) or ()
    wanted = name if target.service in meant else catalogue.entries[target.service].signing_name
    host_region = parse_host(request.host).region or ""
    check_scope(credentials, host_region, {wanted})
    if credentials.algorithm == V4A:
        check_region_set(request, credentials, host_region)
    elif target.region not in (None, credentials.region):
        raise SignatureProblem("incomplete")


def _no_region(target: Route) -> AwsError:
    problem = SignatureProblem(
        "scope-region",
        "",
        s3=f"the region '{target.region}' is wrong; expecting '{DEFAULT_REGION}'",
        members={"Region": DEFAULT_REGION},
        query=target.presigned,
    )
    return to_aws_error(problem, target.protocol, target.service)


class SignedChunks:
    """A body in aws-chunked encoding whose chunks are signed: passed on as it is, verified on the way.

    The service that reads it has nothing acknowledged before the last chunk, so that a forged one undoes the whole.
    """

    def __init__(self, body: Body, credentials: Credentials, secret: str, keys: SigningKeys, *, trailer: bool) -> None:
        from cloudjar.identity.sigv4 import ChunkVerifier

        self.length = body.length
        self._body = body
        self._verifier = ChunkVerifier(credentials, secret, keys)
        self._trailer = trailer

    async def read(self, limit: int) -> bytes:
        from cloudjar.wire.http import BodyTooLarge

        found = bytearray()
        async for data in self:
            found += data
            if len(found) > limit:
                raise BodyTooLarge
        return bytes(found)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        from cloudjar.wire.aws_chunked import ChunkEnd, Data, Decoder, Event
        from cloudjar.wire.values import Malformed

        decoder = Decoder()

        def check(events: list[Event]) -> None:
            for event in events:
                if isinstance(event, Data):
                    self._verifier.update(event.data)
                elif isinstance(event, ChunkEnd):
                    self._verifier.finish(event.signature)
                elif self._trailer:
                    self._verifier.trailer(event.headers, event.signature)

        try:
            async for data in self._body:
                check(decoder.feed(data))
                yield data
            check(decoder.end())
        except SignatureProblem as problem:
            raise to_aws_error(problem, "rest-xml", "s3") from None
        except Malformed:
            raise AwsError("IncompleteBody", "The request body terminated unexpectedly", status=400) from None

"""Which service, Region and protocol a request is for."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from cloudjar.kernel.errors import AwsError
from cloudjar.wire import patches
from cloudjar.wire.catalogue import Catalogue, Entry
from cloudjar.wire.forms import unquote
from cloudjar.wire.hosts import NOTHING, HostName, parse_host
from cloudjar.wire.http import Request
from cloudjar.wire.models import Models
from cloudjar.wire.values import Malformed

FORM = "application/x-www-form-urlencoded"
CBOR = "smithy-rpc-v2-cbor"


class Route(msgspec.Struct):
    """Where a request goes. Nothing here is checked yet: the signature is identity's to judge."""

    service: str
    """botocore's directory name."""
    protocol: str
    region: str | None = None
    access_key: str | None = None
    virtual_bucket: str | None = None
    """The bucket that the host named; `path` already begins with it."""
    path: str = "/"
    """The path for the parser: the request's own, or "/BUCKET" and the request's own."""
    operation: str = ""
    """The operation's name, where a header or the path says it (json, cbor)."""
    signing_name: str | None = None
    presigned: bool = False
    match: tuple[str, dict[str, str]] | None = None
    """The operation and its labels, where they had to be found to tell the service."""


class Scope(msgspec.Struct, frozen=True):
    """The credential scope of a signature: who signs, where, for which signing name."""

    access_key: str
    region: str | None
    signing_name: str
    presigned: bool = False
    many: bool = False
    """Whether the signature is for a set of Regions, of which `region` is the first: then the host says which one is meant."""


def wants_body(request: Request) -> bool:
    """Whether `route` must see the body: a form may be a query call, and an unsigned one says only there for whom."""
    return request.method == "POST" and request.headers.get("content-type", "").startswith(FORM)


def route(models: Models, request: Request, body: bytes = b"") -> Route:
    """The service, protocol and Region of a request. AwsError if it names a service that there is not.

    `body` is needed where `wants_body` says so. What is neither signed nor says a service is S3's: anonymous reads and POST forms.
    """
    headers = request.headers
    catalogue = models.catalogue
    scope = read_scope(request)
    host = parse_host(headers.get("host", ""))
    target = headers.get("x-amz-target")
    if target:
        prefix, _, operation = target.rpartition(".")
        return finish(request, scope, host, by_target(models, prefix, operation, scope, host), "json", operation)
    path = request.path
    if path.startswith("/service/") and (headers.get("smithy-protocol") == "rpc-v2-cbor" or "cbor" in headers.get("content-type", "")):
        parts = path.split("/")
        if len(parts) == 5 and parts[3] == "operation":
            prefix = parts[2].rpartition(".")[2]
            return finish(request, scope, host, by_target(models, prefix, parts[4], scope, host), CBOR, parts[4])
    names = candidates(catalogue, scope, host)
    if len(names) == 1 and catalogue.entries[names[0]].protocols in (("query",), ("ec2",)):
        return finish(request, scope, host, names[0], catalogue.entries[names[0]].protocols[0])
    action = find_action(request, body)
    if action is not None:
        found = by_action(models, names, *action)
        if found:
            entry = catalogue.entries[found]
            return finish(request, scope, host, found, "ec2" if "ec2" in entry.protocols else "query")
    if not names:
        names = unsigned(models, request)
    if len(names) == 1:
        return finish(request, scope, host, names[0], body_protocol(catalogue.entries[names[0]], request))
    name, match = by_path(models, names, request)
    made = finish(request, scope, host, name, body_protocol(catalogue.entries[name], request))
    made.match = match
    return made


def finish(request: Request, scope: Scope | None, host: HostName, service: str, protocol: str, operation: str = "") -> Route:
    """The route, with the bucket of a virtual host put in front of the path."""
    found = Route(service, protocol, host.region, path=request.path, operation=operation)
    if scope is not None:
        found.region = (host.region if scope.many else None) or scope.region or host.region
        found.access_key, found.signing_name, found.presigned = scope.access_key, scope.signing_name, scope.presigned
    bucket = (host.bucket or only_label(host)) if service == "s3" else None
    if bucket:
        found.virtual_bucket = bucket
        found.path = f"/{bucket}{request.path}"
    return found


def only_label(host: HostName) -> str:
    """The bucket in "BUCKET.localhost", or the access point in "NAME-ACCOUNT.localhost": what SDKs make of a plain endpoint.

    The signature has said that S3 is meant, or nobody did; what is no service's name can only be a bucket's.
    """
    name = host.service
    return "" if name in ("", "s3", "s3-control") or host.region or "." in name else name


def read_scope(request: Request) -> Scope | None:
    """The credential scope in the Authorization header or, presigned, in the query string; None for an unsigned request."""
    authorization = request.headers.get("authorization", "")
    if authorization:
        start = authorization.find("Credential=")
        if start >= 0:
            end = authorization.find(",", start)
            credential = authorization[start + 11 : end if end >= 0 else None].strip()
            return known_scope(credential) or split_scope(credential, request, presigned=False)
        if authorization[:4] == "AWS " and ":" in authorization:
            return Scope(authorization[4:].rpartition(":")[0].strip(), None, "s3")
    query = request.query
    if "X-Amz-Credential=" in query:
        return split_scope(decoded(parameter(query, "X-Amz-Credential")), request, presigned=True)
    if "AWSAccessKeyId=" in query and "Signature=" in query:
        return Scope(decoded(parameter(query, "AWSAccessKeyId")), None, "s3", presigned=True)
    return None


@lru_cache(maxsize=1024)
def known_scope(credential: str) -> Scope | None:
    """The scope of a header's SigV4 credential, which a client repeats all day; None for other forms."""
    parts = credential.split("/")
    return Scope(parts[0], parts[2], parts[3]) if len(parts) == 5 else None


def split_scope(credential: str, request: Request, presigned: bool) -> Scope | None:
    """ "AKID/20260101/eu-west-1/s3/aws4_request" -> Scope; SigV4A's scope has no Region, its Region set stands elsewhere."""
    parts = credential.split("/")
    if len(parts) == 5:
        return Scope(parts[0], parts[2], parts[3], presigned)
    if len(parts) == 4:
        region = request.headers.get("x-amz-region-set") or decoded(parameter(request.query, "X-Amz-Region-Set"))
        first = region.split(",")[0]
        return Scope(parts[0], first if first and "*" not in first else None, parts[2], presigned, many=True)
    return None


def parameter(query: str, name: str) -> str:
    """One parameter of a raw query string, undecoded; "" if it is not there."""
    for item in query.split("&"):
        if item.startswith(name) and item[len(name) : len(name) + 1] == "=":
            return item[len(name) + 1 :]
    return ""


def decoded(text: str) -> str:
    """Percent-decoded; as it is where that cannot be."""
    try:
        return unquote(text.replace("+", " "), "query")
    except Malformed:
        return text


def candidates(catalogue: Catalogue, scope: Scope | None, host: HostName) -> list[str]:
    """The services that a signature, or else the host's name, may mean; none if neither says anything."""
    if scope is not None:
        found = catalogue.by_signing_name.get(scope.signing_name)
        if found is None:
            found = catalogue.by_endpoint_prefix.get(scope.signing_name)
        if found is None:
            words = f"Credential should be scoped to a valid service, not '{scope.signing_name[:64]}'."
            raise AwsError("InvalidSignatureException", words, status=403)
        if host is not NOTHING and len(found) > 1:
            named = [name for name in catalogue.by_endpoint_prefix.get(host.service, ()) if name in found]
            return named or found
        return found
    if host.service:
        return catalogue.by_endpoint_prefix.get(host.service) or catalogue.by_signing_name.get(host.service) or []
    return []


def by_target(models: Models, prefix: str, operation: str, scope: Scope | None, host: HostName) -> str:
    """The service of an X-Amz-Target's first part; among several (Timestream's two), one that has the operation."""
    catalogue = models.catalogue
    found = catalogue.by_target_prefix.get(prefix)
    if not found:
        if scope is not None:
            speaking = [name for name in candidates(catalogue, scope, host) if "json" in catalogue.entries[name].protocols]
            if speaking:
                return speaking[0]
        raise AwsError("UnknownOperationException")
    if len(found) > 1:
        return next((name for name in found if operation in models.service(name).operations), found[0])
    return found[0]


def find_action(request: Request, body: bytes) -> tuple[str, str] | None:
    """The Action and Version of a query call, in the body or the query string; None for anything else."""
    text = ""
    if body and request.method == "POST" and request.headers.get("content-type", "").startswith(FORM):
        text = body.decode("latin-1")
    if "Action=" not in text:
        text = request.query
        if "Action=" not in text:
            return None
    action = parameter(text, "Action")
    return (decoded(action), decoded(parameter(text, "Version"))) if action else None


def by_action(models: Models, names: list[str], action: str, version: str) -> str | None:
    """The service that a query call is for, by its Version among the signature's candidates or among all; None if it is for none."""
    entries = models.catalogue.entries
    speaking = [name for name in names if "query" in entries[name].protocols or "ec2" in entries[name].protocols]
    if names and not speaking:
        return None
    if not speaking:
        speaking = models.catalogue.by_version.get(version, [])
        if len(speaking) > 1:
            speaking = [name for name in speaking if action in models.service(name).operations] or speaking
    matching = [name for name in speaking if entries[name].api_version == version]
    chosen = matching or speaking
    if len(chosen) > 1:
        chosen = [name for name in chosen if action in models.service(name).operations] or chosen
    return chosen[0] if chosen else None


def by_path(models: Models, names: list[str], request: Request) -> tuple[str, tuple[str, dict[str, str]] | None]:
    """Among services with one signing name, the first that has an operation at the request's method and path; and that operation."""
    if "s3" in names:
        # Bucket names can look like S3 Control's paths; the account header, which S3 Control demands, cannot be mistaken.
        return ("s3control" if "x-amz-account-id" in request.headers and request.path.startswith("/v2018") else "s3"), None
    entries = models.catalogue.entries
    for name in names:
        if entries[name].protocols[0].startswith("rest"):
            match = models.service(name).uris.find(request, request.path)
            if match is not None:
                return name, match
    return next((name for name in names if entries[name].protocols[0].startswith("rest")), names[0]), None


def unsigned(models: Models, request: Request) -> list[str]:
    """The services that may take a request which is not signed and names nobody: S3, but for a few that never sign."""
    if "json" in request.headers.get("content-type", "") or "x-amz-sso_bearer_token" in request.headers:
        for name in patches.UNSIGNED_SERVICES:
            if name in models and models.service(name).uris.find(request, request.path) is not None:
                return [name]
    return ["s3"]


def body_protocol(entry: Entry, request: Request) -> str:
    """The protocol of a request to a known service that names no operation: REST for most, else what its content type says."""
    primary = entry.protocols[0]
    if primary.startswith("rest"):
        return primary
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("application/x-amz-json") and "json" in entry.protocols:
        return "json"
    if content_type.startswith(FORM) and "query" in entry.protocols:
        return "query"
    return primary


def protocol_hint(request: Request) -> str:
    """The protocol to answer in when routing itself failed."""
    if request.headers.get("x-amz-target"):
        return "json"
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return CBOR
    return "query" if wants_body(request) else "rest-json"

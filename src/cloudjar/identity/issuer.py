"""A token issuer's keys, asked for over HTTPS (OpenID Connect Discovery 1.0). Blocks: run it off the loop."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5.0
LARGEST = 1 << 20


class Unreachable(Exception):
    """The issuer did not answer, or not with what it should."""


def fetch_keys(issuer: str, thumbprints: tuple[str, ...]) -> dict[str, Any]:
    """The issuer's key set. Its certificate must be of a public authority, or of a chain with one of the thumbprints (SHA-1, hex)."""
    configuration = _get(issuer.rstrip("/") + "/.well-known/openid-configuration", thumbprints)
    if configuration.get("issuer", "").rstrip("/") != issuer.rstrip("/") or not isinstance(configuration.get("jwks_uri"), str):
        raise Unreachable("the discovery document is another issuer's")
    return _get(configuration["jwks_uri"], thumbprints)


def _get(url: str, thumbprints: tuple[str, ...]) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise Unreachable(f"{url} is no https address")
    try:
        try:
            return _ask(parts.hostname, parts.port, parts.path, ssl.create_default_context(), ())
        except ssl.SSLCertVerificationError:
            # Not known to the public: then it is for the thumbprints to say.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return _ask(parts.hostname, parts.port, parts.path, context, thumbprints or ("",))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(str(error)) from None


def _ask(host: str, port: int | None, path: str, context: ssl.SSLContext, thumbprints: tuple[str, ...]) -> dict[str, Any]:
    connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    try:
        connection.connect()
        if thumbprints and not _chain(connection.sock) & {thumbprint.lower() for thumbprint in thumbprints}:
            raise Unreachable("the certificate has none of the provider's thumbprints")
        connection.request("GET", path or "/", headers={"Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read(LARGEST)
        if answer.status != 200:
            raise Unreachable(f"{path} answered {answer.status}")
        found = json.loads(body)
    finally:
        connection.close()
    if not isinstance(found, dict):
        raise Unreachable(f"{path} is no JSON object")
    return found


def _chain(sock: Any) -> set[str]:
    """Thumbprints of the certificates that the server presented."""
    presented = [sock.getpeercert(binary_form=True)]
    unverified = getattr(sock, "get_unverified_chain", None)  # Python 3.13
    if unverified is not None:
        presented += unverified()
    return {hashlib.sha1(der, usedforsecurity=False).hexdigest() for der in presented if der}

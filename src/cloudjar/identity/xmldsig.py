"""Signed XML: exclusive canonical form, and signatures over one element (W3C xml-exc-c14n, xmldsig-core1).

Only what SAML uses: a signature that is a child of what it signs, one reference, by ID, and no other transforms than "enveloped" and
"exclusive". Everything else is refused rather than interpreted: what a verifier does not understand is how signatures are wrapped.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.dom.minidom import Document, Element, Node, ProcessingInstruction, Text, parseString
from xml.parsers.expat import ExpatError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
DEEPEST = 100
_XMLNS = "http://www.w3.org/2000/xmlns/"
_DIGESTS = {
    f"{DS}sha1": "sha1",
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"


class BadSignature(Exception):
    """Not signed, not by these keys, or in a way that is not taken."""


def read(data: bytes) -> Document:
    """A document without a document type; raises BadSignature for what is none."""
    try:
        text = data.decode("utf-8")
        # Entities come by document types, and SAML has neither.
        if "<!DOCTYPE" in text.upper():
            raise BadSignature("document types are not taken")
        document = parseString(data)
    except (UnicodeDecodeError, ExpatError, ValueError):
        raise BadSignature("not well-formed") from None
    level: list[Node] = [document]
    for _ in range(DEEPEST):
        level = [child for node in level for child in node.childNodes]
    if level:
        raise BadSignature("nested too deep")
    return document


def children(parent: Node, namespace: str, name: str) -> list[Element]:
    """The child elements of that name."""
    return [n for n in parent.childNodes if isinstance(n, Element) and (n.namespaceURI, n.localName) == (namespace, name)]


def text_of(element: Element) -> str:
    """The text in an element, whatever comments part it."""
    return "".join([node.data for node in element.childNodes if isinstance(node, Text)])


def verify(element: Element, certificates: Sequence[bytes]) -> None:
    """Raises BadSignature unless the element holds a signature over itself by the key of one of the certificates (DER)."""
    from cryptography import x509

    signatures = children(element, DS, "Signature")
    if len(signatures) != 1:
        raise BadSignature("exactly one signature is wanted")
    signature = signatures[0]
    signed_info = _only(signature, "SignedInfo")
    _check_digest(element, signature, signed_info)
    prefixes = _exclusive(_only(signed_info, "CanonicalizationMethod"))
    data = canonical(signed_info, prefixes=prefixes)
    method = _only(signed_info, "SignatureMethod").getAttribute("Algorithm")
    value = _decode(text_of(_only(signature, "SignatureValue")))
    if not any(_signed(x509.load_der_x509_certificate(der), method, value, data) for der in certificates):
        raise BadSignature("no key of the provider's signed it")


def _check_digest(element: Element, signature: Element, signed_info: Element) -> None:
    reference = _only(signed_info, "Reference")
    identifier = element.getAttribute("ID")
    document = element.ownerDocument
    bearers = [e for e in document.getElementsByTagName("*") if e.getAttribute("ID") == identifier] if document else []
    if not identifier or reference.getAttribute("URI") != f"#{identifier}" or len(bearers) != 1:
        raise BadSignature("the signature is over something else")
    prefixes: tuple[str, ...] = ()
    for transform in children(_only(reference, "Transforms"), DS, "Transform"):
        if transform.getAttribute("Algorithm") != ENVELOPED:
            prefixes = _exclusive(transform)
    name = _DIGESTS.get(_only(reference, "DigestMethod").getAttribute("Algorithm"))
    if name is None:
        raise BadSignature("this digest is not taken")
    found = hashlib.new(name, canonical(element, without=signature, prefixes=prefixes)).digest()
    if not hmac.compare_digest(found, _decode(text_of(_only(reference, "DigestValue")))):
        raise BadSignature("the content has been changed")


def _signed(certificate: Certificate, method: str, value: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

    known = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512(), "sha1": hashes.SHA1()}
    prefix, _, name = method.rpartition("-")
    digest = known.get(name)
    key = certificate.public_key()
    try:
        if digest and prefix in (f"{_MORE}rsa", f"{DS}rsa") and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, data, padding.PKCS1v15(), digest)
            return True
        if digest and prefix == f"{_MORE}ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            half = len(value) // 2
            pair = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
            key.verify(utils.encode_dss_signature(*pair), data, ec.ECDSA(digest))
            return True
    except InvalidSignature:
        pass
    return False


def _only(parent: Element, name: str) -> Element:
    found = children(parent, DS, name)
    if len(found) != 1:
        raise BadSignature(f"exactly one {name} is wanted")
    return found[0]


def _exclusive(method: Element) -> tuple[str, ...]:
    """The prefixes that an exclusive method treats as if they were in use."""
    if method.getAttribute("Algorithm") != EXCLUSIVE:
        raise BadSignature("this canonical form is not taken")
    lists = children(method, EXCLUSIVE, "InclusiveNamespaces")
    names = lists[0].getAttribute("PrefixList").split() if lists else []
    return tuple(["" if name == "#default" else name for name in names])


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise BadSignature("not base 64") from None


def canonical(element: Element, *, without: Element | None = None, prefixes: Sequence[str] = ()) -> bytes:
    """The exclusive canonical form of an element, without comments and without one of its descendants."""
    scope: dict[str, str] = {}
    ancestor = element.parentNode
    while isinstance(ancestor, Element):
        scope = _declared(ancestor) | scope
        ancestor = ancestor.parentNode
    out: list[str] = []
    _render(element, scope, {}, without, prefixes, out)
    return "".join(out).encode()


def _declared(element: Element) -> dict[str, str]:
    found = {}
    for attribute in element.attributes.values():
        if attribute.namespaceURI == _XMLNS:
            found["" if attribute.name == "xmlns" else attribute.localName] = attribute.value or ""  # minidom: xmlns="" has the value None
    return found


def _render(
    node: Node, scope: dict[str, str], rendered: dict[str, str], without: Element | None, prefixes: Sequence[str], out: list[str]
) -> None:
    if isinstance(node, Text):
        out.append(node.data.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;"))
    elif isinstance(node, ProcessingInstruction):
        out.append(f"<?{node.target} {node.data}?>" if node.data else f"<?{node.target}?>")
    elif isinstance(node, Element) and node is not without:
        scope = scope | _declared(node)
        attributes = [a for a in node.attributes.values() if a.namespaceURI != _XMLNS]
        used = {node.prefix or "", *[a.prefix for a in attributes if a.prefix and a.prefix != "xml"], *[p for p in prefixes if p in scope]}
        fresh = {prefix: scope.get(prefix, "") for prefix in used if rendered.get(prefix, "") != scope.get(prefix, "")}
        out.append(f"<{node.tagName}")
        for prefix in sorted(fresh):
            name = f"xmlns:{prefix}" if prefix else "xmlns"
            out.append(f' {name}="{_quoted(fresh[prefix])}"')
        for attribute in sorted(attributes, key=lambda a: (a.namespaceURI or "", a.localName)):
            out.append(f' {attribute.name}="{_quoted(attribute.value)}"')
        out.append(">")
        for child in node.childNodes:
            _render(child, scope, rendered | fresh, without, prefixes, out)
        out.append(f"</{node.tagName}>")


def _quoted(value: str) -> str:
    for raw, escaped in (("&", "&amp;"), ("<", "&lt;"), ('"', "&quot;"), ("\t", "&#x9;"), ("\n", "&#xA;"), ("\r", "&#xD;")):
        value = value.replace(raw, escaped)
    return value

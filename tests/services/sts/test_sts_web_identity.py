"""AssumeRoleWithWebIdentity, against a real issuer: an HTTPS server with a discovery document and a key set."""

import base64
import datetime
import hashlib
import hmac
import ipaddress
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID
from sts_documents import make_role, trust


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def number(value):
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Issuer:
    """An OpenID Connect provider on this machine."""

    def __init__(self, directory):
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        tls = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        born = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(tls.public_key())
            .serial_number(9)
            .not_valid_before(born)
            .not_valid_after(born + datetime.timedelta(days=36500))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
            .sign(tls, hashes.SHA256())
        )
        self.thumbprint = hashlib.sha1(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
        pem = directory / "issuer.pem"
        pem.write_bytes(
            tls.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/pool/.well-known/openid-configuration":
                    found = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
                else:
                    found = {"keys": issuer.keys()}
                body = json.dumps(found).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/pool"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def name(self):
        return self.url.removeprefix("https://")

    def keys(self):
        r, e = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        return [
            {"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": number(r.n), "e": number(r.e)},
            {"kty": "EC", "kid": "e", "use": "sig", "crv": "P-256", "x": b64(e.x.to_bytes(32, "big")), "y": b64(e.y.to_bytes(32, "big"))},
        ]

    def token(self, algorithm="RS256", kid="r", **claims):
        now = int(time.time())
        body = {"iss": self.url, "sub": "ada", "aud": "app", "iat": now, "exp": now + 3600} | claims
        body = {key: value for key, value in body.items() if value is not None}
        signed = f"{b64(json.dumps({'alg': algorithm, 'kid': kid}).encode())}.{b64(json.dumps(body).encode())}"
        if algorithm == "RS256":
            signature = self.rsa.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        elif algorithm == "ES256":
            pair = utils.decode_dss_signature(self.ec.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
            signature = b"".join(part.to_bytes(32, "big") for part in pair)
        elif algorithm == "HS256":
            public = self.rsa.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            signature = hmac.new(public, signed.encode(), hashlib.sha256).digest()
        else:
            signature = b""
        return f"{signed}.{b64(signature)}"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    made = Issuer(tmp_path_factory.mktemp("issuer"))
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def provider(iam, issuer):
    made = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["app"], ThumbprintList=[issuer.thumbprint])
    return made["OpenIDConnectProviderArn"]


@pytest.fixture
def role(iam, provider, issuer):
    document = trust(
        {"Federated": provider},
        action=["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
        condition={"StringEquals": {f"{issuer.name}:aud": "app"}, "StringLike": {f"{issuer.name}:sub": "a*"}},
    )
    return make_role(iam, "web", document)


def assume(sts, role, token):
    return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="browser", WebIdentityToken=token)


@pytest.mark.parametrize(("algorithm", "kid"), [("RS256", "r"), ("ES256", "e")])
def test_a_token_that_the_provider_signed_opens_the_role(sts, role, provider, issuer, with_credentials, algorithm, kid):
    answer = assume(sts, role, issuer.token(algorithm, kid))
    assert (answer["SubjectFromWebIdentityToken"], answer["Audience"], answer["Provider"]) == ("ada", "app", provider)
    identity = with_credentials(answer["Credentials"]).get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::000000000000:assumed-role/web/browser"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_cannot_choose_a_weaker_algorithm(sts, role, issuer, aws_error, algorithm):
    with aws_error("InvalidIdentityToken"):
        assume(sts, role, issuer.token(algorithm))


def test_another_keys_signature_is_refused(sts, role, issuer, aws_error):
    head, body, _ = issuer.token().split(".")
    other = rsa.generate_private_key(65537, 2048).sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    with aws_error("InvalidIdentityToken"):
        assume(sts, role, f"{head}.{body}.{b64(other)}")


def test_a_changed_claim_breaks_the_signature(sts, role, issuer, aws_error):
    head, _, signature = issuer.token().split(".")
    body = issuer.token(sub="admin").split(".")[1]
    with aws_error("InvalidIdentityToken"):
        assume(sts, role, f"{head}.{body}.{signature}")


@pytest.mark.parametrize("missing", ["iss", "sub", "aud", "exp", "iat"])
def test_a_token_without_a_needed_claim_is_refused(sts, role, issuer, aws_error, missing):
    with aws_error("InvalidIdentityToken", missing):
        assume(sts, role, issuer.token(**{missing: None}))


def test_an_expired_token_says_so(sts, role, issuer, aws_error):
    with aws_error("ExpiredTokenException", "must be before the expiration date/time"):
        assume(sts, role, issuer.token(exp=int(time.time()) - 10))


def test_a_token_for_another_client_is_refused(sts, role, issuer, aws_error):
    with aws_error("InvalidIdentityToken", "Incorrect token audience"):
        assume(sts, role, issuer.token(aud="another app"))


def test_the_trust_policys_conditions_see_the_claims(sts, role, issuer, aws_error):
    with aws_error("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        assume(sts, role, issuer.token(sub="bob"))


def test_an_issuer_without_a_provider_is_unknown(iam, sts, role, provider, issuer, aws_error):
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    with aws_error("InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer.url}"):
        assume(sts, role, issuer.token())


def test_an_issuer_with_another_certificate_is_not_believed(iam, sts, role, provider, issuer, aws_error):
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=provider, ThumbprintList=["0" * 40])
    with aws_error("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"):
        assume(sts, role, issuer.token())


def test_a_token_brings_session_tags(iam, sts, role, provider, issuer, with_credentials):
    tags = {"principal_tags": {"team": ["blue"]}, "transitive_tag_keys": ["team"]}
    answer = assume(sts, role, issuer.token(**{"https://aws.amazon.com/tags": tags}))
    blue = trust({"AWS": role}, action=["sts:AssumeRole", "sts:TagSession"], condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})
    with_credentials(answer["Credentials"]).assume_role(RoleArn=make_role(iam, "next", blue), RoleSessionName="next")


@pytest.mark.parametrize("token", ["a.b.c", "x" * 100, "e30.e30.", "bnVsbA.bnVsbA.AA"])
def test_what_is_no_token_is_refused(sts, role, aws_error, token):
    with aws_error("InvalidIdentityToken"):
        assume(sts, role, token)

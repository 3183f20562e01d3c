"""What can be wrong with a signature, and how each protocol of AWS says it."""

from __future__ import annotations

from typing import Any, Literal

from cloudjar.kernel.errors import AwsError

Kind = Literal[
    "missing",  # no credentials where the service does not take anonymous calls
    "incomplete",  # parts of the authorization are missing or do not parse
    "algorithm",  # not an algorithm that AWS has
    "two-mechanisms",  # header and query string both carry credentials
    "query-parameters",  # a presigned URL's parameters are missing, repeated or out of range
    "unknown-key",  # no such access key, or it is inactive
    "mismatch",  # the signature is not the one that the secret makes
    "content-mismatch",  # the body is not the one that was hashed and signed
    "content-missing",  # S3 wants x-amz-content-sha256
    "content-invalid",  # ... and one that is a hash or a known literal
    "not-signed",  # headers that must be signed are not
    "date",  # no usable date
    "skewed",  # the request's clock is too far from ours
    "expired",  # a presigned URL after its time
    "scope-region",
    "scope-service",
    "scope-date",
    "scope-terminator",
    "token-invalid",  # the session token is not the key's
    "token-expired",  # the temporary credentials' time is over
]


class SignatureProblem(Exception):
    """A request's credentials do not hold. `message` is the detail in AWS's words, "" where the kind says it all;
    `members` are S3's extra error members."""

    def __init__(self, kind: Kind, message: str = "", *, s3: str = "", members: dict[str, Any] | None = None, query: bool = False) -> None:
        super().__init__(f"{kind}: {message or s3}")
        self.kind = kind
        self.message = message
        self.s3 = s3
        """The detail as S3 words it, where that differs."""
        self.members = members or {}
        self.query = query
        """The credentials came in the query string; S3 has other codes then."""


_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and"
    " signing method. Consult the service documentation for details."
)
_INVALID_TOKEN = "The security token included in the request is invalid."

# kind -> (code, default message). Kinds that are absent are a mismatch to that protocol.
_QUERY: dict[Kind, tuple[str, str]] = {
    "missing": ("MissingAuthenticationToken", "Request is missing Authentication Token"),
    "incomplete": ("IncompleteSignature", "Request must contain a signature that conforms to AWS standards"),
    "algorithm": ("IncompleteSignature", ""),
    "two-mechanisms": ("IncompleteSignature", "Request must contain only one authentication mechanism"),
    "query-parameters": ("IncompleteSignature", ""),
    "date": ("IncompleteSignature", "Date must be in ISO-8601 'basic format'."),
    "unknown-key": ("InvalidClientTokenId", _INVALID_TOKEN),
    "token-invalid": ("InvalidClientTokenId", _INVALID_TOKEN),
    "token-expired": ("ExpiredToken", "The security token included in the request is expired"),
    "mismatch": ("SignatureDoesNotMatch", _MISMATCH),
}
_JSON: dict[Kind, tuple[str, str]] = {
    "missing": ("MissingAuthenticationTokenException", "Missing Authentication Token"),
    "incomplete": ("IncompleteSignatureException", "Request must contain a signature that conforms to AWS standards"),
    "algorithm": ("IncompleteSignatureException", ""),
    "two-mechanisms": ("IncompleteSignatureException", "Request must contain only one authentication mechanism"),
    "query-parameters": ("IncompleteSignatureException", ""),
    "date": ("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'."),
    "unknown-key": ("UnrecognizedClientException", _INVALID_TOKEN),
    "token-invalid": ("UnrecognizedClientException", _INVALID_TOKEN),
    "token-expired": ("ExpiredTokenException", "The security token included in the request is expired"),
    "mismatch": ("InvalidSignatureException", _MISMATCH),
}
_EC2: dict[Kind, tuple[str, str, int]] = {
    "missing": ("MissingParameter", "The request must contain the parameter AWSAccessKeyId", 400),
    "incomplete": ("IncompleteSignature", "The request signature does not conform to AWS standards.", 400),
    "skewed": ("RequestExpired", "Request has expired.", 400),
    "expired": ("RequestExpired", "Request has expired.", 400),
    "token-expired": ("RequestExpired", "Request has expired.", 400),
    "mismatch": ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
}
_S3: dict[Kind, tuple[str, str, int]] = {
    "missing": ("AccessDenied", "Access Denied", 403),
    "incomplete": ("AuthorizationHeaderMalformed", "The authorization header is malformed.", 400),
    "algorithm": ("InvalidArgument", "Unsupported Authorization Type", 400),
    "two-mechanisms": (
        "InvalidArgument",
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the"
        " Authorization header should be specified",
        400,
    ),
    "query-parameters": ("AuthorizationQueryParametersError", "", 400),
    "date": ("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header", 403),
    "unknown-key": ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
    "token-invalid": ("InvalidToken", "The provided token is malformed or otherwise invalid.", 400),
    "token-expired": ("ExpiredToken", "The provided token has expired.", 400),
    "mismatch": (
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        403,
    ),
    "content-mismatch": (
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
        400,
    ),
    "content-missing": ("InvalidRequest", "Missing required header for this request: x-amz-content-sha256", 400),
    "content-invalid": (
        "InvalidArgument",
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD,"
        " STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD,"
        " STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
        400,
    ),
    "not-signed": ("AccessDenied", "There were headers present in the request which were not signed", 403),
    "skewed": ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 403),
    "expired": ("AccessDenied", "Request has expired", 403),
}
_S3_SCOPES = ("scope-region", "scope-service", "scope-date", "scope-terminator", "incomplete")


def to_aws_error(problem: SignatureProblem, protocol: str, service: str = "") -> AwsError:
    """The error that AWS answers: `protocol` is the model's name for it (query, json, rest-json, rest-xml, ec2, smithy-rpc-v2-cbor).

    Source: each service's "Common errors" page, and S3's "Error responses".
    """
    if service == "s3":
        return _s3_error(problem)
    if protocol == "ec2":
        code, message, status = _EC2.get(problem.kind, _EC2["mismatch"])
        return AwsError(code, message, status=status)
    # SQS kept its query codes when it took to JSON.
    if protocol in ("query", "rest-xml") or service == "sqs":
        code, message = _QUERY.get(problem.kind, _QUERY["mismatch"])
        return AwsError(code, problem.message or message, status=403)
    code, message = _JSON.get(problem.kind, _JSON["mismatch"])
    # The JSON and CBOR front ends answer 400 to everything; the REST ones, 403.
    return AwsError(code, problem.message or message, status=403 if protocol == "rest-json" else 400)


def _s3_error(problem: SignatureProblem) -> AwsError:
    kind = problem.kind
    if kind in _S3_SCOPES:
        detail = problem.s3 or problem.message
        if problem.query:
            return AwsError(
                "AuthorizationQueryParametersError",
                f"Error parsing the X-Amz-Credential parameter; {detail}",
                status=400,
                members=problem.members,
            )
        message = f"The authorization header is malformed; {detail}" if detail else _S3["incomplete"][1]
        return AwsError("AuthorizationHeaderMalformed", message, status=400, members=problem.members)
    code, message, status = _S3.get(kind, _S3["mismatch"])
    return AwsError(code, problem.s3 or message, status=status, members=problem.members)

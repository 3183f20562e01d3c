"""Signature Version 4, verified: header, presigned query, chunked bodies, S3 POST policies; and S3's older Version 2.

Pure functions over `Request` values. Source: "AWS Signature Version 4 for API requests" and "Authenticating Requests"
(S3 API Reference).
"""

from cloudjar.identity.sigv4.chunks import ChunkVerifier
from cloudjar.identity.sigv4.credentials import V4A, Credentials, parse_credentials, parse_post
from cloudjar.identity.sigv4.problems import Kind, SignatureProblem, to_aws_error
from cloudjar.identity.sigv4.signature import (
    SigningKeys,
    check_presigned,
    check_region_set,
    check_scope,
    declared_payload,
    verify,
    verify_post,
)

__all__ = [
    "V4A",
    "ChunkVerifier",
    "Credentials",
    "Kind",
    "SignatureProblem",
    "SigningKeys",
    "check_presigned",
    "check_region_set",
    "check_scope",
    "declared_payload",
    "parse_credentials",
    "parse_post",
    "to_aws_error",
    "verify",
    "verify_post",
]

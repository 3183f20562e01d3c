"""CPU of a signature's verification and of a decision, and the long comparison of the two evaluators.

    python bench/identity.py [--cases 100000] [--seed 1]

Microseconds of CPU, the best of seven rounds; an HMAC chain (`derive_key`) is there to compare machines by.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from cloudjar.identity.managed_policies import managed_policy
from cloudjar.identity.policy import AuthzRequest, Named, PolicySet, compile_policy, decide, parse
from cloudjar.identity.sigv4 import SigningKeys, parse_credentials, verify
from cloudjar.identity.sigv4.signature import derive_key, request_time
from cloudjar.kernel.principal import Principal
from cloudjar.wire.http import BufferedBody, Request

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "identity"))
from policy_cases import disagreements

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
USER = Principal("user", "111111111111", "arn:aws:iam::111111111111:user/ann", "AIDAAAAAAAAAAAAAAAAAA")


def microseconds(call: Callable[[], object], turns: int = 3000) -> float:
    rounds = []
    for _ in range(7):
        start = time.process_time()
        for _ in range(turns):
            call()
        rounds.append((time.process_time() - start) / turns * 1e6)
    return min(rounds)


def signed(service: str, method: str, path: str, body: bytes) -> Request:
    made = botocore.awsrequest.AWSRequest(method, f"https://localhost:4566{path}", data=body, headers={"Content-Type": "text/plain"})
    signer = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    signer(botocore.credentials.Credentials("AKIAIOSFODNN7EXAMPLE", SECRET), service, "eu-west-1").add_auth(made)
    headers = {name.lower(): str(value) for name, value in made.prepare().headers.items()} | {"host": "localhost:4566"}
    return Request(method, path, "", headers, BufferedBody(body))


def verification(request: Request) -> Callable[[], object]:
    keys = SigningKeys()
    digest = hashlib.sha256(request.body.data).hexdigest()  # type: ignore[attr-defined]
    credentials = parse_credentials(request)
    assert credentials is not None
    now = request_time(credentials)

    def call() -> None:
        found = parse_credentials(request)
        assert found is not None
        verify(request, found, SECRET, now, digest, keys)

    return call


def named(text: str, kind: str = "identity") -> Named:
    return Named("p", compile_policy(parse(text, kind)))  # type: ignore[arg-type]


def decisions() -> dict[str, Callable[[], object]]:
    context = {"aws:username": "ann", "aws:sourceip": "10.0.0.1", "aws:requestedregion": "eu-west-1", "aws:principalarn": USER.arn}
    request = AuthzRequest(USER, "s3:GetObject", "arn:aws:s3:::bucket/key", context)

    def managed(name: str) -> Named:
        policy = managed_policy(name)
        assert policy is not None
        return named(policy.text)

    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    outside = {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-central-1"]}}
    full = named(json.dumps({"Version": "2012-10-17", "Statement": everything}))
    regions = named(json.dumps({"Version": "2012-10-17", "Statement": {**everything, "Effect": "Deny", "Condition": outside}}))
    bucket = named(json.dumps({"Version": "2012-10-17", "Statement": {**everything, "Principal": {"AWS": "222222222222"}}}), "resource")
    read_only = managed("ReadOnlyAccess")
    several = PolicySet((read_only, regions), (bucket,), (full,), None, ((full,), (full, regions)))
    return {
        "decide, AdministratorAccess": lambda one=PolicySet((managed("AdministratorAccess"),)): decide(request, one),
        "decide, ReadOnlyAccess": lambda one=PolicySet((read_only,)): decide(request, one),
        "decide, SCPs, boundary, bucket policy, two identity policies": lambda: decide(request, several),
    }


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cases", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    print("| what | µs |\n| --- | --- |")
    rows = {
        "derive a signing key": lambda: derive_key(SECRET, "20260101", "eu-west-1", "s3"),
        "parse and verify, STS": verification(signed("sts", "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15")),
        "parse and verify, S3 put": verification(signed("s3", "PUT", "/bucket/some%20key", b"x" * 1024)),
        **decisions(),
    }
    for name, call in rows.items():
        print(f"| {name} | {microseconds(call):.1f} |")
    allowed, found = disagreements(options.seed, options.cases)
    print(f"\n{options.cases} generated cases, {allowed} allowed, {len(found)} on which the evaluators differ")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()

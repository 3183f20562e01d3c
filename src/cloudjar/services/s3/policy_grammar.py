"""What a bucket's policy may say."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache

from cloudjar.identity.policy import PolicyDocument, PolicyProblem, parse
from cloudjar.identity.service_reference import find_action, known_actions
from cloudjar.kernel.errors import AwsError
from cloudjar.services.s3.buckets import Bucket

LARGEST = 20 * 1024
"""Bytes of a bucket policy."""
_EVERYTHING = frozenset({"bucket", "object"})


def checked(text: str, bucket: Bucket) -> PolicyDocument:
    """A bucket's policy, read; MalformedPolicy for one that the bucket cannot have."""
    if len(text.encode()) > LARGEST:
        raise _malformed("Policies must be no larger than 20 KB")
    try:
        document = parse(text, "resource")
    except PolicyProblem as problem:
        raise _malformed(problem.message) from None
    for statement in document.statements:
        for arn in statement.resources or statement.not_resources or ():
            name = arn.split(":", 5)[-1].partition("/")[0]
            # A pattern in place of the name can stand for no bucket but this one.
            if arn != "*" and ":s3:" in arn and name != bucket.name and "*" not in name and "?" not in name and "$" not in name:
                raise _malformed("Policy has invalid resource")
        for action in statement.actions or statement.not_actions or ():
            kinds = _kinds(action.lower())
            if not kinds:
                raise _malformed("Policy has invalid action")
            if statement.actions and statement.resources and not any(_may_be(arn) & kinds for arn in statement.resources):
                raise _malformed("Action does not apply to any resource(s) in statement")
    return document


@lru_cache(maxsize=256)
def _kinds(pattern: str) -> frozenset[str]:
    """What the actions of that pattern are about: "bucket", "object" or both; nothing if S3 has no such actions."""
    if pattern == "*" or pattern.startswith("s3-"):
        return _EVERYTHING
    prefix, _, name = pattern.partition(":")
    if prefix != "s3":
        return frozenset()
    found = [find_action(f"s3:{known}") for known in known_actions("s3") if fnmatchcase(known.lower(), name.replace("[", "[[]"))]
    # What has no resource of S3's own in the reference is asked about anywhere.
    kinds = [{resource.name for resource in spec.resources} & _EVERYTHING or _EVERYTHING for spec in found if spec is not None]
    return frozenset().union(*kinds)


def _may_be(arn: str) -> frozenset[str]:
    """Whether an ARN or pattern can be a bucket's, an object's, or either's."""
    name, slash, _ = arn.split(":", 5)[-1].partition("/")
    if slash and "*" not in name:
        return frozenset({"object"})
    return _EVERYTHING if "*" in arn or "$" in arn else frozenset({"bucket"})


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message, status=400)

"""Random requests and policies over a small alphabet, so that they meet often; from a seed."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from cloudjar.identity.policy import AuthzRequest, Named, PolicySet, compile_policy, decide, parse
from cloudjar.identity.policy.reference import Documents, allowed
from cloudjar.kernel.principal import Principal

ACCOUNTS = ["111111111111", "222222222222"]
USER = "arn:aws:iam::111111111111:user/ann"
ROLE = "arn:aws:iam::111111111111:role/app"
SESSION = "arn:aws:sts::111111111111:assumed-role/app/s1"
FEDERATED = "arn:aws:sts::111111111111:federated-user/bob"
PROVIDER = "arn:aws:iam::111111111111:oidc-provider/id.example"
PRINCIPALS = [
    Principal("user", ACCOUNTS[0], USER, "AIDAAAAAAAAAAAAAAAAAA"),
    Principal("root", ACCOUNTS[0], "arn:aws:iam::111111111111:root", ACCOUNTS[0]),
    Principal("assumed-role", ACCOUNTS[0], SESSION, "AROAAAAAAAAAAAAAAAAAA:s1", role_arn=ROLE),
    Principal("federated-user", ACCOUNTS[0], FEDERATED, "111111111111:bob", role_arn=USER),
    Principal("federated-user", ACCOUNTS[0], FEDERATED, "111111111111:bob", role_arn="arn:aws:iam::111111111111:root"),
    Principal("service", "", "lambda.amazonaws.com", "lambda.amazonaws.com"),
    Principal("anonymous", "", "*", "anonymous"),
]
ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "sqs:SendMessage", "iam:PassRole"]
ACTION_PATTERNS = [*ACTIONS, "*", "s3:*", "s3:Get*", "S3:?etobject", "s*:*", "*:*Object", "s3:*t*e*t", "iam:*"]
RESOURCES = [
    "*", "arn:aws:s3:::bucket/ann/file", "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/a*b", "arn:aws:sqs:us-east-1:111111111111:q",
    "arn:aws:iam::111111111111:role/app", "arn:aws:sqs:us-east-1:222222222222:a:b",
]  # fmt: skip
RESOURCE_PATTERNS = [
    *RESOURCES, "arn:aws:s3:::*", "arn:aws:s3", "arn:aws:s3:::bucket/${aws:username}/*", "arn:aws:*:*:*:q", "arn:aws:s3:::buck?t/*",
    "arn:aws:sqs:*:${aws:PrincipalAccount}:*", "arn:aws:s3:::bucket/${aws:PrincipalTag/team, 'ann'}/file", "arn:aws:s3:::bucket/a${*}b",
    "arn:aws:sqs:*:*:${odd:value}", "arn:*", "${whole:arn}", "arn:aws:s3:::b*/*n*/*e",
]  # fmt: skip
PRINCIPAL_VALUES: list[Any] = [
    "*", {"AWS": "*"}, {"AWS": USER}, {"AWS": ROLE}, {"AWS": SESSION}, {"AWS": [FEDERATED, ROLE]}, {"AWS": ACCOUNTS[0]},
    {"AWS": "arn:aws:iam::111111111111:root"}, {"AWS": ACCOUNTS[1]}, {"Service": "lambda.amazonaws.com"}, {"Federated": PROVIDER},
    {"AWS": "AIDAAAAAAAAAAAAAAAAAA"}, {"CanonicalUser": "c" * 64}, {"AWS": [USER, ACCOUNTS[0]]}, {"AWS": [SESSION, ROLE, ACCOUNTS[0]]},
]  # fmt: skip
STRINGS = [
    "ann",
    "Ann",
    "red",
    "re*",
    "r?d",
    "${aws:username}",
    "${aws:PrincipalTag/team, 'red'}",
    "${none:such}",
    "*",
    "a${*}",
    "",
    "${",
    "blue",
]
CONTEXT_VALUES: dict[str, list[Any]] = {
    "aws:username": ["ann", "bob", "a*"],
    "aws:principaltag/team": ["red", "blue", "Red"],
    "aws:principalaccount": ACCOUNTS,
    "aws:tagkeys": [(), ("red",), ("red", "blue"), ("ann", "red", "green")],
    "s3:prefix": ["ann", "re*", "", "red/x"],
    "aws:sourceip": ["10.0.0.7", "192.168.1.1", "2001:db8::1", "nonsense"],
    "aws:currenttime": ["2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "1767225600", "junk"],
    "aws:securetransport": ["true", "false"],
    "s3:max-keys": ["10", "10.0", "-1", "x", "1e1"],
    "aws:sourcearn": ["arn:aws:s3:::bucket", "arn:aws:sns:us-east-1:111111111111:t", "text"],
    "blob:key": ["QUJD", "QUJE", "%%%"],
    "odd:value": ["a:b", "q", "*"],
    "whole:arn": ["arn:aws:s3:::bucket", "x"],
}
OPERATOR_VALUES: dict[str, list[Any]] = {
    "StringEquals": STRINGS, "StringNotEquals": STRINGS, "StringEqualsIgnoreCase": STRINGS, "StringNotEqualsIgnoreCase": STRINGS,
    "StringLike": STRINGS, "StringNotLike": STRINGS,
    "NumericEquals": ["10", 10, "-1", 2.5], "NumericNotEquals": [10], "NumericLessThan": [10, 11], "NumericLessThanEquals": [10],
    "NumericGreaterThan": [9, 10], "NumericGreaterThanEquals": [10],
    "DateEquals": ["2026-01-01T00:00:00Z", "1767225600"], "DateNotEquals": ["2026-01-01T00:00:00+00:00"],
    "DateLessThan": ["2026-03-01"], "DateLessThanEquals": ["2026-01-01T00:00:00Z"], "DateGreaterThan": ["2026-03-01T00:00:00Z"],
    "DateGreaterThanEquals": ["2026-06-01T00:00:00Z"], "Bool": ["true", False, "FALSE"], "BinaryEquals": ["QUJD"],
    "IpAddress": ["10.0.0.0/8", "192.168.1.1", "2001:db8::/32"], "NotIpAddress": ["10.0.0.0/8"],
    "ArnEquals": ["arn:aws:s3:::bucket"], "ArnLike": ["arn:aws:s3:::*", "arn:aws:sns:*:*:t", "arn:aws:s3", "*", "${whole:arn}"],
    "ArnNotEquals": ["arn:aws:s3:::bucket"], "ArnNotLike": ["arn:*:sns:*:${aws:PrincipalAccount}:?"],
}  # fmt: skip


def some(dice: Random, values: list[Any], most: int = 3) -> Any:
    """One value, or a list of a few."""
    if dice.random() < 0.6:
        return dice.choice(values)
    return [dice.choice(values) for _ in range(dice.randint(1, most))]


def condition(dice: Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(dice.choice([1, 1, 1, 2])):
        key = dice.choice([*CONTEXT_VALUES, "none:such"])
        if dice.random() < 0.1:
            found["Null"] = {key: dice.choice(["true", "false", True])}
            continue
        name = dice.choice(list(OPERATOR_VALUES))
        operator = dice.choice(["", "", "", "ForAllValues:", "ForAnyValue:"]) + name + dice.choice(["", "", "IfExists"])
        key = dice.choice([key, key.upper()])
        found[operator] = {key: some(dice, OPERATOR_VALUES[name])}
    return found


def document(dice: Random, with_principal: bool, deny: float = 0.1) -> dict[str, Any]:
    rows = []
    for _ in range(dice.choice([1, 1, 2, 3])):
        row: dict[str, Any] = {"Effect": "Deny" if dice.random() < deny else "Allow"}
        row[dice.choice(["Action"] * 8 + ["NotAction"])] = "*" if dice.random() < 0.3 else some(dice, ACTION_PATTERNS)
        row[dice.choice(["Resource"] * 8 + ["NotResource"])] = "*" if dice.random() < 0.3 else some(dice, RESOURCE_PATTERNS)
        if with_principal:
            row[dice.choice(["Principal"] * 8 + ["NotPrincipal"])] = dice.choice(PRINCIPAL_VALUES)
        if dice.random() < 0.4:
            row["Condition"] = condition(dice)
        rows.append(row)
    return {"Version": dice.choice(["2012-10-17"] * 5 + ["2008-10-17"]), "Statement": rows if dice.random() < 0.9 else rows[0]}


def request(dice: Random) -> AuthzRequest:
    context = {key: dice.choice(values) for key, values in CONTEXT_VALUES.items() if dice.random() < 0.6}
    return AuthzRequest(
        dice.choice(PRINCIPALS), dice.choice(ACTIONS), dice.choice(RESOURCES), context, resource_account=dice.choice(["", *ACCOUNTS]),
        federated=PROVIDER if dice.random() < 0.05 else "", canonical_user=dice.choice(["", "c" * 64]),
    )  # fmt: skip


def policies(dice: Random) -> Documents:
    """The documents that bear on a request."""

    def several(with_principal: bool = False) -> list[dict[str, Any]]:
        return [document(dice, with_principal) for _ in range(dice.choice([0, 1, 1, 2]))]

    def levels() -> list[list[dict[str, Any]]] | None:
        if dice.random() < 0.7:
            return None
        return [[document(dice, False, 0.05), document(dice, False, 0.05)] for _ in range(dice.choice([1, 2]))]

    def maybe() -> list[dict[str, Any]] | None:
        return several() if dice.random() < 0.3 else None

    return Documents(several(), several(True), maybe(), maybe(), levels(), levels(), maybe(), dice.random() < 0.2)


def compiled(documents: Documents) -> PolicySet:
    """The same documents for the fast evaluator, through the grammar."""

    def named(rows: list[dict[str, Any]], kind: Any = "identity") -> tuple[Named, ...]:
        return tuple(Named(f"p{i}", compile_policy(parse(json.dumps(row), kind))) for i, row in enumerate(rows))

    def maybe(rows: list[dict[str, Any]] | None) -> tuple[Named, ...] | None:
        return None if rows is None else named(rows)

    def levels(rows: list[list[dict[str, Any]]] | None) -> tuple[tuple[Named, ...], ...] | None:
        return None if rows is None else tuple(named(level) for level in rows)

    def layers(rows: list[dict[str, Any]] | None) -> tuple[tuple[Named, ...], ...] | None:
        return None if rows is None else tuple(named([row]) for row in rows)

    return PolicySet(
        named(documents.identity), named(documents.resource, "resource"), maybe(documents.boundary), maybe(documents.session),
        levels(documents.scps), levels(documents.rcps), layers(documents.scopes), documents.resource_required,
    )  # fmt: skip


def disagreements(seed: int, count: int) -> tuple[int, list[str]]:
    """How many of `count` cases are allowed, and a description of each on which the two evaluators differ."""
    dice = Random(seed)
    permitted, found = 0, []
    for turn in range(count):
        # Making policies costs more than judging by them: four requests to each set.
        if turn % 4 == 0:
            documents = policies(dice)
            ready = compiled(documents)
        asked = request(dice)
        slow = allowed(asked, documents)
        fast = decide(asked, ready)
        permitted += slow
        if fast.allowed != slow:
            found.append(f"fast {fast}\nslow {slow}\n{asked}\n{json.dumps(documents.__dict__, indent=1)}")
    return permitted, found


if __name__ == "__main__":
    import sys

    total = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    allowed_count, differing = disagreements(int(sys.argv[2]) if len(sys.argv) > 2 else 1, total)
    print(f"{total} cases, {allowed_count} allowed, {len(differing)} disagreements")
    print("\n\n".join(differing[:1]))
    sys.exit(bool(differing))

"""Trust policies for the tests."""

from __future__ import annotations

import json

ACCOUNT = "arn:aws:iam::000000000000:root"


def trust(principal, action="sts:AssumeRole", condition=None):
    """A trust policy of one statement."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST_ACCOUNT = trust({"AWS": ACCOUNT}, action=["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def make_role(iam, name, document=TRUST_ACCOUNT, **options):
    """A role that can do everything; gives its ARN."""
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **options)["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=ADMINISTRATOR)
    return arn

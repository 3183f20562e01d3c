"""A call that did not come by a VPC endpoint has no network keys: what conditions make of that."""

import json

import pytest
from botocore.exceptions import ClientError


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"Null": {"aws:SourceVpc": "true"}}, True),
        ({"Null": {"aws:SourceVpce": "false"}}, False),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}}, False),
        ({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1a2b3c4d"}}, True),
        ({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}, True),
        ({"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}, False),
        ({"IpAddressIfExists": {"aws:VpcSourceIp": "10.0.0.0/8"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:VpceOrgPaths": ["o-1/r-1/"]}}, False),
        ({"ForAllValues:StringEquals": {"aws:VpceOrgPaths": ["o-1/r-1/"]}}, True),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.1"}}, True),
    ],
)
def test_absent_keys(world, condition, allowed):
    iam = world.client("iam")
    iam.create_user(UserName="ann")
    statement = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*", "Condition": condition}
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    sqs = world.client("sqs", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    if allowed:
        sqs.list_queues()
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            sqs.list_queues()

"""Access Analyzer: the policy for what somebody did."""

from __future__ import annotations

import json

import pytest

from cloudjar.services.accessanalyzer.generation import action_of

HERE = "000000000000"


def statements(*found):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in found]})


def test_a_policy_is_made_of_what_the_trails_files_say(world):
    s3, iam, trail, client = (world.client(name) for name in ("s3", "iam", "cloudtrail", "accessanalyzer"))
    s3.create_bucket(Bucket="trails")
    write = {"Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::trails/*"}
    s3.put_bucket_policy(Bucket="trails", Policy=statements(write))
    arn = trail.create_trail(Name="main", S3BucketName="trails", IsMultiRegionTrail=True)["TrailARN"]
    trail.start_logging(Name="main")
    ann = iam.create_user(UserName="ann")["User"]["Arn"]
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=statements({"Action": "*", "Resource": "*"}))
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    started = world.clock.now()
    for service, call in (("s3", "list_buckets"), ("iam", "list_users"), ("cloudwatch", "describe_alarms")):
        getattr(world.client(service, access_key=key["AccessKeyId"], secret=key["SecretAccessKey"]), call)()
    world.clock.advance(minutes=6)
    world.settle()
    trust = {"Principal": {"Service": "access-analyzer.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=statements(trust))["Role"]["Arn"]
    details = {"trails": [{"cloudTrailArn": arn, "allRegions": True}], "accessRole": role, "startTime": started}

    def generated():
        job = client.start_policy_generation(policyGenerationDetails={"principalArn": ann}, cloudTrailDetails=details)["jobId"]
        world.settle()
        return client.get_generated_policy(jobId=job)

    denied = generated()
    assert (denied["jobDetails"]["status"], denied["jobDetails"]["jobError"]["code"]) == ("FAILED", "AUTHORIZATION_ERROR")
    read = {"Action": ["cloudtrail:GetTrail", "s3:ListBucket", "s3:GetObject"], "Resource": "*"}
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=statements(read))
    done = generated()
    assert done["jobDetails"]["status"] == "SUCCEEDED"
    (policy,) = done["generatedPolicyResult"]["generatedPolicies"]
    assert json.loads(policy["policy"])["Statement"] == [
        {"Effect": "Allow", "Action": ["cloudwatch:DescribeAlarms", "iam:ListUsers", "s3:ListAllMyBuckets"], "Resource": "*"}
    ]
    assert len(client.list_policy_generations(principalArn=ann)["policyGenerations"]) == 2


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("s3.amazonaws.com", "ListBuckets", {"s3:ListAllMyBuckets"}),
        ("lambda.amazonaws.com", "CreateFunction20150331", {"lambda:CreateFunction"}),
        ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", {"lambda:UpdateFunctionCode"}),
        ("monitoring.amazonaws.com", "PutMetricAlarm", {"cloudwatch:PutMetricAlarm"}),
        ("nothing.amazonaws.com", "DoIt", set()),
    ],
)
def test_events_stand_for_actions(source, name, expected):
    assert action_of(source, name) == expected

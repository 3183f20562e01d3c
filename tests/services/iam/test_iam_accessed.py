"""Last accessed services: what was really asked for."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError


def allow(*actions):
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}})


@pytest.fixture
def ann(world, iam):
    iam.create_user(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=allow("s3:List*", "logs:*", "sqs:CreateQueue"))
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    return lambda service, **more: world.client(service, access_key=key["AccessKeyId"], secret=key["SecretAccessKey"], **more)


def report(iam, arn, **options):
    job = iam.generate_service_last_accessed_details(Arn=arn, **options)["JobId"]
    found = iam.get_service_last_accessed_details(JobId=job)
    assert (found["JobStatus"], found["IsTruncated"]) == ("COMPLETED", False)
    return job, {row["ServiceNamespace"]: row for row in found["ServicesLastAccessed"]}


def test_a_report_lists_what_may_be_used_and_what_was(iam, ann):
    ann("s3").list_buckets()
    with pytest.raises(ClientError):
        ann("s3").create_bucket(Bucket="not-hers")
    ann("logs", region="eu-west-1").describe_log_groups()
    arn = "arn:aws:iam::000000000000:user/ann"
    _, rows = report(iam, arn, Granularity="ACTION_LEVEL")
    assert set(rows) == {"s3", "logs", "sqs"}
    assert (rows["s3"]["ServiceName"], rows["s3"]["LastAuthenticatedEntity"]) == ("Amazon S3", arn)
    assert rows["logs"]["LastAuthenticatedRegion"] == "eu-west-1"
    assert "LastAuthenticated" not in rows["sqs"] and rows["sqs"]["TotalAuthenticatedEntities"] == 0
    tried = [each["ActionName"] for each in rows["s3"]["TrackedActionsLastAccessed"]]
    assert tried == ["CreateBucket", "ListAllMyBuckets"]


def test_a_report_on_a_policy_names_who_used_it(world, iam):
    arn = iam.create_policy(PolicyName="reads", PolicyDocument=allow("s3:List*"))["Policy"]["Arn"]
    for name in ("bob", "cid"):
        iam.create_user(UserName=name)
        iam.attach_user_policy(UserName=name, PolicyArn=arn)
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    world.client("s3", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"]).list_buckets()
    job, rows = report(iam, arn)
    assert rows["s3"]["TotalAuthenticatedEntities"] == 1
    (entity,) = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="s3")["EntityDetailsList"]
    assert (entity["EntityInfo"]["Name"], entity["EntityInfo"]["Type"]) == ("bob", "USER")


def test_what_is_not_there_has_no_report(iam):
    for call, arguments in (
        (iam.generate_service_last_accessed_details, {"Arn": "arn:aws:iam::000000000000:user/nobody"}),
        (iam.get_service_last_accessed_details, {"JobId": "0" * 36}),
        (iam.get_organizations_access_report, {"JobId": "0" * 36}),
    ):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["Error"]["Code"] == "NoSuchEntity"


def test_an_organizations_report_counts_accounts(world, iam):
    organizations = world.client("organizations")
    organization = organizations.create_organization(FeatureSet="ALL")["Organization"]
    root = organizations.list_roots()["Roots"][0]["Id"]
    request = organizations.create_account(AccountName="one", Email="one@example.com")["CreateAccountStatus"]["Id"]
    world.clock.advance(seconds=5)
    member = organizations.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"]["AccountId"]
    world.client("sqs", access_key=member).list_queues()
    path = f"{organization['Id']}/{root}"
    job = iam.generate_organizations_access_report(EntityPath=path)["JobId"]
    found = iam.get_organizations_access_report(JobId=job, SortKey="LAST_AUTHENTICATED_TIME_DESCENDING", MaxItems=10)
    assert found["IsTruncated"]
    used = {row["ServiceNamespace"]: row for row in found["AccessDetails"] if row["TotalAuthenticatedEntities"]}
    assert (used["sqs"]["TotalAuthenticatedEntities"], used["sqs"]["EntityPath"]) == (1, f"{path}/{member}")
    assert found["NumberOfServicesNotAccessed"] == found["NumberOfServicesAccessible"] - len(used)
    with pytest.raises(ClientError) as caught:
        iam.generate_organizations_access_report(EntityPath=f"{organization['Id']}/r-0000/ou-0000-00000000")
    assert caught.value.response["Error"]["Code"] == "InvalidInput"

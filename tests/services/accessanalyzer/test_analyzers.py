"""Access Analyzer: what others may reach, and what nobody uses."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

HERE = "000000000000"
OTHER = "111122223333"


def statements(*found):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in found]})


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def client(world):
    return world.client("accessanalyzer")


def external(world, client, **options):
    arn = client.create_analyzer(analyzerName="edge", type="ACCOUNT", **options)["arn"]
    world.settle()
    return arn


def findings(client, arn, **criteria):
    wanted = {name: {"eq": [value]} for name, value in criteria.items()}
    return client.list_findings(analyzerArn=arn, filter=wanted)["findings"]


def test_what_policies_open_to_others_is_found(world, client):
    sqs, s3, iam, sns, kms = (world.client(name) for name in ("sqs", "s3", "iam", "sns", "kms"))
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    open_queue = statements({"Principal": "*", "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:us-east-1:{HERE}:q"})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": open_queue})
    s3.create_bucket(Bucket="shared")
    shared = {"Principal": {"AWS": OTHER}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shared/*"}
    s3.put_bucket_policy(Bucket="shared", Policy=statements(shared))
    trust = {"Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Action": "sts:AssumeRole"}
    condition = {"StringEquals": {"sts:ExternalId": "x"}}
    iam.create_role(RoleName="guest", AssumeRolePolicyDocument=statements({**trust, "Condition": condition}))
    iam.create_role(RoleName="own", AssumeRolePolicyDocument=statements({"Principal": {"AWS": HERE}, "Action": "sts:AssumeRole"}))
    sns.create_topic(Name="default-policy-is-the-accounts-own")
    kms.create_key()
    arn = external(world, client)
    found = {each["resource"]: each for each in findings(client, arn)}
    assert set(found) == {f"arn:aws:sqs:us-east-1:{HERE}:q", "arn:aws:s3:::shared", f"arn:aws:iam::{HERE}:role/guest"}
    queue_finding = found[f"arn:aws:sqs:us-east-1:{HERE}:q"]
    assert (queue_finding["isPublic"], queue_finding["principal"], queue_finding["status"]) == (True, {"AWS": "*"}, "ACTIVE")
    bucket_finding = found["arn:aws:s3:::shared"]
    assert (bucket_finding["isPublic"], bucket_finding["principal"], bucket_finding["action"]) == (False, {"AWS": OTHER}, ["s3:GetObject"])
    analyzed = [each["resourceArn"] for each in client.list_analyzed_resources(analyzerArn=arn)["analyzedResources"]]
    assert f"arn:aws:iam::{HERE}:role/own" in analyzed
    one = client.get_finding_v2(analyzerArn=arn, id=bucket_finding["id"])
    assert one["findingDetails"][0]["externalAccessDetails"]["principal"] == {"AWS": OTHER}
    counts = client.get_findings_statistics(analyzerArn=arn)["findingsStatistics"][0]["externalAccessFindingsStatistics"]
    assert counts["resourceTypeStatistics"]["AWS::SQS::Queue"] == {"totalActivePublic": 1, "totalActiveCrossAccount": 0}


def test_a_finding_is_resolved_when_its_access_is_gone_and_comes_back_with_it(world, client):
    sqs = world.client("sqs")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = external(world, client)
    assert findings(client, arn) == []
    queue_arn = f"arn:aws:sqs:us-east-1:{HERE}:q"
    policy = statements({"Principal": {"AWS": OTHER}, "Action": "sqs:SendMessage", "Resource": queue_arn})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    client.start_resource_scan(analyzerArn=arn, resourceArn=queue_arn)
    world.settle()
    (finding,) = findings(client, arn, status="ACTIVE")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    world.clock.advance(minutes=31)
    world.settle()
    assert [each["id"] for each in findings(client, arn, status="RESOLVED")] == [finding["id"]]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    world.clock.advance(minutes=31)
    world.settle()
    assert [(each["id"], each["status"]) for each in findings(client, arn)] == [(finding["id"], "ACTIVE")]


def test_archive_rules_and_people_archive_findings(world, client):
    iam = world.client("iam")
    for name, account in (("known", OTHER), ("unknown", "444455556666")):
        trust = {"Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=statements(trust))
    rule = {"ruleName": "partner", "filter": {"principal.AWS": {"eq": [OTHER]}, "resourceType": {"contains": ["Role"]}}}
    arn = external(world, client, archiveRules=[rule])
    assert [each["principal"]["AWS"] for each in findings(client, arn, status="ARCHIVED")] == [OTHER]
    (other,) = findings(client, arn, status="ACTIVE")
    client.update_findings(analyzerArn=arn, status="ARCHIVED", ids=[other["id"]])
    assert findings(client, arn, status="ACTIVE") == []
    client.update_findings(analyzerArn=arn, status="ACTIVE", ids=[other["id"]])
    client.create_archive_rule(analyzerName="edge", ruleName="all", filter={"status": {"eq": ["ACTIVE"]}})
    assert len(findings(client, arn, status="ACTIVE")) == 1
    client.apply_archive_rule(analyzerArn=arn, ruleName="all")
    assert findings(client, arn, status="ACTIVE") == []
    assert [each["ruleName"] for each in client.list_archive_rules(analyzerName="edge")["archiveRules"]] == ["all", "partner"]


def test_unused_roles_keys_and_permissions_are_found(world, client):
    iam = world.client("iam")
    trust = statements({"Principal": {"AWS": HERE}, "Action": "sts:AssumeRole"})
    iam.create_role(RoleName="idle", AssumeRolePolicyDocument=trust)
    iam.create_user(UserName="ann")
    allowed = statements({"Action": ["s3:ListAllMyBuckets", "sqs:*"], "Resource": "*"})
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=allowed)
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    arn = client.create_analyzer(
        analyzerName="idle", type="ACCOUNT_UNUSED_ACCESS", configuration={"unusedAccess": {"unusedAccessAge": 30}}
    )["arn"]
    world.settle()
    assert client.list_findings_v2(analyzerArn=arn)["findings"] == []
    world.clock.advance(days=31)
    world.client("s3", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"]).list_buckets()
    world.clock.advance(days=1)
    world.settle()
    active = client.list_findings_v2(analyzerArn=arn, filter={"status": {"eq": ["ACTIVE"]}})["findings"]
    found = {each["findingType"]: each for each in active}
    assert set(found) == {"UnusedIAMRole", "UnusedPermission"}
    assert found["UnusedIAMRole"]["resource"].endswith(":role/idle")
    details = client.get_finding_v2(analyzerArn=arn, id=found["UnusedPermission"]["id"])["findingDetails"]
    assert [each["unusedPermissionDetails"]["serviceNamespace"] for each in details] == ["sqs"]
    assert code_of(client.list_findings, analyzerArn=arn) == "ValidationException"


def test_analyzers_are_made_once_described_and_deleted(world, client):
    arn = external(world, client, tags={"team": "red"})
    assert code_of(client.create_analyzer, analyzerName="edge", type="ACCOUNT") == "ConflictException"
    assert code_of(client.create_analyzer, analyzerName="second", type="ACCOUNT") == "ServiceQuotaExceededException"
    assert code_of(client.create_analyzer, analyzerName="all", type="ORGANIZATION_INTERNAL_ACCESS") == "NotImplemented"
    assert code_of(client.create_analyzer, analyzerName="all", type="ORGANIZATION") == "ValidationException"
    described = client.get_analyzer(analyzerName="edge")["analyzer"]
    assert (described["arn"], described["status"], described["tags"]) == (arn, "ACTIVE", {"team": "red"})
    assert [each["name"] for each in client.list_analyzers()["analyzers"]] == ["edge"]
    assert world.client("iam").get_role(RoleName="AWSServiceRoleForAccessAnalyzer")["Role"]["Path"].startswith("/aws-service-role/")
    client.delete_analyzer(analyzerName="edge")
    assert code_of(client.get_analyzer, analyzerName="edge") == "ResourceNotFoundException"
    assert code_of(client.list_findings, analyzerArn=arn) == "ResourceNotFoundException"

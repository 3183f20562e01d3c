"""Access Analyzer: analyzers of organizations, and what analysis rules leave out."""

from __future__ import annotations

import json

import pytest

HERE = "000000000000"
OUTSIDE = "111122223333"


def statements(*found):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in found]})


@pytest.fixture
def org(world):
    client = world.client("organizations")
    client.create_organization(FeatureSet="ALL")
    return client


@pytest.fixture
def member(world, org):
    status = org.create_account(Email="m@example.com", AccountName="member")["CreateAccountStatus"]["Id"]
    world.clock.advance(seconds=5)
    world.settle()
    return org.describe_create_account_status(CreateAccountRequestId=status)["CreateAccountStatus"]["AccountId"]


def queue_open_to(world, account, name, principal, **condition):
    sqs = world.client("sqs", access_key=account)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{account}:{name}"
    statement = {"Principal": principal, "Action": "sqs:SendMessage", "Resource": arn, **condition}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": statements(statement)})
    return arn


def analyzed(world, client, kind="ORGANIZATION", **options):
    arn = client.create_analyzer(analyzerName="all", type=kind, **options)["arn"]
    world.settle()
    return arn


def test_an_organization_is_one_zone_of_trust(world, org, member):
    inside = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": org.describe_organization()["Organization"]["Id"]}}}
    mine = queue_open_to(world, HERE, "mine", {"AWS": OUTSIDE})
    its = queue_open_to(world, member, "its", {"AWS": OUTSIDE})
    queue_open_to(world, member, "within", {"AWS": HERE})
    queue_open_to(world, HERE, "organization", "*", **inside)
    client = world.client("accessanalyzer")
    arn = analyzed(world, client)
    found = {each["resource"]: each for each in client.list_findings(analyzerArn=arn)["findings"] if "sqs" in each["resource"]}
    assert {each["resource"]: each["resourceOwnerAccount"] for each in found.values()} == {mine: HERE, its: member}
    owners = {
        each["resourceArn"]: each["resourceOwnerAccount"] for each in client.list_analyzed_resources(analyzerArn=arn)["analyzedResources"]
    }
    assert owners[its] == member
    resource = client.get_analyzed_resource(analyzerArn=arn, resourceArn=its)["resource"]
    assert (resource["resourceOwnerAccount"], resource["status"]) == (member, "ACTIVE")


def test_who_leaves_the_organization_is_outside(world, org, member):
    client = world.client("accessanalyzer")
    arn = queue_open_to(world, HERE, "shared", {"AWS": member})
    analyzer = analyzed(world, client)
    assert [each for each in client.list_findings(analyzerArn=analyzer)["findings"] if each["resource"] == arn] == []
    world.clock.advance(days=8)
    org.remove_account_from_organization(AccountId=member)
    world.clock.advance(seconds=1801)
    world.settle()
    (found,) = [each for each in client.list_findings(analyzerArn=analyzer)["findings"] if each["resource"] == arn]
    assert found["principal"] == {"AWS": member}


def test_only_the_organizations_administrators_analyze_it(world, org, member, aws_error):
    client = world.client("accessanalyzer", access_key=member)
    with aws_error("ValidationException", "management account or its delegated administrator"):
        client.create_analyzer(analyzerName="all", type="ORGANIZATION")
    org.enable_aws_service_access(ServicePrincipal="access-analyzer.amazonaws.com")
    org.register_delegated_administrator(AccountId=member, ServicePrincipal="access-analyzer.amazonaws.com")
    mine = queue_open_to(world, HERE, "mine", {"AWS": OUTSIDE})
    arn = analyzed(world, client)
    assert mine in {each["resource"] for each in client.list_findings(analyzerArn=arn)["findings"]}
    for number in range(4):
        client.create_analyzer(analyzerName=f"more{number}", type="ORGANIZATION")
    with aws_error("ServiceQuotaExceededException"):
        client.create_analyzer(analyzerName="sixth", type="ORGANIZATION")


TRUST = statements({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})


def unused_roles(world, client, rule):
    arn = analyzed(
        world,
        client,
        "ORGANIZATION_UNUSED_ACCESS",
        configuration={"unusedAccess": {"unusedAccessAge": 30, "analysisRule": {"exclusions": rule}}},
    )
    world.clock.advance(days=31)
    world.settle()
    found = client.list_findings_v2(analyzerArn=arn, filter={"findingType": {"eq": ["UnusedIAMRole"]}})["findings"]
    return {each["resource"].rpartition("/")[2] for each in found}


def test_unused_access_of_all_accounts_is_found_but_for_what_a_rule_leaves_out(world, org, member):
    world.client("iam").create_role(RoleName="idle", AssumeRolePolicyDocument=TRUST)
    world.client("iam").create_role(RoleName="kept", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "emergency", "Value": "yes"}])
    world.client("iam", access_key=member).create_role(RoleName="its-idle", AssumeRolePolicyDocument=TRUST)
    found = unused_roles(world, world.client("accessanalyzer"), [{"resourceTags": [{"emergency": ""}]}])
    assert {"idle", "its-idle"} <= found and "kept" not in found


def test_a_rule_leaves_accounts_out(world, org, member, aws_error):
    client = world.client("accessanalyzer")
    world.client("iam").create_role(RoleName="idle", AssumeRolePolicyDocument=TRUST)
    world.client("iam", access_key=member).create_role(RoleName="its-idle", AssumeRolePolicyDocument=TRUST)
    rule = [{"accountIds": [member]}]
    with aws_error("ValidationException"):
        configuration = {"unusedAccess": {"analysisRule": {"exclusions": rule}}}
        client.create_analyzer(analyzerName="own", type="ACCOUNT_UNUSED_ACCESS", configuration=configuration)
    found = unused_roles(world, client, rule)
    assert "idle" in found and "its-idle" not in found
    assert client.get_analyzer(analyzerName="all")["analyzer"]["configuration"]["unusedAccess"]["analysisRule"] == {"exclusions": rule}

"""SimulateCustomPolicy and SimulatePrincipalPolicy."""

import json

import pytest
from botocore.exceptions import ClientError
from iam_documents import policy

BUCKET = "arn:aws:s3:::b/k"


def verdicts(answer):
    return {(result["EvalActionName"], result["EvalResourceName"]): result["EvalDecision"] for result in answer["EvaluationResults"]}


def test_what_is_allowed_denied_and_not_spoken_of(iam):
    documents = [policy("s3:*"), policy("s3:DeleteObject", effect="Deny")]
    answer = iam.simulate_custom_policy(
        PolicyInputList=documents, ActionNames=["s3:GetObject", "s3:DeleteObject", "ec2:RunInstances"], ResourceArns=[BUCKET]
    )
    assert [result["EvalDecision"] for result in answer["EvaluationResults"]] == ["allowed", "explicitDeny", "implicitDeny"]
    assert answer["EvaluationResults"][1]["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.2"


def test_the_deciding_statement_is_pointed_at(iam):
    document = (
        '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"},\n'
        '    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}\n  ]\n}'
    )
    answer = iam.simulate_custom_policy(PolicyInputList=[document], ActionNames=["s3:GetObject"])
    matched = answer["EvaluationResults"][0]["MatchedStatements"]
    assert matched[0]["StartPosition"] == {"Line": 5, "Column": 5}
    end = matched[0]["EndPosition"]
    assert document.splitlines()[end["Line"] - 1][: end["Column"] - 1].endswith('"Resource": "*"}')


def test_context_entries_count_and_missing_ones_are_named(iam):
    statement = json.loads(policy("s3:*"))
    statement["Statement"][0]["Condition"] = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    call = {"PolicyInputList": [json.dumps(statement)], "ActionNames": ["s3:GetObject"]}
    without = iam.simulate_custom_policy(**call)["EvaluationResults"][0]
    assert (without["EvalDecision"], without["MissingContextValues"]) == ("implicitDeny", ["aws:RequestedRegion"])
    entry = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": ["eu-west-1"], "ContextKeyType": "string"}
    found = iam.simulate_custom_policy(**call, ContextEntries=[entry])["EvaluationResults"][0]
    assert (found["EvalDecision"], found["MissingContextValues"]) == ("allowed", [])


def test_a_users_groups_and_boundary_take_part(iam):
    arn = iam.create_user(UserName="u")["User"]["Arn"]
    iam.create_group(GroupName="g")
    iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=policy(["s3:*", "ec2:*"]))
    call = {"PolicySourceArn": arn, "ActionNames": ["s3:GetObject", "ec2:RunInstances"]}
    assert set(verdicts(iam.simulate_principal_policy(**call)).values()) == {"implicitDeny"}
    iam.add_user_to_group(GroupName="g", UserName="u")
    assert set(verdicts(iam.simulate_principal_policy(**call)).values()) == {"allowed"}
    iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    answer = iam.simulate_principal_policy(**call)
    assert verdicts(answer) == {("s3:GetObject", "*"): "allowed", ("ec2:RunInstances", "*"): "implicitDeny"}
    assert answer["EvaluationResults"][1]["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}


def test_a_resource_policy_can_allow_alone(iam):
    arn = iam.create_user(UserName="u")["User"]["Arn"]
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "s3:GetObject", "Resource": BUCKET}
    answer = iam.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=["s3:GetObject"],
        ResourceArns=[BUCKET],
        ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    assert verdicts(answer) == {("s3:GetObject", BUCKET): "allowed"}
    assert answer["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyType"] == "resource"


def test_results_come_in_pages(iam):
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[policy()], ActionNames=["s3:GetObject", "s3:PutObject", "s3:ListBucket"], PaginationConfig={"PageSize": 2}
    )
    assert [len(page["EvaluationResults"]) for page in pages] == [2, 1]


@pytest.mark.parametrize("wrong", [{"PolicyInputList": ["{"]}, {"ActionNames": ["everything"]}, {"CallerArn": "arn:aws:s3:::nobody-here"}])
def test_bad_input_is_refused(iam, aws_error, wrong):
    with aws_error("InvalidInput"):
        iam.simulate_custom_policy(**{"PolicyInputList": [policy()], "ActionNames": ["s3:GetObject"]} | wrong)


def test_the_policies_that_grant_a_service_are_listed(iam):
    arn = iam.create_user(UserName="u")["User"]["Arn"]
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="u")
    iam.put_group_policy(GroupName="g", PolicyName="inline", PolicyDocument=policy("s3:GetObject"))
    iam.attach_user_policy(UserName="u", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2FullAccess")
    answer = iam.list_policies_granting_service_access(Arn=arn, ServiceNamespaces=["s3", "ec2", "sqs"])
    found = {item["ServiceNamespace"]: item["Policies"] for item in answer["PoliciesGrantingServiceAccess"]}
    assert found["s3"] == [{"PolicyName": "inline", "PolicyType": "INLINE", "EntityType": "GROUP", "EntityName": "g"}]
    assert [item["PolicyName"] for item in found["ec2"]] == ["AmazonEC2FullAccess"]
    assert found["sqs"] == []


def decisions(answer):
    return [row["EvalDecision"] for row in answer["EvaluationResults"]]


def test_policies_may_be_left_out_of_a_simulation(iam):
    arn = iam.create_user(UserName="ann")["User"]["Arn"]
    allow = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
    iam.put_user_policy(UserName="ann", PolicyName="mine", PolicyDocument=allow)
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess")

    def left_out(*items):
        actions = ["s3:ListAllMyBuckets", "sqs:ListQueues"]
        return decisions(iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=actions, PolicyExclusionList=list(items)))

    assert left_out({"PolicyType": "inline"}) == ["implicitDeny", "allowed"]
    assert left_out({"PolicyType": "aws-managed"}) == ["allowed", "implicitDeny"]
    assert left_out({"PolicyArn": "arn:aws:iam::aws:policy/AmazonSQS*"}) == ["allowed", "implicitDeny"]
    one = {"PolicyName": "mine", "AttachmentType": "user", "AttachmentName": "ann"}
    assert left_out({"InlinePolicyIdentifier": one}) == ["implicitDeny", "allowed"]
    assert left_out({"PolicyType": "scp"}, {"PolicyType": "rcp"}) == ["allowed", "allowed"]
    with pytest.raises(ClientError) as caught:
        left_out({"PolicyArn": "arn:aws:iam::aws:policy/*a*"})
    assert caught.value.response["Error"]["Code"] == "InvalidInput"


def test_organization_policies_take_part_in_a_simulation(iam):
    allow, deny = (
        json.dumps({"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": action, "Resource": "*"}})
        for effect, action in (("Allow", "*"), ("Deny", "sqs:*"))
    )
    answer = iam.simulate_custom_policy(
        PolicyInputList=[allow],
        ActionNames=["s3:ListAllMyBuckets", "sqs:ListQueues"],
        OrderedOrganizationPolicyInputList=[{"ServiceControlPolicyInputList": [allow]}, {"ServiceControlPolicyInputList": [allow, deny]}],
    )
    assert decisions(answer) == ["allowed", "explicitDeny"]
    assert [row["OrganizationsDecisionDetail"]["AllowedByOrganizations"] for row in answer["EvaluationResults"]] == [True, False]


def test_a_scenario_insists_on_its_resources(iam):
    allow = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}})
    wanted = {"PolicyInputList": [allow], "ActionNames": ["ec2:RunInstances"], "ResourceHandlingOption": "EC2-VPC-InstanceStore"}
    kinds = ("instance", "image", "security-group", "network-interface")
    arns = [f"arn:aws:ec2:us-east-1:000000000000:{kind}/x-1" for kind in kinds]
    assert decisions(iam.simulate_custom_policy(**wanted, ResourceArns=arns)) == ["allowed"] * 4
    with pytest.raises(ClientError) as caught:
        iam.simulate_custom_policy(**wanted, ResourceArns=arns[:3])
    assert "network-interface" in caught.value.response["Error"]["Message"]


def test_what_nobody_in_particular_lacks_is_missing(iam):
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"aws:username": "ann"}}},
        }
    )
    request = {"PolicyInputList": [text], "ActionNames": ["s3:GetObject"]}
    (result,) = iam.simulate_custom_policy(**request)["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:username"])
    given = {"ContextKeyName": "aws:username", "ContextKeyType": "string", "ContextKeyValues": ["ann"]}
    (result,) = iam.simulate_custom_policy(**request, ContextEntries=[given])["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])

"""What operations ask IAM about."""

from __future__ import annotations

import pytest

from cloudjar.identity.service_reference import (
    actions_for,
    condition_key_types,
    find_action,
    known_actions,
    prefix_of,
    resource_formats,
)


def names(service, operation):
    return [spec.action + ("?" if spec.optional else "") for spec in actions_for(service, operation)]


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("sqs", "SendMessage", ["sqs:SendMessage"]),
        ("sqs", "SendMessageBatch", ["sqs:SendMessage"]),
        ("s3", "ListObjectsV2", ["s3:ListBucket"]),
        ("s3", "GetObject", ["s3:GetObject?", "s3:GetObjectVersion?"]),
        ("s3", "UploadPart", ["s3:PutObject"]),
        ("lambda", "Invoke", ["lambda:InvokeFunction"]),
        ("kms", "ReEncrypt", ["kms:ReEncryptFrom", "kms:ReEncryptTo"]),
        ("stepfunctions", "StartExecution", ["states:StartExecution"]),
        ("elbv2", "CreateLoadBalancer", ["elasticloadbalancing:CreateLoadBalancer"]),
        ("apigateway", "CreateRestApi", ["apigateway:POST"]),
        ("apigatewayv2", "UpdateApi", ["apigateway:PATCH"]),
        ("resourcegroupstaggingapi", "GetResources", ["tag:GetResources"]),
        ("sts", "GetCallerIdentity", []),
        ("cloudwatch", "PutMetricData", ["cloudwatch:PutMetricData"]),
        ("logs", "FilterLogEvents", ["logs:FilterLogEvents"]),
        ("nosuch", "DoIt", ["nosuch:DoIt"]),
    ],
)
def test_an_operation_has_its_actions(service, operation, expected):
    assert names(service, operation) == expected


def test_an_action_knows_its_resources_keys_and_dependents():
    (spec,) = actions_for("lambda", "CreateFunction")
    assert spec.level == "Write" and spec.described
    assert [(r.name, r.required) for r in spec.resources] == [("function", True)]
    assert spec.resources[0].arn == "arn:${Partition}:lambda:${Region}:${Account}:function:${FunctionName}"
    assert "iam:PassRole" in spec.dependent_actions
    assert {"lambda:Layer", "aws:TagKeys"} <= set(spec.condition_keys)


def test_what_the_reference_lacks_says_so():
    (spec,) = actions_for("nosuch", "DoIt")
    assert not spec.described
    assert find_action("s3:NoSuchThing") is None
    assert known_actions("../services") == ()


def test_actions_are_found_in_any_case():
    assert find_action("S3:getobject").action == "s3:GetObject"


@pytest.mark.parametrize(
    "service", ["iam", "sts", "s3", "sqs", "sns", "ssm", "events", "secretsmanager", "organizations", "cloudtrail", "cloudformation", "ec2"]
)
def test_the_reference_describes_a_common_services_operations(service):
    import botocore.loaders

    model = botocore.loaders.Loader().load_service_model(service, "service-2")
    lacking = [name for name in model["operations"] if not all(spec.described for spec in actions_for(service, name))]
    # botocore knows some operations before the reference does.
    assert len(lacking) <= 0.15 * len(model["operations"]), lacking


def test_every_exception_names_actions_that_exist():
    from cloudjar.identity.service_reference import _exceptions

    for service, operations in _exceptions().items():
        for operation in operations:
            for spec in actions_for(service, operation):
                assert spec.described, (service, operation, spec.action)


def test_a_prefix_lists_its_keys_and_resource_formats():
    assert prefix_of("efs") == "elasticfilesystem"
    assert condition_key_types("s3")["s3:prefix"] == "String"
    assert resource_formats("s3")["object"] == "arn:${Partition}:s3:::${BucketName}/${ObjectName}"

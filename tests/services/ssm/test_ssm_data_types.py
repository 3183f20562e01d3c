"""Data types of parameters, and parameters that are shared with other accounts."""

import json

import pytest

from cloudjar.services.ssm.public_images import images_of

GOOD_AND_BAD = {
    "aws:region": ("eu-west-1", "mars-north-1"),
    "aws:account:id": ("123456789012", "12345678901"),
    "boolean": ("true", "yes"),
    "integer": ("-443", "4.5"),
    "float": ("1.5e3", "1,5"),
    "binary": ("aGVsbG8=", "hello!"),
    "hostname": ("db.example.com", "-db.example.com"),
    "email": ("a.b@example.com", "example.com"),
    "ipv4-address": ("10.0.0.1", "10.0.0.256"),
    "ipv6-address": ("2001:db8::1", "10.0.0.1"),
    "url": ("https://example.com/a?b=c", "example.com"),
    "json": ('{"a": [1]}', "{a: 1}"),
    "jsonc": ('{"a": "//no comment" /* one */} // another', '{"a": 1'),
}


@pytest.mark.parametrize("data_type", GOOD_AND_BAD)
def test_a_value_has_to_be_of_its_data_type(ssm, put, aws_error, data_type):
    good, bad = GOOD_AND_BAD[data_type]
    put("p", good, DataType=data_type)
    assert ssm.get_parameter(Name="p")["Parameter"]["DataType"] == data_type
    with aws_error("ValidationException", data_type):
        put("p", bad, Overwrite=True)
    put("p", bad, Overwrite=True, DataType="text")


def test_each_item_of_a_list_is_checked(put, aws_error):
    put("ports", "80,443", Type="StringList", DataType="integer")
    with aws_error("ValidationException"):
        put("ports", "80,https", Type="StringList", Overwrite=True)
    with aws_error("ValidationException", "StringList"):
        put("documents", "{}", Type="StringList", DataType="json")


def test_an_image_that_is_none_is_answered_first_and_refused_by_an_event(ssm, put, events, aws_error):
    assert put("golden", "nothing", DataType="aws:ec2:image")["Version"] == 1
    with aws_error("ParameterNotFound"):
        ssm.get_parameter(Name="golden")
    ((kind, detail),) = events()
    assert kind == "Parameter Store Change" and detail["exception"] == "Unable to Describe Resource" and detail["operation"] == "Create"


# Sharing

OTHER = "111122223333"
ARN = "arn:aws:ssm:us-east-1:000000000000:parameter/shared/p"


@pytest.fixture
def share(ssm):
    """Lets the other account read a parameter."""

    def put_policy(arn=ARN, **more):
        statement = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": ["ssm:GetParameter", "ssm:GetParameters"], "Resource": arn}
        return ssm.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}), **more)

    return put_policy


@pytest.fixture
def other(world):
    return world.client("ssm", access_key=OTHER)


def test_another_account_reads_a_shared_parameter_by_its_arn(put, other, share, aws_error):
    put("/shared/p", "v", Tier="Advanced")
    with aws_error("AccessDeniedException"):
        other.get_parameter(Name=ARN)
    share()
    found = other.get_parameter(Name=ARN)["Parameter"]
    assert found["Value"] == "v" and found["ARN"] == ARN
    assert other.get_parameters(Names=[f"{ARN}:1"])["Parameters"][0]["Selector"] == ":1"
    with aws_error("AccessDeniedException"):
        other.get_parameter_history(Name=ARN)


def test_a_shared_secret_needs_its_key_shared_too(world, ssm, put, other, share, aws_error):
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    put("/shared/p", "v", Type="SecureString", KeyId=key, Tier="Advanced")
    share()
    with aws_error("AccessDeniedException"):
        other.get_parameter(Name=ARN, WithDecryption=True)
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    policy["Statement"].append({"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "kms:Decrypt", "Resource": "*"})
    kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    assert other.get_parameter(Name=ARN, WithDecryption=True)["Parameter"]["Value"] == "v"


def test_what_cannot_be_shared(put, share, aws_error):
    put("/shared/p")
    with aws_error("ResourcePolicyInvalidParameterException", "advanced"):
        share()
    put("/shared/q", Type="SecureString", Tier="Advanced")
    with aws_error("ResourcePolicyInvalidParameterException", "AWS managed key"):
        share(ARN.replace("/p", "/q"))
    with aws_error("ResourceNotFoundException"):
        share(ARN.replace("/p", "/none"))


def test_a_policy_is_changed_and_removed_by_id_and_hash(ssm, put, share, aws_error):
    put("/shared/p", Tier="Advanced")
    first = share()
    named = {"PolicyId": first["PolicyId"], "PolicyHash": first["PolicyHash"]}
    assert ssm.get_resource_policies(ResourceArn=ARN)["Policies"][0]["PolicyId"] == first["PolicyId"]
    with aws_error("ResourcePolicyLimitExceededException"):
        share()
    with aws_error("ResourcePolicyConflictException"):
        ssm.delete_resource_policy(ResourceArn=ARN, PolicyId=first["PolicyId"], PolicyHash="0")
    share(**named)
    ssm.delete_resource_policy(ResourceArn=ARN, **named)
    assert ssm.get_resource_policies(ResourceArn=ARN)["Policies"] == []
    with aws_error("ResourcePolicyNotFoundException"):
        ssm.delete_resource_policy(ResourceArn=ARN, **named)


@pytest.mark.parametrize(
    ("parameter", "images"),
    [
        ("ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "al2023-ami-2023.*-x86_64"),
        ("ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id", "al2023-ami-ecs-hvm-2023.*-arm64"),
        ("eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id", "amazon-eks-node-al2023-x86_64-standard-1.33-v*"),
        ("bottlerocket/aws-k8s-1.33/arm64/latest/image_id", "bottlerocket-aws-k8s-1.33-arm64-v*"),
        ("ami-windows-latest/Windows_Server-2022-English-Full-Base", "Windows_Server-2022-English-Full-Base-*"),
        ("debian/release/12/latest/amd64", "debian-12-amd64-*"),
        ("nonsense/latest", None),
    ],
)
def test_public_parameters_name_the_images_that_they_mean(parameter, images):
    assert images_of(f"/aws/service/{parameter}") == images

"""AWS's managed policies: data that IAM serves and the judge reads."""

import json
import re

import pytest

from cloudjar.identity.managed_policies import list_managed, managed_policy
from cloudjar.identity.policy import parse

WALKTHROUGHS = [
    "AWSLambdaBasicExecutionRole", "AmazonEC2SpotFleetTaggingRole", "AWSCodeCommitFullAccess", "AmazonECSTaskExecutionRolePolicy",
    "AmazonEC2RoleforSSM", "AmazonSSMMaintenanceWindowRole", "AmazonEC2FullAccess", "AmazonSSMFullAccess", "AWSXRayDaemonWriteAccess",
    "AWSCodePipelineCustomActionAccess", "AmazonSSMManagedInstanceCore", "AWSElasticBeanstalkWebTier", "AWSElasticBeanstalkEnhancedHealth",
    "AmazonEKSClusterPolicy", "AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy",
]  # fmt: skip


GENERAL = ["ReadOnlyAccess", "PowerUserAccess", "AdministratorAccess", "SecurityAudit", "ViewOnlyAccess", "IAMFullAccess"]


@pytest.mark.parametrize("name", WALKTHROUGHS + GENERAL)
def test_a_policy_that_people_attach_by_name_is_there(name):
    policy = managed_policy(name)
    assert policy is not None
    assert policy.document["Version"] == "2012-10-17"


def test_every_policy_has_awss_shape():
    ids = set()
    for policy in list_managed():
        assert re.fullmatch(r"ANPA[A-Z2-7]{17}", policy.id), policy.name
        assert re.fullmatch(r"v\d+", policy.default_version)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", policy.create_date)
        assert policy.create_date <= policy.update_date, policy.name
        assert policy.default_version == list(policy.versions)[-1]
        assert policy.arn == f"arn:aws:iam::aws:policy{policy.path}{policy.name}"
        statements = policy.document["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            assert statement["Effect"] in ("Allow", "Deny")
            assert ("Action" in statement) != ("NotAction" in statement), policy.name
        ids.add(policy.id)
    assert len(ids) == len(list_managed())


def test_the_arn_finds_the_policy_and_a_wrong_path_does_not():
    role = managed_policy("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    assert role is not None and role.name == "AWSLambdaBasicExecutionRole"
    assert managed_policy("arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole") is None
    assert managed_policy("NoSuchPolicy") is None


def test_a_document_is_the_callers_own_to_change():
    managed_policy("AdministratorAccess").document["Statement"].clear()
    assert managed_policy("AdministratorAccess").document["Statement"]


def test_older_versions_are_there_too():
    policy = managed_policy("ReadOnlyAccess")
    assert len(policy.versions) == 5
    older = next(iter(policy.versions))
    assert json.loads(policy.text_of(older)) != policy.document


def test_every_document_is_one_that_the_judge_reads():
    for policy in list_managed():
        parse(policy.text)

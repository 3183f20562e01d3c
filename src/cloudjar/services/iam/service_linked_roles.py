"""Service-linked roles: made for a service, with a policy of AWS's, and changed by that service alone."""

from __future__ import annotations

import json
from typing import Any

from cloudjar.identity.managed_policies import list_managed
from cloudjar.identity.roles import Role
from cloudjar.identity.service_reference import service_names
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.iam import errors, roles
from cloudjar.services.iam.entities import find_role, role_arn
from cloudjar.services.iam.policies import Attachment

# Where a role's name does not follow from its service's name.
NAMES = {
    "autoscaling": "AutoScaling",
    "autoscaling-plans": "AutoScalingPlans_EC2AutoScaling",
    "apidestinations.events": "AmazonEventBridgeApiDestinations",
    "batch": "Batch",
    "cks.kms": "KeyManagementServiceCustomKeyStores",
    "cloud9": "AWSCloud9",
    "cloudtrail": "CloudTrail",
    "config": "Config",
    "ecs": "ECS",
    "ecs.application-autoscaling": "ApplicationAutoScaling_ECSService",
    "dynamodb.application-autoscaling": "ApplicationAutoScaling_DynamoDBTable",
    "lambda.application-autoscaling": "ApplicationAutoScaling_LambdaConcurrency",
    "rds.application-autoscaling": "ApplicationAutoScaling_RDSCluster",
    "ec2fleet": "EC2Fleet",
    "spot": "EC2Spot",
    "spotfleet": "EC2SpotFleet",
    "eks": "AmazonEKS",
    "eks-fargate": "AmazonEKSForFargate",
    "eks-nodegroup": "AmazonEKSNodegroup",
    "elasticache": "ElastiCache",
    "elasticbeanstalk": "ElasticBeanstalk",
    "elasticfilesystem": "AmazonElasticFileSystem",
    "elasticloadbalancing": "ElasticLoadBalancing",
    "es": "AmazonElasticsearchService",
    "opensearchservice": "AmazonOpenSearchService",
    "guardduty": "AmazonGuardDuty",
    "kafka": "Kafka",
    "lex": "LexBots",
    "macie": "AmazonMacie",
    "ops.apigateway": "APIGateway",
    "organizations": "Organizations",
    "rds": "RDS",
    "redshift": "Redshift",
    "replication.dynamodb": "DynamoDBReplication",
    "replicator.lambda": "LambdaReplicator",
    "securityhub": "SecurityHub",
    "ssm": "AmazonSSM",
    "support": "Support",
    "transitgateway": "VPCTransitGateway",
    "trustedadvisor": "TrustedAdvisor",
}
SUFFIXED = frozenset({"autoscaling", "lex", "elasticbeanstalk"})
"""Services that allow several roles, told apart by a suffix."""


@record("iam.deletion_task", key="id", scope="account")
class DeletionTask(Record):
    """The removal of a service-linked role."""

    id: str
    role: str
    status: str = "IN_PROGRESS"


def new_role_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that a role about to be made will have."""
    service = req["AWSServiceName"]
    return ctx.arn("iam", f"role/aws-service-role/{service}/{_role_name(service, req.get('CustomSuffix'))}", region="")


def _role_name(service: str, suffix: str | None) -> str:
    prefix = service.removesuffix(".amazonaws.com")
    name = NAMES.get(prefix) or "".join(part[:1].upper() + part[1:] for part in prefix.replace(".", "-").split("-"))
    return f"AWSServiceRoleFor{name}" + (f"_{suffix}" if suffix else "")


@operation(on=new_role_arn)
def create_service_linked_role(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    service, suffix = req["AWSServiceName"], req.get("CustomSuffix")
    prefix = service.removesuffix(".amazonaws.com")
    if prefix == service or not prefix:
        raise errors.invalid_input(f"Service {service} is not supported.")
    if prefix not in NAMES and not service_names().keys() & set(prefix.split(".")):
        raise errors.invalid_input(f"Cannot find Service Linked Role template for {service}")
    if suffix and prefix not in SUFFIXED:
        raise errors.invalid_input("Custom suffix is not allowed for " + service)
    name = _role_name(service, suffix)
    if ctx.get(Role, name):
        raise errors.invalid_input(f"Service role name {name} has been taken in this account, please try a different suffix.")
    trust = {"Effect": "Allow", "Principal": {"Service": [service]}, "Action": ["sts:AssumeRole"]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]}, separators=(",", ":"))
    role = roles.add(ctx, name, f"/aws-service-role/{service}/", document, req.get("Description"), service)
    base = _role_name(service, None).removeprefix("AWSServiceRoleFor").lower()
    for policy in list_managed():
        # AWS names it "AutoScalingServiceRolePolicy", "AWSConfigServiceRolePolicy", "AmazonECSServiceRolePolicy".
        stem = policy.name.lower().removesuffix("servicerolepolicy")
        if policy.path == "/aws-service-role/" and stem in (base, f"aws{base}", f"amazon{base}"):
            ctx.put(Attachment(role.id, policy.arn.replace("arn:aws:", f"arn:{ctx.partition}:", 1)))
    return {"Role": roles.listed_role(role)}


@operation(on=role_arn)
def delete_service_linked_role(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    role = find_role(ctx, req["RoleName"])
    if not role.service:
        raise errors.invalid_input(f"{role.name} is not a service-linked role.")
    task = DeletionTask(f"task/aws-service-role/{role.service}/{role.name}/{ctx.ids.uuid()}", role.name)
    ctx.put(task)
    ctx.after(finish_deletion, task.id, seconds=1)
    return {"DeletionTaskId": task.id}


@timer
def finish_deletion(ctx: Context, task_id: str) -> None:
    """Removes the role; services here hold no resources by it."""
    task = ctx.get(DeletionTask, task_id)
    role = ctx.get(Role, task.role) if task else None
    if role is not None:
        for attachment in list(ctx.where(Attachment, owner_id=role.id)):
            ctx.delete(attachment)
        roles.remove(ctx, role)
    if task is not None:
        ctx.put(replace(task, status="SUCCEEDED"))


@operation()
def get_service_linked_role_deletion_status(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    task = ctx.get(DeletionTask, req["DeletionTaskId"])
    if task is None:
        raise errors.deletion_task_not_found(req["DeletionTaskId"])
    return {"Status": task.status}

"""The public parameters that stand for images: which images each of them means, by the name that AWS and others give such images.

Sources: "Discovering public parameters in Parameter Store", AWS Systems Manager User Guide, and what it links to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_AMAZON_LINUX = "/aws/service/ami-amazon-linux-latest"
_UBUNTU = "/aws/service/canonical/ubuntu/server"
_WINDOWS = "/aws/service/ami-windows-latest"
_ECS = "/aws/service/ecs/optimized-ami"
_DEBIAN = "/aws/service/debian/release"
_CODENAMES = {"20.04": "focal", "22.04": "jammy", "24.04": "noble"}
_WINDOWS_EDITIONS = tuple(f"Windows_Server-{year}-English-{kind}-Base" for year in (2016, 2019, 2022, 2025) for kind in ("Core", "Full"))


def _amazon_linux() -> dict[str, str]:
    found: dict[str, str] = {}
    for machine in ("x86_64", "arm64"):
        for kind in ("", "minimal-"):
            found[f"{_AMAZON_LINUX}/al2023-ami-{kind}kernel-default-{machine}"] = f"al2023-ami-{kind}2023.*-{machine}"
            for kernel in ("6.1", "6.12"):
                found[f"{_AMAZON_LINUX}/al2023-ami-{kind}kernel-{kernel}-{machine}"] = f"al2023-ami-{kind}2023.*-kernel-{kernel}-{machine}"
        found[f"{_AMAZON_LINUX}/amzn2-ami-hvm-{machine}-gp2"] = f"amzn2-ami-hvm-2.0.*-{machine}-gp2"
        found[f"{_AMAZON_LINUX}/amzn2-ami-kernel-5.10-hvm-{machine}-gp2"] = f"amzn2-ami-kernel-5.10-hvm-2.0.*-{machine}-gp2"
    found[f"{_AMAZON_LINUX}/amzn2-ami-hvm-x86_64-ebs"] = "amzn2-ami-hvm-2.0.*-x86_64-ebs"
    found[f"{_AMAZON_LINUX}/amzn2-ami-minimal-hvm-x86_64-ebs"] = "amzn2-ami-minimal-hvm-2.0.*-x86_64-ebs"
    return found


def _others() -> dict[str, str]:
    found = {f"{_WINDOWS}/{edition}": f"{edition}-*" for edition in _WINDOWS_EDITIONS}
    for release, name in _CODENAMES.items():
        for machine in ("amd64", "arm64"):
            for volume, folder in (("ebs-gp2", "hvm-ssd"), ("ebs-gp3", "hvm-ssd-gp3")):
                path = f"{_UBUNTU}/{release}/stable/current/{machine}/hvm/{volume}/ami-id"
                found[path] = f"ubuntu/images/{folder}/ubuntu-{name}-{release}-{machine}-server-*"
    for debian in (11, 12, 13):
        for machine in ("amd64", "arm64"):
            found[f"{_DEBIAN}/{debian}/latest/{machine}"] = f"debian-{debian}-{machine}-*"
    for path, image in (
        ("amazon-linux-2023", "al2023-ami-ecs-hvm-2023.*-x86_64"),
        ("amazon-linux-2023/arm64", "al2023-ami-ecs-hvm-2023.*-arm64"),
        ("amazon-linux-2", "amzn2-ami-ecs-hvm-2.0.*-x86_64-ebs"),
        ("amazon-linux-2/arm64", "amzn2-ami-ecs-hvm-2.0.*-arm64-ebs"),
    ):
        found[f"{_ECS}/{path}/recommended/image_id"] = image
    return found


LISTED: Mapping[str, str] = {**_amazon_linux(), **_others()}
"""A parameter's name -> the name of its images, with a wildcard where the date or the release stands."""

# Those with a version of somebody else's in the path are found by name, and listed by nobody.
_VERSIONED = (
    (re.compile(r"/aws/service/eks/optimized-ami/(1\.\d+)/amazon-linux-2023/(x86_64|arm64)/(standard|nvidia|neuron)/recommended/image_id"),
     r"amazon-eks-node-al2023-\2-\3-\1-v*"),
    (re.compile(r"/aws/service/eks/optimized-ami/(1\.\d+)/amazon-linux-2/recommended/image_id"), r"amazon-eks-node-\1-v*"),
    (re.compile(r"/aws/service/eks/optimized-ami/(1\.\d+)/amazon-linux-2-(arm64|gpu)/recommended/image_id"), r"amazon-eks-\2-node-\1-v*"),
    (re.compile(r"/aws/service/bottlerocket/(aws-(?:k8s|ecs)-[\w.-]+)/(x86_64|arm64)/latest/image_id"), r"bottlerocket-\1-\2-v*"),
)  # fmt: skip


def images_of(parameter: str) -> str | None:
    """The name of the images that a parameter means, with a wildcard; None if it means no image."""
    found = LISTED.get(parameter)
    if found is not None:
        return found
    for pattern, name in _VERSIONED:
        if match := pattern.fullmatch(parameter):
            return match.expand(name)
    return None

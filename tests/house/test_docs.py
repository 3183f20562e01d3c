"""The documents agree with the code."""

import re
from pathlib import Path

from cloudjar.gateway.coverage import markdown
from cloudjar.services.registry import Services
from cloudjar.wire.models import Models

ROOT = Path(__file__).parents[2]


def test_the_table_of_operations_is_fresh():
    assert (ROOT / "docs" / "coverage.md").read_text() == markdown(Services(Models())), "run: python scripts/coverage.py"


def test_every_relative_link_leads_somewhere():
    broken = []
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_the_readme_names_every_service_page():
    readme = (ROOT / "README.md").read_text()
    services = {p.parent.name.rstrip("_") for p in ROOT.glob("src/cloudjar/services/*/__init__.py")}
    assert [name for name in sorted(services) if f"docs/{name}.md" not in readme] == []

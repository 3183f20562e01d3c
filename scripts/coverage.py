"""Writes docs/coverage.md, and the README's list of services, from the code: `python scripts/coverage.py`."""

from __future__ import annotations

import re
from pathlib import Path

from cloudjar.gateway.coverage import markdown
from cloudjar.services.registry import Services
from cloudjar.wire.models import Models

ROOT = Path(__file__).parents[1]
LIST = re.compile(r"(<!-- services: [^>]*-->\n).*?(<!-- /services -->)", re.DOTALL)


def service_list(services: Services) -> str:
    """The README's list: each service with its page."""
    return ",\n".join(f"[{services.models.service(name).service_id}](docs/{name}.md)" for name in services.names) + ".\n"


def main() -> None:
    """Writes both files."""
    services = Services(Models())
    (ROOT / "docs" / "coverage.md").write_text(markdown(services))
    readme = ROOT / "README.md"
    readme.write_text(LIST.sub(lambda found: found[1] + service_list(services) + found[2], readme.read_text()))


if __name__ == "__main__":
    main()

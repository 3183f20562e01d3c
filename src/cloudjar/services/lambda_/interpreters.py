"""The interpreters that this machine has. The only file here that looks at the machine for them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from cloudjar.services.lambda_.runtimes import Runtime

LANG = "/var/lang"
"""Where Lambda keeps an interpreter that is not the system's."""

# What the AWS SDK for Python is made of.
_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")


class Interpreter(Struct, frozen=True):
    """A Python of this machine."""

    program: str
    """Its path inside the sandbox."""
    prefix: str
    """The directory to show at LANG; "" for the system's own."""


def missing(runtime: Runtime) -> str:
    """Why this machine cannot run the runtime, and what to install; "" where it can."""
    if runtime.family == "provided":
        return ""
    if runtime.family == "python":
        version = runtime.name.removeprefix("python")
        if _older(version, (3, 8)):
            return f"the runtime {runtime.name}: Python older than 3.8 is not supported"
        if python(version) is None:
            return (
                f"the runtime {runtime.name}: no Python {version} on this machine. Install it (`apt-get install python{version}`, "
                f"`pyenv install {version}` or `uv python install {version}`), then try again"
            )
        return ""
    return f"the runtime {runtime.name}: only provided, provided.al2, provided.al2023 and Python run here so far"


def python(version: str) -> Interpreter | None:
    """The Python of that version ("3.12"); None if there is none. Found anew until found."""
    found = _python(version)
    if found is None:
        _python.cache_clear()
    return found


@lru_cache(maxsize=32)
def _python(version: str) -> Interpreter | None:
    name = f"python{version}"
    if os.access(f"/usr/bin/{name}", os.X_OK):
        return Interpreter(f"/usr/bin/{name}", "")
    for prefix in _prefixes(version):
        if os.access(prefix / "bin" / name, os.X_OK) and (prefix / "lib" / name / "os.py").exists():
            return Interpreter(f"{LANG}/bin/{name}", str(prefix.resolve()))
    return None


def _prefixes(version: str) -> list[Path]:
    """Directories that may hold a Python: the jar's own, /usr/local, PATH, pyenv's and uv's, newest first."""
    home = Path.home()
    found = [Path("/usr/local"), Path(sys.base_prefix)]
    for pattern in (f".pyenv/versions/{version}.*", f".local/share/uv/python/cpython-{version}.*"):
        found += sorted(home.glob(pattern), key=_patch, reverse=True)
    on_path = shutil.which(f"python{version}")
    if on_path:
        found.append(Path(on_path).resolve().parent.parent)
    return found


def _patch(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", path.name))


def _older(version: str, than: tuple[int, int]) -> bool:
    return tuple(int(part) for part in version.split(".")) < than


@lru_cache(maxsize=1)
def sdk() -> tuple[tuple[str, str], ...]:
    """(name, path) of each package of the AWS SDK for Python that the jar itself came with."""
    found = []
    for name in _SDK:
        spec = find_spec(name)
        if spec is None:
            continue
        if spec.submodule_search_locations:
            found.append((name, next(iter(spec.submodule_search_locations))))
        elif spec.origin:
            found.append((Path(spec.origin).name, spec.origin))
    return tuple(found)

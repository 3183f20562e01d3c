"""The interpreters that this machine has. The only file here that looks at the machine for them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from cloudjar.compute.spawn import ask
from cloudjar.services.lambda_.runtimes import Runtime

LANG = "/var/lang"
"""Where Lambda keeps an interpreter that is not the system's."""

# What the AWS SDK for Python is made of.
_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
_INSTALL = {
    "nodejs": "Install it (`apt-get install nodejs`, `nvm install {0}` or https://nodejs.org/), then try again",
    "ruby": "Install it (`apt-get install ruby`, `rbenv install {0}` or https://www.ruby-lang.org/), then try again",
    "java": "Install it (`apt-get install openjdk-{0}-jdk-headless` or https://adoptium.net/), then try again",
}


class Interpreter(Struct, frozen=True):
    """An interpreter of this machine."""

    program: str
    """Its path inside the sandbox."""
    prefix: str
    """The directory to show at LANG; "" for the system's own."""
    version: str = ""
    """What it really is, where that is not what the runtime's name says: "Node.js 20"."""
    shown: tuple[str, ...] = ()
    """Further directories of the machine that it reads, at their own names."""
    compiler: str = ""
    """On the machine, where the runtime's own part must be compiled first."""


def missing(runtime: Runtime) -> str:
    """Why this machine cannot run the runtime, and what to install; "" where it can."""
    family = runtime.family
    wanted = _wanted(runtime)
    if family in ("provided", "go"):
        return ""
    if family == "python":
        if _older(wanted, (3, 6)):
            return f"the runtime {runtime.name}: Python older than 3.6 is not supported"
        if python(wanted) is None:
            return (
                f"the runtime {runtime.name}: no Python {wanted} on this machine. Install it (`apt-get install python{wanted}`, "
                f"`pyenv install {wanted}` or `uv python install {wanted}`), then try again"
            )
        return ""
    if family in _INSTALL:
        if find(runtime) is not None:
            return ""
        if family == "ruby":
            return f"the runtime {runtime.name}: no Ruby on this machine. {_INSTALL[family].format(wanted)}"
        what = "Node.js" if family == "nodejs" else "JDK (with javac)"
        return f"the runtime {runtime.name}: no {what} {wanted} or later on this machine. {_INSTALL[family].format(wanted)}"
    return f"the runtime {runtime.name}: only provided, Go, Python, Node.js, Java and Ruby run here so far"


def find(runtime: Runtime) -> Interpreter | None:
    """The interpreter that a runtime's functions run on; None if there is none, or none is needed. Found anew until found.

    Python is the very version. Of the others it is the oldest here that is not older than the runtime asks for; of Ruby, where there
    is none such, the newest.
    """
    if runtime.family == "python":
        return python(_wanted(runtime))
    if runtime.family not in _INSTALL:
        return None
    if runtime.family == "ruby":
        return _ruby(_wanted(runtime))
    look = _nodes if runtime.family == "nodejs" else _jdks
    wanted = int(_wanted(runtime))
    for major, interpreter in look():
        if major >= wanted:
            return interpreter
    look.cache_clear()
    return None


def python(version: str) -> Interpreter | None:
    """The Python of that version ("3.12"); None if there is none. Found anew until found."""
    found = _python(version)
    if found is None:
        _python.cache_clear()
    return found


def _wanted(runtime: Runtime) -> str:
    """The version in a runtime's name: "3.12" of python3.12, "20" of nodejs20.x, "8" of java8.al2."""
    text = runtime.name.removeprefix(runtime.family).removeprefix("core")
    return text if runtime.family in ("python", "ruby") else (re.match(r"\d*", text) or [""])[0] or "0"


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


@lru_cache(maxsize=1)
def _nodes() -> tuple[tuple[int, Interpreter], ...]:
    """Every Node.js of this machine, by its major version, oldest first: the system's, PATH's, nvm's, fnm's."""
    home = Path.home()
    programs = [Path("/usr/bin/node"), Path("/usr/local/bin/node")]
    on_path = shutil.which("node")
    programs += [Path(on_path)] if on_path else []
    for pattern in (".nvm/versions/node/v*/bin/node", ".local/share/fnm/node-versions/v*/installation/bin/node"):
        programs += sorted(home.glob(pattern), key=_patch, reverse=True)
    found: dict[int, Interpreter] = {}
    for program in programs:
        major = _node_major(program) if os.access(program, os.X_OK) else 0
        if major and major not in found:
            found[major] = _shown(program.resolve(), f"Node.js {major}")
    return tuple(sorted(found.items()))


def _node_major(program: Path) -> int:
    header = program.resolve().parent.parent / "include/node/node_version.h"
    if header.exists():
        match = re.search(r"#define NODE_MAJOR_VERSION (\d+)", header.read_text())
    else:
        try:
            _, told, _ = ask([str(program), "--version"], 10.0)
        except OSError:
            return 0
        match = re.match(r"v(\d+)\.", told)
    return int(match[1]) if match else 0


def _ruby(wanted: str) -> Interpreter | None:
    found = _rubies()
    if not found:
        _rubies.cache_clear()
        return None
    new_enough = [interpreter for version, interpreter in found if not _older(version, _patch(Path(wanted)))]
    return new_enough[0] if new_enough else found[-1][1]


@lru_cache(maxsize=1)
def _rubies() -> tuple[tuple[str, Interpreter], ...]:
    """Every Ruby of this machine, oldest first: the system's, PATH's, rbenv's."""
    programs = [Path("/usr/bin/ruby"), Path("/usr/local/bin/ruby")]
    on_path = shutil.which("ruby")
    programs += [Path(on_path)] if on_path else []
    programs += sorted(Path.home().glob(".rbenv/versions/*/bin/ruby"), key=_patch, reverse=True)
    found: dict[str, Interpreter] = {}
    for program in programs:
        if not os.access(program, os.X_OK):
            continue
        try:
            _, told, _ = ask([str(program), "--disable=gems", "-e", "print RUBY_VERSION"], 10.0)
        except OSError:
            continue
        match = re.match(r"(\d+\.\d+)\.", told)
        if match and match[1] not in found:
            found[match[1]] = _shown(program.resolve(), f"Ruby {match[1]}")
    return tuple(sorted(found.items(), key=lambda item: _patch(Path(item[0]))))


@lru_cache(maxsize=1)
def _jdks() -> tuple[tuple[int, Interpreter], ...]:
    """Every JDK of this machine with a compiler, by its version, oldest first: the system's, PATH's, SDKMAN's."""
    homes = sorted(Path("/usr/lib/jvm").glob("*")) + sorted(Path.home().glob(".sdkman/candidates/java/*"))
    on_path = shutil.which("javac")
    homes += [Path(on_path).resolve().parent.parent] if on_path else []
    # Debian keeps the configuration of its JDKs in /etc.
    shown = tuple(str(path) for path in sorted(Path("/etc").glob("java-*-openjdk")))
    found: dict[int, Interpreter] = {}
    for home in homes:
        release = home / "release"
        if not (os.access(home / "bin/java", os.X_OK) and os.access(home / "bin/javac", os.X_OK) and release.exists()):
            continue
        match = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release.read_text(), re.MULTILINE)
        if match and int(match[1]) not in found:
            compiler = str(home.resolve() / "bin/javac")
            found[int(match[1])] = _shown(home.resolve() / "bin/java", f"Java {match[1]}", shown, compiler)
    return tuple(sorted(found.items()))


def _shown(program: Path, version: str, shown: tuple[str, ...] = (), compiler: str = "") -> Interpreter:
    """A program at its own name where every sandbox has it, else below LANG."""
    if program.is_relative_to("/usr"):
        return Interpreter(str(program), "", version, shown, compiler)
    return Interpreter(f"{LANG}/bin/{program.name}", str(program.parent.parent), version, shown, compiler)


def compile_java(compiler: str, sources: Path, target: Path) -> None:
    """Compiles the Java files of a directory to classes in `target`, whole or not at all. Raises OSError with the compiler's words."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # A directory of its own, because several may compile at once: the first to be ready wins.
    fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    fresh.chmod(0o755)
    sheets = sorted(str(path) for path in sources.rglob("*.java"))
    try:
        code, _, complaints = ask([compiler, "-J-XX:TieredStopAtLevel=1", "-proc:none", "-nowarn", "-d", str(fresh), *sheets])
        if code:
            raise OSError(f"the Java runtime could not be compiled: {complaints.strip()}")
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    try:
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not target.exists():
            raise


_COMPILE = """
import os, py_compile, sys
source, target, shown = sys.argv[1:]
for folder, _, names in os.walk(source):
    inside = os.path.relpath(folder, source)
    for name in [name for name in names if name.endswith(".py")]:
        os.makedirs(os.path.join(target, inside), exist_ok=True)
        file = os.path.normpath(os.path.join(inside, name))
        # The file that is started keeps its name; modules without a source are found by that of their code.
        compiled = os.path.join(target, file if inside == os.curdir else file + "c")
        py_compile.compile(os.path.join(source, file), compiled, os.path.join(shown, file), doraise=True)
"""


def compile_python(interpreter: Interpreter, sources: Path, target: Path, shown: str) -> None:
    """Compiles the Python runtime in `target`, whole or not at all: it is to be found at `shown`. Raises OSError with Python's words."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    fresh.chmod(0o755)
    try:
        code, _, complaints = ask([_on_the_machine(interpreter), "-I", "-S", "-c", _COMPILE, str(sources), str(fresh), shown])
        if code:
            raise OSError(f"the Python runtime could not be compiled: {complaints.strip()}")
        shutil.copy(sources / "supervise.sh", fresh)
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not target.exists():
            raise


def _on_the_machine(interpreter: Interpreter) -> str:
    return interpreter.program.replace(LANG, interpreter.prefix, 1) if interpreter.prefix else interpreter.program


def stamp(interpreter: Interpreter) -> str:
    """What changes when the interpreter does: compiled code is of use to the very one alone."""
    status = os.stat(_on_the_machine(interpreter))
    return f"{interpreter.program} {status.st_size} {status.st_mtime_ns}"


def _patch(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", str(path)))


def _older(version: str, than: tuple[int, ...]) -> bool:
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

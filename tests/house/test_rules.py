"""House rules, held by reading the source: import directions, who may touch the outside, file sizes, words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "cloudjar"
# What runs inside a function's sandbox is not the daemon's code.
FILES = sorted(p for p in SRC.rglob("*.py") if "bootstraps" not in p.parts)

# Imports go downwards only: a layer may import itself and what stands after it.
LAYERS = ["cli", "console", "tours", "gateway", "planes", "services", "compute", "identity", "wire", "kernel"]

# What touches the outside, and the only files that may. A directory ends with "/".
OWNERS: dict[str, tuple[set[str], tuple[str, ...]]] = {
    "clock": (
        {"time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.process_time", "time.sleep"}
        | {"datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now", "datetime.date.today", "date.today"},
        # Bootstraps run inside functions, not in the jar.
        ("kernel/clock.py", "services/lambda_/bootstraps/"),
    ),
    "randomness": (
        {"os.urandom", "uuid.uuid1", "uuid.uuid4", "random", "secrets"},
        ("kernel/ids.py",),
    ),
    "threads": (
        {"threading.Thread", "ThreadPoolExecutor", "concurrent.futures.ThreadPoolExecutor", "asyncio.to_thread", "multiprocessing"},
        ("kernel/offload.py", "gateway/inprocess.py"),
    ),
    "subprocesses": (
        {"subprocess.Popen", "subprocess.run", "subprocess.check_output", "os.fork", "os.posix_spawn", "os.system", "os.execv", "os.execve"}
        | {"os.execvp", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"},
        ("compute/spawn.py", "compute/guard.py", "cli/", "tours/tour.py"),
    ),
    "environment": ({"os.environ", "os.getenv"}, ("cli/", "services/lambda_/bootstraps/")),
}

# Files that may not be imported by the daemon's path with these (200 ms and 25 MB for botocore alone).
BANNED_IMPORTS = {"botocore", "boto3", "moto", "localstack"}
BOTOCORE_ALLOWED = ("gateway/inprocess.py", "pytest_plugin.py", "tours/", "cli/")

# A ratchet: the longest files, which may only shrink. Everything else stays within 500 lines.
LONGEST = 500
LONG_FILES: dict[str, int] = {}


def name_of(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


def allowed(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or (place.endswith("/") and name.startswith(place)) for place in places)


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def imports(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.append(node.module)
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


class WithoutTypes(ast.NodeTransformer):
    """Removes what stands under `if TYPE_CHECKING`."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if dotted(node.test).endswith("TYPE_CHECKING") else self.generic_visit(node)


class Source:
    """What the rules ask of one file; read and parsed once, and the tree not kept."""

    def __init__(self, path: Path) -> None:
        self.name = name_of(path)
        self.parts = self.name.split("/")
        text = path.read_text()
        self.lines = len(text.splitlines())
        tree = ast.parse(text)
        self.is_silent = bool(text.strip()) and ast.get_docstring(tree) is None
        self.imports = imports(tree)
        self.uses = {dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)} | set(self.imports)
        self.state = list(mutable_state(tree))
        self.imports_at_run_time = imports(WithoutTypes().visit(tree))


def mutable_state(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Dict | ast.List | ast.Set):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                named = dotted(target)
                # Tables are constants; what is written in capitals is never changed.
                if not (named.lstrip("_").isupper() or named == "__all__"):
                    yield f"{named} looks like module-level state"
        if isinstance(node, ast.Global):
            yield "global"


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return [Source(path) for path in FILES]


def test_imports_go_downwards_only(sources):
    wrong = []
    for source in sources:
        layer = source.parts[0]
        if layer not in LAYERS:
            continue  # the package's own front: it may import every layer
        above = LAYERS[: LAYERS.index(layer)]
        for module in source.imports_at_run_time:
            parts = module.split(".")
            if parts[0] == "cloudjar" and len(parts) > 1 and parts[1] in above:
                wrong.append(f"{source.name} imports {module}, which stands above it")
    assert wrong == []


# DynamoDB Streams is another endpoint of DynamoDB: it reads the records that tables write. S3 Control is another endpoint of S3.
SHARED = {"dynamodbstreams": "cloudjar.services.dynamodb.stream_records", "s3control": "cloudjar.services.s3"}


def test_services_do_not_import_each_other(sources):
    wrong = []
    for source in sources:
        if source.parts[0] != "services" or len(source.parts) < 3:
            continue
        own, shared = source.parts[1], SHARED.get(source.parts[1], "none").split(".")
        for module in source.imports:
            other = module.split(".")
            foreign = other[:2] == ["cloudjar", "services"] and len(other) > 2 and other[2] not in ("registry", own)
            if foreign and other[: len(shared)] != shared:
                wrong.append(f"{source.name} imports {module}: call it, or listen to it")
    assert wrong == []


@pytest.mark.parametrize("what", OWNERS)
def test_the_outside_is_touched_by_its_owner_only(sources, what):
    calls, owners = OWNERS[what]
    touched = {source.name: sorted(source.uses & calls) for source in sources if not allowed(source.name, owners)}
    assert {name: uses for name, uses in touched.items() if uses} == {}, f"only {', '.join(owners)} may"


def test_the_daemon_does_not_import_botocore(sources):
    daemon = [source for source in sources if not allowed(source.name, BOTOCORE_ALLOWED)]
    roots = {source.name: {module.split(".")[0] for module in source.imports_at_run_time} & BANNED_IMPORTS for source in daemon}
    assert {name: banned for name, banned in roots.items() if banned} == {}


def test_there_is_no_mutable_state_at_module_level(sources):
    assert {source.name: source.state for source in sources if source.state} == {}


def test_a_file_is_a_room(sources):
    long = {source.name: source.lines for source in sources if source.lines > LONG_FILES.get(source.name, LONGEST)}
    assert long == {}, f"{LONGEST} lines are the most"


def test_every_public_module_says_what_it_is(sources):
    assert [source.name for source in sources if source.is_silent] == []


def test_every_service_has_its_page_in_docs():
    docs = SRC.parents[1] / "docs"
    services = [p.parent.name.rstrip("_") for p in SRC.glob("services/*/__init__.py")]
    assert [s for s in services if not (docs / f"{s}.md").exists()] == []

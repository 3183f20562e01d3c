"""House rules, held by reading the source: import directions, who may touch the outside, file sizes, words."""

from __future__ import annotations

import ast
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


def for_types_only(tree: ast.Module) -> ast.Module:
    """The tree without what stands under `if TYPE_CHECKING`."""

    class Strip(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if dotted(node.test).endswith("TYPE_CHECKING") else self.generic_visit(node)

    return ast.fix_missing_locations(Strip().visit(tree))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_downwards_only(path):
    layer = name_of(path).split("/")[0]
    if layer not in LAYERS:
        pytest.skip("the package's own front: it may import every layer")
    above = LAYERS[: LAYERS.index(layer)]
    for module in imports(for_types_only(ast.parse(path.read_text()))):
        parts = module.split(".")
        if parts[0] == "cloudjar" and len(parts) > 1:
            assert parts[1] not in above, f"{name_of(path)} imports {module}, which stands above it"


# DynamoDB Streams is another endpoint of DynamoDB: it reads the records that tables write. S3 Control is another endpoint of S3.
SHARED = {"dynamodbstreams": "cloudjar.services.dynamodb.stream_records", "s3control": "cloudjar.services.s3"}


@pytest.mark.parametrize("path", [p for p in FILES if name_of(p).startswith("services/")], ids=name_of)
def test_services_do_not_import_each_other(path):
    parts = name_of(path).split("/")
    if len(parts) < 3:
        return
    for module in imports(ast.parse(path.read_text())):
        other = module.split(".")
        shared = SHARED.get(parts[1], "none").split(".")
        if other[: len(shared)] == shared:
            continue
        if other[:2] == ["cloudjar", "services"] and len(other) > 2 and other[2] != "registry":
            assert other[2] == parts[1], f"{name_of(path)} imports {module}: call it, or listen to it"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_outside_is_touched_by_its_owner_only(path):
    name = name_of(path)
    tree = ast.parse(path.read_text())
    used = {dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)} | set(imports(tree))
    for what, (calls, owners) in OWNERS.items():
        if not allowed(name, owners):
            assert not used & calls, f"{name} touches {what} ({', '.join(sorted(used & calls))}); only {', '.join(owners)} may"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_daemon_does_not_import_botocore(path):
    if allowed(name_of(path), BOTOCORE_ALLOWED):
        return
    roots = {module.split(".")[0] for module in imports(for_types_only(ast.parse(path.read_text())))}
    assert not roots & BANNED_IMPORTS


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_there_is_no_mutable_state_at_module_level(path):
    for node in ast.parse(path.read_text()).body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Dict | ast.List | ast.Set):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                named = dotted(target)
                # Tables are constants; what is written in capitals is never changed.
                assert named.lstrip("_").isupper() or named == "__all__", f"{name_of(path)}: {named} looks like module-level state"
        if isinstance(node, ast.Global):
            raise AssertionError(f"{name_of(path)}: global")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_a_room(path):
    lines = len(path.read_text().splitlines())
    limit = LONG_FILES.get(name_of(path), LONGEST)
    assert lines <= limit, f"{name_of(path)} has {lines} lines; {limit} is the most"


def test_the_ratchet_holds_only_files_that_need_it():
    for name, limit in LONG_FILES.items():
        lines = len((SRC / name).read_text().splitlines())
        assert LONGEST < lines <= limit, f"{name} has {lines} lines: lower its line in LONG_FILES"


def test_every_public_module_says_what_it_is():
    silent = [name_of(p) for p in FILES if p.read_text().strip() and ast.get_docstring(ast.parse(p.read_text())) is None]
    assert silent == []


def test_every_service_has_its_page_in_docs():
    docs = SRC.parents[1] / "docs"
    services = [p.parent.name.rstrip("_") for p in SRC.glob("services/*/__init__.py")]
    assert [s for s in services if not (docs / f"{s}.md").exists()] == []

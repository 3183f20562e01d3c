"""What to run, as data: the one description that every driver takes."""

from __future__ import annotations

from msgspec import Struct, field

HOST = "host"
LAMBDA_USER = (993, 990)
"""The uid and gid of `sbx_user1051`, which AWS Lambda's own sandboxes run as."""


class BadSpec(ValueError):
    """A Spec that no driver can run: a relative path, a NUL, an empty argv. The caller's fault, never the machine's."""


class Mount(Struct, frozen=True):
    """One file or directory of the host, shown inside at `target`."""

    source: str
    target: str
    writable: bool = False


class Tmpfs(Struct, frozen=True):
    """An empty writable directory in memory. What is written there counts towards the memory limit."""

    target: str
    size_bytes: int | None = None


class Limits(Struct, frozen=True):
    """What the whole tree of processes may use. None means no limit of ours."""

    memory_bytes: int | None = None
    processes: int | None = None
    """Processes and threads, as the kernel counts them."""
    open_files: int | None = None
    file_bytes: int | None = None
    """The largest file that may be written."""
    cpu: float | None = None
    """Cores; 0.5 is half of one."""


class Spec(Struct, frozen=True):
    """One thing to run: a program, what it sees of the file system, and what it may use."""

    id: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    """The whole environment: nothing is inherited."""
    rootfs: str = HOST
    """HOST shows the host's own programs and libraries, read-only; else a directory with a root file system, shown read-only."""
    mounts: tuple[Mount, ...] = ()
    """In order; a later one may lie inside an earlier one."""
    tmpfs: tuple[Tmpfs, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    """Small read-only files of the root file system, by absolute path."""
    cwd: str = "/"
    user: tuple[int, int] = LAMBDA_USER
    """The uid and gid that the program sees itself running as."""
    hostname: str = "localhost"
    network: str = "host"
    """"host"; "none": nothing but a loopback interface of its own; or the id of one that `Driver.network` gave."""
    limits: Limits = field(default_factory=Limits)
    log_bytes: int = 1 << 20
    """How much of the output `Driver.logs` keeps; older lines go first."""


def check(spec: Spec) -> None:
    """Refuse what no driver could run; raises BadSpec."""
    if not spec.id:
        raise BadSpec("a spec needs an id")
    if not spec.argv or not spec.argv[0]:
        raise BadSpec("argv is empty")
    for name in spec.env:
        if not name or "=" in name:
            raise BadSpec(f"not a name of an environment variable: {name!r}")
    for text in (*spec.argv, *spec.env, *spec.env.values(), spec.cwd, spec.hostname):
        if "\0" in text:
            raise BadSpec("NUL in an argument, the environment or a path")
    paths = [spec.cwd, *spec.files, *(t.target for t in spec.tmpfs)]
    for mount in spec.mounts:
        paths += [mount.source, mount.target]
    if spec.rootfs != HOST:
        paths.append(spec.rootfs)
    for path in paths:
        if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
            raise BadSpec(f"not an absolute path: {path!r}")
    for number in (*spec.user, spec.limits.memory_bytes, spec.limits.processes, spec.limits.open_files, spec.limits.file_bytes):
        if number is not None and number < 0:
            raise BadSpec("a negative number in user or limits")
    if spec.limits.cpu is not None and spec.limits.cpu <= 0:
        raise BadSpec("limits.cpu must be above zero")

"""What a program sees: a Spec's file system as arguments of bubblewrap (bwrap(1))."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from cloudjar.compute.spec import HOST, Spec

_TOP = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC_DIRECTORIES = ("alternatives", "ca-certificates", "crypto-policies", "fonts", "pki", "ssl/certs", "ssl/openssl.cnf", "terminfo")
_ETC_FILES = (
    *("ca-certificates.conf", "hosts", "ld.so.cache", "ld.so.conf", "localtime", "mime.types", "nsswitch.conf"),
    *("protocols", "resolv.conf", "rpc", "services", "timezone"),
)
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

# What glibc itself drops for set-user-id programs (sysdeps/generic/unsecvars.h): with these, a program runs others' code.
# setpriv still is root when it starts; it must not see them.
_UNSAFE = frozenset(
    (
        *("GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "MALLOC_CHECK_", "MALLOC_TRACE"),
        *("NIS_PATH", "NLSPATH", "RESOLV_HOST_CONF", "RES_OPTIONS", "TMPDIR", "TZDIR"),
    )
)


class HostView(Struct, frozen=True):
    """The part of the host that every sandbox with the host's root file system shows, read once."""

    links: dict[str, str]
    """Symbolic links at the top, such as /bin -> usr/bin."""
    directories: tuple[str, ...]
    files: dict[str, bytes]
    """Small files of /etc, with what the jar adds; the host's users and secrets are not among them."""


def read_host(root: Path = Path("/")) -> HostView:
    """Look at the host once, at start."""
    links, directories, files = {}, [], {}
    for top in _TOP:
        path = root / top[1:]
        if path.is_symlink():
            links[top] = os.readlink(path)
        elif path.is_dir():
            directories.append(top)
    for name in _ETC_DIRECTORIES:
        path = root / "etc" / name
        # Where Red Hat's certificates are not, something else's /etc/pki would only stand in the way of those that a network brings.
        if (path / "tls/certs" if name == "pki" else path).exists():
            directories.append(f"/etc/{name}")
    for name in _ETC_FILES:
        try:
            files[f"/etc/{name}"] = (root / "etc" / name).read_bytes()
        except OSError:
            continue
    if (root / "usr/lib/os-release").exists():
        links["/etc/os-release"] = "../usr/lib/os-release"
    return HostView(links, tuple(directories), files)


def accounts(spec: Spec) -> dict[str, bytes]:
    """/etc/passwd and /etc/group: root, nobody, and the spec's own user under Lambda's name for it."""
    uid, gid = spec.user
    passwd = ["root:x:0:0:root:/root:/bin/sh", "nobody:x:65534:65534:nobody:/:/sbin/nologin"]
    group = ["root:x:0:", "nobody:x:65534:"]
    if uid not in (0, 65534):
        passwd.append(f"sbx_user1051:x:{uid}:{gid}::/home/sbx_user1051:/sbin/nologin")
    if gid not in (0, 65534):
        group.append(f"sbx_user1051:x:{gid}:")
    return {"/etc/passwd": "\n".join([*passwd, ""]).encode(), "/etc/group": "\n".join([*group, ""]).encode()}


class Launch(Struct, frozen=True):
    """Arguments for bubblewrap, and the contents of the descriptors that they name, in order."""

    arguments: list[str]
    contents: list[bytes]


def launch(spec: Spec, host: HostView, *, as_root: bool, first_descriptor: int) -> Launch:
    """The whole command line after `bwrap`. Pure: nothing is looked at but the arguments."""
    arguments = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", spec.hostname]
    arguments += ["--die-with-parent", "--new-session", "--clearenv"]
    if spec.network == "none":
        arguments.append("--unshare-net")
    # With the host's own setpriv at hand, root gives up being root for good, and no user namespace is needed. A foreign
    # root file system may lack it, or hold something else by that name.
    drop = as_root and spec.rootfs == HOST and spec.user[0] != 0
    if as_root:
        arguments += ["--cap-drop", "ALL"]
    if drop:
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        arguments += ["--unshare-user", "--uid", str(spec.user[0]), "--gid", str(spec.user[1])]

    contents: list[bytes] = []
    files: dict[str, bytes] = {}
    if spec.rootfs == HOST:
        targets = [*host.directories, *spec.files, *(mount.target for mount in spec.mounts), *(tmpfs.target for tmpfs in spec.tmpfs)]
        arguments += _parents([*targets, "/etc/hosts", "/dev/shm/any"])
        files = {**host.files, "/etc/hostname": spec.hostname.encode() + b"\n", **accounts(spec)}
        for path in host.directories:
            arguments += ["--ro-bind", path, path]
        for path, target in host.links.items():
            if path not in spec.files:
                arguments += ["--symlink", target, path]
    else:
        arguments += ["--ro-bind", spec.rootfs, "/"]
    arguments += ["--proc", "/proc", *(_devices() if spec.rootfs == HOST else ("--dev", "/dev"))]
    for tmpfs in spec.tmpfs:
        size = ["--size", str(tmpfs.size_bytes)] if tmpfs.size_bytes else []
        arguments += ["--perms", "1777", *size, "--tmpfs", tmpfs.target]
    for mount in spec.mounts:
        arguments += ["--bind" if mount.writable else "--ro-bind", mount.source, mount.target]
    for path, content in {**files, **spec.files}.items():
        # On our own root a file is simply written; over a foreign one it is laid.
        how = ["--file"] if spec.rootfs == HOST else ["--ro-bind-data"]
        arguments += ["--perms", "0644", *how, str(first_descriptor + len(contents)), path]
        contents.append(content)
    if spec.rootfs == HOST:
        arguments += ["--remount-ro", "/"]
    arguments += ["--chdir", spec.cwd]
    for name, value in spec.env.items():
        if not (drop and unsafe(name)):
            arguments += ["--setenv", name, value]
    arguments += ["--", *(setpriv(spec.user) if drop else ()), *(env_prefix(spec.env) if drop else ())]
    arguments += [*(file_limit(spec) if spec.rootfs == HOST else ()), *spec.argv]
    return Launch(arguments, contents)


def _devices() -> list[str]:
    """A smaller /dev than `--dev` makes: that one has a devpts, which costs an ordinary user a second user namespace."""
    arguments = []
    for name in _DEVICES:
        arguments += ["--dev-bind-try", f"/dev/{name}", f"/dev/{name}"]
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        arguments += ["--symlink", f"/proc/self/fd{target}", f"/dev/{name}"]
    return arguments


def _parents(targets: list[str]) -> list[str]:
    """The directories above what is mounted, on the root of our own. Those that bwrap makes up itself are closed to all but root."""
    parents: set[str] = set()
    for target in targets:
        # Not pathlib, which takes a millisecond or two for all of them.
        above = target.rstrip("/")
        while (above := above.rpartition("/")[0].rstrip("/")) and above not in parents:
            parents.add(above)
    parents.difference_update(_TOP)
    # None below the host's own programs, which are shown read-only: what is to be mounted upon must be there.
    wanted = sorted(parent for parent in parents if not parent.startswith(tuple(f"{top}/" for top in _TOP)))
    return [argument for parent in wanted for argument in ("--perms", "0755", "--dir", parent)]


def unsafe(name: str) -> bool:
    """Whether a variable may make a program load or write what it should not."""
    return name.startswith("LD_") or name in _UNSAFE


def setpriv(user: tuple[int, int]) -> list[str]:
    """The command prefix that gives up root."""
    return ["/usr/bin/setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups", "--inh-caps=-all", "--no-new-privs", "--"]


def file_limit(spec: Spec) -> list[str]:
    """The command prefix that limits files. Here and not earlier, because bwrap writes files of its own."""
    size = spec.limits.file_bytes
    return ["/usr/bin/prlimit", f"--fsize={size}:{size}"] if size is not None else []


def env_prefix(env: dict[str, str]) -> list[str]:
    """The command prefix that sets what setpriv must not see; empty when there is nothing of the kind."""
    pairs = [f"{name}={value}" for name, value in env.items() if unsafe(name)]
    return ["/usr/bin/env", *pairs] if pairs else []

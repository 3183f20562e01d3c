"""Finding what to execute, and telling as Lambda does why it cannot be."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from cloudjar.services.lambda_ import interpreters
from cloudjar.services.lambda_.environment import JAVA_CLASSES, OPT, RUNTIME, TASK
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.runtimes import RUNTIMES, Runtime

WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
"""The variable that names a script which starts the runtime: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html."""
# In the words of AWS's own bootstrap script.
_WRAPPED = '''[ -f "$0" ] || { echo "$0: does not exist"; exit 127; }
[ -x "$0" ] || { echo "$0: is not an executable"; exit 126; }
exec "$0" "$@"'''


class InvalidEntrypoint(Exception):
    """There is nothing that could be executed; the text is Lambda's."""

    kind = "Runtime.InvalidEntrypoint"


class LaunchError(InvalidEntrypoint):
    """An extension cannot be executed."""

    kind = "Extension.LaunchError"


def entrypoint(version: Version, task: str, opt: str) -> tuple[str, ...]:
    """The program and arguments of a version's runtime; raises InvalidEntrypoint."""
    runtime = RUNTIMES[version.runtime]
    wrapper = (version.environment or {}).get(WRAPPER, "")
    if wrapper and runtime.family not in ("provided", "go"):
        return ("/bin/sh", "-c", _WRAPPED, wrapper, *_of_family(version, runtime, task, opt, plain=True))
    return _of_family(version, runtime, task, opt, plain=False)


def _of_family(version: Version, runtime: Runtime, task: str, opt: str, *, plain: bool) -> tuple[str, ...]:
    """`plain`: the script is the last argument, as wrappers that put options before it expect."""
    if runtime.family == "python":
        python = interpreters.python(runtime.name.removeprefix("python"))
        if python is None:
            raise InvalidEntrypoint(interpreters.missing(runtime))
        # No `site`: what the host's Python has installed is not the function's. -s: nor what a user has.
        script = (python.program, "-S", "-s", f"{RUNTIME}/bootstraps/python3.py")
        return script if plain else (*script, OPT, f"{RUNTIME}/boto3")
    if runtime.family in ("nodejs", "java", "ruby"):
        found = interpreters.find(runtime)
        if found is None:
            raise InvalidEntrypoint(interpreters.missing(runtime))
        if runtime.family == "nodejs":
            return (found.program, f"{RUNTIME}/bootstraps/nodejs.cjs")
        if runtime.family == "ruby":
            return (found.program, f"{RUNTIME}/bootstraps/ruby.rb")
        return (found.program, *_java_options(version), "-cp", JAVA_CLASSES, "Runtime", TASK, OPT)
    if runtime.family == "go":
        # Programs that know the Runtime API; the handler's name is the program's.
        if os.path.isfile(os.path.join(task, version.handler)):
            problem = why_not(Path(task, version.handler), task, TASK)
            if not problem:
                return (f"{TASK}/{version.handler}",)
            raise InvalidEntrypoint(f"fork/exec {TASK}/{version.handler}: {problem}")
        raise InvalidEntrypoint(f"fork/exec {TASK}/{version.handler}: no such file or directory")
    for directory, inside in ((task, TASK), (opt, OPT)):
        if directory and os.path.isfile(os.path.join(directory, "bootstrap")):
            problem = why_not(Path(directory, "bootstrap"), directory, inside)
            if problem:
                raise InvalidEntrypoint(f"fork/exec {inside}/bootstrap: {problem}")
            return (f"{inside}/bootstrap",)
    raise InvalidEntrypoint(f"Couldn't find valid bootstrap(s): [{TASK}/bootstrap {OPT}/bootstrap]")


def _java_options(version: Version) -> tuple[str, ...]:
    """Quick to start, and a heap that leaves the rest of the memory to the machine itself."""
    heap = max(32, version.memory_mb * 85 // 100 - 16)
    return ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto", "-Xss512k", f"-Xmx{heap}m")


def why_not(path: str | Path, directory: str, inside: str) -> str:
    """What execve(2) would say of a file of `directory`, which is shown at `inside`; "" if it would run."""
    if not os.stat(path).st_mode & 0o111:
        return "permission denied"
    with open(path, "rb") as file:
        head = file.read(256)
    if head.startswith(b"#!"):
        line = head[2:].partition(b"\n")[0].strip(b" \t")
        program = line.split(b" ")[0].split(b"\t")[0].decode("latin-1")
        local = program.replace(inside, directory, 1) if program.startswith(inside + "/") else program
        return "" if program and os.path.exists(local) else "no such file or directory"
    if head.startswith(b"\x7fELF") and len(head) > 20:
        machine = struct.unpack("<H", head[18:20])[0]
        return "" if _MACHINES.get(os.uname().machine) in (machine, None) else "exec format error"
    return "exec format error"


# e_machine of the ELF header.
_MACHINES = {"x86_64": 62, "aarch64": 183, "arm64": 183}

"""What a function finds around itself: variables, files, mounts and limits, as AWS documents them."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from cloudjar.compute.spec import Limits, Mount, Spec
from cloudjar.services.lambda_ import interpreters
from cloudjar.services.lambda_.functions import Version
from cloudjar.services.lambda_.runtimes import AL1, AL2, AL2023, RUNTIMES

TASK = "/var/task"
RUNTIME = "/var/runtime"
OPT = "/opt"
SUPERVISOR = f"{RUNTIME}/bootstraps/supervise.sh"
JAVA_CLASSES = f"{RUNTIME}/java"
"""Where the compiled Java runtime is."""
PIPE = f"{RUNTIME}/release"
"""Where a standby reads that it is to begin."""
RUNTIME_API = ("127.0.0.1", 9001)
"""Where AWS has it, and where it is in a network of the sandbox's own."""
BOOTSTRAPS = Path(__file__).parent / "bootstraps"

_PASSWD = b"root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
_GROUP = b"root:x:0:\nsbx_user1051:x:990:\n"
# Extensions listen for telemetry under this name.
_HOSTS = b"127.0.0.1 localhost sandbox.localdomain sandbox\n"
_RELEASE = {
    AL1: (
        b'NAME="Amazon Linux AMI"\nVERSION="2018.03"\nID="amzn"\nID_LIKE="rhel fedora"\nVERSION_ID="2018.03"\n'
        b'PRETTY_NAME="Amazon Linux AMI 2018.03"\nANSI_COLOR="0;33"\nCPE_NAME="cpe:/o:amazon:linux:2018.03:ga"\n'
        b'HOME_URL="http://aws.amazon.com/amazon-linux-ami/"\n'
    ),
    AL2: (
        b'NAME="Amazon Linux"\nVERSION="2"\nID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2"\n'
        b'PRETTY_NAME="Amazon Linux 2"\nANSI_COLOR="0;33"\nCPE_NAME="cpe:2.3:o:amazon:amazon_linux:2"\n'
        b'HOME_URL="https://amazonlinux.com/"\nSUPPORT_END="2026-06-30"\n'
    ),
    AL2023: (
        b'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\nPLATFORM_ID="platform:al2023"\n'
        b'PRETTY_NAME="Amazon Linux 2023"\nANSI_COLOR="0;33"\nCPE_NAME="cpe:2.3:o:amazon:amazon_linux:2023"\n'
        b'HOME_URL="https://aws.amazon.com/linux/amazon-linux-2023/"\nSUPPORT_END="2029-06-30"\n'
    ),
}
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: file descriptors, processes and threads.
_OPEN_FILES = 1024
_PROCESSES = 1024


DEBUG_PORT = "CLOUDJAR_DEBUG_PORT"
"""A variable of the function: the port at which a debugger's counterpart listens inside, reached at the same port of this machine."""


def debug_port(version: Version) -> int:
    """The port that a function wants to be debugged at; 0 for none."""
    text = (version.environment or {}).get(DEBUG_PORT, "")
    return int(text) if text.isdecimal() and 1024 <= int(text) < 65536 else 0


class Session(Struct, frozen=True):
    """The credentials that a function runs with."""

    access_key: str
    secret_key: str
    token: str


def variables(version: Version, *, region: str, stream: str, runtime_api: str, around: dict[str, str], session: Session) -> dict[str, str]:
    """The whole environment of a function's runtime. `around` is what its network wants; the function's own variables go before it."""
    env = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": f"{interpreters.LANG}/bin:/usr/local/bin:/usr/bin/:/bin:{OPT}/bin",
        "LD_LIBRARY_PATH": f"{interpreters.LANG}/lib:/lib64:/usr/lib64:{RUNTIME}:{RUNTIME}/lib:{TASK}:{TASK}/lib:{OPT}/lib",
        **around,
    }
    env |= version.environment or {}
    env |= {
        "_HANDLER": version.handler,
        "LAMBDA_TASK_ROOT": TASK,
        "LAMBDA_RUNTIME_DIR": RUNTIME,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.label,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": version.logs_to,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_LOG_FORMAT": version.log_format,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_ACCESS_KEY_ID": session.access_key,
        "AWS_SECRET_ACCESS_KEY": session.secret_key,
        "AWS_SESSION_TOKEN": session.token,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129",
        "_AWS_XRAY_DAEMON_PORT": "2000",
    }
    if version.log_format == "JSON":
        env["AWS_LAMBDA_LOG_LEVEL"] = version.application_log_level or "INFO"
    family = RUNTIMES[version.runtime].family
    if family == "nodejs":
        major = version.runtime.removeprefix("nodejs").split(".")[0]
        env.setdefault("NODE_PATH", f"{OPT}/nodejs/node{major}/node_modules:{OPT}/nodejs/node_modules:{RUNTIME}/node_modules")
    if family == "ruby":
        api = f"{version.runtime.removeprefix('ruby')}.0"
        env.setdefault("GEM_PATH", f"{TASK}/vendor/bundle/ruby/{api}:{OPT}/ruby/gems/{api}")
        env.setdefault("RUBYLIB", f"{TASK}:{RUNTIME}/lib:{OPT}/ruby/lib")
    if family != "provided":
        # Custom runtimes do not have it.
        env["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{version.runtime}"
    return env


def spec(
    id: str,
    version: Version,
    argv: tuple[str, ...],
    env: dict[str, str],
    *,
    task: str,
    opt: str,
    temporary: str,
    bootstraps: str,
    classes: str = "",
    pipe: str = "",
    network: str = "host",
    supervised: bool = False,
    limits_files: bool = True,
) -> Spec:
    """The sandbox of one execution environment. `classes` is the directory of the compiled Java runtime, `pipe` what it waits at."""
    runtime = RUNTIMES[version.runtime]
    mounts = [Mount(task, TASK), Mount(temporary, "/tmp", writable=True)]
    if opt:
        mounts.append(Mount(opt, OPT))
    interpreter = interpreters.find(runtime)
    if interpreter is not None or supervised:
        mounts.append(Mount(bootstraps, f"{RUNTIME}/bootstraps"))
    if interpreter is not None:
        mounts += [Mount(path, path) for path in interpreter.shown]
        if interpreter.prefix:
            mounts.append(Mount(interpreter.prefix, interpreters.LANG))
    if runtime.family == "python":
        mounts += [Mount(path, f"{RUNTIME}/{name}") for name, path in interpreters.sdk()]
    if classes:
        mounts.append(Mount(classes, JAVA_CLASSES))
    if pipe:
        mounts.append(Mount(pipe, PIPE))
    files = {"/etc/os-release": _RELEASE[runtime.system], "/etc/passwd": _PASSWD, "/etc/group": _GROUP}
    if supervised and network == "host":
        files["/etc/hosts"] = _HOSTS
    return Spec(
        id=id,
        argv=argv,
        env=env,
        mounts=tuple(mounts),
        files=files,
        cwd=TASK,
        hostname="169.254.10.1",
        network=network,
        limits=Limits(
            memory_bytes=version.memory_mb << 20,
            processes=_PROCESSES,
            open_files=_OPEN_FILES,
            # /tmp is on a disk and so outside the memory limit, as in Lambda. A disk of the sandbox's own is as large as the storage;
            # elsewhere at least no single file outgrows it.
            file_bytes=version.storage_mb << 20 if limits_files else None,
        ),
    )

"""LocalStack's environment names: honoured where they make sense here, and warned about where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IGNORED = {
    "SERVICES": "every service starts when it is first called",
    "EAGER_SERVICE_LOADING": "every service starts when it is first called",
    "STRICT_SERVICE_LOADING": "every service is there from the start",
    "EDGE_PORT": "use GATEWAY_LISTEN, or --port",
    "LOCALSTACK_HOST": "answers name the host that the request named",
    "HOSTNAME_EXTERNAL": "answers name the host that the request named",
    "LOCALSTACK_HOSTNAME": "answers name the host that the request named",
    "USE_SSL": "http and https are on the same port",
    "DATA_DIR": "use --data",
    "LOCALSTACK_VOLUME_DIR": "use --data",
    "SNAPSHOT_SAVE_STRATEGY": "every acknowledged call is kept at once",
    "SNAPSHOT_LOAD_STRATEGY": "worlds are there from the start",
    "LAMBDA_EXECUTOR": "`cloudjar doctor` says how functions run",
    "LAMBDA_DOCKER_NETWORK": "nothing needs Docker",
    "LAMBDA_DOCKER_FLAGS": "nothing needs Docker",
    "LAMBDA_KEEPALIVE_MS": "idle functions are reaped as AWS does",
    "DOCKER_HOST": "nothing needs Docker",
    "DOCKER_FLAGS": "nothing needs Docker",
    "ENFORCE_IAM": "keys that IAM has issued are always judged; `test` is the account's root",
    "DISABLE_CORS_CHECKS": "pages of other sites are kept out",
    "EXTRA_CORS_ALLOWED_ORIGINS": "pages of other sites are kept out",
    "LOCALSTACK_AUTH_TOKEN": "no token is needed",
    "LOCALSTACK_API_KEY": "no token is needed",
    "ACTIVATE_PRO": "there are no editions",
}
"""Names that change nothing here, and why."""

AMBIGUOUS = frozenset({"SERVICES", "DATA_DIR", "DOCKER_HOST", "USE_SSL"})
"""Names that other programs use too: no warning for them unless one that is LocalStack's alone is set."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(slots=True)
class Settings:
    """What the environment asks for, in our terms; None and empty mean nothing was said."""

    listen: tuple[str, ...] = ()
    port: int | None = None
    ephemeral: bool = False
    debug: bool = False
    warnings: list[str] = field(default_factory=list)


def settings(environ: Mapping[str, str]) -> Settings:
    """Reads LocalStack's names from the environment."""
    found = Settings()
    if environ.get("GATEWAY_LISTEN"):
        _read_listen(found, environ["GATEWAY_LISTEN"])
    found.ephemeral = environ.get("PERSISTENCE", "").lower() in _FALSE
    if "PERSISTENCE" in environ and found.ephemeral:
        found.warnings.append(f"PERSISTENCE={environ['PERSISTENCE']}: nothing is kept, as with --ephemeral.")
    found.debug = environ.get("DEBUG", "").lower() in _TRUE or environ.get("LS_LOG", "").lower() in ("trace", "debug", "trace-internal")
    names = [name for name in IGNORED if environ.get(name)]
    if any(name not in AMBIGUOUS for name in names) or "GATEWAY_LISTEN" in environ:
        found.warnings.extend(f"{name} has no effect: {IGNORED[name]}." for name in names)
    return found


def _read_listen(found: Settings, value: str) -> None:
    """GATEWAY_LISTEN: "0.0.0.0:4566", ":4567", "4566", several with commas."""
    hosts: list[str] = []
    ports: list[int] = []
    for entry in value.split(","):
        host, colon, port = entry.strip().rpartition(":")
        if not colon and not port.isdecimal():
            host, port = port, ""
        if port and not (port.isdecimal() and int(port) < 65536):
            found.warnings.append(f"GATEWAY_LISTEN has no effect: {entry!r} is not HOST:PORT.")
            return
        if host:
            hosts.append(host.strip("[]"))
        if port:
            ports.append(int(port))
    found.listen = tuple(dict.fromkeys(hosts))
    if ports:
        found.port = ports[0]
    if any(port != ports[0] for port in ports):
        found.warnings.append(f"GATEWAY_LISTEN: http and https are both on port {ports[0]}; the other ports are not used.")

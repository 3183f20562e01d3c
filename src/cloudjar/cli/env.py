"""`cloudjar env`: the settings that point AWS clients at the jar."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from cloudjar.cli import client, show
from cloudjar.cli.problem import FAILED, Problem
from cloudjar.cli.up import running_home

REGION = "us-east-1"
NAMES = (
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_CA_BUNDLE",
    "AWS_DISABLE_HOST_PREFIX_INJECTION",
)
STALE = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
"""Names that would win over ours, or break the signature: taken back as well."""


def env(args: Namespace, environ: Mapping[str, str]) -> int:
    """Prints exports, or with --unset what takes them back."""
    shell = "json" if args.json else args.format or ("fish" if environ.get("SHELL", "").endswith("/fish") else "sh")
    if args.unset:
        _print(dict.fromkeys(NAMES), shell)
        return 0
    jar = client.find(args, environ)
    endpoint = jar.endpoint
    if args.world:
        rows = {row["name"]: row for row in jar.get("/_cloudjar/worlds")["worlds"]}
        if args.world not in rows:
            raise Problem(f"There is no world named {args.world!r}. `cloudjar world list` shows them.", FAILED, "UnknownWorld")
        endpoint = rows[args.world]["endpoint"]
        if endpoint is None:
            raise Problem(f"The world {args.world!r} has no endpoint.", FAILED, "NoEndpoint")
    settings: dict[str, str | None] = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        # The user's own Region stays: every Region is here.
        "AWS_DEFAULT_REGION": environ.get("AWS_DEFAULT_REGION") or environ.get("AWS_REGION") or REGION,
        "AWS_REGION": environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or REGION,
        # A prefix such as logs' "stream-" makes a name of localhost that leads nowhere.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_CA_BUNDLE": str(_bundle(jar, running_home(args, environ))),
        **{name: None for name in STALE if name in environ},
    }
    _print(settings, shell)
    return 0


def _bundle(jar: client.Client, home: Path) -> Path:
    """A file with the jar's CA and the public ones, for https: the jar's own if it is on this machine, else a copy."""
    bundle = Path(jar.get("/_cloudjar/ca")["bundle"])
    if not bundle.is_file():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        bundle = home / "remote-ca-bundle.pem"
        jar.download("/_cloudjar/ca-bundle.pem", bundle)
    return bundle


def _print(settings: Mapping[str, str | None], shell: str) -> None:
    if shell == "json":
        show.as_json(settings)
        return
    for name, value in settings.items():
        if shell == "fish":
            print(f"set -e {name};" if value is None else f"set -gx {name} {_fish_quote(value)};")
        else:
            print(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")


def _fish_quote(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""The `cloudjar` command: arguments in, exit code out. Each command's module is imported when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from cloudjar.cli.problem import FAILED, Problem


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    from cloudjar.cli.parser import parse

    args = parse(sys.argv[1:] if argv is None else argv)
    try:
        module, _, function = args.run.partition(":")
        code: int = getattr(import_module(f"cloudjar.cli.{module}"), function)(args, os.environ if environ is None else environ)
        sys.stdout.flush()
        return code
    except Problem as problem:
        return problem.report(as_json=getattr(args, "json", False))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); the interpreter must not try to flush into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED

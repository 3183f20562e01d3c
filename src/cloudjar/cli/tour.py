"""`cloudjar tour`: runs a guided walkthrough on a jar of its own."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping

from cloudjar.cli import show
from cloudjar.cli.problem import FAILED, USAGE, Problem

_STYLES = {"step": "bold cyan", "command": "bold", "output": "dim", "pass": "green", "fail": "bold red"}
_MARKS = {"step": "\n# ", "command": "$ ", "output": "  ", "pass": "ok: ", "fail": "FAILED: "}


def tour(args: Namespace, environ: Mapping[str, str]) -> int:
    """Runs one tour, or lists them. Exit code 1 if a check of it failed."""
    from cloudjar.tours.catalogue import TOURS, title
    from cloudjar.tours.tour import Tour, TourFailed

    if not args.name:
        titles = {name: title(name) for name in TOURS}
        show.as_json(titles) if args.json else show.table(("tour", "what it shows"), list(titles.items()))
        return 0
    if args.name not in TOURS:
        raise Problem(f"There is no tour named {args.name!r}. There are: {', '.join(TOURS)}.", USAGE, "UnknownTour")
    said: list[dict[str, str]] = []
    run = Tour((lambda kind, text: said.append({"kind": kind, "text": text})) if args.json else _printer(), environ)
    failure = ""
    try:
        TOURS[args.name](run)
    except TourFailed as failed:
        failure = str(failed)
    finally:
        run.close()
    if args.json:
        show.as_json({"tour": args.name, "passed": not failure, "checks": run.checks, "failure": failure, "said": said})
        return FAILED if failure else 0
    if failure:
        raise Problem(f"The tour failed: {failure}", FAILED, "TourFailed")
    show.say(f"\nThe tour has ended well: {run.checks} checks passed.")
    return 0


def _printer() -> Callable[[str, str], None]:
    """Prints what a tour says as it comes: coloured on a terminal."""
    if not sys.stdout.isatty():
        return lambda kind, text: print(_marked(kind, text), flush=True)
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    return lambda kind, text: console.print(Text(_marked(kind, text), style=_STYLES.get(kind, "")))


def _marked(kind: str, text: str) -> str:
    mark = _MARKS.get(kind, "")
    return "\n".join(mark + line for line in text.splitlines()) if kind == "output" else mark + text

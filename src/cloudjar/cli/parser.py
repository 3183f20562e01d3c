"""The command line's grammar, and its help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cloudjar import __version__

_TOP = """\
Start a jar, point any AWS client at it, and stop it:

  cloudjar up
  eval "$(cloudjar env)"
  aws s3 mb s3://my-bucket
  cloudjar down

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 no jar runs, 4 the port is taken, 5 another jar uses the data directory.
"""


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments as a namespace; `run` names the function that does it. Exits on wrong ones, as argparse does."""
    parser = _Parser(prog="cloudjar", description="A whole AWS in a jar: a local AWS for stock clients.", epilog=_TOP)
    parser.add_argument("--version", action="version", version=f"cloudjar {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    # Only the grammar that is wanted is made: `up` should not wait for the others'.
    wanted = next((each for each in argv if not each.startswith("-")), None)
    for name, (short, describe) in COMMANDS.items():
        command = commands.add_parser(name, help=short)
        if name == wanted:
            command.description = short
            describe(command)
    if not argv:
        parser.print_help()
        parser.exit(2)
    return parser.parse_args(argv)


def _home(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", metavar="DIR", type=Path, help="the jar's directory (default: $CLOUDJAR_DATA or ~/.local/share/cloudjar)"
    )
    command.add_argument("--json", action="store_true", help="print JSON, for scripts")


def _remote(command: argparse.ArgumentParser) -> None:
    _home(command)
    command.add_argument("--endpoint", metavar="URL", help="talk to the jar at this URL, instead of the one in --data")


def _up(command: argparse.ArgumentParser) -> None:
    _home(command)
    add = command.add_argument
    add("--port", type=_port, metavar="N", help="the default world's port; 0 takes any free one (default: 4566)")
    add("--listen", metavar="ADDRESS", help="where to listen, several with commas (default: 127.0.0.1); 0.0.0.0 lets the whole network in")
    add("--ephemeral", action="store_true", help="keep nothing: the worlds live in a temporary directory")
    add("--durability", choices=("second", "full"), default="second", help="flush to the disk every second (default), or at each commit")
    add("--seed", metavar="TEXT", help="make ids repeat: the same seed and the same requests give the same ids")
    add(
        "--iam",
        choices=("enforce", "audit", "off"),
        default="enforce",
        help="judge calls by IAM's policies (default), only log, or not at all",
    )
    add("--strict", action="store_true", help="refuse access keys that need no secret, such as `test`")
    add("--init", metavar="DIR", type=Path, help="run the scripts in DIR/{boot,start,ready,shutdown}.d (default: /etc/localstack/init)")
    add("--foreground", action="store_true", help="stay in this terminal; the log goes to standard error")
    command.epilog = """\
Returns when the jar answers. Its worlds are kept in the data directory and are there again after the next start.

Examples:
  cloudjar up                                  in the background, on 127.0.0.1:4566
  cloudjar up --ephemeral --port 0 --json      for a script: any free port, nothing kept
  cloudjar up --foreground                     in this terminal; Ctrl-C ends it
"""
    command.set_defaults(run="up:up")


def _down(command: argparse.ArgumentParser) -> None:
    _home(command)
    command.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="kill the jar if it takes longer (default: 30)")
    command.epilog = "Requests in flight are finished first. No error if no jar runs."
    command.set_defaults(run="lifecycle:down")


def _status(command: argparse.ArgumentParser) -> None:
    _remote(command)
    command.epilog = "Exit codes: 0 a jar runs and answers, 3 none runs, 1 one runs but does not answer."
    command.set_defaults(run="lifecycle:status")


def _logs(command: argparse.ArgumentParser) -> None:
    _home(command)
    command.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    command.add_argument("-n", "--lines", type=int, metavar="N", default=200, help="how many of the last lines (default: 200)")
    command.set_defaults(run="lifecycle:logs")


def _env(command: argparse.ArgumentParser) -> None:
    _remote(command)
    command.add_argument("--world", metavar="NAME", help="point at this world (default: the default one)")
    command.add_argument("--format", choices=("sh", "fish", "json"), help="the shell's language (default: from $SHELL)")
    command.add_argument("--unset", action="store_true", help="take the settings back")
    command.epilog = """\
Examples:
  eval "$(cloudjar env)"               sh, bash, zsh
  cloudjar env --format fish | source
  eval "$(cloudjar env --unset)"
"""
    command.set_defaults(run="env:env")


def _doctor(command: argparse.ArgumentParser) -> None:
    _home(command)
    command.epilog = "Says what this machine can run, why not the rest, and what to install for it. Exit code 1 if no driver works."
    command.set_defaults(run="doctor:doctor")


def _coverage(command: argparse.ArgumentParser) -> None:
    command.add_argument("service", nargs="?", metavar="SERVICE", help="each operation of this service")
    words = "operations whose actions the Service Authorization Reference does not describe"
    command.add_argument("--authorization", action="store_true", help=words)
    command.add_argument("--json", action="store_true", help="print JSON, for scripts")
    command.epilog = """\
real      it has its effect
modelled  state and answers are right, nothing outside moves
absent    it answers NotImplemented
"""
    command.set_defaults(run="coverage:coverage")


def _why(command: argparse.ArgumentParser) -> None:
    _remote(command)
    add = command.add_argument
    add("principal", nargs="?", metavar="PRINCIPAL", help="only the denials of this ARN")
    add("-n", "--limit", type=int, metavar="N", default=5, help="how many, newest first (default: 5)")
    add("--keys", action="store_true", help="show the condition keys that the policies were asked with")
    add("--world", metavar="NAME", default="default", help="which world (default: default)")
    command.set_defaults(run="why:why")


def _policy(command: argparse.ArgumentParser) -> None:
    _remote(command)
    command.add_argument("principal", metavar="PRINCIPAL", help="a user's or role's ARN")
    command.add_argument("--world", metavar="NAME", default="default", help="which world (default: default)")
    command.epilog = "Covers what the principal did, or was refused, since the jar started; with --iam audit nothing is refused."
    command.set_defaults(run="why:policy")


def _tour(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", nargs="?", metavar="NAME", help="the tour to run; without it, a list of them")
    command.add_argument("--json", action="store_true", help="print JSON, for scripts")
    command.epilog = """\
A tour runs a documented scenario with the stock AWS CLI on a jar of its own, and checks each step.
A jar that runs is not disturbed. Exit code 1 if a check fails.
"""
    command.set_defaults(run="tour:tour")


def _world(command: argparse.ArgumentParser) -> None:
    verbs = command.add_subparsers(title="what to do", metavar="VERB", required=True)

    def verb(name: str, short: str, *arguments: tuple[str, str], world: bool = False) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=short, description=short)
        _remote(sub)
        for argument, text in arguments:
            sub.add_argument(argument, metavar=argument.upper(), help=text)
        if world:
            sub.add_argument("--world", metavar="NAME", default="default", help="which world (default: default)")
        sub.set_defaults(run=f"world:{name.replace('import', 'import_')}")
        return sub

    verb("list", "all worlds with their endpoints, and all snapshots")
    fork = verb("fork", "copy a world, as it is now, to a new one with an endpoint of its own", ("name", "the new world's name"))
    fork.add_argument("--from", dest="source", metavar="WORLD", default="default", help="the world to copy (default: default)")
    verb("save", "keep a world's present state as a snapshot", ("snapshot", "the snapshot's name"), world=True)
    verb("restore", "put a world back to a snapshot", ("snapshot", "the snapshot's name"), world=True)
    verb("reset", "empty a world", world=True)
    drop = verb("drop", "remove a world, or with --snapshot a snapshot", ("name", "its name"))
    drop.add_argument("--snapshot", action="store_true", help="NAME is a snapshot")
    verb("export", "write a world, with all that it holds, into one file", ("file", "a tar file"), world=True)
    verb("import", "make a world from an exported file", ("file", "the file"), ("name", "the new world's name"))
    command.epilog = """\
Examples:
  cloudjar world fork scratch          an independent copy; prints its endpoint
  cloudjar world save clean
  cloudjar world restore clean
  cloudjar world export backup.tar
"""


def _clock(command: argparse.ArgumentParser) -> None:
    verbs = command.add_subparsers(title="what to do", metavar="VERB")

    def verb(name: str, short: str, *arguments: tuple[str, str]) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=short, description=short)
        _remote(sub)
        sub.add_argument("--world", metavar="NAME", default="default", help="which world's clock (default: default)")
        for argument, text in arguments:
            sub.add_argument(argument, metavar=argument.upper(), help=text)
        sub.set_defaults(run=f"clock:{name}")
        return sub

    verb("show", "the world's time, and how it runs (also without a verb)")
    verb("freeze", "stop time")
    verb("resume", "let time run at its own pace again")
    verb("set", "go to an instant, past or future", ("to", "2018-02-01, or 2018-02-01T12:00:00Z"))
    verb("advance", "go forward; all that falls due on the way happens, in order", ("by", "90s, 5m, 3d, 1d12h, 2w"))
    verb("rate", "make time faster or slower", ("rate", "60 or 60x: world seconds for each second; 0 is frozen"))
    jump = verb("autojump", "jump to the next timer whenever nothing runs")
    jump.add_argument("switch", nargs="?", choices=("on", "off"), default="on")
    verb("hold", "forbid autojump, for a named reason", ("name", "the reason"))
    verb("release", "end a hold", ("name", "the reason"))
    _remote(command)
    command.add_argument("--world", metavar="NAME", default="default", help="which world's clock (default: default)")
    command.set_defaults(run="clock:show")
    command.epilog = """\
Examples:
  cloudjar clock                       what time it is in the world
  cloudjar clock advance 3d
  cloudjar clock set 2018-02-01
  cloudjar clock rate 60x
"""


def _lambda(command: argparse.ArgumentParser) -> None:
    verbs = command.add_subparsers(title="what to do", metavar="VERB", required=True)

    def verb(name: str, short: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=short, description=short)
        _remote(sub)
        sub.add_argument("name", metavar="NAME", help="the function's name, or NAME:ALIAS, or its ARN")
        sub.add_argument("--region", metavar="REGION", default="us-east-1", help="default: us-east-1")
        sub.set_defaults(run=f"lambda_:{name}")
        return sub

    called = verb("invoke", "call a function: its answer to standard output, its log to standard error")
    called.add_argument("payload", metavar="PAYLOAD", nargs="?", help="JSON, @FILE, or - for standard input (default: {})")
    read = verb("logs", "show the end of a function's log")
    read.add_argument("-n", "--lines", metavar="N", type=int, default=100, help="how many lines (default: 100)")
    read.add_argument("-f", "--follow", action="store_true", help="go on with what is written from now on")
    verb("env", "print a function's environment, for a shell or a debugger")
    command.epilog = """\
Examples:
  cloudjar lambda invoke hello '{"name": "you"}'
  cloudjar lambda logs hello -f
"""


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return value


COMMANDS = {
    "up": ("start a jar in the background", _up),
    "down": ("end the jar", _down),
    "status": ("say whether the jar runs, and where", _status),
    "env": ("print the settings that point AWS clients at the jar", _env),
    "doctor": ("say what this machine can run", _doctor),
    "world": ("fork, save, restore and move worlds", _world),
    "clock": ("see and move a world's time", _clock),
    "coverage": ("list what is real, modelled and absent", _coverage),
    "why": ("explain the last denied calls", _why),
    "policy": ("propose the least policy for what a principal did", _policy),
    "tour": ("run a guided walkthrough", _tour),
    "lambda": ("call a function, read its log, see its environment", _lambda),
    "logs": ("show the jar's log", _logs),
}

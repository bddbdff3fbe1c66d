# SPDX-License-Identifier: Apache-2.0
"""What ``kubectl smtp`` can be told: one table of which parser, completion and reference are made."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from importlib.metadata import version
from typing import Final

from smtp_operator.cli.terminal import ColorMode


class Values(StrEnum):
    """What a word can be completed to, where it is none of a few choices."""

    NOTHING = auto()
    NAMES = auto()
    NAMESPACES = auto()
    CONTEXTS = auto()
    REASONS = auto()
    FILES = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFlag:
    """A flag; without ``metavar`` it takes no value."""

    name: str
    """Such as ``--namespace``."""
    short: str = ""
    """Such as ``-n``."""
    metavar: str = ""
    help: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    values: Values = Values.NOTHING
    repeated: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """All that it can be called."""
        return (self.short, self.name) if self.short else (self.name,)

    @property
    def takes_value(self) -> bool:
        """Whether a word follows."""
        return bool(self.metavar or self.choices)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCommand:
    """A subcommand."""

    name: str
    argument: str
    """Metavar of its words, such as ``NAME``."""
    count: str | None
    """As ``nargs`` of argparse: None is exactly one."""
    values: Values
    help: str
    description: str
    flags: tuple[PluginFlag, ...]


EXIT_CODES: Final = """\
exit codes:
  0  all passed
  1  a test failed, and the settings have to change; or there is no suggestion
  2  the arguments or the kubeconfig cannot be used, or there is no such SmtpConfig
  3  a test failed in a way that may pass by itself, or there is no answer in time
  4  the password could not be had
"""

_DESCRIPTION: Final = f"""\
Asks the smtp-operator of a cluster for tests of SmtpConfigs, and tells what it found. Results go to standard
output, all else to standard error.

examples:
  kubectl smtp test corporate-mail -n team-a
  kubectl smtp status -A --not-ready
  kubectl smtp explain AuthenticationFailed
  kubectl patch smtpconfig corporate-mail --type=merge -p "$(kubectl smtp suggest corporate-mail)"

{EXIT_CODES}
Of several SmtpConfigs the first of 2, 1, 4, 3 counts that one of them has. Needed are the verbs get, list and
watch on smtpconfigs, and patch for test.
"""

_TEST: Final = f"""\
Asks the operator for one test of each SmtpConfig named, whatever its state, and waits for the verdict. By
default a test sends a mail: see test.mode of the spec. It asks by the annotation
smtp-operator.io/test-requested-at. A test within 10 seconds of the last one waits until they are over.

{EXIT_CODES}"""

_STATUS: Final = f"""\
Tells the verdict on each SmtpConfig, why it is so, and when it is tested next. With a NAME it tells all of
it. The exit code is 0 whatever the verdicts are, unless --exit-code is given.

{EXIT_CODES}"""

_EXPLAIN: Final = """\
Tells what a reason means, what mends it, and when such a test is tried again. Needs no cluster.

exit codes:
  0  told
  2  there is no such reason; those that look like it are named
"""

_SUGGEST: Final = """\
Prints the patch of status.suggestion: fields that a second look at the server found to work. Nothing is
changed by it. The patch is of the kind that kubectl patch --type=merge takes:

  kubectl patch smtpconfig NAME --type=merge -p "$(kubectl smtp suggest NAME)"

exit codes:
  0  printed
  1  there is no suggestion for the settings as they are now
  2  the arguments or the kubeconfig cannot be used, or there is no such SmtpConfig
  3  the API server did not answer
"""

_CLUSTER: Final = (
    PluginFlag(
        name="--namespace",
        short="-n",
        metavar="NAMESPACE",
        help="namespace; default: that of the kubeconfig context",
        values=Values.NAMESPACES,
    ),
    PluginFlag(
        name="--context",
        metavar="CONTEXT",
        help="context of the kubeconfig; default: its current one",
        values=Values.CONTEXTS,
    ),
    PluginFlag(
        name="--kubeconfig",
        metavar="FILE",
        help="kubeconfig; default: KUBECONFIG, else ~/.kube/config",
        values=Values.FILES,
    ),
)
_SELECTION: Final = (
    PluginFlag(
        name="--selector", short="-l", metavar="SELECTOR", help="those with these labels, such as team=a"
    ),
    PluginFlag(name="--all-namespaces", short="-A", help="those of all namespaces"),
)
_LOOK: Final = (
    PluginFlag(
        name="--color",
        choices=tuple(map(str, ColorMode)),
        default=str(ColorMode.AUTO),
        help="colours: on a terminal where NO_COLOR is not set (auto), always or never",
    ),
    PluginFlag(name="--no-color", help="the same as --color never"),
)
_EXIT_CODE: Final = re.compile(r"^  (\d)  (.+)$", re.MULTILINE)
_DEBUG: Final = PluginFlag(name="--debug", help="show where an unforeseen failure happened")


def _output(*choices: str) -> PluginFlag:
    text = f"{choices[0]} (default) or {' or '.join(choices[1:])}"
    return PluginFlag(name="--output", short="-o", choices=choices, default=choices[0], help=text)


COMMANDS: Final = (
    PluginCommand(
        name="test",
        argument="NAME",
        count="*",
        values=Values.NAMES,
        help="ask for a test, and wait for its verdict",
        description=_TEST,
        flags=(
            *_SELECTION,
            PluginFlag(name="--all", help="all of the namespace"),
            PluginFlag(
                name="--timeout",
                metavar="DURATION",
                default="5m",
                help="how long to wait for the verdicts; default: 5m",
            ),
            _output("text", "json"),
            *_LOOK,
            *_CLUSTER,
            _DEBUG,
        ),
    ),
    PluginCommand(
        name="status",
        argument="NAME",
        count="*",
        values=Values.NAMES,
        help="tell the verdicts, why, and when the next tests come",
        description=_STATUS,
        flags=(
            *_SELECTION,
            PluginFlag(name="--not-ready", help="only those whose Ready condition is not True"),
            PluginFlag(
                name="--reason",
                metavar="REASON",
                help="only those of this reason; may be given several times",
                values=Values.REASONS,
                repeated=True,
            ),
            PluginFlag(
                name="--server",
                metavar="HOST",
                help="only those with this spec.server; may be given several times",
                repeated=True,
            ),
            PluginFlag(name="--exit-code", help="let the exit code tell the verdicts"),
            _output("text", "wide", "json"),
            *_LOOK,
            *_CLUSTER,
            _DEBUG,
        ),
    ),
    PluginCommand(
        name="explain",
        argument="REASON",
        count=None,
        values=Values.REASONS,
        help="tell what a reason means and what mends it",
        description=_EXPLAIN,
        flags=(_output("text", "json"), *_LOOK, _DEBUG),
    ),
    PluginCommand(
        name="suggest",
        argument="NAME",
        count=None,
        values=Values.NAMES,
        help="print the patch that would make it work",
        description=_SUGGEST,
        flags=(_output("yaml", "json"), *_CLUSTER, _DEBUG),
    ),
)


JSON_KEYS: Final = {
    "list": {
        "exitCode": "that of the command",
        "items": "one object for each SmtpConfig, by namespace and name",
    },
    "item": {
        "namespace": "of the SmtpConfig",
        "name": "of the SmtpConfig",
        "server": "`spec.server`",
        "passed": "whether the test of the present spec passed; null: there is no verdict",
        "reason": "of the Ready condition; null: there is no verdict on the present spec",
        "message": "of the Ready condition",
        "summary": "the verdict in at most 80 characters",
        "phase": "the phase that failed; null: none",
        "retry": "the [class of retry](schedule.md) of the reason",
        "exitCode": "that of this one",
        "since": "when Ready came to be what it is",
        "nextTestTime": "as in status",
        "lastSuccessTime": "as in status",
        "underTest": "whether a test is under way that takes over a second",
        "suspended": "`spec.suspend`",
        "conditions": "as in status",
        "test": "`status.lastTest`",
        "password": "`status.password`",
        "suggestion": "`status.suggestion`",
        "lastHandledTestRequest": "as in status",
        "error": "why `test` has no verdict to tell; null: it has one",
    },
    "explain": {
        "reason": "its name",
        "meaning": "what it means",
        "mends": "what mends it",
        "retry": "its [class of retry](schedule.md)",
        "nextTest": "when the next test comes by itself, counted from the end of the last one",
        "condition": "which condition stands beside Ready=False until then",
    },
    "suggest": {
        "namespace": "of the SmtpConfig",
        "name": "of the SmtpConfig",
        "patch": "a merge patch",
        "command": "the command that applies it",
    },
}
"""Keys of ``-o json`` and what they mean, for the reference."""


def exit_codes(command: PluginCommand) -> list[tuple[str, str]]:
    """Those that its help tells, and the one of Ctrl-C."""
    told = _EXIT_CODE.findall(command.description)
    return [*told, ("130", "interrupted")]


def parsed(words: Sequence[str]) -> argparse.Namespace | None:
    """The words as they are meant; None: there are none.

    ``--help``, ``--version`` and misuse end the program as argparse does it.
    """
    program = _program()
    if not words:
        program.print_help(sys.stderr)
        return None
    command = next((it for it in COMMANDS if it.name == words[0]), None)
    if command is None:
        return program.parse_args(words)
    parser = _parser(command)
    options = parser.parse_intermixed_args(words[1:])  # names and flags in any order, as kubectl takes them
    options.command = command.name
    return options


def _program() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl smtp",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"smtp-operator {version('smtp-operator')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", required=True)
    for command in COMMANDS:
        commands.add_parser(command.name, help=command.help)
    return parser


def _parser(command: PluginCommand) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"kubectl smtp {command.name}",
        description=command.description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("words", nargs=command.count, metavar=command.argument)
    for flag in command.flags:
        _add(parser, flag)
    return parser


def _add(parser: argparse.ArgumentParser, flag: PluginFlag) -> None:
    if not flag.takes_value:
        parser.add_argument(*flag.options, action="store_true", help=flag.help)
    elif flag.repeated:
        parser.add_argument(*flag.options, action="append", metavar=flag.metavar, help=flag.help)
    elif flag.choices:
        parser.add_argument(*flag.options, choices=flag.choices, default=flag.default, help=flag.help)
    else:
        parser.add_argument(*flag.options, metavar=flag.metavar, default=flag.default, help=flag.help)

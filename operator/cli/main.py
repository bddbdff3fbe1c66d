# SPDX-License-Identifier: Apache-2.0
"""The command line: what it offers, and the exit code of each end."""

import argparse
import io
import os
import sys
import textwrap
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from smtp_operator.cli.check.arguments import add_check_arguments
from smtp_operator.cli.exit_codes import INTERRUPTED, USAGE
from smtp_operator.cli.streams import write
from smtp_operator.settings import FLAGS, CommandLineFlag, InvalidSetting, read_settings

DONE: Final = 0
FAILED: Final = 1
UNFORESEEN: Final = 3

_EXIT_CODES: Final = """\
exit codes:
  0  ended as it was told to
  1  failed; the last line on standard error says why
  2  a flag, an environment variable or the kubeconfig cannot be used
"""

_PROGRAM: Final = f"""\
Proves the SMTP settings in SmtpConfig objects by a real test mail, and says in their status precisely
what is wrong.

examples:
  smtp-operator run                                    in a Pod, or with KUBECONFIG
  smtp-operator run --namespace team-a --kubeconfig ~/.kube/config
  smtp-operator check -f smtpconfig.yaml               one test from here, without the operator
  smtp-operator crds | kubectl apply --server-side -f -

{_EXIT_CODES}"""

_RUN: Final = f"""\
Runs the operator until SIGTERM or SIGINT. It logs to standard error: first which API server it speaks
to and as whom, then one line for each verdict.

Every flag can be given as the environment variable that stands with it; the flag wins. Flags that may be
given several times take comma-separated lists too. Unknown SMTP_OPERATOR_ variables are ignored.

examples:
  smtp-operator run --namespace team-a,team-b --secret-watch label
  smtp-operator run --allow-network 10.1.2.0/24 --allow-smtp-port 25,587
  SMTP_OPERATOR_LOG_FORMAT=text smtp-operator run --context staging

{_EXIT_CODES}"""


def run_program(arguments: Sequence[str]) -> int:
    """Runs the command and gives the exit code; no exception leaves it."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        return _command(options)
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _command(options: argparse.Namespace) -> int:
    if options.command == "crds":
        from smtp_operator.cli.crds import print_crds  # it needs the models

        print_crds(sys.stdout)
        return DONE
    if options.command == "check":
        return _check(options)
    given = {flag.name: value for flag in FLAGS if (value := getattr(options, flag.name)) is not None}
    try:
        settings = read_settings(given, os.environ)
    except InvalidSetting as error:
        return _complain(str(error), USAGE)
    from smtp_operator.cli.run.command import UnusableError, run_operator  # it takes most of the start's time

    try:
        run_operator(settings, os.environ)
    except UnusableError as error:
        return _complain(str(error), USAGE)
    except Exception as error:
        if settings.debug:
            traceback.print_exc()
        text = str(error).partition("\n")[0]
        return _complain(text or type(error).__name__, FAILED)
    return DONE


def _check(options: argparse.Namespace) -> int:
    # None where whoever started us has closed them.
    sys.stdout, sys.stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    try:
        from smtp_operator.cli.check.command import CheckFailed, run_check  # it needs the engine

        try:
            return run_check(options, os.environ)
        except CheckFailed as error:
            return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted; there is no verdict", INTERRUPTED)
    except Exception as error:
        if options.debug:
            write(sys.stderr, whereabouts(error))
        return _complain(f"an unforeseen failure ({type(error).__name__}); --debug shows where", UNFORESEEN)


def whereabouts(error: BaseException) -> str:
    """A traceback without the exception's text, which could hold a password."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"Traceback (most recent call last):\n{frames}{type(error).__name__}\n"


def _complain(text: str, code: int) -> int:
    write(sys.stderr, f"smtp-operator: {text}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="smtp-operator",
        description=_PROGRAM,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"smtp-operator {version('smtp-operator')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    run = commands.add_parser(
        "run",
        help="run the operator",
        description=_RUN,
        formatter_class=_FlagHelp,
        allow_abbrev=False,
    )
    for flag in FLAGS:
        _add_flag(run, flag)
    add_check_arguments(commands)
    commands.add_parser(
        "crds", help="print the CustomResourceDefinitions", allow_abbrev=False
    ).description = (
        "Prints the CustomResourceDefinitions of this release as YAML, for kubectl apply --server-side -f -"
    )
    return parser


def _add_flag(parser: argparse.ArgumentParser, flag: CommandLineFlag) -> None:
    text = flag.setting.help
    if flag.is_list:
        text += " May be given several times."
    if flag.default:
        text += f" Default: {flag.default}."
    text += f"\n[{flag.variable}]"
    if flag.setting.placeholder:
        parser.add_argument(
            flag.option, dest=flag.name, action="append", metavar=flag.setting.placeholder, help=text
        )
    else:
        parser.add_argument(
            flag.option,
            dest=flag.name,
            action="append",
            nargs="?",
            const="true",
            metavar="true|false",
            help=text,
        )


class _FlagHelp(argparse.RawDescriptionHelpFormatter):
    """Wraps each line of a flag's help by itself."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return [part for line in text.splitlines() for part in textwrap.wrap(line, width)]

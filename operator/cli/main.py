# SPDX-License-Identifier: Apache-2.0
"""The command line of ``smtp-operator`` and its exit codes."""

import argparse
import gc
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
from smtp_operator.setting_reader import read_settings
from smtp_operator.settings import FLAGS, CommandLineFlag, InvalidSetting

DONE: Final = 0
FAILED: Final = 1
UNEXPECTED: Final = 3

_EXIT_CODES: Final = """\
exit codes:
  0  finished, or stopped by a signal
  1  failed; the last line on standard error says why
  2  a flag, an environment variable or the kubeconfig cannot be used
"""

_PROGRAM: Final = f"""\
Tests the SMTP settings in SmtpConfig objects with a real test email, and reports in their status exactly
what is wrong.

examples:
  smtp-operator run                                    in a Pod, or with KUBECONFIG
  smtp-operator run --namespace team-a --kubeconfig ~/.kube/config
  smtp-operator check -f smtpconfig.yaml               one test from this machine, without the operator
  smtp-operator crds | kubectl apply --server-side -f -

{_EXIT_CODES}"""

_RUN: Final = f"""\
Runs the operator until SIGTERM or SIGINT. It logs to standard error: first the API server and the identity
it uses there, then one line for each verdict.

Every flag can also be set by the environment variable listed with it. The flag takes precedence. Flags that
can be given several times also accept comma-separated lists. Unknown SMTP_OPERATOR_ variables are ignored.

examples:
  smtp-operator run --namespace team-a,team-b --secret-watch label
  smtp-operator run --allow-network 10.1.2.0/24 --allow-smtp-port 25,587
  SMTP_OPERATOR_LOG_FORMAT=text smtp-operator run --context staging

{_EXIT_CODES}"""


def run_program(arguments: Sequence[str]) -> int:
    """Run the command and return the exit code; no exception leaves it."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        return _command(options)
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:  # the reader of the output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _command(options: argparse.Namespace) -> int:
    if options.command == "crds":
        try:  # loads the models
            from smtp_operator.cli.crds import print_crds
        except ModuleNotFoundError as error:
            return _fail(_extra_missing("crds", error), USAGE)
        print_crds(sys.stdout)
        return DONE
    if options.command == "check":
        return _check(options)
    values = {flag.name: value for flag in FLAGS if (value := getattr(options, flag.name)) is not None}
    try:
        settings = read_settings(values, os.environ)
    except InvalidSetting as error:
        return _fail(str(error), USAGE)
    gc.disable()  # until run_operator: collections while modules load take a tenth of the startup time
    try:  # takes most of the startup time
        from smtp_operator.cli.run.command import UnusableError, run_operator
    except ModuleNotFoundError as error:
        return _fail(_extra_missing("run", error), USAGE)
    try:
        run_operator(settings, os.environ)
    except UnusableError as error:
        return _fail(str(error), USAGE)
    except Exception as error:
        if settings.debug:
            traceback.print_exc()
        text = str(error).partition("\n")[0]
        return _fail(text or type(error).__name__, FAILED)
    return DONE


def _check(options: argparse.Namespace) -> int:
    # They are None if the parent process closed them.
    sys.stdout, sys.stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    try:
        try:  # loads the engine
            from smtp_operator.cli.check.command import CheckFailed, run_check
        except ModuleNotFoundError as error:
            return _fail(_extra_missing("check", error), USAGE)
        try:
            return run_check(options, os.environ)
        except CheckFailed as error:
            return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; there is no verdict", INTERRUPTED)
    except Exception as error:
        if options.debug:
            write(sys.stderr, traceback_without_text(error))
        return _fail(f"unexpected error ({type(error).__name__}); use --debug to see where", UNEXPECTED)


def _extra_missing(command: str, error: ModuleNotFoundError) -> str:
    return (
        f"{command} needs the package {error.name}, which is not installed;"
        " install the operator with: pip install 'smtp-operator[operator]'"
    )


def traceback_without_text(error: BaseException) -> str:
    """Return a traceback without the exception's text, which could hold a password."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"Traceback (most recent call last):\n{frames}{type(error).__name__}\n"


def _fail(text: str, code: int) -> int:
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
        text += " Can be given several times."
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
    """Wraps each line of a flag's help separately."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return [part for line in text.splitlines() for part in textwrap.wrap(line, width)]

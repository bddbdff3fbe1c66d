# SPDX-License-Identifier: Apache-2.0
"""Parse the arguments of ``kubectl smtp`` by the table of its commands."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from smtp_operator.cli.kubectl.arguments import (
    CLUSTER_FLAGS,
    COMMANDS,
    DESCRIPTION,
    PluginCommand,
    PluginFlag,
)


def parsed(words: Sequence[str]) -> argparse.Namespace | None:
    """Parse the arguments; return None if there are none.

    ``--help``, ``--version`` and invalid arguments exit the program, as in argparse.
    """
    program, words = _program(), command_first(_switched(words))
    if not words:
        program.print_help(sys.stderr)
        return None
    command = next((it for it in COMMANDS if it.name == words[0]), None)
    if command is None:
        return program.parse_args(words)
    parser = _parser(command)
    options = parser.parse_intermixed_args(words[1:])  # names and flags in any order, as in kubectl
    options.command = command.name
    return options


def _switched(words: Sequence[str]) -> list[str]:
    """Write switches with ``=true`` and ``=false`` as kubectl accepts them: present or absent."""
    switch = "--insecure-skip-tls-verify"
    return [switch if it == f"{switch}=true" else it for it in words if it != f"{switch}=false"]


def command_first(words: Sequence[str]) -> list[str]:
    """Move the global flags before the command behind it, where kubectl accepts them too."""
    with_value = {option for flag in CLUSTER_FLAGS if flag.takes_value for option in flag.options}
    known = with_value | {option for flag in CLUSTER_FLAGS for option in flag.options}
    position = 0
    while position < len(words) and words[position].partition("=")[0] in known:
        position += 2 if words[position] in with_value else 1
    return [*words[position : position + 1], *words[:position], *words[position + 1 :]]


def _program() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl smtp",
        description=DESCRIPTION,
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
    if command.argument:
        parser.add_argument("words", nargs=command.count, metavar=command.argument)
    else:
        parser.set_defaults(words=[])
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

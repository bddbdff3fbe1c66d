# SPDX-License-Identifier: Apache-2.0
"""Measures and prints one table."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from smtp_tools.bench.errors import BenchError
from smtp_tools.bench.figures import exit_code, table
from smtp_tools.bench.sections import SECTIONS, Sections
from smtp_tools.bench.world import World, say
from smtp_tools.gobuild import BuildError
from smtp_tools.localcluster import ClusterError, KubectlError

OBJECTS = 1000
SERVERS = 10
ROUNDS = 5  # one differs from the next by a tenth and more
COULD_NOT = 2

DESCRIPTION = """\
What the operator costs, measured on a control plane of its own: figures, targets, and their ratios (up to
1.00 is within the target). The table goes to stdout, what is being done to stderr."""

EPILOG = """\
environment:
  N=1000     objects to create at once (as --objects)
  CHECK=1    exit 1 where a target is missed
exit codes: 0 measured, 1 a target is missed (with CHECK=1), 2 something could not be measured"""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Measure; the exit code."""
    given = _parser(environment).parse_args(arguments)
    unknown = set(given.sections) - set(SECTIONS)
    if unknown:
        say(f"There is no section {', '.join(sorted(unknown))}. There are: {', '.join(SECTIONS)}.")
        return COULD_NOT
    _warn_of_load()
    try:
        with World(given.objects, given.smtp_type, given.servers) as world:
            figures = Sections(world, given.rounds).measure(given.sections or list(SECTIONS))
    except (BenchError, BuildError, ClusterError, KubectlError) as error:
        say(str(error))
        return COULD_NOT
    print(table(figures))
    return exit_code(figures, check=environment.get("CHECK", "") not in {"", "0"})


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m smtp_tools.bench",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"what to measure (all): {', '.join(SECTIONS)}"
    )
    parser.add_argument(
        "--objects", type=_positive, default=environment.get("N") or str(OBJECTS), metavar="N"
    )
    parser.add_argument(
        "--rounds", type=_positive, default=ROUNDS, metavar="N", help="of each side, in turns (%(default)s)"
    )
    parser.add_argument(
        "--servers",
        type=_positive,
        default=SERVERS,
        metavar="N",
        help="mail servers that the SmtpConfigs are spread over (%(default)s); of one server a few are tested"
        " at a time (--max-connections-per-destination)",
    )
    parser.add_argument(
        "--smtp-type",
        choices=("None", "StartTLS", "TLS"),
        default="None",
        help="of the dialogues (%(default)s; the targets are for it)",
    )
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _warn_of_load() -> None:
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load > processors / 2:
        say(f"This machine is busy (load {load:.1f} on {processors} processors): times will be too long.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

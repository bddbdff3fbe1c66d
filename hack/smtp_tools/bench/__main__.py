# SPDX-License-Identifier: Apache-2.0
"""Measure the operator and print one table."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from smtp_tools.bench import scale
from smtp_tools.bench.errors import BenchError
from smtp_tools.bench.figures import exit_code, table
from smtp_tools.bench.sections import SECTIONS, Sections
from smtp_tools.bench.world import World, say
from smtp_tools.gobuild import BuildError
from smtp_tools.localcluster import ClusterError, KubectlError

OBJECTS = 1000
SERVERS = 10
ROUNDS = 5  # rounds differ by 10 % and more
COULD_NOT = 2

DESCRIPTION = """\
Measure the cost of the operator on a local control plane. The table has figures, targets and their ratios
(up to 1.00 is within the target). It goes to stdout; progress goes to stderr."""

EPILOG = """\
environment:
  N=1000     objects to create at once (as --objects)
  CHECK=1    exit 1 if a target is missed
exit codes: 0 measured, 1 a target is missed (with CHECK=1), 2 a figure could not be measured"""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Measure, print the table, and return the exit code."""
    options = _parser(environment).parse_args(arguments)
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        say(f"Unknown section: {', '.join(sorted(unknown))}. Choose from: {', '.join(SECTIONS)}.")
        return COULD_NOT
    _warn_of_load()
    try:
        with World(options.objects, options.smtp_type, options.servers) as world:
            figures = Sections(world, options.rounds, options.wait).measure(
                options.sections or list(SECTIONS)
            )
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
        "--rounds",
        type=_positive,
        default=ROUNDS,
        metavar="N",
        help="rounds of each side (%(default)s)",
    )
    parser.add_argument(
        "--servers",
        type=_positive,
        default=SERVERS,
        metavar="N",
        help="mail servers to distribute the SmtpConfigs to (%(default)s); the operator limits the tests"
        " per server (--max-connections-per-destination)",
    )
    parser.add_argument(
        "--wait",
        type=_positive,
        default=scale.WAIT_SECONDS,
        metavar="SECONDS",
        help="in section scale, time from the start with the most SmtpConfigs until memory is read again"
        " (%(default)s)",
    )
    parser.add_argument(
        "--smtp-type",
        choices=("None", "StartTLS", "TLS"),
        default="None",
        help="smtpType of the SmtpConfigs (%(default)s; the targets assume None)",
    )
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def _warn_of_load() -> None:
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load > processors / 2:
        say(f"This machine is busy (load {load:.1f} on {processors} processors); the times will be too long.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

# SPDX-License-Identifier: Apache-2.0
"""`python -m smtp_tools.demo`: results go to stdout, all else to stderr."""

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from smtp_testkit.openbao import OpenBaoError
from smtp_testkit.testbed.operator_process import OperatorError
from smtp_tools.demo.places import DemoError, namespace_of, own_control_plane
from smtp_tools.demo.play import play
from smtp_tools.demo.terminal import Terminal
from smtp_tools.gobuild import BuildError
from smtp_tools.localcluster import ClusterError, KubectlError

DESCRIPTION = """\
Shows the operator at work: a control plane, a mail server, a vault (OpenBao) and the operator are
started on this machine, eight SmtpConfigs are applied, two of them right, and one is mended. On a
terminal all of it stays up until Ctrl-C. The exit code is 0 if every verdict was as announced.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Plays the demo; returns the exit code."""
    options = _parser().parse_args(words)
    terminal = Terminal()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        if options.context:
            place = namespace_of(options.context, terminal, yes=options.yes)
        else:
            place = own_control_plane(terminal)
        with place as found:
            good = play(found, terminal)
    except (BuildError, ClusterError, KubectlError, OpenBaoError, OperatorError, DemoError) as error:
        terminal.note(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0 if good else 1


def _terminated(*_: object) -> NoReturn:
    # An exception, so that what was made is removed on the way out.
    sys.exit(128 + signal.SIGTERM)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m smtp_tools.demo",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--context",
        metavar="NAME",
        help="play in a namespace of its own in the cluster of this context of your KUBECONFIG; mail server "
        "and operator still run here",
    )
    parser.add_argument("--yes", action="store_true", help="with --context: do not ask")
    return parser


if __name__ == "__main__":
    sys.exit(main())

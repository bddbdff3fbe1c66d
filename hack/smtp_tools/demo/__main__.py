# SPDX-License-Identifier: Apache-2.0
"""`python -m smtp_tools.demo`: prints results to stdout and progress to stderr."""

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
Show the operator at work. The demo starts a control plane, a mail server, a vault (OpenBao) and
the operator on this machine. It applies eight SmtpConfigs, two of them correct, and then corrects
a third one. If Dovecot 2.3 is installed, it also finds an email in the mailbox of its recipient.
On a terminal, everything keeps running until you press Ctrl-C. The exit code is 0 if every verdict
is as expected.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit code."""
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
    # An exception, so that everything the demo created is removed.
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
        help="use the cluster of this context of your KUBECONFIG; the demo creates a namespace there, and "
        "still runs the mail server and the operator on this machine",
    )
    parser.add_argument("--yes", action="store_true", help="with --context: do not ask for confirmation")
    return parser


if __name__ == "__main__":
    sys.exit(main())

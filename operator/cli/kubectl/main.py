# SPDX-License-Identifier: Apache-2.0
"""``kubectl-smtp``: runs a command, and gives each end its exit code."""

import argparse
import asyncio
import io
import os
import sys
from collections.abc import Mapping, Sequence

from smtp_operator.api.objects import ApiUnavailable, ClusterError
from smtp_operator.cli.exit_codes import INTERRUPTED, PASSED, TRANSIENT, USAGE
from smtp_operator.cli.kubectl.arguments import parsed
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.main import whereabouts
from smtp_operator.cli.streams import write


def main() -> int:
    """Runs the command line of this process and gives its exit code."""
    return run_plugin(sys.argv[1:], os.environ)


def run_plugin(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs the command and gives the exit code; no exception leaves it but argparse's end of the program."""
    # None where whoever started us has closed them.
    sys.stdout, sys.stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    options = parsed(words)
    if options is None:
        return USAGE
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        return _run(options, environment)
    except PluginFailed as error:
        return _complain(str(error), error.exit_code)
    except ApiUnavailable as error:
        return _complain(f"the API server does not answer: {error}", TRANSIENT)
    except ClusterError as error:
        return _complain(str(error), USAGE)
    except KeyboardInterrupt:
        asked = options.command == "test"
        return _complain(
            "interrupted" + ("; what was asked for is tested all the same" if asked else ""), INTERRUPTED
        )
    except Exception as error:
        if options.debug:
            write(sys.stderr, whereabouts(error))
        return _complain(f"an unforeseen failure ({type(error).__name__}); --debug shows where", TRANSIENT)


def _run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    if options.command == "explain":
        from smtp_operator.cli.kubectl.explain import explain

        explain(options.words, options.output)
        return PASSED
    from smtp_operator.cli.kubectl.commands import PluginSession  # the client's packages take most of a start

    return asyncio.run(PluginSession(options, environment).run())


def _complain(text: str, code: int) -> int:
    write(sys.stderr, f"kubectl smtp: {text}\n")
    return code

# SPDX-License-Identifier: Apache-2.0
"""``kubectl-smtp``: runs a command and sets the exit code."""

import argparse
import asyncio
import io
import os
import sys
from collections.abc import Mapping, Sequence

from smtp_operator.api.errors import ApiUnavailable, ClusterError
from smtp_operator.cli.exit_codes import INTERRUPTED, PASSED, TRANSIENT, USAGE
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.kubectl.parser import parsed
from smtp_operator.cli.main import traceback_without_text
from smtp_operator.cli.streams import write


def main() -> int:
    """Run the command line of this process and return its exit code."""
    return run_plugin(sys.argv[1:], os.environ)


def run_plugin(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command and return the exit code; the only exception is argparse's ``SystemExit``."""
    # They are None if the parent process closed them.
    sys.stdout, sys.stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    options = parsed(words)
    if options is None:
        return USAGE
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        return _run(options, environment)
    except PluginFailed as error:
        return _fail(str(error), error.exit_code)
    except ApiUnavailable as error:
        return _fail(f"the API server does not answer: {error}", TRANSIENT)
    except ClusterError as error:
        return _fail(str(error), USAGE)
    except KeyboardInterrupt:
        requested = options.command == "test" and not (options.filename or options.to or options.mode)
        return _fail("interrupted" + ("; the requested tests still run" if requested else ""), INTERRUPTED)
    except Exception as error:
        if options.debug:
            write(sys.stderr, traceback_without_text(error))
        return _fail(f"unexpected error ({type(error).__name__}); use --debug to see where", TRANSIENT)


def _run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    if options.command == "explain":
        from smtp_operator.cli.kubectl.explain import DOCS_URL_VARIABLE, explain

        explain(options.words, options.output, options.docs_url or environment.get(DOCS_URL_VARIABLE, ""))
        return PASSED
    if options.command == "version" and options.client:
        from smtp_operator.cli.kubectl.version import show_client_version

        return show_client_version(options.output)
    from smtp_operator.cli.kubectl.commands import PluginSession  # loads the client, which is slow

    return asyncio.run(PluginSession(options, environment).run())


def _fail(text: str, code: int) -> int:
    write(sys.stderr, f"kubectl smtp: {text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())

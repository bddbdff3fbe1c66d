# SPDX-License-Identifier: Apache-2.0
"""Where results go."""

import json
import sys
from typing import Any

from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.streams import write


def show(text: str) -> None:
    """Writes a result.

    Raises:
        PluginFailed: it cannot be written; a reader who has seen enough is no failure.
    """
    error = write(sys.stdout, text)
    if error is not None and not isinstance(error, BrokenPipeError):
        raise PluginFailed(f"the result cannot be written: {error.strerror}")


def as_json(shown: dict[str, Any]) -> str:
    """For programs."""
    return json.dumps(shown, indent=2).replace("\x7f", "\\u007f") + "\n"  # in ASCII, whatever the locale

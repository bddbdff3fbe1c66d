# SPDX-License-Identifier: Apache-2.0
"""Writes results to standard output."""

import json
import sys
from typing import Any

from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.streams import write


def show(text: str) -> None:
    """Write a result.

    Raises:
        PluginFailed: the result cannot be written; a closed pipe is not a failure.
    """
    error = write(sys.stdout, text)
    if error is not None and not isinstance(error, BrokenPipeError):
        raise PluginFailed(f"the result cannot be written: {error.strerror}")


def as_json(shown: dict[str, Any]) -> str:
    """Return the values as JSON."""
    return json.dumps(shown, indent=2).replace("\x7f", "\\u007f") + "\n"  # ASCII, independent of the locale

# SPDX-License-Identifier: Apache-2.0
"""Output whose reader may go away."""

import contextlib
import os
from typing import TextIO


def write(stream: TextIO, text: str) -> OSError | None:
    """Writes at once; gives what went wrong. From then on the stream swallows all."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        # What is left in the buffer would fail again at the end of the process, and change its exit code.
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        return error
    return None

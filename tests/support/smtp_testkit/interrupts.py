# SPDX-License-Identifier: Apache-2.0
"""Child processes that Ctrl-C interrupts, also in a test run in the background."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Start child processes in this block with the default action of SIGINT.

    A shell without job control starts background jobs with SIGINT ignored. Child processes inherit that,
    unless this process handles SIGINT when it starts them.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

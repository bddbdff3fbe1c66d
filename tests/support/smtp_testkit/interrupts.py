# SPDX-License-Identifier: Apache-2.0
"""Child processes that signals reach, however the tests were started."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Start child processes in this block with the default actions of SIGINT and SIGHUP.

    A shell without job control starts background jobs with SIGINT ignored, and nohup ignores SIGHUP. Child
    processes inherit that, unless this process handles the signals when it starts them.
    """
    signals = (signal.SIGINT, signal.SIGHUP)
    before = [signal.signal(it, signal.default_int_handler) for it in signals]
    try:
        yield
    finally:
        for it, handler in zip(signals, before, strict=True):
            signal.signal(it, handler)

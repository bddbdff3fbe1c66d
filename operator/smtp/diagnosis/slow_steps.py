# SPDX-License-Identifier: Apache-2.0
"""Mention of slow steps in the message of a passed test."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from smtp_operator.api.verdict import MESSAGE_BYTES, PhaseTiming, Verdict, cut

_SLOW: Final = 5.0
"""Seconds of a step from which it is mentioned; most servers answer within one second."""


def with_slow_steps(passed: Verdict, timings: Iterable[PhaseTiming]) -> Verdict:
    """Return the verdict with the slow steps in its message."""
    slow = [f"{timing.phase} {timing.seconds:.0f} s" for timing in timings if timing.seconds >= _SLOW]
    if not slow:
        return passed
    steps = "step" if len(slow) == 1 else "steps"
    text = f" Slow {steps}: {', '.join(slow)}. Applications that wait for a shorter time fail here."
    return replace(passed, message=cut(passed.message, limit=MESSAGE_BYTES - len(text)) + text)

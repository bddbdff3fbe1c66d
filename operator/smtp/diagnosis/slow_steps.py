# SPDX-License-Identifier: Apache-2.0
"""Mention of slow steps in the message of a passed test."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from smtp_operator.api.verdict import MESSAGE_BYTES, Phase, Verdict, cut

_SLOW: Final = 5.0
"""Seconds of a step from which it is mentioned; most servers answer within one second."""


def with_slow_steps(passed: Verdict, steps: Mapping[Phase, float]) -> Verdict:
    """Return the verdict with the slow steps in its message. ``steps``: the seconds of each."""
    slow = [f"{phase} {seconds:.0f} s" for phase, seconds in steps.items() if seconds >= _SLOW]
    if not slow:
        return passed
    noun = "step" if len(slow) == 1 else "steps"
    text = f" Slow {noun}: {', '.join(slow)}. Applications that wait for a shorter time fail here."
    return replace(passed, message=cut(passed.message, limit=MESSAGE_BYTES - len(text)) + text)

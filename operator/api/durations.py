# SPDX-License-Identifier: Apache-2.0
"""Durations in Go's notation: ``90s``, ``15m``, ``1h30m``."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

_MILLISECONDS: Final = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_PART: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h)")
_WHOLE: Final = re.compile(r"(?:[0-9]{1,6}(?:\.[0-9]{1,3})?(?:ms|s|m|h))+")


@lru_cache(1024)
def parse_duration(text: str) -> float:
    """Return the seconds of a Go duration such as ``1h30m``.

    Raises:
        ValueError: The text is not such a duration (Go's ``us``, ``ns`` and signs are not accepted).
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration such as 90s, 15m or 1h30m")
    # Exact, like Go: 0.008m9.992m must not be slightly more than 10m.
    return float(sum(Decimal(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text)) / 1000)


def format_duration(seconds: float) -> str:
    """Return a short Go duration: ``412ms``, ``2.3s``, ``15m``, ``1h30m``."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 60:
        return f"{seconds:.1f}".rstrip("0").rstrip(".") + "s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "m"), (rest, "s")]
    return "".join(f"{number}{unit}" for number, unit in parts if number)

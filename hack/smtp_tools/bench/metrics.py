# SPDX-License-Identifier: Apache-2.0
"""Bytes that the API server sent, from its metrics."""

import re
from collections.abc import Iterable

_SENT = ("apiserver_response_sizes_sum", "apiserver_watch_events_sizes_sum")
_LINE = re.compile(r"^(?P<name>\w+)\{(?P<labels>.*)\} (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def listed_and_watched(lines: Iterable[str], resource: str) -> float:
    """Return the bytes of `resource` (of the core group) that lists and watches have sent so far."""
    total = 0.0
    for line in lines:
        found = _LINE.match(line)
        if found is None or found["name"] not in _SENT:
            continue
        labels = dict(_LABEL.findall(found["labels"]))
        if labels.get("resource") != resource or labels.get("group") != "":
            continue
        if labels.get("verb", "WATCH") in {"LIST", "WATCH"}:
            total += float(found["value"])
    return total

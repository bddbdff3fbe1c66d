# SPDX-License-Identifier: Apache-2.0
"""What /metrics says, as Prometheus reads it."""

import http.client
import time
from collections.abc import Callable, Mapping
from functools import cached_property

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from smtp_testkit.testbed.api import PATIENCE

_SCRAPED_EVERY = 0.05
"""Seconds: nothing tells of a change of metrics."""

Labels = tuple[str, ...]


class Exposition:
    """One answer of /metrics."""

    def __init__(self, text: str) -> None:
        """Of text in Prometheus's format."""
        self.text = text

    @classmethod
    def scraped(cls, port: int) -> "Exposition":
        """What is served on that port of 127.0.0.1 now."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            return cls(connection.getresponse().read().decode())
        finally:
            connection.close()

    @classmethod
    def awaited(cls, port: int, holds: Callable[["Exposition"], bool]) -> "Exposition":
        """The first answer of which that holds: what stands in a status is in the metrics a moment later.

        Raises:
            TimeoutError: it never did; the text has what is served.
        """
        deadline = time.monotonic() + PATIENCE
        while not holds(found := cls.scraped(port)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the metrics do not get there: {found.text}")
            time.sleep(_SCRAPED_EVERY)
        return found

    @cached_property
    def families(self) -> Mapping[str, Metric]:
        """By name; that of a counter has no `_total` there."""
        return {it.name: it for it in text_string_to_metric_families(self.text)}

    def samples(self, name: str) -> dict[Labels, float]:
        """The samples of that name, by the values of their labels in the order of the labels' names."""
        return {
            tuple(value for _, value in sorted(it.labels.items())): it.value
            for family in self.families.values()
            for it in family.samples
            if it.name == name
        }

# SPDX-License-Identifier: Apache-2.0
"""The metrics of /metrics, as Prometheus parses them."""

import http.client
import time
from collections.abc import Callable, Mapping
from functools import cached_property

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from smtp_testkit.testbed.api import PATIENCE

_SCRAPED_EVERY = 0.05
"""Seconds between polls, because metrics have no watch."""

Labels = tuple[str, ...]


class Exposition:
    """A response of /metrics."""

    def __init__(self, text: str) -> None:
        """Parse text in Prometheus's format."""
        self.text = text

    @classmethod
    def scraped(cls, port: int) -> "Exposition":
        """Return the current metrics on this port of 127.0.0.1."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            return cls(connection.getresponse().read().decode())
        finally:
            connection.close()

    @classmethod
    def awaited(cls, port: int, holds: Callable[["Exposition"], bool]) -> "Exposition":
        """Wait until a condition holds for the metrics, which follow the status; return them.

        Raises:
            TimeoutError: it never held; the text has the metrics.
        """
        deadline = time.monotonic() + PATIENCE
        while not holds(found := cls.scraped(port)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the metrics do not get there: {found.text}")
            time.sleep(_SCRAPED_EVERY)
        return found

    @cached_property
    def families(self) -> Mapping[str, Metric]:
        """Return the families by name; names of counters have no `_total` here."""
        return {it.name: it for it in text_string_to_metric_families(self.text)}

    def samples(self, name: str) -> dict[Labels, float]:
        """Return the samples with this name by label values, sorted by label name."""
        return {
            tuple(value for _, value in sorted(it.labels.items())): it.value
            for family in self.families.values()
            for it in family.samples
            if it.name == name
        }

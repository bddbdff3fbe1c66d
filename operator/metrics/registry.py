# SPDX-License-Identifier: Apache-2.0
"""The registry of metrics: counts events, and collects gauges at each scrape."""

import platform
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from smtp_operator.api.names import (
    CLUSTER_SMTP_VAULT_PLURAL,
    SMTP_CONFIG_PLURAL,
    SMTP_TEST_KIND,
    SMTP_TEST_PLURAL,
    SMTP_VAULT_PLURAL,
)
from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import WATCHED_KINDS
from smtp_operator.api.reasons import LIMITED, Reason
from smtp_operator.api.verdict import DialogueReport, Mode, Trigger
from smtp_operator.metrics import definitions as table
from smtp_operator.metrics.definitions import Metric


class WorkSource(Protocol):
    """Source of the health of objects, with the queue of their tests."""

    def healths(self) -> Iterable[ObjectHealth]:
        """Return the current health of each object."""
        ...

    def backlog(self) -> tuple[int, float, int]:
        """Return the number of due objects, the wait of the oldest in seconds, and the number in progress."""
        ...


class Metrics:
    """All metrics of one process, in a separate registry.

    Implements the core's ``Observer``, the client's ``Traffic`` and the vaults' ``VaultObserver``.
    """

    def __init__(self, *, leads: Callable[[], bool], object_names: bool = True) -> None:
        """Create the metrics; ``leads`` returns whether this process is the leader.

        Without ``object_names`` no series describes a single object.
        """
        disable_created_metrics()  # an unused series per counter and histogram
        self.registry = CollectorRegistry()
        self._tests = self._counter(table.TESTS)
        self._test_seconds = self._histogram(table.TEST_SECONDS)
        self._phase_seconds = self._histogram(table.PHASE_SECONDS)
        self._held_tests = self._counter(table.HELD_TESTS)
        self._rejected_logins = self._counter(table.REJECTED_LOGINS)
        self._latency = self._histogram(table.DELIVERY_LATENCY)
        self._vault_calls = self._counter(table.VAULT_CALLS)
        self._vault_seconds = self._histogram(table.VAULT_SECONDS)
        self._api_requests = self._counter(table.API_REQUESTS)
        self._conflicts = self._counter(table.STATUS_CONFLICTS)
        self._oversized = self._counter(table.OVERSIZED_OBJECTS)
        # From 0 on, so that a rate sees the first increase as well.
        for reason in LIMITED:
            self._held_tests.labels(str(reason))
        ours = (SMTP_CONFIG_PLURAL, SMTP_TEST_PLURAL, SMTP_VAULT_PLURAL, CLUSTER_SMTP_VAULT_PLURAL)
        for resource in (*ours, *(f"{kind.lower()}s" for kind in WATCHED_KINDS)):
            self._oversized.labels(resource)
        self._gauges = _Gauges(leads, object_names=object_names)
        self.registry.register(self._gauges)
        ProcessCollector(registry=self.registry)

    def attach(self, work: WorkSource) -> None:
        """Collect the health of these objects, and this queue, at each scrape."""
        self._gauges.work = work

    def tested(self, *, trigger: Trigger, mode: Mode, report: DialogueReport) -> None:
        """Count a completed test."""
        result = "passed" if report.verdict.passed else "failed"
        self._tests.labels(str(mode), str(trigger), result, str(report.verdict.reason)).inc()
        self._test_seconds.labels(str(mode), result).observe(report.duration)
        for timing in report.phases:
            self._phase_seconds.labels(str(timing.phase)).observe(timing.seconds)

    def held(self, reason: Reason) -> None:
        """Count a test that a limit delays."""
        self._held_tests.labels(str(reason)).inc()

    def login_rejected(self) -> None:
        """Count a login that a mail server rejected."""
        self._rejected_logins.inc()

    def delivered(self, latency: float, folder: str) -> None:
        """Count an email that arrived in a mailbox after so many seconds."""
        self._latency.labels(folder).observe(latency)

    def answered(self, method: str, status: int | None) -> None:
        """Count a request to the API server; the status is None if there was no response."""
        self._api_requests.labels(method, "error" if status is None else str(status)).inc()

    def status_conflict(self) -> None:
        """Count a status write that failed because the object had changed."""
        self._conflicts.inc()

    def oversized(self, resource: str) -> None:
        """Count an object that was too large to be read completely."""
        self._oversized.labels(resource).inc()

    def vault_called(self, provider: str, outcome: str, seconds: float) -> None:
        """Count a request to a vault."""
        self._vault_calls.labels(provider, outcome).inc()
        self._vault_seconds.labels(provider).observe(seconds)

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(
            metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=self.registry
        )


class _Gauges(Collector):
    """Gauges, computed at each scrape and not stored: a deleted object leaves no series."""

    def __init__(self, leads: Callable[[], bool], *, object_names: bool) -> None:
        self._leads = leads
        self._object_names = object_names
        self.work: WorkSource | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        build = _family(table.BUILD_INFO)
        build.add_metric([version("smtp-operator"), platform.python_version()], 1)
        yield build
        leader = _family(table.LEADER)
        leader.add_metric([], int(self._leads()))
        yield leader
        yield from self._of_objects()
        if self.work is not None:
            metrics = (table.QUEUE_DEPTH, table.QUEUE_OLDEST, table.QUEUE_RUNNING)
            for metric, value in zip(metrics, self.work.backlog(), strict=True):
                family = _family(metric)
                family.add_metric([], value)
                yield family

    def _of_objects(self) -> Iterator[GaugeMetricFamily]:
        ready, expiry = _family(table.OBJECT_READY), _family(table.CERTIFICATE_EXPIRY)
        proven, delivered = _family(table.PUBLISHED_PROVEN), _family(table.OBJECT_DELIVERED)
        tally: Tally[tuple[str, str]] = Tally()
        for it in self.work.healths() if self.work is not None else ():
            tally[it.kind, it.ready] += 1
            if not self._object_names or it.kind == SMTP_TEST_KIND:  # a failed SmtpTest is no alert
                continue
            if it.ready != "Unknown":
                ready.add_metric([it.kind, it.namespace, it.name], int(it.ready == "True"))
            if it.delivered is not None and it.delivered != "Unknown":
                delivered.add_metric([it.namespace, it.name], int(it.delivered == "True"))
            if it.certificate_not_after is not None:
                expiry.add_metric([it.namespace, it.name], it.certificate_not_after)
            if it.published_proven_at is not None:
                proven.add_metric([it.namespace, it.name], it.published_proven_at)
        objects = _family(table.OBJECTS)
        for labels, count in sorted(tally.items()):
            objects.add_metric(labels, count)
        yield from (objects, ready, expiry, proven, delivered)


def _family(metric: Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)

# SPDX-License-Identifier: Apache-2.0
"""Counts what the other rooms tell, and asks them for the rest when Prometheus does."""

import platform
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from smtp_operator.api.names import CLUSTER_SMTP_VAULT_PLURAL, SMTP_CONFIG_PLURAL, SMTP_VAULT_PLURAL
from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import WATCHED_KINDS
from smtp_operator.api.reasons import LIMITED, Reason
from smtp_operator.api.verdict import DialogueReport, Mode, Trigger
from smtp_operator.metrics import definitions as table
from smtp_operator.metrics.definitions import Metric


class HealthSource(Protocol):
    """Who knows how objects stand."""

    def healths(self) -> Iterable[ObjectHealth]:
        """How each of its objects stands now."""
        ...


class WorkSource(HealthSource, Protocol):
    """Who also has a queue."""

    def backlog(self) -> tuple[int, float, int]:
        """How many objects are due, for how many seconds the oldest, and how many are being handled."""
        ...


class Metrics:
    """All metrics of one process, in a registry of its own.

    It is the ``Observer`` of the core, the ``Traffic`` of the client and the ``VaultObserver`` of the vaults.
    """

    def __init__(self, *, leads: Callable[[], bool], object_names: bool = True) -> None:
        """``leads`` says whether this process does the work now.

        Without ``object_names`` no series tells of a single object.
        """
        disable_created_metrics()  # one more series for each counter and histogram, of no use to anyone
        self.registry = CollectorRegistry()
        self._tests = self._counter(table.TESTS)
        self._test_seconds = self._histogram(table.TEST_SECONDS)
        self._phase_seconds = self._histogram(table.PHASE_SECONDS)
        self._held_tests = self._counter(table.HELD_TESTS)
        self._rejected_logins = self._counter(table.REJECTED_LOGINS)
        self._vault_calls = self._counter(table.VAULT_CALLS)
        self._vault_seconds = self._histogram(table.VAULT_SECONDS)
        self._api_requests = self._counter(table.API_REQUESTS)
        self._conflicts = self._counter(table.STATUS_CONFLICTS)
        self._oversized = self._counter(table.OVERSIZED_OBJECTS)
        # From 0 on, so that a rate sees the first increase as well.
        for reason in LIMITED:
            self._held_tests.labels(str(reason))
        ours = (SMTP_CONFIG_PLURAL, SMTP_VAULT_PLURAL, CLUSTER_SMTP_VAULT_PLURAL)
        for resource in (*ours, *(f"{kind.lower()}s" for kind in WATCHED_KINDS)):
            self._oversized.labels(resource)
        self._gauges = _Gauges(leads, object_names=object_names)
        self.registry.register(self._gauges)
        ProcessCollector(registry=self.registry)

    def attach(self, work: WorkSource) -> None:
        """From now on these objects and this queue are told of."""
        self._gauges.work = work
        self._gauges.sources.append(work)

    def attach_objects(self, source: HealthSource) -> None:
        """From now on these objects are told of."""
        self._gauges.sources.append(source)

    def tested(self, *, trigger: Trigger, mode: Mode, report: DialogueReport) -> None:
        """A test ended."""
        result = "passed" if report.verdict.passed else "failed"
        self._tests.labels(str(mode), str(trigger), result, str(report.verdict.reason)).inc()
        self._test_seconds.labels(str(mode), result).observe(report.duration)
        for timing in report.phases:
            self._phase_seconds.labels(str(timing.phase)).observe(timing.seconds)

    def held(self, reason: Reason) -> None:
        """A limit holds a test back."""
        self._held_tests.labels(str(reason)).inc()

    def login_rejected(self) -> None:
        """A mail server rejected a login."""
        self._rejected_logins.inc()

    def answered(self, method: str, status: int | None) -> None:
        """The API server answered a request; None: it did not."""
        self._api_requests.labels(method, "error" if status is None else str(status)).inc()

    def status_conflict(self) -> None:
        """A status met an object that was changed meanwhile."""
        self._conflicts.inc()

    def oversized(self, resource: str) -> None:
        """Most of an object was left unread."""
        self._oversized.labels(resource).inc()

    def vault_called(self, provider: str, outcome: str, seconds: float) -> None:
        """A request to a vault ended."""
        self._vault_calls.labels(provider, outcome).inc()
        self._vault_seconds.labels(provider).observe(seconds)

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(
            metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=self.registry
        )


class _Gauges(Collector):
    """What is asked for at each scrape and kept nowhere, so that a deleted object leaves nothing."""

    def __init__(self, leads: Callable[[], bool], *, object_names: bool) -> None:
        self._leads = leads
        self._object_names = object_names
        self.sources: list[HealthSource] = []
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
        tally: Tally[tuple[str, str]] = Tally()
        for source in self.sources:
            for it in source.healths():
                tally[it.kind, it.ready] += 1
                if not self._object_names:
                    continue
                if it.ready != "Unknown":
                    ready.add_metric([it.kind, it.namespace, it.name], int(it.ready == "True"))
                if it.certificate_not_after is not None:
                    expiry.add_metric([it.namespace, it.name], it.certificate_not_after)
        objects = _family(table.OBJECTS)
        for labels, count in sorted(tally.items()):
            objects.add_metric(labels, count)
        yield from (objects, ready, expiry)


def _family(metric: Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)

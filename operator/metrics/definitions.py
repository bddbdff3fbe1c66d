# SPDX-License-Identifier: Apache-2.0
"""All metrics: name, type, labels and meaning. The reference in ``docs/`` is generated from this table.

Names and labels are API: alerts and dashboards match them. Add names, never rename one. Label values are a
small set or names of objects, never a text of a user or server.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Type(StrEnum):
    """Metric types of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A row of the table of metrics."""

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds in seconds; only for a histogram."""


SECONDS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""From a nearby server up to the time limits of the phases."""

BUILD_INFO: Final = Metric(
    name="smtp_operator_build_info",
    type=Type.GAUGE,
    labels=("version", "python"),
    help="Always 1; the labels have the versions of the operator and of Python.",
)
LEADER: Final = Metric(
    name="smtp_operator_leader",
    type=Type.GAUGE,
    help="1 if this replica is the leader, 0 if it is on standby.",
)
OBJECTS: Final = Metric(
    name="smtp_operator_objects",
    type=Type.GAUGE,
    labels=("kind", "ready"),
    help="Objects by kind and status of their Ready condition. Only from the leader.",
)
OBJECT_READY: Final = Metric(
    name="smtp_operator_object_ready",
    type=Type.GAUGE,
    labels=("kind", "namespace", "name"),
    help="1 if the object is Ready, 0 if not; absent while Ready is Unknown (not tested yet, or suspended)."
    " Only from the leader.",
)
CERTIFICATE_EXPIRY: Final = Metric(
    name="smtp_operator_certificate_expiry_timestamp_seconds",
    type=Type.GAUGE,
    labels=("namespace", "name"),
    help="Expiry of the mail server's certificate in the last test of the SmtpConfig, in seconds since the"
    " epoch. Only from the leader.",
)
PUBLISHED_PROVEN: Final = Metric(
    name="smtp_operator_published_proven_timestamp_seconds",
    type=Type.GAUGE,
    labels=("namespace", "name"),
    help="When a test last proved the settings in the Secret that the SmtpConfig publishes, in seconds since"
    " the epoch. Only from the leader.",
)
TESTS: Final = Metric(
    name="smtp_operator_tests_total",
    type=Type.COUNTER,
    labels=("mode", "trigger", "result", "reason"),
    help="Completed tests by mode, trigger, result (passed, failed) and reason.",
)
TEST_SECONDS: Final = Metric(
    name="smtp_operator_test_duration_seconds",
    type=Type.HISTOGRAM,
    labels=("mode", "result"),
    buckets=SECONDS,
    help="Duration of tests, without the wait for a free connection.",
)
PHASE_SECONDS: Final = Metric(
    name="smtp_operator_phase_duration_seconds",
    type=Type.HISTOGRAM,
    labels=("phase",),
    buckets=SECONDS,
    help="Duration of each phase of a test, including failed phases.",
)
HELD_TESTS: Final = Metric(
    name="smtp_operator_held_tests_total",
    type=Type.COUNTER,
    labels=("reason",),
    help="Tests that a limit of the operator delayed, by reason: TestsLimited, EmailsLimited or"
    " LoginAttemptsLimited. Counted once per delay.",
)
REJECTED_LOGINS: Final = Metric(
    name="smtp_operator_rejected_logins_total",
    type=Type.COUNTER,
    help="Logins that mail servers rejected, in all namespaces.",
)
DELIVERY_LATENCY: Final = Metric(
    name="smtp_operator_delivery_latency_seconds",
    type=Type.HISTOGRAM,
    labels=("folder",),
    buckets=(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 86400.0),
    help="Time from sending an email until it arrived in the mailbox of spec.delivery, by folder: Inbox or"
    " Junk.",
)
OBJECT_DELIVERED: Final = Metric(
    name="smtp_operator_object_delivered",
    type=Type.GAUGE,
    labels=("namespace", "name"),
    help="1 if the condition Delivered of the SmtpConfig is True, 0 if it is False; absent while it is"
    " Unknown or missing. Only from the leader.",
)
QUEUE_DEPTH: Final = Metric(
    name="smtp_operator_queue_depth",
    type=Type.GAUGE,
    help="Objects that are due and wait to be processed; objects scheduled for later do not count.",
)
QUEUE_OLDEST: Final = Metric(
    name="smtp_operator_queue_oldest_due_seconds",
    type=Type.GAUGE,
    help="Waiting time of the object that has been due longest; 0 if no object is waiting.",
)
QUEUE_RUNNING: Final = Metric(
    name="smtp_operator_queue_running",
    type=Type.GAUGE,
    help="Objects that are being processed or tested now.",
)
VAULT_CALLS: Final = Metric(
    name="smtp_operator_vault_calls_total",
    type=Type.COUNTER,
    labels=("provider", "outcome"),
    help="Requests to vaults by provider and outcome: ok, refused (4xx), throttled (429), failed (5xx) or"
    " unreachable (no response).",
)
VAULT_SECONDS: Final = Metric(
    name="smtp_operator_vault_call_duration_seconds",
    type=Type.HISTOGRAM,
    labels=("provider",),
    buckets=SECONDS,
    help="Duration of requests to vaults, until the response or the timeout.",
)
API_REQUESTS: Final = Metric(
    name="smtp_operator_api_requests_total",
    type=Type.COUNTER,
    labels=("method", "code"),
    help="Requests to the API server by HTTP method and status; code is error if there was no response. The"
    " watch of SmtpConfigs does not count.",
)
STATUS_CONFLICTS: Final = Metric(
    name="smtp_operator_status_write_conflicts_total",
    type=Type.COUNTER,
    help="Status writes that failed because the object had changed. Each was retried or dropped.",
)
OVERSIZED_OBJECTS: Final = Metric(
    name="smtp_operator_oversized_objects_total",
    type=Type.COUNTER,
    labels=("resource",),
    help="Objects of more than 1 MiB as JSON that were listed, watched or read, by resource. The operator"
    " reads only the fields that it needs; a log line names each object.",
)

METRICS: Final = (
    BUILD_INFO,
    LEADER,
    OBJECTS,
    OBJECT_READY,
    CERTIFICATE_EXPIRY,
    PUBLISHED_PROVEN,
    TESTS,
    TEST_SECONDS,
    PHASE_SECONDS,
    HELD_TESTS,
    REJECTED_LOGINS,
    DELIVERY_LATENCY,
    OBJECT_DELIVERED,
    QUEUE_DEPTH,
    QUEUE_OLDEST,
    QUEUE_RUNNING,
    VAULT_CALLS,
    VAULT_SECONDS,
    API_REQUESTS,
    STATUS_CONFLICTS,
    OVERSIZED_OBJECTS,
)
"""In the order of the reference."""

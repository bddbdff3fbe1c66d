# SPDX-License-Identifier: Apache-2.0
"""Every metric: its name, type, labels and meaning. The reference in ``docs/`` is generated from this table.

Names and labels are API: alerts and dashboards match them. Add, never rename. A label's values are a small
set or names of objects; nothing that a user or a server wrote becomes one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Type(StrEnum):
    """Of a metric, as Prometheus knows it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row of the table."""

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds in seconds; of a histogram only."""


SECONDS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""From a server next door to the limits of the phases."""

BUILD_INFO: Final = Metric(
    name="smtp_operator_build_info",
    type=Type.GAUGE,
    labels=("version", "python"),
    help="Always 1; its labels say which release runs on which Python.",
)
LEADER: Final = Metric(
    name="smtp_operator_leader",
    type=Type.GAUGE,
    help="1 where this replica does the work; 0 where it stands by.",
)
OBJECTS: Final = Metric(
    name="smtp_operator_objects",
    type=Type.GAUGE,
    labels=("kind", "ready"),
    help="Objects by kind and status of their Ready condition; of the leader only.",
)
OBJECT_READY: Final = Metric(
    name="smtp_operator_object_ready",
    type=Type.GAUGE,
    labels=("kind", "namespace", "name"),
    help="1 where the object is Ready, 0 where it is not; absent while that is Unknown (not tested yet, or"
    " suspended). Of the leader only.",
)
CERTIFICATE_EXPIRY: Final = Metric(
    name="smtp_operator_certificate_expiry_timestamp_seconds",
    type=Type.GAUGE,
    labels=("namespace", "name"),
    help="When the certificate ends that the mail server of this SmtpConfig showed in its last test, in"
    " seconds since the epoch. Of the leader only.",
)
TESTS: Final = Metric(
    name="smtp_operator_tests_total",
    type=Type.COUNTER,
    labels=("mode", "trigger", "result", "reason"),
    help="Tests that ended, by depth, by why they were made, by result (passed, failed) and by reason.",
)
TEST_SECONDS: Final = Metric(
    name="smtp_operator_test_duration_seconds",
    type=Type.HISTOGRAM,
    labels=("mode", "result"),
    buckets=SECONDS,
    help="How long tests took, the time that they waited for a free connection left out.",
)
PHASE_SECONDS: Final = Metric(
    name="smtp_operator_phase_duration_seconds",
    type=Type.HISTOGRAM,
    labels=("phase",),
    buckets=SECONDS,
    help="How long each phase of a test took, that of a failure too.",
)
HELD_TESTS: Final = Metric(
    name="smtp_operator_held_tests_total",
    type=Type.COUNTER,
    labels=("reason",),
    help="How often the status of an object began to say that a limit holds its test back, by reason:"
    " TestsLimited, EmailsLimited or LoginAttemptsLimited.",
)
REJECTED_LOGINS: Final = Metric(
    name="smtp_operator_rejected_logins_total",
    type=Type.COUNTER,
    help="Logins that mail servers rejected, the sum over all namespaces.",
)
QUEUE_DEPTH: Final = Metric(
    name="smtp_operator_queue_depth",
    type=Type.GAUGE,
    help="Objects that are due and wait to be looked at; those of a later time do not count.",
)
QUEUE_OLDEST: Final = Metric(
    name="smtp_operator_queue_oldest_due_seconds",
    type=Type.GAUGE,
    help="For how long the object that is due for longest has been waiting; 0: none waits.",
)
QUEUE_RUNNING: Final = Metric(
    name="smtp_operator_queue_running",
    type=Type.GAUGE,
    help="Objects that are looked at or under test at this moment.",
)
VAULT_CALLS: Final = Metric(
    name="smtp_operator_vault_calls_total",
    type=Type.COUNTER,
    labels=("provider", "outcome"),
    help="Requests to vaults, by provider and outcome: ok, refused (4xx), throttled (429), failed (5xx) or"
    " unreachable (no answer).",
)
VAULT_SECONDS: Final = Metric(
    name="smtp_operator_vault_call_duration_seconds",
    type=Type.HISTOGRAM,
    labels=("provider",),
    buckets=SECONDS,
    help="How long requests to vaults took, until the answer or its absence.",
)
API_REQUESTS: Final = Metric(
    name="smtp_operator_api_requests_total",
    type=Type.COUNTER,
    labels=("method", "code"),
    help="Requests to the API server, by HTTP method and status; code is error where there was no answer. The"
    " watch of SmtpConfigs is left out.",
)
STATUS_CONFLICTS: Final = Metric(
    name="smtp_operator_status_write_conflicts_total",
    type=Type.COUNTER,
    help="Writes of a status that met an object changed meanwhile. Each was tried again or dropped.",
)
OVERSIZED_OBJECTS: Final = Metric(
    name="smtp_operator_oversized_objects_total",
    type=Type.COUNTER,
    labels=("resource",),
    help="Objects of more than 1 MiB as JSON that were listed, watched or read, by resource. Only the fields"
    " that the operator needs were read of them; a log line names them.",
)

METRICS: Final = (
    BUILD_INFO,
    LEADER,
    OBJECTS,
    OBJECT_READY,
    CERTIFICATE_EXPIRY,
    TESTS,
    TEST_SECONDS,
    PHASE_SECONDS,
    HELD_TESTS,
    REJECTED_LOGINS,
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

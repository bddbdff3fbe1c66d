# SPDX-License-Identifier: Apache-2.0
"""Create the Event and the log line of a verdict: an Event only if the verdict is new."""

import logging
from typing import Final

from smtp_operator.api.objects import EventRecord, ObjectVersion
from smtp_operator.api.status import Condition, ObjectStatus
from smtp_operator.api.verdict import Verdict, cut

log: Final = logging.getLogger("smtp_operator.verdict")
"""Logger of everything that happens to an object."""


def verdict_event(
    before: ObjectStatus, tested: ObjectVersion, verdict: Verdict | None, *, action: str
) -> EventRecord | None:
    """Return the Event of a verdict; None if there is no verdict, or if it is not new."""
    ready = before.condition("Ready")
    if verdict is None or (ready and (ready.status, ready.reason) == (verdict.status, str(verdict.reason))):
        return None
    return EventRecord(
        key=tested.key,
        kind=tested.kind,
        uid=tested.uid,
        type="Normal" if verdict.passed else "Warning",
        reason=str(verdict.reason),
        action=action,
        note=cut(verdict.message),
    )


def condition_event(
    tested: ObjectVersion, condition: Condition, *, action: str, warning: bool
) -> EventRecord:
    """Return the Event of a condition that is new."""
    return EventRecord(
        key=tested.key,
        kind=tested.kind,
        uid=tested.uid,
        type="Warning" if warning else "Normal",
        reason=condition.reason,
        action=action,
        note=cut(condition.message),
    )


def log_verdict(
    name: str, tested: ObjectVersion, verdict: Verdict, *, seconds: float, **details: str
) -> None:
    """Log one line for a test that has ended; ``details`` are further fields of the JSON format."""
    log.info(
        "%s: %s",
        name,
        verdict.summary,
        extra={
            **details,
            "generation": tested.generation,
            "passed": verdict.passed,
            "reason": str(verdict.reason),
            "duration_seconds": round(seconds, 3),
        },
    )

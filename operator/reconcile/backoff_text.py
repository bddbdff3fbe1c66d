# SPDX-License-Identifier: Apache-2.0
"""Describe the schedule in words: for each class of retry, when the next automatic test comes.

The reference in ``docs/`` and ``kubectl smtp explain`` use the text; the numbers come from ``backoff``.
"""

from smtp_operator.api.durations import format_duration
from smtp_operator.api.reasons import Retry
from smtp_operator.reconcile import backoff as schedule


def retry_description(retry: Retry) -> str:
    """Return text such as ``after 30s, 1m, then every 30m``, counted from the last test's end."""
    hour, day = format_duration(schedule.HOUR), format_duration(schedule.DAY)
    match retry:
        case Retry.PASSED:
            return "after `recheck.interval`, of mode `recheck.mode`"
        case Retry.UNKNOWN_DELIVERY:
            return "after `recheck.interval`"
        case Retry.AUTHENTICATION:
            return f"after {day}; after {hour} the first time, if the password had passed before"
        case Retry.CONFIGURATION | Retry.POLICY:
            every = format_duration(schedule.CONFIGURATION_INTERVAL)
            return (
                f"after `recheck.interval` (at least {every}) if it failed before the login; otherwise only"
                " after a change"
            )
    steps = [format_duration(step) for step in schedule.BACKOFF[retry]]
    text = f"after {', '.join(steps)}, then every {steps[-1]}"
    if retry is Retry.DEPENDENCY:
        text += "; after `recheck.interval` (at least 1h) for a missing object that the operator watches"
    return text


def condition_until_then(retry: Retry) -> str:
    """Return the condition that accompanies Ready=False until the next test; empty after a passed test."""
    match retry:
        case Retry.PASSED:
            return ""
        case Retry.CONFIGURATION | Retry.POLICY | Retry.AUTHENTICATION | Retry.DENIED:
            return "Stalled"
        case Retry.TRANSIENT_THEN_CONFIGURATION:
            return f"Reconciling; Stalled from failure {schedule.TRIES_BEFORE_CONFIGURATION} on"
        case Retry.DEPENDENCY:
            return f"Reconciling; Stalled after {format_duration(schedule.WAITING_TIME)}"
        case Retry.UNKNOWN_DELIVERY:
            return "Reconciling; Stalled if `recheck.interval` is 0s"
        case _:
            return "Reconciling"

# SPDX-License-Identifier: Apache-2.0
"""Limit how many SmtpTests of each namespace start within a minute."""

from collections import defaultdict

from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.backoff import MINUTE
from smtp_operator.reconcile.limits.hold import Hold
from smtp_operator.reconcile.limits.rate_windows import RateWindow
from smtp_operator.reconcile.ports import Now


class StartLimits:
    """Count started SmtpTests. Those that wait start in the order in which they asked."""

    def __init__(self, per_namespace: int, *, now: Now) -> None:
        self._now = now
        self._window = RateWindow(per_namespace, MINUTE, now=now)
        self._waiting: defaultdict[str, dict[Reference, None]] = defaultdict(dict)

    def hold(self, key: Reference) -> Hold | None:
        """Return why this SmtpTest may not start now; None if it may."""
        limit, waiting = self._window.limit, self._waiting[key.namespace]
        ahead = list(waiting).index(key) if key in waiting else len(waiting)
        free_at = self._window.free_at(key.namespace)
        if not free_at and (not limit or ahead < limit):
            self.withdraw(key)
            return None
        waiting[key] = None
        until = (free_at or self._now()) + ahead // limit * MINUTE
        return Hold(
            Reason.TESTS_LIMITED,
            f"This test waits: namespace {key.namespace} may start at most {limit} SmtpTests a minute"
            " (--max-smtptests-per-namespace). No action needed; the operator starts it automatically, and"
            " status.nextTestTime says when.",
            f"{limit} a minute allowed",
            until,
        )

    def started(self, key: Reference) -> None:
        """Count a SmtpTest that starts."""
        self._window.begin(key.namespace)
        self._window.end(key.namespace, happened=True)

    def withdraw(self, key: Reference) -> None:
        """Forget a SmtpTest that no longer waits."""
        waiting = self._waiting.get(key.namespace)
        if waiting is not None:
            waiting.pop(key, None)
            if not waiting:
                del self._waiting[key.namespace]

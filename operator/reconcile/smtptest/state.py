# SPDX-License-Identifier: Apache-2.0
"""Keep what the process knows of a SmtpTest between reconciliations, in addition to its status."""

from dataclasses import dataclass

from smtp_operator.reconcile.smtptest.snapshot import SmtpTestSnapshot
from smtp_operator.reconcile.state import ObjectState


@dataclass(slots=True)
class SmtpTestState(ObjectState):
    """State of a SmtpTest between reconciliations."""

    latest: SmtpTestSnapshot | None = None
    """The finished object from the latest event, until it is reconciled."""
    too_many: bool = False
    """Whether too many SmtpTests of its namespace were waiting when it appeared."""
    held: tuple[float, float] = (0.0, 0.0)
    """Since when a limit holds the test back, and until when, in seconds since the epoch."""
    waits_since: float | None = None
    """Since when a test waits for a slot, in seconds since the epoch."""
    finished_seen: float | None = None
    """When this process first saw the verdict, in seconds since the epoch."""
    passed_logins: tuple[bytes, ...] = ()
    """See ``limits/logins.py``; a SmtpTest logs in once."""

    def is_held(self, now: float) -> bool:
        """Return whether a limit holds the test back; not if the clock was set back since."""
        since, until = self.held
        return since <= now < until

    def see_finished(self, now: float) -> None:
        """Record that the test has ended, again if the clock was set back since."""
        if self.finished_seen is None or self.finished_seen > now:
            self.finished_seen = now

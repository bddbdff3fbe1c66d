# SPDX-License-Identifier: Apache-2.0
"""Create the Event of a change of the condition Published."""

from smtp_operator.api.objects import EventRecord, ObjectVersion
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.reconcile.events import condition_event
from smtp_operator.reconcile.smtpconfig.publish.status import PUBLISHED


def publication_events(
    before: SmtpConfigStatus, after: SmtpConfigStatus, tested: ObjectVersion
) -> tuple[EventRecord, ...]:
    """Return the Event of a new reason; none while the first Secret still waits for its proof."""
    old, new = before.condition(PUBLISHED), after.condition(PUBLISHED)
    if new is None or (old is not None and (old.status, old.reason) == (new.status, new.reason)):
        return ()
    if new.reason == Reason.NOT_PROVEN_YET and before.published is None:
        return ()
    return (condition_event(tested, new, action="Publish", warning=new.status != "True"),)

# SPDX-License-Identifier: Apache-2.0
"""Create the Event of a flip of the condition Delivered."""

from smtp_operator.api.objects import EventRecord, ObjectVersion
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.reconcile.events import condition_event
from smtp_operator.reconcile.smtpconfig.delivery.settings import CONDITION
from smtp_operator.reconcile.smtpconfig.delivery.state import DeliveryState


def delivered_status(status: SmtpConfigStatus) -> str | None:
    """Return the status of the condition Delivered; None if there is none."""
    condition = status.condition(CONDITION)
    return None if condition is None else condition.status


def delivery_events(
    before: SmtpConfigStatus, after: SmtpConfigStatus, tested: ObjectVersion, own: DeliveryState | None
) -> tuple[EventRecord, ...]:
    """Return the Event of a result that differs from the last one, and remember the result.

    While the next email is on its way, the condition is Unknown; that is no flip.
    """
    old, new = before.condition(CONDITION), after.condition(CONDITION)
    if own is None:
        return ()
    if own.reported is None and old is not None and old.status != "Unknown":
        own.reported = (old.status, old.reason)
    if new is None or new.status == "Unknown" or own.reported == (new.status, new.reason):
        return ()
    own.reported = (new.status, new.reason)
    return (condition_event(tested, new, action="CheckDelivery", warning=new.status != "True"),)

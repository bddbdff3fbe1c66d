# SPDX-License-Identifier: Apache-2.0
"""Decide the next step for a vault object: a pure function of its spec, its status and its state."""

from collections.abc import Callable
from dataclasses import dataclass

from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.reconcile.actions import RefreshStatus, Wait
from smtp_operator.reconcile.backoff import due_time
from smtp_operator.reconcile.references.changes import ReferenceChange
from smtp_operator.reconcile.state import ObjectState
from smtp_operator.reconcile.vault.snapshot import INTERVAL, VaultSnapshot


@dataclass(frozen=True, slots=True)
class CheckLogin:
    """Log in to the vault, and derive the verdict."""


def decide(
    snapshot: VaultSnapshot,
    *,
    state: ObjectState,
    now: float,
    started: float,
    compare: Callable[[VaultSnapshot], ReferenceChange],
) -> CheckLogin | RefreshStatus | Wait:
    """Return the next step; ``now`` and ``started`` (of this operator) are in seconds since the epoch."""
    if not snapshot.has_verdict or compare(snapshot) is not ReferenceChange.NONE:
        return CheckLogin()
    due = from_timestamp(snapshot.status.next_check_time)
    if due is not None:
        due = due_time(due, uid=snapshot.version.uid, interval=INTERVAL, started=started, now=now)
        if due <= now:
            return CheckLogin()
    ends = state.waiting_ends(snapshot)
    if snapshot.generation_is_new or (ends is not None and ends <= now):
        return RefreshStatus()
    return Wait(min((time for time in (ends, due) if time is not None), default=None))

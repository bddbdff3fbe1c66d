# SPDX-License-Identifier: Apache-2.0
"""Poll references that no watch covers."""

from smtp_operator.api.objects import Reference
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.snapshot import ObjectSnapshot
from smtp_operator.reconcile.state import ObjectState


class ReferencePoller:
    """Poller of the references of one kind's objects."""

    def __init__(self, parts: SharedParts) -> None:
        self._policy = parts.policy
        self._tracker = parts.tracker
        self._reader = parts.reader
        self._now = parts.now

    def is_watched(self, snapshot: ObjectSnapshot) -> bool:
        """Return whether watches cover all references of an object."""
        if not self._policy.watches_references or self._policy.watches_cluster_vaults:
            return self._policy.watches_references
        return all(it.reference.kind != "ClusterSmtpVault" for it in self._tracker.all_uses(snapshot.uses))

    async def poll(self, snapshot: ObjectSnapshot, state: ObjectState, *, now: bool = False) -> bool:
        """Read unwatched references if a poll is due; return whether it was due.

        Also read objects that a watch reported as deleted, because they may only have lost their label.
        """
        due_at = None if self._policy.watches_references else self.next_poll(snapshot, state)
        due = due_at is not None and (now or due_at <= self._now())
        if snapshot.has_verdict:
            uses = self._tracker.all_uses(snapshot.uses)
            await self._reader.read_all(
                it.reference for it in uses if due or self._reported_deleted(it.reference, snapshot)
            )
        if due:
            state.references_polled_at = self._now()
        return due

    def next_poll(self, snapshot: ObjectSnapshot, state: ObjectState) -> float | None:
        """Return when to poll references if no test reads them before; None if no poll is needed."""
        if self._policy.watches_references or snapshot.poll_interval is None:
            return None
        return state.references_polled_at + snapshot.poll_interval

    def _reported_deleted(self, reference: Reference, snapshot: ObjectSnapshot) -> bool:
        if not self._tracker.known(reference) or self._tracker.metadata(reference) is not None:
            return False
        name = (reference.kind, reference.written_from(snapshot.key.namespace))
        return snapshot.tested_versions.get(name) is not None

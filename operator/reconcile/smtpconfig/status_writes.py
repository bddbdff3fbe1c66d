# SPDX-License-Identifier: Apache-2.0
"""Write the status of a SmtpConfig and its Events."""

from collections.abc import Mapping

from smtp_operator.api.objects import ObjectKey, ObjectVersion
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.reconcile.ports import ClusterPort
from smtp_operator.reconcile.smtpconfig.health import health_of
from smtp_operator.reconcile.smtpconfig.snapshot import status_as_json
from smtp_operator.reconcile.smtpconfig.state import ObjectState, PendingStatus


class StatusWrites:
    """Write statuses, and record them in the state of the object."""

    def __init__(self, cluster: ClusterPort, known: Mapping[ObjectKey, ObjectState]) -> None:
        self._cluster = cluster
        self._known = known

    async def write(self, result: PendingStatus) -> str | None:
        """Write a status, then its Events; return the new resourceVersion, None if the object has changed.

        Raises:
            ClusterError: the status was not written; the state keeps it for the next attempt.
        """
        known = self._known[result.tested.key]
        try:
            version = await self.write_status(result.tested, result.status)
        except Exception:
            known.pending_status = result
            raise
        if version is not None:
            known.written_version = version
            known.history.baselines = known.history.baselines if result.read is None else result.read
            known.history.record_expiry(result.status.certificate_expiring)
            for event in result.events:
                await self._cluster.publish(event)
        return version

    async def write_status(self, tested: ObjectVersion, status: SmtpConfigStatus) -> str | None:
        """Write only a status; return the new resourceVersion, None if the object has changed."""
        version = await self._cluster.write_status(tested, status_as_json(status))
        known = self._known.get(tested.key)
        if version is not None and known is not None and known.uid == tested.uid:
            known.health = health_of(tested.key, status)
            known.has_verdict = status.observed_generation == known.observed[0]
        return version

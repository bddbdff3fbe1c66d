# SPDX-License-Identifier: Apache-2.0
"""Read, write and delete published Secrets; never one that this SmtpConfig does not own."""

from typing import Final

from smtp_operator.api.errors import AccessDenied
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.publish import Publish
from smtp_operator.api.verdict import VerdictError
from smtp_operator.reconcile.references.changes import metadata_of
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.smtpconfig.publish import status as wording
from smtp_operator.reconcile.smtpconfig.publish.proof import is_renamed
from smtp_operator.reconcile.smtpconfig.publish.secret import (
    ProvenSettings,
    is_current,
    is_owned,
    must_be_created_again,
    replacement,
    secret_of,
)
from smtp_operator.reconcile.smtpconfig.publish.status import PublishFailure
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.secrets.publishing import carried_annotations, check_consent

_ATTEMPTS: Final = 3
"""Attempts to write a Secret that others change meanwhile."""


class PublishedSecrets:
    """The published Secrets of all SmtpConfigs."""

    def __init__(self, parts: SharedParts) -> None:
        assert parts.secrets is not None
        self._cluster = parts.secrets
        self._tracker = parts.tracker
        self._reader = parts.reader
        self._helo_name = parts.policy.helo_name

    async def planned(
        self, snapshot: Snapshot, publish: Publish, proven: ProvenSettings
    ) -> tuple[PublishFailure | None, JsonObject, JsonObject | None]:
        """Return why nothing may be written, the wanted Secret, and the existing one."""
        holders, namespace = proven.holders, snapshot.key.namespace
        secret = Reference("Secret", namespace, publish.secret_name)
        annotations = carried_annotations(holders, server=snapshot.spec.server, port=snapshot.spec.port)
        wanted = secret_of(snapshot, publish, proven, helo_name=self._helo_name, annotations=annotations)
        try:
            await check_consent(holders, namespace, self._reader.read)
        except VerdictError as error:
            return PublishFailure(error.verdict.reason, error.verdict.message), wanted, None
        try:
            existing = await self.read(secret)
        except AccessDenied as error:
            return wording.denied(secret, error), wanted, None
        if existing is None:
            return None, wanted, None
        if not is_owned(existing, snapshot):
            return wording.not_owned(secret), wanted, existing
        if "deletionTimestamp" in existing["metadata"]:
            return wording.not_accepted(secret, "it is being deleted"), wanted, existing
        return None, wanted, existing

    async def write(
        self, snapshot: Snapshot, publish: Publish, proven: ProvenSettings
    ) -> tuple[PublishFailure | None, JsonObject | None]:
        """Return why nothing was written, or the Secret; neither if others change it all the time."""
        secret = Reference("Secret", snapshot.key.namespace, publish.secret_name)
        for _ in range(_ATTEMPTS):
            failure, wanted, existing = await self.planned(snapshot, publish, proven)
            if failure is not None:
                return failure, None
            found = existing
            if existing is None or not is_current(existing, wanted):
                found = await self._replaced(secret, existing, wanted)
            if found is None:
                continue
            status = snapshot.status
            old = status.binding.name if status.binding is not None and is_renamed(status, publish) else ""
            if not old or await self.removed(snapshot, old):
                return None, found
        return None, None

    async def _replaced(
        self, secret: Reference, existing: JsonObject | None, wanted: JsonObject
    ) -> JsonObject | None:
        sequence = self._tracker.sequence(secret)
        body = wanted
        if existing is not None and not must_be_created_again(existing, wanted):
            body = replacement(existing, wanted)
        elif existing is not None and not await self._cluster.delete_secret(secret, existing):
            return None
        found = await self._cluster.write_secret(secret, body)
        if found is not None:
            self._tracker.record_read(secret, metadata_of(secret, found), sequence=sequence)
        return found

    async def removed(self, snapshot: Snapshot, name: str) -> bool:
        """Delete a Secret that this object owns; return whether it has none of this name."""
        secret = Reference("Secret", snapshot.key.namespace, name)
        existing = await self.read(secret)
        if existing is None or not is_owned(existing, snapshot):
            return True
        return await self._cluster.delete_secret(secret, existing)

    async def read(self, secret: Reference) -> JsonObject | None:
        """Return the Secret with its data; None if it does not exist.

        Raises:
            AccessDenied, ApiUnavailable
        """
        sequence = self._tracker.sequence(secret)
        found = await self._cluster.read_secret(secret)
        metadata = None if found is None else metadata_of(secret, found)
        self._tracker.record_read(secret, metadata, sequence=sequence)
        return found

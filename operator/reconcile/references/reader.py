# SPDX-License-Identifier: Apache-2.0
"""Read referenced objects, and record their versions."""

from collections.abc import Iterable

from smtp_operator.api.errors import AccessDenied, ObjectNotFound
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.vaultobject import vault_object_or_none
from smtp_operator.reconcile.references.changes import metadata_of
from smtp_operator.reconcile.references.tracker import ReferenceTracker
from smtp_operator.reconcile.references.uses import uses_of_vault
from smtp_operator.secrets.interfaces import GetObject


class ReferenceReader:
    """Reader of referenced objects, for all tests."""

    def __init__(self, get_object: GetObject, tracker: ReferenceTracker) -> None:
        self._get_object = get_object
        self._tracker = tracker

    async def read(self, reference: Reference) -> JsonObject:
        """Return the object with its data, and record its version.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
        """
        sequence = self._tracker.sequence(reference)
        try:
            found = await self._get_object(reference)
        except ObjectNotFound:
            self._tracker.record_read(reference, None, sequence=sequence)
            raise
        self._tracker.record_read(reference, metadata_of(reference, found), sequence=sequence)
        match reference.kind:
            case "SmtpVault" | "ClusterSmtpVault" as kind:
                vault = vault_object_or_none(kind, found)
                self._tracker.set_uses_of_read(reference, uses_of_vault(vault) if vault else ())
        return found

    async def read_all(self, references: Iterable[Reference]) -> None:
        """Read these objects to learn their versions."""
        for reference in references:
            try:
                await self.read(reference)
            except (ObjectNotFound, AccessDenied):
                continue  # a test will report it

# SPDX-License-Identifier: Apache-2.0
"""Map referenced objects to the SmtpConfigs and vault objects that name them."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from smtp_operator.api.objects import ObjectKey, ObjectMetadata, Reference, ReferenceKind

ReferenceUser = ObjectKey | Reference
"""An object with references: a SmtpConfig or a vault object."""


class ReferenceIndex:
    """Index of references and of the newest known metadata. Its size depends on the references only."""

    def __init__(self) -> None:
        self._users: defaultdict[Reference, set[ReferenceUser]] = defaultdict(set)
        self._named: dict[ReferenceUser, tuple[Reference, ...]] = {}
        self._known: dict[Reference, ObjectMetadata | None] = {}
        self._sequence: dict[Reference, int] = {}

    def set_references(self, key: ReferenceUser, references: Iterable[Reference]) -> None:
        """Record what an object references now; an empty list after its deletion."""
        after = frozenset(references)
        before = frozenset(self._named.pop(key, ()))
        for reference in before - after:
            self._users[reference].discard(key)
            if not self._users[reference]:
                del self._users[reference]
                self._known.pop(reference, None)
                self._sequence.pop(reference, None)
        for reference in after - before:
            self._users[reference].add(key)
        if after:
            self._named[key] = tuple(after)

    def wants(self, reference: Reference) -> bool:
        """Return whether any object references this one."""
        return reference in self._users

    def users(self, reference: Reference) -> frozenset[ReferenceUser]:
        """Return the objects that reference this one."""
        return frozenset(self._users.get(reference, ()))

    def record(self, reference: Reference, metadata: ObjectMetadata | None) -> frozenset[ReferenceUser]:
        """Record an event of a watch, None for a deletion; return the objects to reconcile."""
        if not self.wants(reference):
            return frozenset()
        self._known[reference] = metadata
        self._sequence[reference] = self.sequence(reference) + 1
        return self.users(reference)

    def sequence(self, reference: Reference) -> int:
        """Return how many events the watch has reported for this object."""
        return self._sequence.get(reference, 0)

    def record_read(self, reference: Reference, metadata: ObjectMetadata | None, *, sequence: int) -> None:
        """Record a read that started at event ``sequence``: newer than that event, older than later ones.

        Without this, a watch that lags, or does not cover the object, would cause endless tests.
        """
        if self.wants(reference) and self.sequence(reference) == sequence:
            self._known[reference] = metadata

    def all_listed(self, kinds: Collection[ReferenceKind]) -> None:
        """Record that referenced objects of these kinds that were not in the first listing do not exist."""
        for reference in self._users:
            if reference.kind in kinds:
                self._known.setdefault(reference, None)

    def known(self, reference: Reference) -> bool:
        """Return whether the state of this object is known."""
        return reference in self._known

    def metadata(self, reference: Reference) -> ObjectMetadata | None:
        """Return the newest known metadata; None if the object does not exist, or is unknown."""
        return self._known.get(reference)

# SPDX-License-Identifier: Apache-2.0
"""Index referenced objects: who uses them, and their newest known metadata."""

from collections import defaultdict
from collections.abc import Collection

from smtp_operator.api.objects import ObjectMetadata, Reference, ReferenceKind
from smtp_operator.reconcile.references.uses import ReferenceUse


class ReferenceTracker:
    """Index of references, and nothing else: no clock, no requests, no decisions.

    A user is one of our objects. A SmtpConfig also uses what its vault object references. The size depends on
    the references only.
    """

    def __init__(self) -> None:
        self._uses: dict[Reference, tuple[ReferenceUse, ...]] = {}
        self._users: defaultdict[Reference, set[Reference]] = defaultdict(set)
        self._known: dict[Reference, ObjectMetadata | None] = {}
        self._sequence: dict[Reference, int] = {}
        self._only_read: set[Reference] = set()
        """Objects of ours that are read for their users, and are not reconciled."""

    def set_uses(self, user: Reference, uses: tuple[ReferenceUse, ...]) -> None:
        """Record what an object of ours references now; an empty tuple after its deletion."""
        self._only_read.discard(user)
        self._set_uses(user, uses)

    def set_uses_of_read(self, user: Reference, uses: tuple[ReferenceUse, ...]) -> None:
        """Record what an object of ours references that was read for its users; forget it with them."""
        if self.wants(user):
            if user not in self._uses:
                self._only_read.add(user)
            self._set_uses(user, uses)

    def _set_uses(self, user: Reference, uses: tuple[ReferenceUse, ...]) -> None:
        after = {use.reference for use in uses}
        before = {use.reference for use in self._uses.pop(user, ())}
        if uses:
            self._uses[user] = uses
        for reference in before - after:
            self._users[reference].discard(user)
            if not self._users[reference]:
                self._forget(reference)
        for reference in after - before:
            self._users[reference].add(user)

    def _forget(self, reference: Reference) -> None:
        del self._users[reference]
        self._known.pop(reference, None)
        self._sequence.pop(reference, None)
        if reference in self._only_read:
            self.set_uses(reference, ())

    def all_uses(self, uses: tuple[ReferenceUse, ...]) -> tuple[ReferenceUse, ...]:
        """Return these references, and those of the vault objects among them as far as they are known."""
        indirect = tuple(it for use in uses for it in self._uses.get(use.reference, ()))
        return (*uses, *indirect) if indirect else uses

    def users(self, reference: Reference) -> frozenset[Reference]:
        """Return the objects that reference this one, directly or through a vault object."""
        direct = self._users.get(reference, ())
        return frozenset(direct).union(*(self._users.get(user, ()) for user in direct))

    def wants(self, reference: Reference) -> bool:
        """Return whether any object references this one."""
        return reference in self._users

    def record(self, reference: Reference, metadata: ObjectMetadata | None) -> frozenset[Reference]:
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

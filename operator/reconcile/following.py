# SPDX-License-Identifier: Apache-2.0
"""What becomes of the objects that SmtpConfigs name: told by a watch, or asked for where none tells."""

from collections.abc import Collection

from smtp_operator.api.objects import (
    AccessDenied,
    JsonObject,
    ObjectKey,
    ObjectMetadata,
    ObjectNotFound,
    Reference,
    ReferenceKind,
)
from smtp_operator.api.reasons import Reason
from smtp_operator.api.vaultobject import VaultObject, vault_object_or_none
from smtp_operator.api.verdict import Trigger
from smtp_operator.reconcile.interfaces import Now, Policy
from smtp_operator.reconcile.memory import Memory
from smtp_operator.reconcile.references import (
    Change,
    ReferenceIndex,
    Use,
    compare,
    metadata_of,
    references_of,
    uses_of_vault,
)
from smtp_operator.reconcile.view import View
from smtp_operator.secrets.interface import GetObject


class Follower:
    """Knows the newest of each referenced object, as far as it was told or has read."""

    def __init__(self, *, get_object: GetObject, policy: Policy, now: Now) -> None:
        self._get_object = get_object
        self._policy = policy
        self._now = now
        self._index = ReferenceIndex()
        self._vaults: dict[Reference, VaultObject] = {}
        self._direct: dict[ObjectKey, tuple[Use, ...]] = {}

    def name(self, view: View) -> None:
        """Takes note of what a SmtpConfig names now."""
        self._direct[view.key] = references_of(view.spec, view.key.namespace)
        self._index_uses(view.key)

    def uses(self, view: View) -> tuple[Use, ...]:
        """All that a SmtpConfig names, and what the vault that it reads through names, as far as known."""
        return self._with_vaults(references_of(view.spec, view.key.namespace))

    def vault_seen(self, vault: VaultObject) -> frozenset[ObjectKey]:
        """A vault object as it is now; who reads through it, and is to look at it if that is news."""
        reference = vault.reference
        before = self._vaults.get(reference)
        self._vaults[reference] = vault
        for key in self._index.users(reference):
            self._index_uses(key)
        metadata = ObjectMetadata(reference=reference, uid=vault.uid, resource_version=str(vault.generation))
        users = self._index.seen(reference, metadata)
        return frozenset() if before == vault else users

    def vault_gone(self, reference: Reference) -> frozenset[ObjectKey]:
        """A vault object was deleted; who read through it."""
        self._vaults.pop(reference, None)
        users = self._index.seen(reference, None)
        for key in users:
            self._index_uses(key)
        return users

    def _index_uses(self, key: ObjectKey) -> None:
        uses = self._with_vaults(self._direct[key])
        self._index.name(key, {use.reference for use in uses})

    def _with_vaults(self, uses: tuple[Use, ...]) -> tuple[Use, ...]:
        vaults = [self._vaults[use.reference] for use in uses if use.reference in self._vaults]
        return (*uses, *(use for vault in vaults for use in uses_of_vault(vault)))

    def forget(self, key: ObjectKey) -> None:
        """A SmtpConfig is gone."""
        self._direct.pop(key, None)
        self._index.name(key, ())

    def wants(self, reference: Reference) -> bool:
        """Whether any SmtpConfig names it."""
        return self._index.wants(reference)

    def seen(self, reference: Reference, metadata: ObjectMetadata | None) -> frozenset[ObjectKey]:
        """What a watch tells, None for a deletion; who is to look at it."""
        return self._index.seen(reference, metadata)

    def all_listed(self, kinds: Collection[ReferenceKind]) -> None:
        """What is named, of these kinds, and was not in the first listing does not exist."""
        self._index.all_listed(kinds)

    async def read(self, reference: Reference) -> JsonObject:
        """The object with its data; what is learnt of its version is kept.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
        """
        news = self._index.news(reference)
        try:
            found = await self._get_object(reference)
        except ObjectNotFound:
            self._index.read(reference, None, news=news)
            raise
        self._index.read(reference, metadata_of(reference, found), news=news)
        if reference.kind in ("SmtpVault", "ClusterSmtpVault"):
            self._learn(vault_object_or_none(reference.kind, found))
        return found

    def _learn(self, vault: VaultObject | None) -> None:
        """A vault object that was read names more for whoever reads through it."""
        if vault is not None and self._vaults.get(vault.reference) != vault:
            self._vaults[vault.reference] = vault
            for key in self._index.users(vault.reference):
                self._index_uses(key)

    async def ask(self, view: View, *, last_asked: float) -> bool:
        """Reads what no watch tells of, if it is time; whether it was.

        Also what a watch says is gone: it may only have lost its label.
        """
        due = self.next_asking(view, last_asked=last_asked)
        asking = due is not None and due <= self._now()
        for use in self.uses(view) if view.judged else ():
            if not asking and not self._said_to_be_gone(use.reference, view):
                continue
            try:
                await self.read(use.reference)
            except (ObjectNotFound, AccessDenied):
                continue  # a test will say so
        return asking

    def watches(self, view: View) -> bool:
        """Whether a watch tells of all that decides its tests; of ServiceAccounts none does."""
        oauth2 = view.spec.oauth2
        if not self._policy.watches_references or (oauth2 is not None and oauth2.service_account_ref):
            return False
        vaults = [use.reference for use in self.uses(view) if use.reference.is_vault]
        return all(map(self._watches_vault, vaults))

    def _watches_vault(self, reference: Reference) -> bool:
        if reference.kind == "ClusterSmtpVault" and not self._policy.watches_cluster_vaults:
            return False
        vault = self._vaults.get(reference)
        return vault is None or not vault.asks_for_tokens

    def next_asking(self, view: View, *, last_asked: float) -> float | None:
        """When to ask; None: a watch tells, or nobody wants to know."""
        if self._policy.watches_references or view.spec.suspend or not view.interval:
            return None
        return last_asked + view.interval

    def compare(self, view: View, memory: Memory) -> tuple[Change, Trigger]:
        """Whether anything that the last test read has changed since."""
        tested = _tested(view)
        ready = view.status.condition("Ready")
        found = (Change.NONE, Trigger.DEPENDENCY_CHANGED)
        for use in self.uses(view):
            name = (use.reference.kind, use.reference.seen_from(view.key.namespace))
            if not self._index.known(use.reference) or name not in tested:
                continue
            change = compare(
                tested[name],
                self._index.metadata(use.reference),
                use.data_key,
                baseline=memory.baselines.get(use.reference),
                test_started=view.last_test_started or 0.0,
                # An edit of annotations alone may mend this one.
                any_key=ready is not None and ready.reason == Reason.SERVER_NOT_ALLOWED,
            )
            if change > found[0]:
                found = (change, use.trigger)
        return found

    def _said_to_be_gone(self, reference: Reference, view: View) -> bool:
        if not self._index.known(reference) or self._index.metadata(reference) is not None:
            return False
        return _tested(view).get((reference.kind, reference.seen_from(view.key.namespace))) is not None


def _tested(view: View) -> dict[tuple[str, str], str | None]:
    """The version of each object that the last test read, None where there was none."""
    references = view.status.tested.references if view.status.tested else []
    return {(it.kind, it.name): it.version for it in references}

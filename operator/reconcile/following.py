# SPDX-License-Identifier: Apache-2.0
"""What becomes of the objects that SmtpConfigs name: told by a watch, or asked for where none tells."""

from smtp_operator.api.objects import (
    AccessDenied,
    JsonObject,
    ObjectKey,
    ObjectMetadata,
    ObjectNotFound,
    Reference,
)
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Trigger
from smtp_operator.reconcile.interfaces import Now, Policy
from smtp_operator.reconcile.memory import Memory
from smtp_operator.reconcile.references import Change, ReferenceIndex, compare, metadata_of, references_of
from smtp_operator.reconcile.view import View
from smtp_operator.secrets.interface import GetObject


class Follower:
    """Knows the newest of each referenced object, as far as it was told or has read."""

    def __init__(self, *, get_object: GetObject, policy: Policy, now: Now) -> None:
        self._get_object = get_object
        self._policy = policy
        self._now = now
        self._index = ReferenceIndex()

    def name(self, view: View) -> None:
        """Takes note of what a SmtpConfig names now."""
        uses = references_of(view.spec, view.key.namespace)
        self._index.name(view.key, {use.reference for use in uses})

    def forget(self, key: ObjectKey) -> None:
        """A SmtpConfig is gone."""
        self._index.name(key, ())

    def wants(self, reference: Reference) -> bool:
        """Whether any SmtpConfig names it."""
        return self._index.wants(reference)

    def seen(self, reference: Reference, metadata: ObjectMetadata | None) -> frozenset[ObjectKey]:
        """What a watch tells, None for a deletion; who is to look at it."""
        return self._index.seen(reference, metadata)

    def all_listed(self) -> None:
        """What is named and was not in the first listing does not exist."""
        self._index.all_listed()

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
        return found

    async def ask(self, view: View, *, last_asked: float) -> bool:
        """Reads what no watch tells of, if it is time; whether it was.

        Also what a watch says is gone: it may only have lost its label.
        """
        due = self.next_asking(view, last_asked=last_asked)
        asking = due is not None and due <= self._now()
        for use in references_of(view.spec, view.key.namespace) if view.judged else ():
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
        return self._policy.watches_references and (oauth2 is None or oauth2.service_account_ref is None)

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
        for use in references_of(view.spec, view.key.namespace):
            name = (use.reference.kind, use.reference.name)
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
        return _tested(view).get((reference.kind, reference.name)) is not None


def _tested(view: View) -> dict[tuple[str, str], str | None]:
    """The version of each object that the last test read, None where there was none."""
    references = view.status.tested.references if view.status.tested else []
    return {(it.kind, it.name): it.version for it in references}

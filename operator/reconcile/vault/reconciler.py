# SPDX-License-Identifier: Apache-2.0
"""Vault objects: logs in to what each describes, and says what came of it.

Level-triggered as with SmtpConfigs: whatever wakes it, it looks at the object as it is now.
"""

import logging
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from smtp_operator.api.object_health import Standing
from smtp_operator.api.objects import ClusterError, JsonObject, ObjectKey, ObjectNotFound, Reference, Tested
from smtp_operator.api.objects import VaultKindName as Kind
from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.status import VaultStatus
from smtp_operator.api.vault_blocks import (
    AzureKeyVault,
    ClusterAzureKeyVault,
)
from smtp_operator.api.vaultobject import VaultObject, vault_object_or_none
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.reconcile.backoff import due_time
from smtp_operator.reconcile.events import notice_of
from smtp_operator.reconcile.internal_errors import origin, pause_after
from smtp_operator.reconcile.ports import Cluster, Now, Policy
from smtp_operator.reconcile.references.index import Change, baseline_of
from smtp_operator.reconcile.references.tracker import Follower, vault_reference
from smtp_operator.reconcile.smtpconfig.snapshot import InvalidSpecError
from smtp_operator.reconcile.timestamps import from_timestamp
from smtp_operator.reconcile.vault.snapshot import VaultView, vault_identity, vault_status_of, vault_view
from smtp_operator.reconcile.vault.status import (
    INTERVAL,
    Check,
    VaultMemory,
    invalid_vault,
    judged_vault,
    restated_vault,
    waiting_ends,
)
from smtp_operator.reconcile.workqueue import DeadlineQueue
from smtp_operator.secrets.vaults.clients import LiveVaults

_log: Final = logging.getLogger("smtp_operator.verdict")

_AT_ONCE: Final = 5
"""Checks of one vault at a time."""

_DEFECT: Final = Verdict(
    reason=Reason.INTERNAL_ERROR,
    message="The operator failed in a way nobody foresaw while it logged in; its log has the details."
    " Nothing needs to be set; it tries again by itself.",
    retry=REASONS[Reason.INTERNAL_ERROR].retry,
)


@dataclass(slots=True)
class _Known:
    """What is remembered of a vault object between two looks at it."""

    uid: str
    generation: int = 0
    lane: Hashable = None
    memory: VaultMemory = field(default_factory=VaultMemory)
    standing: Standing | None = None
    asked: float = 0.0
    """When what it names was last asked for; only where no watch tells of it."""


class VaultReconciler:
    """``observe``, ``forget`` and ``look_at`` only take note; the work is done in ``run``."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        policy: Policy,
        now: Now,
        references: Follower,
        live: LiveVaults,
        changed: Callable[[Tested, VaultObject | None], None],
        gone: Callable[[Reference], None],
        recovered: Callable[[Reference], None],
    ) -> None:
        """Nothing happens before ``run``.

        Args:
            cluster: the Kubernetes side.
            policy: what flags say of tests.
            now: the time.
            references: who names what.
            live: the vaults in use.
            changed: is told of each new state of a vault object, None: its spec breaks a rule.
            gone: is told of each that was deleted.
            recovered: is told of each that can be logged in to again.
        """
        self._cluster = cluster
        self._policy = policy
        self._now = now
        self._started = now()
        self._references = references
        self._live = live
        self._changed = changed
        self._gone = gone
        self._recovered = recovered
        self._known: dict[Reference, _Known] = {}
        self._queue: DeadlineQueue[Reference] = DeadlineQueue(
            self._reconcile,
            lane_of=lambda key: self._known[key].lane if key in self._known else key,
            per_lane=_AT_ONCE,
            now=now,
        )

    def is_news(self, kind: Kind, object_: JsonObject) -> bool:
        """Whether ``observe`` would do anything: not for our own write, nor for somebody's label."""
        identity = vault_identity(kind, object_)
        known = self._known.get(vault_reference(identity))
        if "deletionTimestamp" in object_["metadata"]:
            return False  # its end is told of when it comes
        return known is None or (known.uid, known.generation) != (identity.uid, identity.generation)

    def observe(self, kind: Kind, object_: JsonObject) -> None:
        """A vault object was created or changed, or stood in a listing."""
        if not self.is_news(kind, object_):
            return
        identity = vault_identity(kind, object_)
        reference = vault_reference(identity)
        known = self._known.get(reference)
        if known is None or known.uid != identity.uid:
            known = self._known[reference] = _Known(uid=identity.uid)
        status = vault_status_of(object_)
        if status.observed_generation != identity.generation:
            known.memory.generation_seen = (identity.generation, self._now())
        known.generation = identity.generation
        known.standing = _standing(identity, status)
        vault = vault_object_or_none(kind, object_)
        if vault is not None:
            known.lane = _host(vault)
            self._references.name_vault(vault)
        # Here and not with the event alone: where a look is quicker, the event is no news any more.
        self._changed(identity, vault)
        self._queue.add(reference, at=self._now())

    def forget(self, reference: Reference, uid: str) -> None:
        """A vault object was deleted; one of the same name may have come after it."""
        known = self._known.get(reference)
        if known is None or known.uid != uid:
            return
        del self._known[reference]
        self._queue.discard(reference)
        self._gone(reference)

    def known(self, kind: Kind) -> Iterator[tuple[ObjectKey, str]]:
        """Those of a kind that were observed and not forgotten, with their uids."""
        for reference, known in self._known.items():
            if reference.kind == kind:
                yield ObjectKey(reference.namespace, reference.name), known.uid

    def look_at(self, reference: Reference) -> None:
        """Something that it names is another one now."""
        if reference in self._known:
            self._queue.add(reference, at=self._now())

    def standings(self) -> Iterator[Standing]:
        """How each vault object stands, by the newest status that is known."""
        return (known.standing for known in self._known.values() if known.standing is not None)

    def backlog(self) -> tuple[int, float, int]:
        """As of the SmtpConfigs' queue."""
        return self._queue.due(), self._queue.oldest_overdue(), self._queue.running()

    async def run(self) -> None:
        """Works until cancelled."""
        self._started = self._now()
        await self._queue.run()

    async def _reconcile(self, reference: Reference) -> None:
        NAMESPACE.set(reference.namespace)
        try:
            await self._look(reference)
        except ClusterError as error:
            pause = pause_after(error)
            _log.warning("%s: %s; next try in %.0f s", reference, error, pause)
            self._queue.add(reference, at=self._now() + pause)

    async def _look(self, reference: Reference) -> None:
        known = self._known.get(reference)
        if known is None:
            return
        kind = _kind(reference)
        try:
            object_ = await self._references.read(reference)
        except ObjectNotFound:
            return  # its deletion will be told of
        self.observe(kind, object_)  # of no effect, but where its event is still on its way
        known = self._known.get(reference)
        if known is None or known.uid != object_["metadata"]["uid"]:
            return
        try:
            view = vault_view(kind, object_)
        except InvalidSpecError as error:
            await self._refuse(vault_identity(kind, object_), vault_status_of(object_), error.verdict)
            return
        await self._ask(view, known)
        due = self._due(view, known)
        if due is not None and due <= self._now():
            await self._check(view, known)
        elif view.generation_is_new or waiting_ends(view, known.memory) <= self._now():
            status = restated_vault(view, memory=known.memory, now=self._now())
            await self._write(view.tested, status, view.status, None)
        else:
            self._wait(view, known)

    async def _ask(self, view: VaultView, known: _Known) -> None:
        """Reads what it names, where no watch tells of that, as often as it is checked."""
        if self._policy.watches_references or self._now() < known.asked + INTERVAL or not view.judged:
            return
        known.asked = self._now()
        await self._references.ask_for(it.reference for it in view.vault.named())

    def _due(self, view: VaultView, known: _Known) -> float | None:
        """When to check; None: only after a change."""
        if not view.judged:
            return 0.0
        change = self._references.compare_vault(view.vault, view.status, known.memory.baselines)
        if change is not Change.NONE:
            return 0.0
        due = from_timestamp(view.status.next_check_time)
        if due is None:
            return None
        now = self._now()
        return due_time(due, uid=view.tested.uid, interval=INTERVAL, started=self._started, now=now)

    async def _check(self, view: VaultView, known: _Known) -> None:
        started = self._now()
        known.asked = started
        live = self._live.of(view.vault)
        try:
            verdict = _passed(await live.check())
        except VerdictError as error:
            verdict = error.verdict
        except ClusterError:
            raise
        except Exception as error:
            _log.error("%s: the login could not be made: %s", view.vault.reference, origin(error))
            verdict = _DEFECT
        read = {
            reference: baseline_of(reference, seen.object_, seen.data_keys, read_at=seen.at)
            for reference, seen in live.seen.items()
        }
        check = Check(verdict=verdict, started=started, ended=self._now(), read=read)
        known.memory.count(view, verdict, now=check.ended)
        watched = self._policy.watches_references
        judgement = judged_vault(view, check, memory=known.memory, watched=watched)
        _log_check(view, verdict, duration=check.ended - started)
        if await self._write(view.tested, judgement.status, view.status, judgement.verdict):
            known.memory.baselines = read
            if verdict.passed and view.ready == "False":
                self._recovered(view.vault.reference)

    async def _refuse(self, identity: Tested, before: VaultStatus, verdict: Verdict) -> None:
        ready = before.condition("Ready")
        if before.observed_generation == identity.generation and ready and ready.reason == verdict.reason:
            return
        status = invalid_vault(before, identity, verdict, now=self._now())
        await self._write(identity, status, before, verdict)

    async def _write(
        self, tested: Tested, status: VaultStatus, before: VaultStatus, verdict: Verdict | None
    ) -> bool:
        """Writes a status and has the object looked at again; whether it still is the one that was read."""
        reference = vault_reference(tested)
        json = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        written = await self._cluster.write_status(tested, json) is not None
        self._queue.add(reference, at=self._now())
        known = self._known.get(reference)
        if not written or known is None or known.uid != tested.uid:
            return False
        known.standing = _standing(tested, status)
        notice = notice_of(before, tested, verdict, action="LogIn")
        if notice is not None:
            await self._cluster.publish(notice)
        return True

    def _wait(self, view: VaultView, known: _Known) -> None:
        times = [waiting_ends(view, known.memory)]
        if (due := self._due(view, known)) is not None:
            times.append(due)
        if not self._policy.watches_references:
            times.append(known.asked + INTERVAL)
        if min(times) < float("inf"):
            self._queue.add(view.vault.reference, at=min(times))


def _kind(reference: Reference) -> Kind:
    match reference.kind:
        case "SmtpVault" | "ClusterSmtpVault" as kind:
            return kind
    raise AssertionError(reference)


def _passed(sentence: str) -> Verdict:
    reason = Reason.VAULT_LOGIN_SUCCEEDED
    return Verdict(reason=reason, message=sentence, retry=REASONS[reason].retry, phase=Phase.PASSWORD)


def _host(vault: VaultObject) -> str:
    """A few checks of one vault at a time."""
    block = vault.block
    url = block.vault_url if isinstance(block, AzureKeyVault | ClusterAzureKeyVault) else block.url
    return (urlsplit(url).netloc or url).lower()


def _standing(identity: Tested, status: VaultStatus) -> Standing:
    ready = status.condition("Ready")
    return Standing(
        kind=identity.kind,
        namespace=identity.key.namespace,
        name=identity.key.name,
        ready=ready.status if ready else "Unknown",
    )


def _log_check(view: VaultView, verdict: Verdict, *, duration: float) -> None:
    _log.info(
        "%s: %s",
        view.vault.reference,
        verdict.summary,
        extra={
            "vault": str(view.vault.reference),
            "generation": view.tested.generation,
            "passed": verdict.passed,
            "reason": str(verdict.reason),
            "duration_seconds": round(duration, 3),
        },
    )


class VaultInbox:
    """Who is told of the vault objects of one kind."""

    def __init__(self, kind: Kind, vaults: VaultReconciler) -> None:
        self._kind: Kind = kind
        self._vaults = vaults

    def is_news(self, object_: JsonObject) -> bool:
        """Whether ``observe`` would do anything."""
        return self._vaults.is_news(self._kind, object_)

    def observe(self, object_: JsonObject) -> None:
        """One was created or changed, or stood in a listing."""
        self._vaults.observe(self._kind, object_)

    def forget(self, key: ObjectKey, uid: str) -> None:
        """One was deleted."""
        self._vaults.forget(Reference(self._kind, key.namespace, key.name), uid)

    def known(self) -> Iterator[tuple[ObjectKey, str]]:
        """Those that are there, as far as is known, with their uids."""
        return self._vaults.known(self._kind)

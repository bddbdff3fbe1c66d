# SPDX-License-Identifier: Apache-2.0
"""From "something happened" to a status: the one loop that decides, tests, judges and writes."""

import asyncio
import logging
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Final

from smtp_operator.api.objects import (
    AccessDenied,
    ApiUnavailable,
    JsonObject,
    Notice,
    ObjectKey,
    ObjectMetadata,
    Reference,
)
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.verdict import Phase, Trigger, Verdict, cut
from smtp_operator.reconcile.conditions import invalid, judged, restated, under_test
from smtp_operator.reconcile.deadlines import DeadlineQueue
from smtp_operator.reconcile.interfaces import Cluster, Engine, Now, Policy
from smtp_operator.reconcile.outcome import Outcome
from smtp_operator.reconcile.plan import Memory, Plan, Restate, RunTest, Wait, decide
from smtp_operator.reconcile.references import Change, ReferenceIndex, compare, references_of
from smtp_operator.reconcile.tester import Tester
from smtp_operator.reconcile.view import InvalidSpecError, View, identity_of, request_of, status_of, view_of

_log = logging.getLogger("smtp_operator.verdict")

_ANNOUNCE_EVERY: Final = 1.0
"""A test is announced in status only once it takes longer than most; its phase once a second at most."""

_STILL_FRESH: Final = 1.0
"""An event's object is as good as one asked for; a write names its resourceVersion anyway."""

_API_PAUSE: Final = 5.0
_DENIED_PAUSE: Final = 60.0

_ANY_CHANGE_COUNTS: Final = frozenset(
    {Reason.SERVER_NOT_ALLOWED, Reason.SECRET_ACCESS_DENIED, Reason.CONFIG_MAP_ACCESS_DENIED}
)
"""Verdicts that an edit of an object's annotations may mend, not of its data alone."""


@dataclass(slots=True)
class _Known:
    """What is remembered of a SmtpConfig between two looks at it."""

    uid: str
    seen: tuple[int, str | None]
    """Generation and request: what of an event matters."""
    lane: Hashable
    memory: Memory = field(default_factory=Memory)
    latest: tuple[float, View] | None = None
    """The object as an event has just shown it, and when; dropped once looked at."""
    unwritten: SmtpConfigStatus | None = None
    """A verdict that the API server did not take yet. Testing again instead might mail again."""
    unwritten_of: int = 0
    """The generation that it judges."""


class Reconciler:
    """Level-triggered: whatever wakes it, it reads the object anew and decides by what is there.

    ``observe``, ``forget`` and ``reference_changed`` only take note; the work is done in ``run``.
    """

    def __init__(self, *, cluster: Cluster, engine: Engine, policy: Policy, now: Now) -> None:
        self._cluster = cluster
        self._policy = policy
        self._now = now
        self._started = now()
        self._known: dict[ObjectKey, _Known] = {}
        self._references = ReferenceIndex()
        self._tester = Tester(cluster=cluster, engine=engine, policy=policy, now=now)
        self._queue: DeadlineQueue[ObjectKey] = DeadlineQueue(
            self._reconcile,
            lane_of=lambda key: self._known[key].lane if key in self._known else None,
            per_lane=policy.connections_per_destination,
            now=now,
        )

    def observe(self, object_: JsonObject) -> None:
        """A SmtpConfig was created or changed, or stood in a listing."""
        identity = identity_of(object_)
        seen = (identity.generation, request_of(object_))
        known = self._known.get(identity.key)
        if known is not None and known.uid == identity.uid and known.seen == seen:
            return  # our own write, or somebody's label
        spec = object_.get("spec") or {}
        lane = (str(spec.get("server")).lower(), spec.get("port"))
        if known is None or known.uid != identity.uid:
            known = self._known[identity.key] = _Known(uid=identity.uid, seen=seen, lane=lane)
        memory = known.memory
        if memory.generation_seen is None or memory.generation_seen[0] != identity.generation:
            memory.generation_seen = (identity.generation, self._now())
        known.seen, known.lane = seen, lane
        try:
            view = view_of(object_)
        except InvalidSpecError:
            known.latest = None
        else:
            known.latest = (self._now(), view)
            uses = references_of(view.spec, view.key.namespace)
            self._references.name(view.key, {use.reference for use in uses})
        self._queue.add(identity.key, at=self._now())

    def forget(self, key: ObjectKey, uid: str) -> None:
        """A SmtpConfig was deleted; one of the same name may have come after it."""
        known = self._known.get(key)
        if known is None or known.uid != uid:
            return
        del self._known[key]
        self._references.name(key, ())
        self._queue.discard(key)

    def wants(self, reference: Reference) -> bool:
        """Whether a change of this object matters to anyone."""
        return self._references.wants(reference)

    def reference_changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        """A referenced object was created, changed or (None) deleted."""
        for key in self._references.seen(reference, metadata):
            self._queue.add(key, at=self._now())

    def references_listed(self) -> None:
        """Every referenced object that exists has been reported: the others do not exist."""
        self._references.all_listed()

    async def run(self) -> None:
        """Works until cancelled."""
        await self._queue.run()

    async def _reconcile(self, key: ObjectKey) -> None:
        try:
            view = await self._look_at(key)
            if view is not None and await self._nothing_left_unwritten(view):
                await self._carry_out(self._decide(view), view)
        except (ApiUnavailable, AccessDenied) as error:
            self._try_again(key, error)

    async def _look_at(self, key: ObjectKey) -> View | None:
        """The object as it is now; None where there is nothing to decide about it."""
        known = self._known.get(key)
        if known is None:
            return None
        latest, known.latest = known.latest, None
        if latest is not None and self._now() - latest[0] < _STILL_FRESH:
            return latest[1]
        object_ = await self._cluster.get_smtp_config(key)
        if object_ is None:
            self.forget(key, known.uid)
            return None
        if object_["metadata"]["uid"] != known.uid:
            self.observe(object_)  # deleted and created again; the event of it is on its way
        try:
            return view_of(object_)
        except InvalidSpecError as error:
            await self._refuse(object_, error.verdict)
            return None

    async def _nothing_left_unwritten(self, view: View) -> bool:
        known = self._known[view.key]
        if known.unwritten is None:
            return True
        status, known.unwritten = known.unwritten, None
        if known.unwritten_of != view.generation:
            return True
        await self._write(view, status)
        self._queue.add(view.key, at=self._now())
        return False

    def _decide(self, view: View) -> Plan:
        memory = self._known[view.key].memory
        return decide(
            view,
            memory=memory,
            now=self._now(),
            started=self._started,
            compare=lambda it: self._compare(it, memory),
        )

    async def _carry_out(self, plan: Plan, view: View) -> None:
        match plan:
            case RunTest():
                await self._test(view, plan)
            case Restate():
                memory = self._known[view.key].memory
                await self._write(view, restated(view, memory=memory, now=self._now()))
                self._queue.add(view.key, at=self._now())
            case Wait(until) if until is not None:
                self._queue.add(view.key, at=until)

    def _compare(self, view: View, memory: Memory) -> tuple[Change, Trigger]:
        references = view.status.tested.references if view.status.tested else []
        tested = {(it.kind, it.name): it.version for it in references}
        ready = view.status.condition("Ready")
        found = (Change.NONE, Trigger.DEPENDENCY_CHANGED)
        for use in references_of(view.spec, view.key.namespace):
            name = (use.reference.kind, use.reference.name)
            if not self._references.known(use.reference) or name not in tested:
                continue
            change = compare(
                tested[name],
                self._references.metadata(use.reference),
                [use.data_key],
                baseline=memory.baselines.get(use.reference),
                test_started=view.last_test_started or 0.0,
                any_key=ready is not None and ready.reason in _ANY_CHANGE_COUNTS,
            )
            if change > found[0]:
                found = (change, use.trigger)
        return found

    async def _test(self, view: View, test: RunTest) -> None:
        memory = self._known[view.key].memory
        memory.recent_tests.append(self._now())
        progress = _Progress()
        announcing = asyncio.create_task(self._announce(view, test, progress))
        try:
            outcome = await self._tester.run(view, test, on_phase=progress.entered)
            progress.ended.set()
            await announcing
        finally:
            announcing.cancel()
        if progress.announced is not None:
            view = progress.announced
        _count(memory, outcome)
        judgement = judged(view, outcome, memory=memory, watched=self._policy.watches_references)
        self._log_verdict(view, outcome)
        version = await self._write(view, judgement.status)
        if version is None:
            _log.info("%s changed during its test; the result is dropped", view.key)
            self._queue.add(view.key, at=self._now())
            return
        memory.baselines = outcome.read
        if judgement.verdict is not None:
            await self._notice(view, judgement.verdict, outcome)
        after = replace(view, tested=replace(view.tested, resource_version=version), status=judgement.status)
        following = self._decide(after)
        if not isinstance(following, Wait):
            self._queue.add(view.key, at=self._now())
        elif following.until is not None:
            self._queue.add(view.key, at=following.until)

    async def _announce(self, view: View, test: RunTest, progress: "_Progress") -> None:
        """Says in status that a test is under way, and for a requested one, in which phase."""
        requested = test.trigger is Trigger.REQUESTED
        if view.judged and not requested:
            return
        told: Phase | None = None
        while not await progress.ended_within(_ANNOUNCE_EVERY):
            if progress.announced is not None and (progress.phase is told or not requested):
                continue
            told = progress.phase
            status = under_test(view, phase=told if requested else None, now=self._now())
            base = progress.announced or view
            try:
                version = await self._cluster.write_status(base.tested, _as_json(status))
            except (ApiUnavailable, AccessDenied):
                return  # the verdict matters, not this
            if version is None:
                return
            tested = replace(base.tested, resource_version=version)
            progress.announced = replace(base, tested=tested, status=status)

    async def _refuse(self, object_: JsonObject, verdict: Verdict) -> None:
        before = status_of(object_)
        identity = identity_of(object_)
        ready = before.condition("Ready")
        if before.observed_generation == identity.generation and ready and ready.reason == verdict.reason:
            return
        status = invalid(before, identity.generation, verdict, now=self._now())
        try:
            await self._cluster.write_status(identity, _as_json(status))
        except (ApiUnavailable, AccessDenied) as error:
            self._try_again(identity.key, error)

    async def _write(self, view: View, status: SmtpConfigStatus) -> str | None:
        try:
            return await self._cluster.write_status(view.tested, _as_json(status))
        except (ApiUnavailable, AccessDenied):
            known = self._known.get(view.key)
            if known is not None:
                known.unwritten, known.unwritten_of = status, view.generation
            raise

    async def _notice(self, view: View, verdict: Verdict, outcome: Outcome) -> None:
        before = view.status.condition("Ready")
        if before is not None and (before.status, before.reason) == (verdict.status, str(verdict.reason)):
            return
        await self._cluster.publish(
            Notice(
                key=view.key,
                uid=view.tested.uid,
                type="Normal" if verdict.passed else "Warning",
                reason=str(verdict.reason),
                action=f"Test{outcome.mode}",
                note=cut(verdict.message),
            )
        )

    def _try_again(self, key: ObjectKey, error: ApiUnavailable | AccessDenied) -> None:
        pause = _DENIED_PAUSE
        if isinstance(error, ApiUnavailable):
            pause = max(_API_PAUSE, error.retry_after or 0.0)
        _log.warning("%s: %s; next try in %.0f s", key, error, pause)
        self._queue.add(key, at=self._now() + pause)

    def _log_verdict(self, view: View, outcome: Outcome) -> None:
        verdict = outcome.verdict
        _log.info(
            "%s: %s",
            view.key,
            verdict.summary,
            extra={
                "smtpconfig": str(view.key),
                "generation": view.generation,
                "trigger": str(outcome.trigger),
                "mode": str(outcome.mode),
                "passed": verdict.passed,
                "reason": str(verdict.reason),
                "duration_seconds": round(outcome.report.duration, 3),
            },
        )


@dataclass(slots=True)
class _Progress:
    """How far a test has got, and what was announced of it."""

    phase: Phase | None = None
    announced: View | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def entered(self, phase: Phase) -> None:
        self.phase = phase

    async def ended_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        except TimeoutError:
            return False
        return True


def _count(memory: Memory, outcome: Outcome) -> None:
    if outcome.verdict.passed:
        memory.failures, memory.failing_since = 0, None
        return
    memory.failures += 1
    if memory.failing_since is None:
        memory.failing_since = outcome.ended


def _as_json(status: SmtpConfigStatus) -> JsonObject:
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)

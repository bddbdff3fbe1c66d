# SPDX-License-Identifier: Apache-2.0
"""Derive the status that users read from a check of a vault object, by the rules of SmtpConfigs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.objects import ObjectVersion, Reference
from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.status import TestedReference, TestedSettings, VaultStatus
from smtp_operator.api.timestamps import from_timestamp, to_timestamp
from smtp_operator.api.verdict import Verdict
from smtp_operator.reconcile.backoff import HOUR, MINUTE, WAITING_TIME, delay_after, stalled
from smtp_operator.reconcile.condition_writer import ConditionWriter
from smtp_operator.reconcile.references.changes import ReferenceBaseline
from smtp_operator.reconcile.vault.snapshot import VaultSnapshot

INTERVAL: Final = HOUR
"""Seconds between two checks of a working login."""

_HOLD_TIME: Final = 10 * MINUTE
_HOLD_FAILURES: Final = 3
"""Rule 2: Ready=True survives transient failures for at least this time and this many."""

_MAY_PASS: Final = frozenset({Retry.TRANSIENT, Retry.SLOW})


@dataclass(slots=True)
class VaultCheckHistory:
    """History of a vault object's checks in this process."""

    failures: int = 0
    """Consecutive failed checks."""
    failing_since: float | None = None
    """When the first consecutive failure ended, in seconds since the epoch."""
    generation_seen: tuple[int, float] | None = None
    """A generation that appeared while this process was watching, and when."""
    baselines: Mapping[Reference, ReferenceBaseline] = field(default_factory=dict)
    """Objects that the last check read."""

    def record_result(self, view: VaultSnapshot, verdict: Verdict, *, now: float) -> None:
        """Record a check; ``view`` is the object before it."""
        if verdict.passed or not view.has_verdict:
            self.failures, self.failing_since = 0, None
        elif not self.failures and view.ready == "False":
            self.failures = 1
        if not verdict.passed:
            self.failures += 1
            self.failing_since = self.failing_since or now


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultCheck:
    """Result of a check that has ended. Times are in seconds since the epoch."""

    verdict: Verdict
    started: float
    ended: float
    read: Mapping[Reference, ReferenceBaseline]


@dataclass(frozen=True, slots=True)
class VaultStatusUpdate:
    """A status to write, and its verdict if the status states a new one."""

    status: VaultStatus
    verdict: Verdict | None


def vault_status_after_check(
    view: VaultSnapshot, check: VaultCheck, *, memory: VaultCheckHistory, watched: bool
) -> VaultStatusUpdate:
    """Return the status after a check, which ``memory`` already counts."""
    verdict, write = check.verdict, ConditionWriter(view.status, view.version.generation, check.ended)
    delay = delay_after(
        verdict,
        uid=view.version.uid,
        interval=INTERVAL,
        failures=memory.failures,
        refusals=0,
        had_passed=False,
        watched=watched,
    )
    update: dict[str, object] = {
        "observed_generation": view.version.generation,
        "provider": str(view.vault.provider),
        "tested": _tested(view, check),
        "last_check_time": to_timestamp(check.started),
        "next_check_time": None if delay is None else to_timestamp(check.ended + delay),
    }
    if not verdict.passed and _verdict_holds(view, check, memory):
        update["conditions"] = write.kept("Ready")
        return VaultStatusUpdate(view.status.model_copy(update=update), None)
    if verdict.passed:
        conditions = [write.condition("Ready", "True", verdict.reason, verdict.message)]
    else:
        waited = check.ended - _appeared(view, memory)
        stalls = stalled(verdict, refusals=0, waited=waited, retried=delay is not None)
        conditions = [*write.failed(verdict), write.reconciling_and_stalled(verdict, stalls=stalls)]
    update |= {"conditions": conditions, "summary": verdict.summary}
    return VaultStatusUpdate(view.status.model_copy(update=update), verdict)


def refreshed_vault_status(view: VaultSnapshot, *, memory: VaultCheckHistory, now: float) -> VaultStatus:
    """Return the status without a check: after a change of the allowed users, or at the end of a wait."""
    write = ConditionWriter(view.status, view.version.generation, now)
    conditions = write.kept("Ready", "Failed", "Reconciling", "Stalled")
    waiting = view.status.condition("Reconciling")
    if waiting is not None and waiting_ends(view, memory) <= now:
        ready = view.status.condition("Ready")
        reason, message = (ready.reason, ready.message) if ready else (waiting.reason, waiting.message)
        conditions = [*write.kept("Ready", "Failed"), write.condition("Stalled", "True", reason, message)]
    return view.status.model_copy(
        update={"observed_generation": view.version.generation, "conditions": conditions}
    )


def invalid_vault_status(
    before: VaultStatus, version: ObjectVersion, verdict: Verdict, *, now: float
) -> VaultStatus:
    """Return the status of an invalid spec; ``before`` is the previous status."""
    write = ConditionWriter(before, version.generation, now)
    return VaultStatus(
        observed_generation=version.generation,
        conditions=[*write.failed(verdict), write.reconciling_and_stalled(verdict, stalls=True)],
        summary=verdict.summary,
        last_check_time=before.last_check_time,
    )


def waiting_ends(view: VaultSnapshot, memory: VaultCheckHistory) -> float:
    """Return when an object that waits for a dependency is stalled (rule 3); infinity if it does not wait."""
    condition = view.status.condition("Reconciling")
    if condition is None or condition.reason != Reason.WAITING_FOR_DEPENDENCY:
        return float("inf")
    return _appeared(view, memory) + WAITING_TIME


def _appeared(view: VaultSnapshot, memory: VaultCheckHistory) -> float:
    """Return when this generation was first seen, as far as known, in seconds since the epoch."""
    if view.version.generation == 1:
        return view.created
    if memory.generation_seen is not None and memory.generation_seen[0] == view.version.generation:
        return memory.generation_seen[1]
    waiting = view.status.condition("Reconciling")
    if waiting is not None and waiting.observed_generation == view.version.generation:
        return from_timestamp(waiting.last_transition_time) or 0.0
    return 0.0


def _verdict_holds(view: VaultSnapshot, check: VaultCheck, memory: VaultCheckHistory) -> bool:
    if not view.has_verdict or view.ready != "True" or check.verdict.retry not in _MAY_PASS:
        return False
    lasted = check.ended - (memory.failing_since or check.ended)
    return memory.failures < _HOLD_FAILURES or lasted < _HOLD_TIME


def _tested(view: VaultSnapshot, check: VaultCheck) -> TestedSettings:
    namespace = view.version.key.namespace
    versions = sorted((it.kind, it.written_from(namespace), read.version) for it, read in check.read.items())
    return TestedSettings(
        settings=view.digest,
        references=[
            TestedReference(kind=kind, name=name, version=version) for kind, name, version in versions
        ],
    )

# SPDX-License-Identifier: Apache-2.0
"""Derive the status that users read from a check of a vault object, by the rules of SmtpConfigs."""

from collections.abc import Mapping
from dataclasses import dataclass

from smtp_operator.api.objects import ObjectVersion, Reference
from smtp_operator.api.status import VaultStatus
from smtp_operator.api.timestamps import to_timestamp
from smtp_operator.api.verdict import Verdict
from smtp_operator.reconcile.backoff import delay_after, stalled
from smtp_operator.reconcile.condition_writer import ConditionWriter
from smtp_operator.reconcile.references.changes import ReferenceBaseline, settings_of_verdict
from smtp_operator.reconcile.state import ObjectState, StatusUpdate
from smtp_operator.reconcile.vault.snapshot import INTERVAL, VaultSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultCheck:
    """Result of a check that has ended. Times are in seconds since the epoch."""

    verdict: Verdict
    started: float
    ended: float
    read: Mapping[Reference, ReferenceBaseline]


def vault_status_after_check(
    snapshot: VaultSnapshot, check: VaultCheck, *, state: ObjectState, watched: bool
) -> StatusUpdate[VaultStatus]:
    """Return the status after a check, which ``state`` already counts."""
    verdict, write = check.verdict, ConditionWriter(snapshot.status, snapshot.generation, check.ended)
    delay = delay_after(
        verdict,
        uid=snapshot.version.uid,
        interval=INTERVAL,
        failures=state.failures,
        refusals=0,
        had_passed=False,
        watched=watched,
    )
    update: dict[str, object] = {
        "observed_generation": snapshot.generation,
        "provider": str(snapshot.vault.provider),
        "tested": settings_of_verdict(snapshot, check.read),
        "last_check_time": to_timestamp(check.started),
        "next_check_time": None if delay is None else to_timestamp(check.ended + delay),
    }
    if not verdict.passed and _verdict_holds(snapshot, check, state):
        update["conditions"] = write.kept("Ready")
        return StatusUpdate(snapshot.status.model_copy(update=update), None)
    if verdict.passed:
        conditions = [write.condition("Ready", "True", verdict.reason, verdict.message)]
    else:
        waited = check.ended - state.generation_appeared(snapshot)
        stalls = stalled(verdict, refusals=0, waited=waited, retried=delay is not None)
        conditions = [*write.failed(verdict), write.reconciling_and_stalled(verdict, stalls=stalls)]
    update |= {"conditions": conditions, "summary": verdict.summary}
    return StatusUpdate(snapshot.status.model_copy(update=update), verdict)


def refreshed_vault_status(snapshot: VaultSnapshot, *, state: ObjectState, now: float) -> VaultStatus:
    """Return the status without a check: after a change of the allowed users, or at the end of a wait."""
    write = ConditionWriter(snapshot.status, snapshot.generation, now)
    conditions = write.kept("Ready", "Failed", "Reconciling", "Stalled")
    waiting = snapshot.status.condition("Reconciling")
    ends = state.waiting_ends(snapshot)
    if waiting is not None and ends is not None and ends <= now:
        ready = snapshot.status.condition("Ready")
        reason, message = (ready.reason, ready.message) if ready else (waiting.reason, waiting.message)
        conditions = [*write.kept("Ready", "Failed"), write.condition("Stalled", "True", reason, message)]
    return snapshot.status.model_copy(
        update={"observed_generation": snapshot.generation, "conditions": conditions}
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


def _verdict_holds(snapshot: VaultSnapshot, check: VaultCheck, state: ObjectState) -> bool:
    if not snapshot.has_verdict or snapshot.ready != "True" or not check.verdict.retry.is_transient:
        return False
    return state.tolerates_failure(check.ended)

# SPDX-License-Identifier: Apache-2.0
"""Reconcile vault objects: log in to the vault, and write the result to status.

A change of a vault object, of its credentials or of its CA reconciles the SmtpConfigs that read through it.
"""

from collections.abc import Callable
from typing import ClassVar, Final
from urllib.parse import urlsplit

from smtp_operator.api.errors import ClusterError, origin
from smtp_operator.api.objects import (
    JsonObject,
    ObjectMetadata,
    ObjectVersion,
    Reference,
    ServedKind,
    VaultKindName,
)
from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.status import VaultStatus
from smtp_operator.api.vault_blocks import AzureKeyVault, ClusterAzureKeyVault
from smtp_operator.api.vaultobject import VaultObject
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_operator.reconcile.actions import RefreshStatus, Wait
from smtp_operator.reconcile.events import log, log_verdict, verdict_event
from smtp_operator.reconcile.internal_errors import internal_error
from smtp_operator.reconcile.reconciler import Reconciler
from smtp_operator.reconcile.references.changes import baseline_of, changes_since_test
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.snapshot import status_of
from smtp_operator.reconcile.state import PendingStatus
from smtp_operator.reconcile.vault.planner import CheckLogin, decide
from smtp_operator.reconcile.vault.snapshot import VaultSnapshot, vault_snapshot_of
from smtp_operator.reconcile.vault.state import VaultState
from smtp_operator.reconcile.vault.status import (
    VaultCheck,
    invalid_vault_status,
    refreshed_vault_status,
    vault_status_after_check,
)
from smtp_operator.secrets.vaults.clients import VaultClients

_AT_ONCE: Final = 5
"""Maximum number of concurrent checks of one vault for each namespace."""


class VaultReconciler(Reconciler[VaultSnapshot, VaultState, CheckLogin]):
    """Reconciler of vault objects."""

    kinds: ClassVar[tuple[VaultKindName, ...]] = ("SmtpVault", "ClusterSmtpVault")
    uses_terminating = True

    def __init__(
        self, parts: SharedParts, *, vaults: VaultClients, recovered: Callable[[Reference], None]
    ) -> None:
        """Create a reconciler; ``recovered`` receives each vault that accepts the operator's login again."""
        super().__init__(parts, per_concurrency_key=_AT_ONCE)
        self._clients = vaults
        self._recovered = recovered

    def new_state(self, uid: str) -> VaultState:
        """Return the state of an object that was not known before."""
        return VaultState(uid=uid)

    def snapshot_of(self, kind: ServedKind, object_: JsonObject) -> VaultSnapshot:
        """Return the snapshot of an object."""
        return vault_snapshot_of("SmtpVault" if kind == "SmtpVault" else "ClusterSmtpVault", object_)

    def status_of(self, object_: JsonObject) -> VaultStatus:
        """Return the stored status of an object."""
        return status_of(VaultStatus, object_)

    def observe(
        self, version: ObjectVersion, object_: JsonObject, snapshot: VaultSnapshot | None, state: VaultState
    ) -> None:
        """Drop outdated clients, and reconcile the SmtpConfigs that read through this vault.

        A read may precede the event and make it irrelevant, so this happens at the first of both.
        """
        if snapshot is None:
            self._clients.forget(version.reference)
        else:
            state.concurrency_key = _host(snapshot.vault)
            self._clients.forget_outdated(snapshot.vault)
        metadata = ObjectMetadata(
            reference=version.reference, uid=version.uid, resource_version=str(version.generation)
        )
        self.enqueue_others(self.tracker.record(version.reference, metadata))

    def forgotten(self, reference: Reference) -> None:
        """Drop the client of a deleted vault object, and reconcile the SmtpConfigs that read through it."""
        self._clients.forget(reference)
        self.enqueue_others(self.tracker.record(reference, None))

    def decide(self, snapshot: VaultSnapshot, state: VaultState) -> CheckLogin | RefreshStatus | Wait:
        """Return the next step; a pure function."""
        return decide(
            snapshot,
            state=state,
            now=self.now(),
            started=self.started,
            compare=lambda it: changes_since_test(it, state.baselines, self.tracker)[0],
        )

    async def execute(self, action: CheckLogin, snapshot: VaultSnapshot, state: VaultState) -> bool:
        """Log in, and write the result."""
        started = state.references_polled_at = self.now()
        client = self._clients.of(snapshot.vault)
        try:
            verdict = _passed(await client.check())
        except VerdictError as error:
            verdict = error.verdict
        except ClusterError:
            raise
        except Exception as error:
            reference = snapshot.vault.reference
            log.error("%s: the login failed with an internal error: %s", reference, origin(error))
            verdict = internal_error("while it logged in")
        read = {
            reference: baseline_of(reference, seen.object_, seen.data_keys, read_at=seen.at)
            for reference, seen in client.read_objects.items()
        }
        check = VaultCheck(verdict=verdict, started=started, ended=self.now(), read=read)
        state.record_result(snapshot, verdict, ended=check.ended)
        update = vault_status_after_check(
            snapshot, check, state=state, watched=self.poller.is_watched(snapshot)
        )
        name = str(snapshot.vault.reference)
        log_verdict(name, snapshot.version, verdict, seconds=check.ended - started, vault=name)
        event = verdict_event(snapshot.status, snapshot.version, update.verdict, action="LogIn")
        state.recovers = verdict.passed and snapshot.ready == "False"
        await self.write(
            PendingStatus(
                tested=snapshot.version,
                status=update.status,
                read=read,
                events=() if event is None else (event,),
            )
        )
        self.enqueue(snapshot.version.reference)
        return False

    def written(self, pending: PendingStatus, state: VaultState) -> None:
        """Report a login that works again, once status says so."""
        if state.recovers:
            state.recovers = False
            self._recovered(pending.tested.reference)

    def refreshed(self, snapshot: VaultSnapshot, state: VaultState) -> PendingStatus:
        """Return the status without a check."""
        status = refreshed_vault_status(snapshot, state=state, now=self.now())
        return PendingStatus(tested=snapshot.version, status=status)

    def invalid_status(self, object_: JsonObject, version: ObjectVersion, verdict: Verdict) -> VaultStatus:
        """Return the status of an invalid spec."""
        return invalid_vault_status(self.status_of(object_), version, verdict, now=self.now())


def _passed(sentence: str) -> Verdict:
    reason = Reason.VAULT_LOGIN_SUCCEEDED
    return Verdict(reason=reason, message=sentence, retry=REASONS[reason].retry, phase=Phase.PASSWORD)


def _host(vault: VaultObject) -> str:
    """Return the vault's host, which limits concurrent checks."""
    block = vault.block
    url = block.vault_url if isinstance(block, AzureKeyVault | ClusterAzureKeyVault) else block.url
    return (urlsplit(url).netloc or url).lower()

# SPDX-License-Identifier: Apache-2.0
"""Hold the parts that the reconcilers of all kinds share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from smtp_operator.api.objects import Reference
from smtp_operator.reconcile.limits.admission import Limits
from smtp_operator.reconcile.ports import ClusterPort, Now, ReconcilePolicy, SecretPort
from smtp_operator.reconcile.references.reader import ReferenceReader
from smtp_operator.reconcile.references.tracker import ReferenceTracker
from smtp_operator.reconcile.send_gate import SendGate


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedParts:
    """Parts that the reconcilers of all kinds share."""

    cluster: ClusterPort
    policy: ReconcilePolicy
    now: Now
    tracker: ReferenceTracker
    reader: ReferenceReader
    limits: Limits
    send_gate: SendGate
    enqueue: Callable[[Iterable[Reference]], None]
    """Reconciles objects of any kind soon."""
    secrets: SecretPort | None = None
    """Writes the Secrets that SmtpConfigs publish."""

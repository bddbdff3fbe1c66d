# SPDX-License-Identifier: Apache-2.0
"""Collect what a test of a SmtpConfig reads before its dialogue: values, their holders and their versions."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.verdict import Phase, SmtpType, Trigger, Verdict
from smtp_operator.reconcile.references.changes import ReferenceBaseline, baseline_of
from smtp_operator.reconcile.smtpconfig.result import PasswordResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.secrets.oauth2 import client as oauth2
from smtp_operator.secrets.secret_reader import SecretReader
from smtp_operator.secrets.sources import described


@dataclass(slots=True)
class Preparation:
    """Data that is collected before the dialogue."""

    values: SecretReader
    password: PasswordResult | None = None
    credential_objects: tuple[JsonObject, ...] = ()
    """Objects with which an access token was obtained."""
    token: Hashable = None
    """Key for dropping the access token, if one was used."""
    phase: Phase = Phase.PASSWORD


def verified(spec: SmtpConfigSpec) -> bool:
    """Return whether a password is sent only over verified TLS."""
    return spec.smtp_type is not SmtpType.NONE and not (spec.tls and spec.tls.insecure_skip_verify)


def credentials(snapshot: Snapshot, preparation: Preparation) -> Iterator[JsonObject]:
    """Yield the objects whose annotations limit where their values may be sent: all but CA bundles."""
    spec, namespace = snapshot.spec, snapshot.key.namespace
    named = {use.reference for use in snapshot.uses if use.trigger is Trigger.PASSWORD_CHANGED}
    if spec.tls is not None and spec.tls.client_certificate_ref is not None:
        named.add(Reference("Secret", namespace, spec.tls.client_certificate_ref.name))
    yield from _read(preparation, named)
    yield from preparation.credential_objects


def bound(snapshot: Snapshot, preparation: Preparation) -> Iterator[JsonObject]:
    """Yield the objects that may bind the sent values: their holders, and the objects on the way to them."""
    yield from credentials(snapshot, preparation)
    yield from _on_the_way(preparation)


def holders(snapshot: Snapshot, preparation: Preparation) -> Iterator[JsonObject]:
    """Yield the objects that hold the username and the password, and the objects on the way to them."""
    named = {use.reference for use in snapshot.uses if use.trigger is Trigger.PASSWORD_CHANGED}
    yield from _read(preparation, named)
    yield from _on_the_way(preparation)


def _read(preparation: Preparation, named: set[Reference]) -> Iterator[JsonObject]:
    for reference, found in preparation.values.read.items():
        if reference in named and found is not None:
            yield found


def _on_the_way(preparation: Preparation) -> Iterator[JsonObject]:
    for reference, found in preparation.values.read.items():
        if reference.is_vault and found is not None:
            yield found
    for reference, seen in preparation.values.login_objects.items():
        if reference.kind in ("Secret", "ServiceAccount") and seen.object_ is not None:
            yield seen.object_


def unresolved(spec: SmtpConfigSpec, verdict: Verdict) -> PasswordResult:
    """Return the facts about a password that could not be read."""
    if spec.oauth2 is not None:
        source, reference = oauth2.SOURCE, oauth2.described(spec.oauth2)
    else:
        assert spec.password is not None
        source, reference = described(spec.password)
    return PasswordResult(
        source=source, reference=reference, resolved=False, reason=verdict.reason, message=verdict.message
    )


def baselines(values: SecretReader, snapshot: Snapshot, started: float) -> dict[Reference, ReferenceBaseline]:
    """Return what to remember of the objects that a test has read, which started at that time."""
    keys: dict[Reference, list[str]] = {}
    for use in snapshot.uses:
        keys.setdefault(use.reference, []).append(use.data_key)
    read = {
        reference: baseline_of(reference, found, keys.get(reference, ()), read_at=started)
        for reference, found in values.read.items()
    }
    behind = {
        reference: baseline_of(reference, seen.object_, seen.data_keys, read_at=seen.at)
        for reference, seen in values.login_objects.items()
    }
    return behind | read

# SPDX-License-Identifier: Apache-2.0
"""List the objects that a SmtpConfig references, and detect changes of them since the last read."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from smtp_operator.api.objects import (
    FieldWrite,
    JsonObject,
    ObjectKey,
    ObjectMetadata,
    Reference,
    ReferenceKind,
    field_writes,
)
from smtp_operator.api.smtpconfig import OAuth2, SmtpConfigSpec
from smtp_operator.api.vaultobject import VaultObject
from smtp_operator.api.verdict import Trigger
from smtp_operator.reconcile.timestamps import from_timestamp
from smtp_operator.secrets.vaults.password_source import reference_of


class ReferenceUse(NamedTuple):
    """A key of an object that a SmtpConfig references; a change of it starts a test with this trigger."""

    reference: Reference
    data_key: str
    trigger: Trigger


def references_of(spec: SmtpConfigSpec, namespace: str) -> tuple[ReferenceUse, ...]:
    """Return all objects that the spec references, whether they exist or not."""
    uses = []
    if spec.username_ref is not None:
        secret = Reference("Secret", namespace, spec.username_ref.name)
        uses.append(ReferenceUse(secret, spec.username_ref.key, Trigger.PASSWORD_CHANGED))
    if spec.password is not None and spec.password.secret_ref is not None:
        secret = Reference("Secret", namespace, spec.password.secret_ref.name)
        uses.append(ReferenceUse(secret, spec.password.secret_ref.key, Trigger.PASSWORD_CHANGED))
    if spec.password is not None and spec.password.vault_item is not None:
        vault = reference_of(spec.password.vault_item.vault_ref, namespace)
        uses.append(ReferenceUse(vault, "", Trigger.DEPENDENCY_CHANGED))
    if spec.oauth2 is not None:
        uses += _of_oauth2(spec.oauth2, namespace)
    if spec.tls is not None and spec.tls.ca_ref is not None:
        bundle = Reference(spec.tls.ca_ref.kind, namespace, spec.tls.ca_ref.name)
        uses.append(ReferenceUse(bundle, spec.tls.ca_ref.key, Trigger.DEPENDENCY_CHANGED))
    if spec.tls is not None and spec.tls.client_certificate_ref is not None:
        pair = Reference("Secret", namespace, spec.tls.client_certificate_ref.name)
        uses += [ReferenceUse(pair, key, Trigger.DEPENDENCY_CHANGED) for key in ("tls.crt", "tls.key")]
    return tuple(uses)


def _of_oauth2(oauth2: OAuth2, namespace: str) -> Iterator[ReferenceUse]:
    """Yield the uses of ``spec.oauth2``; each edit of a ServiceAccount, which has no key, is in doubt."""
    if oauth2.service_account_ref is not None:
        account = Reference("ServiceAccount", namespace, oauth2.service_account_ref.name)
        yield ReferenceUse(account, "", Trigger.DEPENDENCY_CHANGED)
    for secret in (oauth2.client_secret_ref, oauth2.refresh_token_ref):
        if secret is not None:
            named = Reference("Secret", namespace, secret.name)
            yield ReferenceUse(named, secret.key, Trigger.PASSWORD_CHANGED)
    if oauth2.ca_ref is not None:
        bundle = Reference(oauth2.ca_ref.kind, namespace, oauth2.ca_ref.name)
        yield ReferenceUse(bundle, oauth2.ca_ref.key, Trigger.DEPENDENCY_CHANGED)


def uses_of_vault(vault: VaultObject) -> tuple[ReferenceUse, ...]:
    """Return what a vault object references; a change affects all objects that read through that vault."""
    return tuple(
        ReferenceUse(it.reference, it.data_key, Trigger.DEPENDENCY_CHANGED) for it in vault.references()
    )


class ReferenceChange(IntEnum):
    """Result of comparing a referenced object with the version that a test read; larger values win."""

    NONE = 0
    IN_DOUBT = 1
    """The object has changed, but perhaps not in the relevant key."""
    CHANGED = 2


Owners = tuple[tuple[str, str, str], ...]
"""Owners of a data key: manager, operation and time of each entry in managedFields."""

_SAME_SECOND: Final = 1.0
# managedFields has whole seconds: a second write within the same second leaves no trace.


@dataclass(frozen=True, slots=True)
class ReferenceBaseline:
    """State of an object when a test read it. ``read_at`` is in seconds since the epoch."""

    version: str | None
    owners: Mapping[str, Owners]
    read_at: float


def metadata_of(reference: Reference, object_: JsonObject) -> ObjectMetadata:
    """Return the metadata of a read object, as a metadata-only watch would report it.

    The version of a vault object is its generation, so that our own status writes do not count as changes.
    """
    metadata = object_["metadata"]
    version = metadata["generation"] if reference.is_vault else metadata["resourceVersion"]
    return ObjectMetadata(
        reference=reference,
        uid=metadata["uid"],
        resource_version=str(version),
        writes=() if reference.is_vault else field_writes(metadata.get("managedFields")),
    )


def baseline_of(
    reference: Reference, object_: JsonObject | None, data_keys: Iterable[str], *, read_at: float
) -> ReferenceBaseline:
    """Return what to remember of an object that was read at that time; None: the object does not exist."""
    if object_ is None:
        return ReferenceBaseline(version=None, owners={}, read_at=read_at)
    metadata = metadata_of(reference, object_)
    owners = {key: key_owners(metadata.writes, key) for key in data_keys}
    return ReferenceBaseline(version=metadata.version, owners=owners, read_at=read_at)


def key_owners(writes: Iterable[FieldWrite], data_key: str) -> Owners:
    """Return the entries of managedFields that own ``data[data_key]``."""
    return tuple(sorted((it.manager, it.operation, it.time) for it in writes if data_key in it.data_keys))


def compare(
    tested_version: str | None,
    now_known: ObjectMetadata | None,
    data_key: str,
    *,
    baseline: ReferenceBaseline | None,
    test_started: float,
    any_key: bool = False,
) -> ReferenceChange:
    """Return whether the key has changed since a test read it at ``test_started`` (seconds since the epoch).

    ``any_key``: every edit of the object counts. ``tested_version`` is ``uid/resourceVersion``, None if the
    object did not exist. ``now_known`` is None if the object does not exist now. ``baseline`` is what this
    process remembers of that read.
    """
    if now_known is None:
        return ReferenceChange.NONE if tested_version is None else ReferenceChange.CHANGED
    if tested_version is None:
        return ReferenceChange.CHANGED
    uid, _, resource_version = tested_version.partition("/")
    if uid != now_known.uid:
        return ReferenceChange.CHANGED
    if not is_newer(now_known.resource_version, resource_version):
        return ReferenceChange.NONE
    if any_key or now_known.reference.is_vault:
        return ReferenceChange.CHANGED
    owners = key_owners(now_known.writes, data_key)
    if not owners:
        return ReferenceChange.IN_DOUBT
    if baseline is not None and baseline.version == tested_version:
        return _compare_with_baseline(now_known, data_key, baseline)
    latest = _latest(owners)  # after a restart
    if latest < test_started - _SAME_SECOND:
        return ReferenceChange.NONE
    return ReferenceChange.CHANGED if latest > test_started + _SAME_SECOND else ReferenceChange.IN_DOUBT


def _compare_with_baseline(
    now_known: ObjectMetadata, data_key: str, baseline: ReferenceBaseline
) -> ReferenceChange:
    owners = key_owners(now_known.writes, data_key)
    if owners != baseline.owners.get(data_key, ()):
        return ReferenceChange.CHANGED
    written = _latest(owners)
    if written + 2 * _SAME_SECOND <= baseline.read_at:
        return ReferenceChange.NONE
    # The test read a value that was just written. An edit in the same second would look the same, unless
    # another manager made it later.
    edited = max(from_timestamp(write.time) or 0.0 for write in now_known.writes)
    return ReferenceChange.NONE if edited > written + _SAME_SECOND else ReferenceChange.IN_DOUBT


def is_newer(one: str, other: str) -> bool:
    """Return whether a resourceVersion is newer than another one of the same object."""
    # Ordered numbers since Kubernetes 1.35 (KEP-5504); if they are not, every version counts as newer.
    if one.isdecimal() and other.isdecimal():
        return int(one) > int(other)
    return one != other


def _latest(owners: Owners) -> float:
    return max(_seconds(time) for _, _, time in owners)


def _seconds(time: str) -> float:
    seconds = from_timestamp(time)
    return float("inf") if seconds is None else seconds


ReferenceUser = ObjectKey | Reference
"""An object with references: a SmtpConfig or a vault object."""


class ReferenceIndex:
    """Index of references and of the newest known metadata. Its size depends on the references only."""

    def __init__(self) -> None:
        self._users: defaultdict[Reference, set[ReferenceUser]] = defaultdict(set)
        self._named: dict[ReferenceUser, tuple[Reference, ...]] = {}
        self._known: dict[Reference, ObjectMetadata | None] = {}
        self._sequence: dict[Reference, int] = {}

    def set_references(self, key: ReferenceUser, references: Iterable[Reference]) -> None:
        """Record what an object references now; an empty list after its deletion."""
        after = frozenset(references)
        before = frozenset(self._named.pop(key, ()))
        for reference in before - after:
            self._users[reference].discard(key)
            if not self._users[reference]:
                del self._users[reference]
                self._known.pop(reference, None)
                self._sequence.pop(reference, None)
        for reference in after - before:
            self._users[reference].add(key)
        if after:
            self._named[key] = tuple(after)

    def wants(self, reference: Reference) -> bool:
        """Return whether any object references this one."""
        return reference in self._users

    def users(self, reference: Reference) -> frozenset[ReferenceUser]:
        """Return the objects that reference this one."""
        return frozenset(self._users.get(reference, ()))

    def record(self, reference: Reference, metadata: ObjectMetadata | None) -> frozenset[ReferenceUser]:
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

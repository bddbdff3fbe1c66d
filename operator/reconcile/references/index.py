# SPDX-License-Identifier: Apache-2.0
"""Which objects a SmtpConfig names, and whether one has changed since it was last read."""

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
    """One key of an object that a SmtpConfig names; a change of it starts a test with this trigger."""

    reference: Reference
    data_key: str
    trigger: Trigger


def references_of(spec: SmtpConfigSpec, namespace: str) -> tuple[ReferenceUse, ...]:
    """All objects that the spec names, whether they exist or not."""
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
    """No key of a ServiceAccount is read, so that whatever its owner edits is in doubt (rule 6)."""
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
    """What a vault object names: a change of it is one for whoever reads through that vault."""
    return tuple(
        ReferenceUse(it.reference, it.data_key, Trigger.DEPENDENCY_CHANGED) for it in vault.references()
    )


class ReferenceChange(IntEnum):
    """Whether what a test read is still so; the larger goes first."""

    NONE = 0
    IN_DOUBT = 1
    """The object changed, perhaps not in the key that matters."""
    CHANGED = 2


Owners = tuple[tuple[str, str, str], ...]
"""Who owns a data key: manager, operation and time of each entry of managedFields."""

_SAME_SECOND: Final = 1.0
# managedFields has whole seconds: a second write within one of them leaves no trace there.


@dataclass(frozen=True, slots=True)
class ReferenceBaseline:
    """An object as a test read it. ``read_at`` is in seconds since the epoch."""

    version: str | None
    owners: Mapping[str, Owners]
    read_at: float


def metadata_of(reference: Reference, object_: JsonObject) -> ObjectMetadata:
    """What a metadata-only watch would tell of an object that was read.

    A vault object's version is its generation: what we write into its status changes nothing for anybody.
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
    """What to remember of an object that was read at that time; None: there was none."""
    if object_ is None:
        return ReferenceBaseline(version=None, owners={}, read_at=read_at)
    metadata = metadata_of(reference, object_)
    owners = {key: key_owners(metadata.writes, key) for key in data_keys}
    return ReferenceBaseline(version=metadata.version, owners=owners, read_at=read_at)


def key_owners(writes: Iterable[FieldWrite], data_key: str) -> Owners:
    """The entries of managedFields that own ``data[data_key]``."""
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
    """Whether the key has changed since a test read it at ``test_started`` (seconds since the epoch).

    ``any_key``: an edit of the object counts whatever it touched.

    ``tested_version`` is ``uid/resourceVersion``, None where there was no such object; ``now_known`` None
    means that there is none now. ``baseline`` is what this process remembers of that reading.
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
    # What was read was just written. An edit in the same second would look like this one, unless it was
    # somebody else's and later.
    edited = max(from_timestamp(write.time) or 0.0 for write in now_known.writes)
    return ReferenceChange.NONE if edited > written + _SAME_SECOND else ReferenceChange.IN_DOUBT


def is_newer(one: str, other: str) -> bool:
    """Whether a resourceVersion is newer than another of the same object."""
    # They are ordered numbers since Kubernetes 1.35 (KEP-5504); were one not, we must look.
    if one.isdecimal() and other.isdecimal():
        return int(one) > int(other)
    return one != other


def _latest(owners: Owners) -> float:
    return max(_seconds(time) for _, _, time in owners)


def _seconds(time: str) -> float:
    seconds = from_timestamp(time)
    return float("inf") if seconds is None else seconds


ReferenceUser = ObjectKey | Reference
"""Who names an object: a SmtpConfig, or a vault object."""


class ReferenceIndex:
    """Who names what, and the newest that is known of it. Grows with what is named, not with the cluster."""

    def __init__(self) -> None:
        self._users: defaultdict[Reference, set[ReferenceUser]] = defaultdict(set)
        self._named: dict[ReferenceUser, tuple[Reference, ...]] = {}
        self._known: dict[Reference, ObjectMetadata | None] = {}
        self._news: dict[Reference, int] = {}

    def set_references(self, key: ReferenceUser, references: Iterable[Reference]) -> None:
        """Records what a SmtpConfig names now; nothing where it is gone."""
        after = frozenset(references)
        before = frozenset(self._named.pop(key, ()))
        for reference in before - after:
            self._users[reference].discard(key)
            if not self._users[reference]:
                del self._users[reference]
                self._known.pop(reference, None)
                self._news.pop(reference, None)
        for reference in after - before:
            self._users[reference].add(key)
        if after:
            self._named[key] = tuple(after)

    def wants(self, reference: Reference) -> bool:
        """Whether any SmtpConfig names it."""
        return reference in self._users

    def users(self, reference: Reference) -> frozenset[ReferenceUser]:
        """The SmtpConfigs that name it."""
        return frozenset(self._users.get(reference, ()))

    def record(self, reference: Reference, metadata: ObjectMetadata | None) -> frozenset[ReferenceUser]:
        """Records what a watch tells, None for a deletion; who is to look at it."""
        if not self.wants(reference):
            return frozenset()
        self._known[reference] = metadata
        self._news[reference] = self.sequence(reference) + 1
        return self.users(reference)

    def sequence(self, reference: Reference) -> int:
        """How often a watch has told of it."""
        return self._news.get(reference, 0)

    def record_read(self, reference: Reference, metadata: ObjectMetadata | None, *, news: int) -> None:
        """Records what was asked for when ``news`` had been told: newer than all that, older than the rest.

        Without it a watch that lags, or does not see the object at all, would have it tested for ever.
        """
        if self.wants(reference) and self.sequence(reference) == news:
            self._known[reference] = metadata

    def all_listed(self, kinds: Collection[ReferenceKind]) -> None:
        """What is named, of these kinds, and was not in the first listing does not exist."""
        for reference in self._users:
            if reference.kind in kinds:
                self._known.setdefault(reference, None)

    def known(self, reference: Reference) -> bool:
        """Whether anything has been told of it."""
        return reference in self._known

    def metadata(self, reference: Reference) -> ObjectMetadata | None:
        """The newest metadata; None: it does not exist, as far as is known."""
        return self._known.get(reference)

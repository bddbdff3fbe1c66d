# SPDX-License-Identifier: Apache-2.0
"""Which objects a SmtpConfig names, and whether one has changed since it was last read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from smtp_operator.api.objects import ObjectKey, ObjectMetadata, Reference
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.verdict import Trigger


@dataclass(frozen=True, slots=True)
class Use:
    """One key of an object that a SmtpConfig names; a change of it starts a test with this trigger."""

    reference: Reference
    data_key: str
    trigger: Trigger


def references_of(spec: SmtpConfigSpec, namespace: str) -> tuple[Use, ...]:
    """All objects that the spec names, whether they exist or not."""
    uses = []
    if spec.username_ref is not None:
        secret = Reference("Secret", namespace, spec.username_ref.name)
        uses.append(Use(secret, spec.username_ref.key, Trigger.PASSWORD_CHANGED))
    if spec.password is not None and spec.password.secret_ref is not None:
        secret = Reference("Secret", namespace, spec.password.secret_ref.name)
        uses.append(Use(secret, spec.password.secret_ref.key, Trigger.PASSWORD_CHANGED))
    if spec.tls is not None and spec.tls.ca_ref is not None:
        bundle = Reference(spec.tls.ca_ref.kind, namespace, spec.tls.ca_ref.name)
        uses.append(Use(bundle, spec.tls.ca_ref.key, Trigger.DEPENDENCY_CHANGED))
    return tuple(uses)


class Change(IntEnum):
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
class Baseline:
    """An object as a test read it. ``read_at`` is in seconds since the epoch."""

    version: str | None
    owners: Mapping[str, Owners]
    read_at: float


def key_owners(managed_fields: Sequence[Mapping[str, Any]], data_key: str) -> Owners:
    """The entries of managedFields that own ``data[data_key]``."""
    field = f"f:{data_key}"
    found = []
    for entry in managed_fields:
        fields = entry.get("fieldsV1") or {}
        if field in (fields.get("f:data") or {}) or field in (fields.get("f:binaryData") or {}):
            found.append((str(entry.get("manager")), str(entry.get("operation")), str(entry.get("time"))))
    return tuple(sorted(found))


def compare(
    tested_version: str | None,
    now_known: ObjectMetadata | None,
    data_keys: Iterable[str],
    *,
    baseline: Baseline | None,
    test_started: float,
    any_key: bool = False,
) -> Change:
    """Whether the keys have changed since a test read them at ``test_started`` (seconds since the epoch).

    ``any_key``: an edit of the object counts whatever it touched.

    ``tested_version`` is ``uid/resourceVersion``, None where there was no such object; ``now_known`` None
    means that there is none now. ``baseline`` is what this process remembers of that reading.
    """
    if now_known is None:
        return Change.NONE if tested_version is None else Change.CHANGED
    if tested_version is None:
        return Change.CHANGED
    uid, _, resource_version = tested_version.partition("/")
    if uid != now_known.uid:
        return Change.CHANGED
    if not _newer(now_known.resource_version, resource_version):
        return Change.NONE
    if any_key:
        return Change.CHANGED
    if baseline is not None and baseline.version != tested_version:
        baseline = None
    return max(
        _compare_key(key_owners(now_known.managed_fields, key), key, baseline, test_started)
        for key in data_keys
    )


def _compare_key(owners: Owners, key: str, baseline: Baseline | None, test_started: float) -> Change:
    if not owners:
        return Change.IN_DOUBT
    latest = max(_seconds(time) for _, _, time in owners)
    if baseline is None:
        if latest < test_started - _SAME_SECOND:
            return Change.NONE
        return Change.CHANGED if latest > test_started + _SAME_SECOND else Change.IN_DOUBT
    if owners != baseline.owners.get(key, ()):
        return Change.CHANGED
    return Change.IN_DOUBT if latest + 2 * _SAME_SECOND > baseline.read_at else Change.NONE


def _newer(one: str, other: str) -> bool:
    # Resource versions are ordered numbers since Kubernetes 1.35 (KEP-5504); were one not, we must look.
    if one.isdecimal() and other.isdecimal():
        return int(one) > int(other)
    return one != other


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return float("inf")


class ReferenceIndex:
    """Who names what, and the newest that is known of it. Grows with what is named, not with the cluster."""

    def __init__(self) -> None:
        self._users: defaultdict[Reference, set[ObjectKey]] = defaultdict(set)
        self._named: dict[ObjectKey, frozenset[Reference]] = {}
        self._known: dict[Reference, ObjectMetadata | None] = {}

    def name(self, key: ObjectKey, references: Iterable[Reference]) -> None:
        """Records what a SmtpConfig names now; nothing where it is gone."""
        after = frozenset(references)
        before = self._named.pop(key, frozenset())
        for reference in before - after:
            self._users[reference].discard(key)
            if not self._users[reference]:
                del self._users[reference]
                self._known.pop(reference, None)
        for reference in after - before:
            self._users[reference].add(key)
        if after:
            self._named[key] = after

    def wants(self, reference: Reference) -> bool:
        """Whether any SmtpConfig names it."""
        return reference in self._users

    def users(self, reference: Reference) -> frozenset[ObjectKey]:
        """The SmtpConfigs that name it."""
        return frozenset(self._users.get(reference, ()))

    def seen(self, reference: Reference, metadata: ObjectMetadata | None) -> frozenset[ObjectKey]:
        """Records what a watch tells, None for a deletion; who is to look at it."""
        if not self.wants(reference):
            return frozenset()
        self._known[reference] = metadata
        return self.users(reference)

    def all_listed(self) -> None:
        """What is named and was not in the first listing does not exist."""
        for reference in self._users:
            self._known.setdefault(reference, None)

    def known(self, reference: Reference) -> bool:
        """Whether a watch has told anything of it."""
        return reference in self._known

    def metadata(self, reference: Reference) -> ObjectMetadata | None:
        """The newest metadata; None: it does not exist, as far as is known."""
        return self._known.get(reference)

# SPDX-License-Identifier: Apache-2.0
"""Decide whether a referenced object has changed since a test read it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from smtp_operator.api.objects import (
    FieldWrite,
    JsonObject,
    ObjectMetadata,
    Reference,
    field_writes,
    is_newer,
)
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import TestedReference, TestedSettings
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.verdict import Trigger
from smtp_operator.reconcile.references.tracker import ReferenceTracker
from smtp_operator.reconcile.snapshot import ObjectSnapshot

_BY_ANNOTATION: Final = frozenset({Reason.SERVER_NOT_ALLOWED, Reason.CA_NOT_ALLOWED})
"""Reasons that an edit of only an object's annotations can fix."""


class ReferenceChange(IntEnum):
    """Result of comparing a referenced object with the version that a test read; larger values win."""

    NONE = 0
    IN_DOUBT = 1
    """The object has changed, but perhaps not in the relevant key."""
    CHANGED = 2


Owners = tuple[tuple[str, str, str], ...]
"""Owners of a data key: manager, operation and time of each entry in managedFields."""


# managedFields has whole seconds: a second write within the same second leaves no trace.
_SAME_SECOND: Final = 1.0


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


def changes_since_test(
    snapshot: ObjectSnapshot, baselines: Mapping[Reference, ReferenceBaseline], tracker: ReferenceTracker
) -> tuple[ReferenceChange, Trigger]:
    """Return whether any object that the last test read has changed since, and the trigger of the next test.

    ``baselines`` are what this process remembers of the read objects.
    """
    ready, tested = snapshot.status.condition("Ready"), snapshot.tested_versions
    found = (ReferenceChange.NONE, Trigger.DEPENDENCY_CHANGED)
    for use in tracker.all_uses(snapshot.uses):
        name = (use.reference.kind, use.reference.written_from(snapshot.key.namespace))
        if not tracker.known(use.reference) or name not in tested:
            continue
        change = compare(
            tested[name],
            tracker.metadata(use.reference),
            use.data_key,
            baseline=baselines.get(use.reference),
            test_started=snapshot.last_test_started or 0.0,
            any_key=ready is not None and ready.reason in _BY_ANNOTATION,
        )
        if change > found[0]:
            found = (change, use.trigger)
    return found


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


def _latest(owners: Owners) -> float:
    return max(_seconds(time) for _, _, time in owners)


def _seconds(time: str) -> float:
    seconds = from_timestamp(time)
    return float("inf") if seconds is None else seconds


def settings_of_verdict(
    snapshot: ObjectSnapshot,
    read: Mapping[Reference, ReferenceBaseline],
    *,
    previous: Mapping[tuple[str, str], str | None] | None = None,
) -> TestedSettings:
    """Return the settings and objects that a verdict applies to, with the objects of the ``previous`` one."""
    namespace = snapshot.key.namespace
    versions = {(it.kind, it.written_from(namespace)): seen.version for it, seen in read.items()}
    return TestedSettings(
        settings=snapshot.digest,
        references=[
            TestedReference(kind=kind, name=name, version=version)
            for (kind, name), version in sorted((dict(previous or {}) | versions).items())
        ],
    )

# SPDX-License-Identifier: Apache-2.0
"""Whether a key has changed since a test read it, as a table; and who is to look at it."""

from typing import Any

import pytest

from smtp_operator.api.objects import FieldWrite, ObjectMetadata, Reference, field_writes, is_newer
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.verdict import Trigger
from smtp_operator.reconcile.references.changes import ReferenceBaseline, ReferenceChange, compare, key_owners
from smtp_operator.reconcile.references.tracker import ReferenceTracker
from smtp_operator.reconcile.references.uses import ReferenceUse, references_of

SECRET = Reference("Secret", "team-a", "pw")
USES = (ReferenceUse(SECRET, "password", Trigger.PASSWORD_CHANGED),)
ELEVEN = 1_795_000_000.0  # 2026-11-18T11:06:40Z
HOUR = 3600.0

Entry = dict[str, Any]


def at(seconds: float, *keys: str, manager: str = "kubectl", data: str = "f:data") -> Entry:
    """An entry of managedFields, as many seconds after eleven."""
    minutes, second = divmod(40 + int(seconds), 60)
    hours, minute = divmod(6 + minutes, 60)
    time = f"2026-11-18T{11 + hours}:{minute:02}:{second:02}Z"
    fields: Entry = {data: {f"f:{key}": {} for key in keys}} if keys else {"f:metadata": {}}
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields}


def secret(*entries: Entry, version: str = "20", uid: str = "uid-1") -> ObjectMetadata:
    return ObjectMetadata(reference=SECRET, uid=uid, resource_version=version, writes=field_writes(entries))


def read(*entries: Entry, at_: float, version: str = "uid-1/10") -> ReferenceBaseline:
    owners = {"password": key_owners(field_writes(entries), "password")}
    return ReferenceBaseline(version=version, owners=owners, read_at=ELEVEN + at_)


OWNED = at(0, "password")
UNOWNED: Entry = at(0)


@pytest.mark.parametrize(
    ("tested", "now_known", "expected"),
    [
        pytest.param(None, None, ReferenceChange.NONE, id="still missing"),
        pytest.param(None, secret(OWNED), ReferenceChange.CHANGED, id="arrived"),
        pytest.param("uid-1/10", None, ReferenceChange.CHANGED, id="deleted"),
        pytest.param("uid-0/10", secret(OWNED), ReferenceChange.CHANGED, id="made anew"),
        pytest.param("uid-1/20", secret(OWNED), ReferenceChange.NONE, id="the same version"),
        pytest.param("uid-1/30", secret(OWNED), ReferenceChange.NONE, id="an older version: the watch lags"),
    ],
)
@pytest.mark.parametrize("remembered", [False, True])
def test_arrivals_deletions_and_versions(
    tested: str | None, now_known: ObjectMetadata | None, expected: ReferenceChange, remembered: bool
) -> None:
    baseline = read(OWNED, at_=HOUR, version=tested or "") if remembered else None
    assert compare(tested, now_known, "password", baseline=baseline, test_started=ELEVEN + HOUR) is expected


@pytest.mark.parametrize(
    ("before", "read_at", "after", "expected"),
    [
        pytest.param([OWNED], HOUR, [OWNED, at(2 * HOUR)], ReferenceChange.NONE, id="annotated"),
        pytest.param(
            [OWNED], HOUR, [OWNED, at(2 * HOUR, "other", manager="x")], ReferenceChange.NONE, id="other key"
        ),
        pytest.param([OWNED], HOUR, [at(2 * HOUR, "password")], ReferenceChange.CHANGED, id="written again"),
        pytest.param(
            [OWNED],
            HOUR,
            [UNOWNED, at(2 * HOUR, "password", manager="x")],
            ReferenceChange.CHANGED,
            id="other owner",
        ),
        pytest.param(
            [OWNED],
            HOUR,
            [OWNED, at(2 * HOUR, "password", manager="x")],
            ReferenceChange.CHANGED,
            id="one more owner",
        ),
        pytest.param([OWNED], HOUR, [at(2 * HOUR)], ReferenceChange.IN_DOUBT, id="owned by nobody"),
        pytest.param([OWNED], HOUR, [], ReferenceChange.IN_DOUBT, id="no managedFields"),
        pytest.param([], HOUR, [OWNED], ReferenceChange.CHANGED, id="owned now"),
        pytest.param(
            [OWNED], 1.9, [OWNED], ReferenceChange.IN_DOUBT, id="just written: again in that second?"
        ),
        pytest.param(
            [OWNED], 2.0, [OWNED], ReferenceChange.NONE, id="written two seconds before it was read"
        ),
        pytest.param(
            [OWNED], 0.5, [OWNED, at(1)], ReferenceChange.IN_DOUBT, id="annotated within the second"
        ),
        pytest.param([OWNED], 0.5, [OWNED, at(2)], ReferenceChange.NONE, id="annotated two seconds later"),
        pytest.param(
            [OWNED],
            0.5,
            [OWNED, at(2) | {"time": None}],
            ReferenceChange.IN_DOUBT,
            id="annotated at an unknown time",
        ),
        pytest.param(
            [OWNED | {"time": None}],
            HOUR,
            [OWNED | {"time": None}],
            ReferenceChange.IN_DOUBT,
            id="no time at all",
        ),
    ],
)
def test_edits_while_the_process_remembers(
    before: list[Entry], read_at: float, after: list[Entry], expected: ReferenceChange
) -> None:
    found = compare(
        "uid-1/10",
        secret(*after),
        "password",
        baseline=read(*before, at_=read_at),
        test_started=ELEVEN + read_at,
    )
    assert found is expected


@pytest.mark.parametrize(
    ("started", "after", "expected"),
    [
        pytest.param(HOUR, [OWNED, at(2 * HOUR)], ReferenceChange.NONE, id="owner long before the test"),
        pytest.param(1.5, [OWNED], ReferenceChange.NONE, id="owner more than a second before the test"),
        pytest.param(1.0, [OWNED], ReferenceChange.IN_DOUBT, id="owner a second before the test"),
        pytest.param(0.0, [OWNED], ReferenceChange.IN_DOUBT, id="owner in the second of the test"),
        pytest.param(-1.0, [OWNED], ReferenceChange.IN_DOUBT, id="owner a second after the test"),
        pytest.param(-1.5, [OWNED], ReferenceChange.CHANGED, id="owner more than a second after the test"),
        pytest.param(
            HOUR, [OWNED, at(2 * HOUR, "password", manager="x")], ReferenceChange.CHANGED, id="a new owner"
        ),
        pytest.param(HOUR, [at(2 * HOUR)], ReferenceChange.IN_DOUBT, id="owned by nobody"),
        pytest.param(HOUR, [], ReferenceChange.IN_DOUBT, id="no managedFields"),
        pytest.param(
            HOUR, [OWNED | {"time": "soon"}], ReferenceChange.CHANGED, id="a time that cannot be read"
        ),
    ],
)
def test_edits_across_a_restart(started: float, after: list[Entry], expected: ReferenceChange) -> None:
    found = compare("uid-1/10", secret(*after), "password", baseline=None, test_started=ELEVEN + started)
    assert found is expected


def test_a_memory_of_another_version_counts_for_nothing() -> None:
    stale = read(at(-HOUR, "password"), at_=0, version="uid-1/5")
    found = compare("uid-1/10", secret(OWNED), "password", baseline=stale, test_started=ELEVEN + HOUR)
    assert found is ReferenceChange.NONE


def test_any_key_counts_every_edit() -> None:
    found = compare(
        "uid-1/10",
        secret(OWNED, at(2 * HOUR)),
        "password",
        baseline=read(OWNED, at_=HOUR),
        test_started=ELEVEN + HOUR,
        any_key=True,
    )
    assert found is ReferenceChange.CHANGED


@pytest.mark.parametrize("data", ["f:data", "f:binaryData", "f:stringData"])
def test_a_key_is_owned_wherever_it_was_written(data: str) -> None:
    assert key_owners(field_writes([at(0, "password", data=data)]), "password") == (
        ("kubectl", "Update", "2026-11-18T11:06:40Z"),
    )


def test_a_key_of_the_same_name_in_an_annotation_has_no_owner() -> None:
    entry = {"manager": "x", "fieldsV1": {"f:metadata": {"f:annotations": {"f:password": {}}}}}
    assert key_owners(field_writes([entry, {"manager": "y"}]), "password") == ()


@pytest.mark.parametrize("fields", [None, {}, {"f:data": None}, {"f:data": {".": {}}}])
def test_who_writes_no_key_is_remembered_by_the_time(fields: object) -> None:
    (write,) = field_writes([{"manager": "x", "operation": "Apply", "time": "t", "fieldsV1": fields}])
    assert write == FieldWrite("x", "Apply", "t", ())


def test_an_object_without_managed_fields_has_no_writes() -> None:
    assert field_writes(None) == ()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("10", "9", True), ("9", "10", False), ("10", "10", False), ("a", "b", True), ("a", "a", False)],
)
def test_versions_are_ordered_numbers(one: str, other: str, expected: bool) -> None:
    assert is_newer(one, other) is expected


def test_a_spec_names_user_name_password_and_ca() -> None:
    spec = SmtpConfigSpec.model_validate(
        {
            "server": "smtp.example.com",
            "port": 587,
            "from": "noreply@example.com",
            "usernameRef": {"name": "user"},
            "password": {"secretRef": {"name": "pw", "key": "smtp"}},
            "tls": {"caRef": {"name": "ca"}},
        }
    )
    assert references_of(spec, "team-a") == (
        ReferenceUse(Reference("Secret", "team-a", "user"), "username", Trigger.PASSWORD_CHANGED),
        ReferenceUse(Reference("Secret", "team-a", "pw"), "smtp", Trigger.PASSWORD_CHANGED),
        ReferenceUse(Reference("ConfigMap", "team-a", "ca"), "ca.crt", Trigger.DEPENDENCY_CHANGED),
    )


FIRST, SECOND = (Reference("SmtpConfig", "team-a", name) for name in ("first", "second"))


def test_those_who_name_an_object_are_to_look_at_it() -> None:
    tracker = ReferenceTracker()
    tracker.set_uses(FIRST, USES)
    tracker.set_uses(SECOND, USES)
    assert tracker.record(SECRET, secret(OWNED)) == {FIRST, SECOND}


def test_those_who_name_it_no_more_are_not() -> None:
    tracker = ReferenceTracker()
    tracker.set_uses(FIRST, USES)
    tracker.set_uses(SECOND, USES)
    tracker.set_uses(FIRST, ())
    assert tracker.record(SECRET, None) == {SECOND}


def test_an_unreferenced_object_is_forgotten() -> None:
    tracker = ReferenceTracker()
    tracker.set_uses(FIRST, USES)
    tracker.record(SECRET, secret(OWNED))
    tracker.set_uses(FIRST, ())
    assert not tracker.wants(SECRET)
    assert not tracker.known(SECRET)
    assert tracker.record(SECRET, secret(OWNED)) == frozenset()
    assert not tracker.known(SECRET)


def test_an_object_is_wanted_before_it_exists() -> None:
    tracker = ReferenceTracker()
    tracker.set_uses(FIRST, USES)
    assert tracker.wants(SECRET)
    assert not tracker.known(SECRET)


def test_what_a_whole_listing_does_not_show_does_not_exist() -> None:
    tracker = ReferenceTracker()
    tracker.set_uses(FIRST, USES)
    tracker.all_listed({"Secret"})
    assert tracker.known(SECRET)
    assert tracker.metadata(SECRET) is None


def test_a_listing_does_not_undo_what_was_told() -> None:
    tracker = ReferenceTracker()
    tracker.set_uses(FIRST, USES)
    tracker.record(SECRET, secret(OWNED))
    tracker.all_listed({"Secret"})
    assert tracker.metadata(SECRET) == secret(OWNED)


def test_a_listing_of_other_kinds_says_nothing() -> None:
    tracker = ReferenceTracker()
    tracker.set_uses(FIRST, USES)
    tracker.all_listed({"ConfigMap"})
    assert not tracker.known(SECRET)


def test_a_read_is_newer_than_what_was_told_before_it() -> None:
    tracker = ReferenceTracker()
    tracker.set_uses(FIRST, USES)
    tracker.record(SECRET, None)
    tracker.record_read(SECRET, secret(OWNED), sequence=tracker.sequence(SECRET))
    assert tracker.metadata(SECRET) == secret(OWNED)


def test_a_read_is_older_than_what_was_told_meanwhile() -> None:
    tracker = ReferenceTracker()
    tracker.set_uses(FIRST, USES)
    sequence = tracker.sequence(SECRET)
    tracker.record(SECRET, None)
    tracker.record_read(SECRET, secret(OWNED), sequence=sequence)
    assert tracker.metadata(SECRET) is None


def test_a_read_of_a_no_longer_referenced_object_is_not_kept() -> None:
    tracker = ReferenceTracker()
    tracker.record_read(SECRET, secret(OWNED), sequence=0)
    assert not tracker.known(SECRET)

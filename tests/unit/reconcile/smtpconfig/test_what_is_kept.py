# SPDX-License-Identifier: Apache-2.0
"""The state of each object is small and sufficient, because there may be thousands."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from smtp_operator.api.defaults import TestDefaults
from smtp_operator.api.names import TEST_REQUESTED_AT
from smtp_operator.api.objects import JsonObject, field_writes
from smtp_operator.reconcile.backoff import BURST
from smtp_operator.reconcile.smtpconfig.snapshot import snapshot_of
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState, packed, unpacked

MANY = 1000

SECRET = json.dumps(
    [
        {
            "manager": "kubectl-create",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2026-11-18T11:06:40Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {".": {}, "f:password": {}, "f:username": {}}, "f:type": {}},
        }
    ]
)


def mail(**annotations: str) -> JsonObject:
    return {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {
            "namespace": "team-a",
            "name": "mail",
            "uid": "uid-1",
            "generation": 3,
            "resourceVersion": "17",
            "creationTimestamp": "2026-11-18T11:06:40Z",
            "labels": {"team": "a"},
            "annotations": annotations,
            "managedFields": json.loads(SECRET),
        },
        "spec": {"server": "mail.example.com", "port": 587, "smtpType": "StartTLS", "from": "a@example.com"},
        "status": {"observedGeneration": 3},
    }


@pytest.mark.parametrize("annotations", [{}, {TEST_REQUESTED_AT: "now"}, {"other": "x"}])
def test_an_object_that_waits_is_looked_at_as_it_was_shown(annotations: dict[str, str]) -> None:
    object_ = mail(**annotations)
    defaults = TestDefaults(recheck_interval="6h")
    assert unpacked(packed(object_), defaults) == snapshot_of(object_, defaults)


def test_what_others_wrote_beside_the_spec_is_not_kept() -> None:
    kept = packed(mail(**{"kubectl.kubernetes.io/last-applied-configuration": "the password"}))
    assert set(json.loads(kept)["metadata"]) == {
        "namespace",
        "name",
        "uid",
        "generation",
        "resourceVersion",
        "creationTimestamp",
    }


def test_of_who_wrote_a_secret_a_fifth_is_kept() -> None:
    whole = bytes_of(lambda: json.loads(SECRET))
    assert bytes_of(lambda: field_writes(json.loads(SECRET))) < whole / 5


def test_an_object_of_which_nothing_is_remembered_takes_some_hundred_bytes() -> None:
    assert bytes_of(lambda: SmtpConfigState(uid="uid-1", generation=1)) < 700


def test_of_many_tests_the_last_ones_are_remembered() -> None:
    state = SmtpConfigState(uid="uid-1")
    for at in range(100):
        state.record_start(float(at))
    assert state.recent_tests == tuple(map(float, range(100 - BURST, 100)))


def test_of_many_certificates_the_last_ones_are_remembered() -> None:
    state = SmtpConfigState(uid="uid-1")
    for number in range(100):
        state.record_expiry(str(number))
    assert state.reported_expiries == tuple(map(str, range(92, 100)))


def bytes_of(make: Callable[[], Any]) -> float:
    """Return the memory that one of many objects takes."""
    make()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [make() for _ in range(MANY)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / len(kept)

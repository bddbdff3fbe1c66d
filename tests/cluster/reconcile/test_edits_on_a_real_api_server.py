# SPDX-License-Identifier: Apache-2.0
"""Edits of a Secret with kubectl are recorded in managedFields, and rule 6 classifies them."""

import json
import time
from collections.abc import Callable

import pytest

from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.reconcile.references.changes import (
    ReferenceBaseline,
    ReferenceChange,
    compare,
    key_owners,
    metadata_of,
)
from smtp_tools.localcluster import LocalCluster

Kubectl = Callable[..., str]

STRING_DATA = """
apiVersion: v1
kind: Secret
metadata: {name: pw, annotations: {note: "%s"}}
stringData: {password: "%s"}
"""


@pytest.fixture
def kubectl(cluster: LocalCluster, namespace: str) -> Kubectl:
    def run(*words: str, stdin: str | None = None) -> str:
        return cluster.kubectl("--namespace", namespace, *words, input=stdin).stdout

    return run


def create(kubectl: Kubectl) -> None:
    kubectl("create", "secret", "generic", "pw", "--from-literal=password=s3cret-1")


def apply(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=STRING_DATA % ("x", "s3cret-1"))


def apply_server_side(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "-f", "-", stdin=STRING_DATA % ("x", "s3cret-1"))


MAKERS = [create, apply, apply_server_side]


def annotate(kubectl: Kubectl) -> None:
    kubectl("annotate", "secret", "pw", "owner=team-a")


def label(kubectl: Kubectl) -> None:
    kubectl("label", "secret", "pw", "owner=team-a")


def label_and_take_it_away(kubectl: Kubectl) -> None:
    kubectl("label", "secret", "pw", "owner=team-a")
    kubectl("label", "secret", "pw", "owner-")


def add_another_key(kubectl: Kubectl) -> None:
    kubectl("patch", "secret", "pw", "-p", '{"stringData": {"other": "x"}}')


def patch_the_password(kubectl: Kubectl) -> None:
    kubectl("patch", "secret", "pw", "-p", '{"stringData": {"password": "s3cret-2"}}')


def apply_another_password(kubectl: Kubectl) -> None:
    manifest = STRING_DATA % ("x", "s3cret-2")
    words = ("apply", "--server-side", "--field-manager=eso", "--force-conflicts", "-f", "-")
    kubectl(*words, stdin=manifest)


def replace(kubectl: Kubectl) -> None:
    kubectl("replace", "-f", "-", stdin=STRING_DATA % ("x", "s3cret-2"))


def recreate(kubectl: Kubectl) -> None:
    kubectl("delete", "secret", "pw")
    create(kubectl)


def remove_the_key(kubectl: Kubectl) -> None:
    kubectl("patch", "secret", "pw", "--type=json", "-p", '[{"op": "remove", "path": "/data/password"}]')


def nothing(kubectl: Kubectl) -> None:
    kubectl("get", "secret", "pw")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (nothing, ReferenceChange.NONE),
        (annotate, ReferenceChange.NONE),
        (label, ReferenceChange.NONE),
        (label_and_take_it_away, ReferenceChange.NONE),
        (add_another_key, ReferenceChange.NONE),
        (patch_the_password, ReferenceChange.CHANGED),
        (apply_another_password, ReferenceChange.CHANGED),
        (replace, ReferenceChange.CHANGED),
        (recreate, ReferenceChange.CHANGED),
    ],
)
@pytest.mark.parametrize("make", MAKERS)
def test_an_edit_is_told_from_another(
    kubectl: Kubectl,
    make: Callable[[Kubectl], None],
    edit: Callable[[Kubectl], None],
    expected: ReferenceChange,
) -> None:
    make(kubectl)
    before = secret(kubectl)
    edit(kubectl)
    assert compared(before, secret(kubectl)) is expected


@pytest.mark.parametrize("make", [create, apply])
def test_a_key_taken_away_is_at_least_a_doubt(kubectl: Kubectl, make: Callable[[Kubectl], None]) -> None:
    make(kubectl)
    before = secret(kubectl)
    remove_the_key(kubectl)
    assert compared(before, secret(kubectl)) >= ReferenceChange.IN_DOUBT


def secret(kubectl: Kubectl) -> JsonObject:
    found: JsonObject = json.loads(kubectl("get", "secret", "pw", "-o", "json", "--show-managed-fields"))
    return found


def compared(before: JsonObject, after: JsonObject) -> ReferenceChange:
    """Compare as if a test had read the first version a minute after it was written."""
    reference = Reference("Secret", before["metadata"]["namespace"], "pw")
    was = metadata_of(reference, before)
    baseline = ReferenceBaseline(
        version=was.version,
        owners={"password": key_owners(was.writes, "password")},
        read_at=time.time() + 60,
    )
    now = metadata_of(reference, after)
    return compare(was.version, now, "password", baseline=baseline, test_started=time.time() + 60)

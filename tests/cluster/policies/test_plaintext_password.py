# SPDX-License-Identifier: Apache-2.0
"""A plaintext password causes a warning; if the binding says so, it is rejected."""

import json
from collections.abc import Iterator

import pytest

from smtp_testkit.testbed import Api, Object
from smtp_testkit.testbed.users import object_of, path_of
from smtp_testkit.testbed.waiting import until
from smtp_tools.localcluster import LocalCluster

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("policies")]

POLICY = "smtpconfig-plaintext-password.smtp-operator.io"
BOTH = f"'{POLICY}' with binding '{POLICY}'"
BINDING = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/{POLICY}"
SENTENCE = (
    "spec.password.value stores the password in plaintext in the cluster's database and shows it to"
    " everyone with read access to the SmtpConfig: store it in a Secret, and set"
    " spec.password.secretRef.name"
)
SPEC: Object = {"server": "smtp.example.com", "port": 587, "from": "a@example.com", "username": "u"}
PLAIN = SPEC | {"password": {"value": "s3cret"}}


def create(cluster: LocalCluster, namespace: str, spec: Object, *words: str) -> tuple[int, str]:
    it = json.dumps(object_of("SmtpConfig", spec))
    done = cluster.kubectl("-n", namespace, "create", "-f", "-", *words, input=it, check=False)
    return done.returncode, done.stderr


def test_it_is_warned_of(cluster: LocalCluster, namespace: str) -> None:
    code, said = create(cluster, namespace, PLAIN)

    assert code == 0
    assert said == f"Warning: Validation failed for ValidatingAdmissionPolicy {BOTH}: {SENTENCE}\n"


def test_a_password_in_a_secret_is_not(cluster: LocalCluster, namespace: str) -> None:
    assert create(cluster, namespace, SPEC | {"password": {"secretRef": {"name": "smtp"}}}) == (0, "")


@pytest.fixture
def forbidden(cluster: LocalCluster, api: Api, namespace: str, policies: None) -> Iterator[None]:
    """A binding that rejects, as in the documentation; one object existed before."""
    api.create(path_of("SmtpConfig", namespace), object_of("SmtpConfig", PLAIN, "before"))
    api.patch(BINDING, {"spec": {"validationActions": ["Deny"]}})

    def is_refused() -> bool:
        return create(cluster, namespace, PLAIN, "--dry-run=server")[0] != 0

    until(is_refused, "the binding never came into force")
    yield
    api.patch(BINDING, {"spec": {"validationActions": ["Warn"]}})
    until(lambda: not is_refused(), "the binding never went back")


@pytest.mark.usefixtures("forbidden")
def test_where_it_is_forbidden_the_refusal_says_what_to_do(cluster: LocalCluster, namespace: str) -> None:
    code, said = create(cluster, namespace, PLAIN)

    assert code == 1
    assert said == (
        f'Error from server (Forbidden): error when creating "STDIN": smtpconfigs.smtp-operator.io "one" is'
        f" forbidden: ValidatingAdmissionPolicy {BOTH} denied request: {SENTENCE}\n"
    )


@pytest.mark.usefixtures("forbidden")
def test_an_older_object_may_be_labelled_and_fixed_but_not_changed_otherwise(
    cluster: LocalCluster, namespace: str
) -> None:
    def patched(**change: object) -> int:
        words = ["patch", "smtpconfig", "before", "--type=merge", "-p", json.dumps(change)]
        return cluster.kubectl("-n", namespace, *words, check=False).returncode

    assert patched(metadata={"labels": {"team": "a"}}) == 0
    assert patched(spec={"port": 2525}) == 1
    assert patched(spec={"password": {"value": None, "secretRef": {"name": "smtp"}}}) == 0

# SPDX-License-Identifier: Apache-2.0
"""The CRD on a real API server, as users, scripts and other controllers use it."""

import json
from pathlib import Path
from typing import Any

import pytest

from smtp_tools.localcluster import KubectlError, LocalCluster

CRDS = Path(__file__).parents[3] / "deploy" / "crds"

Manifest = dict[str, Any]

SPEC: Manifest = {
    "server": "smtp.example.com",
    "port": 587,
    "username": "mailer",
    "password": {"secretRef": {"name": "smtp-password"}},
    "from": "noreply@example.com",
}


def condition(kind: str, status: str, reason: str, message: str) -> Manifest:
    return {
        "type": kind,
        "status": status,
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-02T03:04:05Z",
        "reason": reason,
        "message": message,
    }


FULL_STATUS: Manifest = {
    "observedGeneration": 1,
    "conditions": [
        condition("Ready", "False", "AuthenticationFailed", "The server refused the password."),
        condition("Failed", "True", "AuthenticationFailed", "The server refused the password."),
        condition("PasswordResolved", "True", "PasswordRead", "Secret smtp-password, key password."),
        condition("Stalled", "True", "AuthenticationFailed", "Waits for a change."),
    ],
    "summary": "AuthenticationFailed in Auth: 535 5.7.8",
    "tested": {
        "settings": "0" * 64,
        "references": [
            {"kind": "Secret", "name": "smtp-password", "version": "1a2b/42"},
            {"kind": "Secret", "name": "x"},
        ],
    },
    "lastTest": {
        "trigger": "SpecChanged",
        "mode": "SendEmail",
        "startTime": "2026-01-02T03:04:05.123456Z",
        "duration": "412ms",
        "phases": [{"name": "Resolve", "duration": "2ms"}, {"name": "Ehlo"}, {"name": "Ehlo"}],
        "server": {
            "address": "[2001:db8::25]:587",
            "banner": "mx.example.com",
            "tlsVersion": "TLSv1.3",
            "authMechanism": "PLAIN",
            "certificate": {"subject": "CN=mx", "issuer": "CN=ca", "notAfter": "2027-01-01T00:00:00Z"},
        },
        "messageId": "<1@example.com>",
        "response": "535 5.7.8 no",
        "recipients": [
            {"role": "to", "index": 0, "accepted": True},
            {"role": "bcc", "index": 0, "accepted": False, "response": "550 5.1.1"},
        ],
        "dialogue": ["S: 220 mx.example.com", "C: EHLO example.com", "C: EHLO example.com"],
    },
    "lastSuccessTime": "2026-01-01T00:00:00Z",
    "nextTestTime": "2026-01-03T00:00:00Z",
    "password": {"source": "KubernetesSecret", "reference": "smtp-password/password", "version": "1a2b/42"},
    "suggestion": {"smtpType": "TLS", "port": 465, "heloName": "a.example.com", "authMechanism": "LOGIN"},
    "lastHandledTestRequest": "2026-01-02T03:04:00+00:00",
}


def manifest(name: str, spec: Manifest | None = None, **rest: Any) -> Manifest:
    return {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {"name": name},
        **({"spec": spec or SPEC}),
        **rest,
    }


class Users:
    """kubectl in one namespace."""

    def __init__(self, cluster: LocalCluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def run(self, *words: str, given: Manifest | None = None) -> str:
        text = json.dumps(given) if given else None
        return self._cluster.kubectl("-n", self._namespace, *words, input=text).stdout

    def create(self, name: str, spec: Manifest | None = None, **rest: Any) -> None:
        self.run("create", "-f", "-", given=manifest(name, spec, **rest))

    def set_status(self, name: str, status: Manifest, *, manager: str) -> None:
        bare = {key: value for key, value in manifest(name).items() if key != "spec"}
        words = ["apply", "--server-side", "--subresource=status", f"--field-manager={manager}", "-f", "-"]
        self.run(*words, given=bare | {"status": status})

    def get(self, name: str) -> Manifest:
        stored: Manifest = json.loads(self.run("get", "smtpconfig", name, "-o", "json"))
        return stored

    def names(self, *words: str) -> list[str]:
        return self.run("get", *words, "-o", "name").split()


@pytest.fixture
def users(cluster: LocalCluster, namespace: str) -> Users:
    return Users(cluster, namespace)


def cells(line: str) -> list[str]:
    """Split rows into cells: at least three blanks separate columns, fewer are within values."""
    return [cell.strip() for cell in line.split("   ") if cell.strip()]


def test_crds_can_be_applied_strictly(cluster: LocalCluster) -> None:
    applied = cluster.kubectl(
        "apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", str(CRDS)
    ).stdout.splitlines()
    assert applied == [
        f"customresourcedefinition.apiextensions.k8s.io/{file.stem}.smtp-operator.io"
        " serverside-applied (server dry run)"
        for file in sorted(CRDS.glob("*.yaml"))
    ]


def test_api_server_finds_nothing_to_object_to(cluster: LocalCluster) -> None:
    stored = json.loads(cluster.kubectl("get", "crd", "smtpconfigs.smtp-operator.io", "-o", "json").stdout)
    conditions = {it["type"]: it["status"] for it in stored["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("word", ["smtp", "smtpconfig", "smtpconfigs", "smtp-operator", "SmtpConfig"])
def test_words_to_get_it_by(users: Users, word: str) -> None:
    users.create("corporate-mail")
    assert users.names(word) == ["smtpconfig.smtp-operator.io/corporate-mail"]


def test_columns_of_a_new_object(users: Users) -> None:
    users.create("corporate-mail")
    header, row = users.run("get", "smtp").splitlines()
    assert header.split() == ["NAME", "SERVER", "PORT", "TYPE", "READY", "STATUS", "AGE"]
    assert row.split()[:4] == ["corporate-mail", "smtp.example.com", "587", "StartTLS"]


def test_columns_of_a_tested_object(users: Users) -> None:
    users.create("corporate-mail")
    users.set_status("corporate-mail", FULL_STATUS, manager="smtp-operator")
    _, row = users.run("get", "smtp").splitlines()
    assert cells(row)[:6] == [
        "corporate-mail",
        "smtp.example.com",
        "587",
        "StartTLS",
        "False",
        "AuthenticationFailed in Auth: 535 5.7.8",
    ]


def test_wide_columns(users: Users) -> None:
    users.create("corporate-mail")
    users.set_status("corporate-mail", FULL_STATUS, manager="smtp-operator")
    header, row = users.run("get", "smtp", "-o", "wide").splitlines()
    assert header.split() == [
        *("NAME", "SERVER", "PORT", "TYPE", "READY", "STATUS"),
        *("FROM", "PASSWORD-FROM", "LAST-TEST", "MESSAGE", "AGE"),
    ]
    sender, source, *_, message, _ = cells(row)[6:]
    assert sender == "noreply@example.com"
    assert source == "KubernetesSecret"
    assert message == "The server refused the password."


def test_field_selector_of_the_server(users: Users) -> None:
    users.create("one")
    users.create("other", SPEC | {"server": "smtp.example.net"})
    assert users.names("smtp", "--field-selector", "spec.server=smtp.example.net") == [
        "smtpconfig.smtp-operator.io/other"
    ]


def test_field_selector_of_the_password_secret(users: Users) -> None:
    users.create("one")
    users.create("other", SPEC | {"password": {"value": "s3cret"}})
    assert users.names("smtp", "--field-selector", "spec.password.secretRef.name=smtp-password") == [
        "smtpconfig.smtp-operator.io/one"
    ]


def test_new_object_reads_as_in_progress(users: Users) -> None:
    users.create("corporate-mail")
    stored = users.get("corporate-mail")
    assert stored["status"] == {"observedGeneration": -1}
    assert stored["metadata"]["generation"] == 1


def test_status_is_not_writable_with_the_object(users: Users) -> None:
    users.create("corporate-mail", status=FULL_STATUS)
    assert users.get("corporate-mail")["status"] == {"observedGeneration": -1}


def test_status_of_every_field_is_kept(users: Users) -> None:
    users.create("corporate-mail")
    users.set_status("corporate-mail", FULL_STATUS, manager="smtp-operator")
    assert users.get("corporate-mail")["status"] == FULL_STATUS


def test_status_leaves_the_generation_alone(users: Users) -> None:
    users.create("corporate-mail")
    users.set_status("corporate-mail", FULL_STATUS, manager="smtp-operator")
    assert users.get("corporate-mail")["metadata"]["generation"] == 1


def test_two_appliers_leave_each_others_conditions_alone(users: Users) -> None:
    ready = condition("Ready", "True", "TestEmailSent", "The server accepted the mail.")
    foreign = condition("backup.example.com/Archived", "True", "Archived", "")
    users.create("corporate-mail")
    users.set_status("corporate-mail", {"observedGeneration": 1, "conditions": [ready]}, manager="one")
    users.set_status("corporate-mail", {"conditions": [foreign]}, manager="two")
    users.set_status("corporate-mail", {"observedGeneration": 1, "conditions": [ready]}, manager="one")
    assert users.get("corporate-mail")["status"]["conditions"] == [ready, foreign]


def test_condition_goes_when_its_applier_leaves_it_out(users: Users) -> None:
    failed = condition("Failed", "True", "ConnectTimeout", "No answer.")
    foreign = condition("backup.example.com/Archived", "True", "Archived", "")
    users.create("corporate-mail")
    users.set_status("corporate-mail", {"conditions": [failed]}, manager="one")
    users.set_status("corporate-mail", {"conditions": [foreign]}, manager="two")
    users.set_status("corporate-mail", {"observedGeneration": 1}, manager="one")
    assert users.get("corporate-mail")["status"]["conditions"] == [foreign]


def test_scripts_can_wait_for_failure(users: Users) -> None:
    users.create("corporate-mail")
    users.set_status("corporate-mail", FULL_STATUS, manager="smtp-operator")
    assert "condition met" in users.run(
        "wait", "--for=condition=Failed", "smtp/corporate-mail", "--timeout=60s"
    )


def test_unknown_field_is_refused(users: Users) -> None:
    unknown = manifest("corporate-mail", SPEC | {"host": "smtp.example.com"})
    with pytest.raises(KubectlError, match=r'strict decoding error: unknown field "spec\.host"'):
        users.run("create", "--validate=strict", "-f", "-", given=unknown)


def test_refusal_names_object_field_and_sentence(users: Users) -> None:
    wrong = manifest("corporate-mail", SPEC | {"server": "smtp://smtp.example.com"})
    with pytest.raises(KubectlError) as refused:
        users.run("create", "-f", "-", given=wrong)
    assert (
        'The SmtpConfig "corporate-mail" is invalid: spec.server: Invalid value: "smtp://smtp.example.com":'
        " server must be a host name or an IP address, without scheme, port, brackets or spaces"
    ) in str(refused.value)


def test_password_can_be_swapped_for_a_secret(users: Users) -> None:
    users.create("corporate-mail", SPEC | {"password": {"value": "s3cret"}})
    patch = '{"spec": {"password": {"value": null, "secretRef": {"name": "smtp-password"}}}}'
    users.run("patch", "smtp", "corporate-mail", "--type=merge", "-p", patch)
    stored = users.get("corporate-mail")
    assert stored["spec"]["password"] == {"secretRef": {"name": "smtp-password", "key": "password"}}
    assert stored["metadata"]["generation"] == 2


@pytest.mark.parametrize("field", ["spec.password.secretRef", "spec.recheck.interval", "status.lastTest"])
def test_explain_describes_fields(users: Users, field: str) -> None:
    explained = users.run("explain", f"smtpconfig.{field}")
    assert "<empty>" not in explained
    assert "DESCRIPTION:" in explained

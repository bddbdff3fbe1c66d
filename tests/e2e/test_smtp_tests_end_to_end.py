# SPDX-License-Identifier: Apache-2.0
"""SmtpTests on a real API server: one email at most, whatever happens to the operator."""

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import ApiError, Bed, Object
from smtp_testkit.testbed.bed import settings
from smtp_testkit.testbed.once import verdict
from smtp_tools.localcluster import LocalCluster


def test_kubectl_creates_one_and_waits_for_it(
    cluster: LocalCluster, bed: Bed, server: MailServer, operator: object
) -> None:
    name = bed.create_test("try-", settings=settings(server))["metadata"]["name"]

    cluster.kubectl("wait", "-n", bed.namespace, "--for=condition=Ready", f"smtptest/{name}", "--timeout=60s")

    shown = cluster.kubectl("get", "smtptests", "-n", bed.namespace).stdout.splitlines()
    assert shown[0].split() == ["NAME", "CONFIG", "SERVER", "PORT", "READY", "STATUS", "AGE"]
    assert shown[1].split()[:-1] == [name, "127.0.0.1", str(server.plain_port), "True", "TestEmailSent"]
    assert len(server.mails) == 1


def test_a_finished_one_is_deleted_after_its_time(bed: Bed, server: MailServer, operator: object) -> None:
    bed.create_test("try", settings=settings(server), ttlAfterFinished="1m")
    assert verdict(bed) == "TestEmailSent"
    bed.api.wait_gone(bed.tests, "try", seconds=180)
    assert len(server.mails) == 1


def test_a_config_ref_needs_the_policies(bed: Bed, server: MailServer, operator: object) -> None:
    bed.verdict_of(server)
    bed.create_test("try", configRef={"name": "mail"})
    assert verdict(bed) == "PoliciesMissing"
    assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({}, "set exactly one of configRef, settings"),
        (
            {
                "settings": {"server": "a.example", "port": 25, "from": "a@b.example"},
                "recipients": {"to": []},
            },
            "should have at least 1 items",
        ),
        (
            {
                "settings": {"server": "a.example", "port": 25, "from": "a@b.example"},
                "recipients": {"to": ["me@example.com"]},
            },
            "recipients requires configRef; with settings, set settings.recipients",
        ),
        (
            {
                "settings": {
                    "server": "a.example",
                    "port": 25,
                    "from": "a@b.example",
                    "username": "u",
                    "password": {"value": "s"},
                }
            },
            "a SmtpTest must not have password.value",
        ),
        ({"configRef": {"name": "mail"}, "ttlAfterFinished": "10s"}, "between 1m and 168h"),
        ({"settings": {"suspend": True}}, 'unknown field "spec.settings.suspend"'),
    ],
)
def test_the_api_server_refuses(bed: Bed, operator: object, spec: Object, sentence: str) -> None:
    body = {"apiVersion": "smtp-operator.io/v1alpha1", "kind": "SmtpTest", "metadata": {"name": "try"}}
    with pytest.raises(ApiError) as error:
        bed.api.create(f"{bed.tests}?fieldValidation=Strict", body | {"spec": spec})
    assert sentence in str(error.value)


def test_the_spec_cannot_be_changed(bed: Bed, operator: object) -> None:
    bed.create_test("try", configRef={"name": "mail"})
    with pytest.raises(ApiError, match="the spec of a SmtpTest cannot be changed: create another SmtpTest"):
        bed.api.patch(f"{bed.tests}/try", {"spec": {"mode": "Connect"}})
    assert bed.api.patch(f"{bed.tests}/try", {"metadata": {"labels": {"a": "b"}}})

# SPDX-License-Identifier: Apache-2.0
"""The operator reads only what it may, and never requests anything else."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Api, AuditLog, Bed, Manifests, StartOperator
from smtp_testkit.testbed.manifests import NAMESPACED
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.recording_proxy import RecordedRequest, RecordingProxy, recorded
from smtp_tools.localcluster import LocalCluster

PASSWORD = "s3cret-Passw0rd"
LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}


def test_with_the_namespaced_permissions_it_serves_that_namespace(
    bed: Bed, server: MailServer, confined: Path, start_operator: StartOperator
) -> None:
    start_operator(*LOOPBACK, f"--namespace={bed.namespace}", kubeconfig=confined)
    bed.secret("smtp-password", password=PASSWORD)

    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **LOGIN)

    assert seen.reason == "TestEmailSent"
    assert bed.wait_for_event("TestEmailSent")


def test_with_the_namespaced_permissions_it_asks_for_nothing_beyond_that_namespace(
    bed: Bed, server: MailServer, confined: Path, start_operator: StartOperator, audit: AuditLog
) -> None:
    operator = start_operator(*LOOPBACK, f"--namespace={bed.namespace}", kubeconfig=confined)
    bed.verdict_of(server)
    user = f"system:serviceaccount:{bed.namespace}:smtp-operator"
    audit.until("create", "events", user=user, namespace="")
    operator.stop()  # the line of a watch is written when it ends

    asked = audit.until("watch", "secrets", user=user, namespace="")
    assert {it.namespace for it in asked if it.resource not in {"", "selfsubjectreviews"}} == {bed.namespace}
    assert [it for it in asked if it.code == 403] == []


def test_a_namespace_that_is_not_its_own_is_left_alone(
    bed: Bed, api: Api, server: MailServer, confined: Path, start_operator: StartOperator
) -> None:
    start_operator(*LOOPBACK, f"--namespace={bed.namespace}", kubeconfig=confined)
    elsewhere = Bed(api, f"{bed.namespace}-elsewhere")
    api.create("/api/v1/namespaces", {"metadata": {"name": elsewhere.namespace}})
    elsewhere.create(server, "elsewhere")
    try:
        bed.verdict_of(server)

        assert elsewhere.seen("elsewhere").status == {"observedGeneration": -1}
    finally:
        elsewhere.delete("elsewhere")
        api.delete(f"/api/v1/namespaces/{elsewhere.namespace}")


@pytest.fixture
def recording(
    cluster: LocalCluster, service_account: Path, start_operator: StartOperator, tmp_path: Path
) -> Iterator[RecordingProxy]:
    """A proxy that records all requests of an operator."""
    with recorded(service_account, cluster.url, cluster.ca_file, tmp_path) as (proxy, kubeconfig):
        operator = start_operator(kubeconfig=kubeconfig)
        yield proxy
        operator.stop()


FOLLOWED = ("/secrets", "/configmaps", "/serviceaccounts")


def collections(asked: list[RecordedRequest]) -> list[RecordedRequest]:
    """Return requests for more than one object of the watched kinds."""
    return [it for it in asked if it.path.partition("?")[0].endswith(FOLLOWED)]


def test_secrets_and_configmaps_are_listed_and_watched_without_their_data(
    bed: Bed, server: MailServer, recording: RecordingProxy
) -> None:
    bed.secret("smtp-password", password=PASSWORD)
    bed.verdict_of(server, **LOGIN)

    asked = collections(recording.asked())
    assert {("watch=true" in it.path, it.path.partition("?")[0].rpartition("/")[2]) for it in asked} == {
        (watch, plural.removeprefix("/")) for watch in (True, False) for plural in FOLLOWED
    }
    assert all("as=PartialObjectMetadata" in it.headers["accept"] for it in asked)


def test_a_secret_s_data_is_sent_once_for_each_test_and_only_that_of_the_secret_named(
    bed: Bed, server: MailServer, recording: RecordingProxy
) -> None:
    bed.secret("smtp-password", password=PASSWORD)
    bed.secret("somebody-else-s", password="another-Passw0rd")
    bed.verdict_of(server, **LOGIN)

    answers = recording.answered()
    assert answers.count(base64.b64encode(PASSWORD.encode())) == 1
    assert answers.count(base64.b64encode(b"another-Passw0rd")) == 0
    named = f"/api/v1/namespaces/{bed.namespace}/secrets/smtp-password"
    assert [it.method for it in recording.asked() if it.path.partition("?")[0] == named] == ["GET"]


def test_with_secret_watch_none_it_needs_no_permission_to_list_or_watch_secrets(
    bed: Bed, server: MailServer, confined: Path, cluster: LocalCluster, start_operator: StartOperator
) -> None:
    manifests = Manifests.read(NAMESPACED).for_namespace(bed.namespace).permissions()
    for document in manifests.documents:
        for rule in document.get("rules", []):
            if {"secrets", "serviceaccounts"} & set(rule["resources"]):
                rule["verbs"] = ["get"]
    cluster.kubectl("apply", "-f", "-", input=str(manifests))

    start_operator(*LOOPBACK, f"--namespace={bed.namespace}", "--secret-watch=none", kubeconfig=confined)

    bed.secret("smtp-password", password=PASSWORD)
    assert bed.verdict_of(server, **LOGIN).reason == "TestEmailSent"

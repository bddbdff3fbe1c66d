# SPDX-License-Identifier: Apache-2.0
"""Vault objects on the real API server, and passwords read through them from a real OpenBao server."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed import Api, Bed, Object, OperatorProcess
from smtp_testkit.testbed.vaults import CLUSTER_WIDE, FLAGS, login, vault, vaults
from smtp_tools.localcluster import LocalCluster

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("operator")]

PASSWORD = "s3cret-Passw0rd"


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with OpenBao.start() as server:
        server.put("mail/smtp", password=PASSWORD)
        yield server


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path) -> Iterator[OperatorProcess]:
    with OperatorProcess(service_account, logs / "vaults.log", [*FLAGS, "--log-level=debug"]) as process:
        yield process.start()


def conditions(object_: Object) -> dict[str, str]:
    return {it["type"]: it["reason"] for it in object_["status"].get("conditions", ())}


def judged(object_: Object) -> bool:
    return bool(object_["status"]["observedGeneration"] == object_["metadata"]["generation"])


def test_a_password_in_openbao_is_read_and_the_vault_object_is_ready(
    bed: Bed, api: Api, cluster: LocalCluster, bao: OpenBao, server: MailServer
) -> None:
    api.create(vaults(bed), vault(bed, bao))

    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login())
    found = api.wait(vaults(bed), "bao", judged)

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}
    assert seen.status["password"] == {
        "source": "HashiCorpVault",
        "reference": "bao/mail/smtp",
        "version": "1",
    }
    assert conditions(found) == {"Ready": "VaultLoginSucceeded"}
    assert bed.wait_for_event("VaultLoginSucceeded", "bao")["regarding"]["kind"] == "SmtpVault"
    header, row = cluster.kubectl("-n", bed.namespace, "get", "smtpvaults").stdout.splitlines()
    assert header.split() == ["NAME", "PROVIDER", "READY", "STATUS", "AGE"]
    assert row.split()[:4] == ["bao", "HashiCorpVault", "True", "VaultLoginSucceeded"]
    # The operator changes only the status of the user's object.
    left = {name: found["metadata"].get(name) for name in ("annotations", "finalizers", "labels")}
    assert left == {"annotations": None, "finalizers": None, "labels": None}


def test_a_vault_object_that_comes_later_is_tested_at_once_and_one_that_goes_is_missed(
    bed: Bed, api: Api, bao: OpenBao, server: MailServer
) -> None:
    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login())
    assert seen.conditions["Reconciling"] == "WaitingForDependency"
    assert seen.reason == "VaultNotFound"

    api.create(vaults(bed), vault(bed, bao))
    bed.wait(lambda it: it.reason == "TestEmailSent")

    api.delete(f"{vaults(bed)}/bao")
    assert bed.wait(lambda it: it.reason == "VaultNotFound").judged


def test_a_revoked_login_fails_vault_and_smtp_config(
    bed: Bed, api: Api, bao: OpenBao, server: MailServer
) -> None:
    api.create(vaults(bed), vault(bed, bao))
    bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login())

    bed.secret("bao-login", token="hvs.of-nobody")

    assert bed.wait(lambda it: it.reason == "VaultAuthFailed").conditions["Failed"] == "VaultAuthFailed"
    found = api.wait(vaults(bed), "bao", lambda it: "Failed" in conditions(it))
    assert conditions(found)["Stalled"] == "VaultAuthFailed"
    assert bed.wait_for_event("VaultAuthFailed", "bao")["type"] == "Warning"


def test_a_cluster_wide_vault_is_for_the_namespaces_that_it_allows(
    bed: Bed, api: Api, bao: OpenBao, server: MailServer
) -> None:
    name = f"corp-{bed.namespace}"
    kind = "ClusterSmtpVault"
    servers = [f"127.0.0.1:{server.starttls_port}"]
    api.create(CLUSTER_WIDE, vault(bed, bao, kind, name, server, allowedServers=servers))
    try:
        seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login(kind, name))
        assert seen.reason == "VaultNotAllowed"

        names = {"matchNames": [bed.namespace]}
        api.patch(f"{CLUSTER_WIDE}/{name}", {"spec": {"allowedNamespaces": names}})

        seen = bed.wait(lambda it: it.reason == "TestEmailSent")
        found = api.wait(CLUSTER_WIDE, name, judged)
        assert conditions(found) == {"Ready": "VaultLoginSucceeded"}
        told = api.wait_any(
            "/apis/events.k8s.io/v1/namespaces/default/events", lambda it: it["regarding"]["name"] == name
        )
        assert (told["regarding"]["kind"], told["reason"]) == (kind, "VaultLoginSucceeded")
    finally:
        api.delete(f"{CLUSTER_WIDE}/{name}")


def test_a_cluster_wide_vault_may_allow_namespaces_by_their_labels(
    bed: Bed, api: Api, bao: OpenBao, server: MailServer
) -> None:
    name = f"labelled-{bed.namespace}"
    kind = "ClusterSmtpVault"
    labels = {"matchLabels": {"kubernetes.io/metadata.name": bed.namespace}}
    servers = [f"127.0.0.1:{server.starttls_port}"]
    allowed = {"allowedServers": servers, "allowedNamespaces": labels}
    api.create(CLUSTER_WIDE, vault(bed, bao, kind, name, server, **allowed))
    try:
        seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login(kind, name))
        assert seen.reason == "TestEmailSent"
    finally:
        api.delete(f"{CLUSTER_WIDE}/{name}")


def test_kubectl_waits_for_it(bed: Bed, api: Api, cluster: LocalCluster, bao: OpenBao) -> None:
    api.create(vaults(bed), vault(bed, bao))
    waiting = ["-n", bed.namespace, "wait", "--for=condition=Ready", "smtpvault/bao", "--timeout=20s"]
    done: subprocess.CompletedProcess[str] = cluster.kubectl(*waiting)
    assert done.stdout == "smtpvault.smtp-operator.io/bao condition met\n"

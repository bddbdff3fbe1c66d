# SPDX-License-Identifier: Apache-2.0
"""A running operator with several objects, and Debian's Prometheus that scrapes it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.background import in_thread
from smtp_testkit.mailpeers.imapserver import ImapServer
from smtp_testkit.testbed import Api, Bed, Manifests, OperatorProcess
from smtp_testkit.testbed.mailboxes import delivery_to
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.publishing import permit_publishing
from smtp_testkit.testbed.seen import ObservedObject
from smtp_tools.localcluster import LocalCluster
from smtp_tools.localcluster.ports import free_ports
from smtp_tools.monitoring import Prometheus

ROOT = Path(__file__).parents[3]
NAMESPACE = "prometheus-tier"
REFUSED = "refused@example.org"


@pytest.fixture(scope="session")
def prometheus(
    cluster: LocalCluster, api: Api, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus with metrics of SmtpConfigs in several states.

    One is ready, one failed, one suspended, and one needs an unreachable vault. One is published, the email
    of one arrives, and that of another is refused.
    """
    folder = tmp_path_factory.mktemp("prometheus")
    manifests = Manifests.read().permissions()
    cluster.kubectl("apply", "-f", "-", input=str(manifests))
    kubeconfig = cluster.kubeconfig_for_service_account(*manifests.service_account)
    api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    bed = Bed(api, NAMESPACE)
    port, closed = free_ports(2)
    permit_publishing(bed, manifests.user)
    flags = [*LOOPBACK, f"--allow-vault-port={closed}", f"--metrics-address=127.0.0.1:{port}"]
    flags += ["--publish", "--allow-imap-port=1-65535"]
    with (
        in_thread(ImapServer()) as mailbox,
        MailServer.in_thread(refused_recipients={REFUSED: "550 5.1.1 no such user"}) as server,
        OperatorProcess(kubeconfig, folder / "operator.log", [*flags, "--leader-elect"]) as operator,
        Prometheus.scraping(port, folder, ROOT / "deploy" / "monitoring" / "alerts.yaml") as running,
    ):
        server.on_mail = lambda mail: mailbox.store(mail.content)
        operator.start()
        bed.create(server, "works", "StartTLS", tls=bed.trust(server))
        bed.create(server, "fails", "TLS", port=server.plain_port)
        bed.create(server, "suspended", suspend=True)
        bed.create(server, "publishes", publish={"secretName": "proven"})
        bed.create(server, "arrives", delivery=delivery_to(bed, mailbox))
        bed.create(server, "refused", delivery=delivery_to(bed, mailbox, address=REFUSED))
        _vault_out_of_reach(bed, server, closed)
        for name in ("works", "fails", "suspended", "by-vault"):
            bed.verdict(name)
        for name, condition in (
            ("publishes", "Published"),
            ("arrives", "Delivered"),
            ("refused", "Delivered"),
        ):
            bed.wait(partial(_is_known, condition), name)
        yield running
    api.delete(f"/api/v1/namespaces/{NAMESPACE}")


def _is_known(kind: str, it: ObservedObject) -> bool:
    conditions: dict[str, str] = {found["type"]: found["status"] for found in it.status.get("conditions", ())}
    return conditions.get(kind, "Unknown") != "Unknown"


def _vault_out_of_reach(bed: Bed, server: MailServer, port: int) -> None:
    bed.secret("vault-token", token="t0ken")
    auth = {"tokenRef": {"name": "vault-token", "key": "token"}}
    block = {"url": f"https://127.0.0.1:{port}", "mount": "secret", "auth": auth}
    vault = {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpVault",
        "metadata": {"name": "vault"},
        "spec": {"hashiCorpVault": block, "allowedServers": ["*:*"]},
    }
    bed.api.create(bed.configs.replace("smtpconfigs", "smtpvaults"), vault)
    password = {"hashiCorpVault": {"vaultRef": {"name": "vault"}, "path": "mail", "key": "password"}}
    bed.create(server, "by-vault", "StartTLS", username="mailer", password=password, tls=bed.trust(server))

# SPDX-License-Identifier: Apache-2.0
"""An operator of all namespaces except one, and another one that serves it: neither does the other's work."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed import Api, AuditLog, Bed, StartOperator
from smtp_testkit.testbed.exposition import Exposition
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.vaults import CLUSTER_WIDE, FLAGS, vault, vaults
from smtp_tools.localcluster.ports import free_ports

pytestmark = pytest.mark.alone

UNTOUCHED = {"observedGeneration": -1}


@pytest.fixture
def elsewhere(api: Api) -> Iterator[Bed]:
    """A namespace that no operator excludes."""
    bed = Bed(api, "default")
    yield bed
    for it in api.items(bed.configs):
        bed.delete(it["metadata"]["name"])


def works_elsewhere(elsewhere: Bed, server: MailServer, name: str) -> None:
    """Wait until the operator of all other namespaces has handled everything until now."""
    elsewhere.create(server, name)
    assert elsewhere.verdict(name).reason == "TestEmailSent"


def test_a_smtpconfig_of_an_excluded_namespace_is_tested_by_its_own_operator_alone(
    bed: Bed,
    elsewhere: Bed,
    server: MailServer,
    confined: Path,
    audit: AuditLog,
    operator_user: str,
    start_operator: StartOperator,
) -> None:
    (port,) = free_ports(1)
    of_all = start_operator(
        *LOOPBACK, f"--exclude-namespace={bed.namespace}", f"--metrics-address=127.0.0.1:{port}"
    )
    start_operator(*LOOPBACK, f"--namespace={bed.namespace}", kubeconfig=confined)

    with MailServer.in_thread() as others:
        assert bed.verdict_of(server).reason == "TestEmailSent"
        works_elsewhere(elsewhere, others, "afterwards")
        bed.change(heloName="another.example.com")
        assert bed.verdict().reason == "TestEmailSent"
        works_elsewhere(elsewhere, others, "after-the-change")

    assert len(server.mails) == 2
    assert audit.requests(user=operator_user, namespace=bed.namespace) == []
    assert audit.requests(user=operator_user, namespace=elsewhere.namespace) != []
    assert f'namespace="{bed.namespace}"' not in Exposition.scraped(port).text
    assert f"{bed.namespace}/" not in of_all.output()


def test_what_is_there_already_at_the_start_is_left_alone_too(
    bed: Bed, elsewhere: Bed, server: MailServer, confined: Path, start_operator: StartOperator
) -> None:
    bed.create(server)
    start_operator(*LOOPBACK, f"--exclude-namespace={bed.namespace[:-1]}*")
    with MailServer.in_thread() as others:
        works_elsewhere(elsewhere, others, "afterwards")
    assert bed.seen().status == UNTOUCHED

    start_operator(*LOOPBACK, f"--namespace={bed.namespace}", kubeconfig=confined)

    assert bed.verdict().reason == "TestEmailSent"
    assert len(server.mails) == 1


def test_a_vault_of_the_cluster_is_served_with_credentials_that_lie_in_an_excluded_namespace(
    bed: Bed, api: Api, start_operator: StartOperator
) -> None:
    name = f"corp-{bed.namespace}"
    start_operator(*FLAGS, f"--exclude-namespace={bed.namespace}")
    with OpenBao.start() as bao:
        api.create(vaults(bed), vault(bed, bao))
        api.create(CLUSTER_WIDE, vault(bed, bao, "ClusterSmtpVault", name, allowedServers=["127.0.0.1:587"]))
        try:
            found = api.wait(CLUSTER_WIDE, name, lambda it: bool(it["status"].get("conditions")))
        finally:
            api.delete(f"{CLUSTER_WIDE}/{name}")

    assert [it["reason"] for it in found["status"]["conditions"]] == ["VaultLoginSucceeded"]
    assert api.get(f"{vaults(bed)}/bao")["status"] == UNTOUCHED

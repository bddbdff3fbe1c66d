# SPDX-License-Identifier: Apache-2.0
"""An operator with the permissions of one namespace: its SmtpVaults are served, ClusterSmtpVaults are not."""

from localcluster import LocalCluster
from mailpeers import MailServer
from openbao import OpenBao
from testbed import Bed, Manifests, StartOperator
from testbed.manifests import NAMESPACED
from testbed.vaults import FLAGS, login, vault, vaults


def test_an_operator_of_one_namespace_says_that_a_cluster_wide_vault_is_not_for_it(
    bed: Bed, cluster: LocalCluster, server: MailServer, start_operator: StartOperator
) -> None:
    manifests = Manifests.read(NAMESPACED).for_namespace(bed.namespace).permissions()
    cluster.kubectl("apply", "-f", "-", input=str(manifests))
    confined = cluster.kubeconfig_for_service_account(*manifests.service_account)
    start_operator(*FLAGS, f"--namespace={bed.namespace}", kubeconfig=confined)

    with OpenBao.start() as bao:
        bao.put("mail/smtp", password="s3cret-Passw0rd")
        bed.api.create(vaults(bed), vault(bed, bao))
        bed.create(server, "mine", "StartTLS", tls=bed.trust(server), **login())
        assert bed.verdict("mine").reason == "TestEmailSent"

    bed.create(server, "theirs", "StartTLS", tls=bed.trust(server), **login("ClusterSmtpVault", "corp"))
    seen = bed.verdict("theirs")
    assert seen.reason == "VaultNotAllowed"
    assert "lacks get on clustersmtpvaults.smtp-operator.io" in seen.message

# SPDX-License-Identifier: Apache-2.0
"""An operator with the permissions of one namespace: its SmtpVaults are served, ClusterSmtpVaults are not."""

from pathlib import Path

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed import Bed, StartOperator
from smtp_testkit.testbed.vaults import FLAGS, login, vault, vaults


def test_an_operator_of_one_namespace_says_that_a_cluster_wide_vault_is_not_for_it(
    bed: Bed, server: MailServer, confined: Path, start_operator: StartOperator
) -> None:
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

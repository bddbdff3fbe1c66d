# SPDX-License-Identifier: Apache-2.0
"""An account whose password is being changed does not delay reads of other accounts of the vault."""

import time
from collections.abc import Callable

import pytest

from smtp_operator.api.password import CyberArkPassword
from smtp_operator.api.vaultobject import vault_object
from smtp_operator.api.verdict import VerdictError
from smtp_operator.secrets.service_accounts import NoServiceAccounts
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_testkit.cyberark.ccp import Account, CcpServer
from smtp_testkit.cyberark.trial import CANARY, VaultTrial
from smtp_testkit.simulation import ObjectStore
from smtp_testkit.simulation.object_store import MAIL_SERVER

MAIL = [Account(safe="Mail", object=name, content=CANARY) for name in ("changes", "stays")]


def item(name: str) -> CyberArkPassword:
    return CyberArkPassword.model_validate({"vaultRef": {"name": "corp"}, "safe": "Mail", "object": name})


async def test_other_accounts_are_read_meanwhile(
    ccp_of: Callable[..., VaultTrial[CcpServer]], store: ObjectStore
) -> None:
    ccp = ccp_of(accounts=MAIL, changing={"changes"})
    store.put("ConfigMap", "ca", {"ca.crt": ccp.server.ca_pem})
    block = {"url": ccp.server.url, "appId": "smtp-operator"}
    spec = {"cyberArkCCP": block, "caRef": {"name": "ca", "namespace": "team-a"}}
    reference = store.put_vault("ClusterSmtpVault", "corp", spec)
    vaults = VaultClients(
        get_object=store.get,
        accounts=NoServiceAccounts(),
        https=ccp.https,
        monotonic=lambda: ccp.time,
        now=time.time,
    )
    live = vaults.of(vault_object("ClusterSmtpVault", store.objects[reference]))

    with pytest.raises(VerdictError) as failed:
        await live.read(item("changes"), destination=MAIL_SERVER)

    assert (failed.value.verdict.reason, failed.value.verdict.retry_after) == ("VaultSecretChanging", 30.0)
    assert (await live.read(item("stays"), destination=MAIL_SERVER)).value == CANARY
    assert isinstance(await live.check(), str)
    await vaults.close()

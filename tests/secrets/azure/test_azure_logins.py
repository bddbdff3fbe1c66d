# SPDX-License-Identifier: Apache-2.0
"""Logging in to an Azure Key Vault: by whom, how often, and what each credential is given to."""

import asyncio

from azurepeers.trial import CLIENT, PASSWORD, KeyVaultTrial


async def test_a_service_principal_reads_a_secret(trial: KeyVaultTrial) -> None:
    found = await trial.read()

    assert (found.value, found.version) == (PASSWORD, trial.key_vault.secrets["smtp"][0].version)
    assert trial.named.asked == [
        ("azureKeyVault.auth.servicePrincipal.clientSecretRef", trial.block["authorityHost"])
    ]


async def test_a_hundred_reads_log_in_once(trial: KeyVaultTrial) -> None:
    found = await asyncio.gather(*(trial.read() for _ in range(100)))

    assert {it.value for it in found} == {PASSWORD}
    assert len(trial.entra.forms) == 1
    assert len(trial.key_vault.requests) == 2 + 100


async def test_a_check_logs_in(trial: KeyVaultTrial) -> None:
    host = f"{trial.key_vault.host}:{trial.key_vault.port}"

    assert await trial.vault.check() == f"{host} lets client {CLIENT} in."

# SPDX-License-Identifier: Apache-2.0
"""A Key Vault with the secret ``smtp``, Entra ID with one application, and a machine without an identity."""

from collections.abc import Iterator

import pytest
from azure.keyvault.secrets._shared import HttpChallengeCache

from smtp_testkit.azurepeers.keyvault import TENANT, KeyVaultServer
from smtp_testkit.azurepeers.metadata import MetadataServer
from smtp_testkit.azurepeers.trial import CLIENT, PASSWORD, SECRET, KeyVaultTrial
from smtp_testkit.mailpeers.tokenserver import TokenServer


@pytest.fixture
def entra() -> Iterator[TokenServer]:
    names = ("login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn")
    with TokenServer.running(secrets={CLIENT: SECRET}, tenant=TENANT, scopes=set(), names=names) as server:
        yield server


@pytest.fixture
def key_vault(entra: TokenServer) -> Iterator[KeyVaultServer]:
    HttpChallengeCache.clear()  # of the process, and by host and port: ports come again
    with KeyVaultServer.running(entra, client=CLIENT) as server:
        server.put("smtp", PASSWORD)
        yield server


@pytest.fixture
def trial(key_vault: KeyVaultServer, entra: TokenServer) -> Iterator[KeyVaultTrial]:
    with MetadataServer.running(entra) as machine:
        made = KeyVaultTrial(key_vault, machine)
        yield made
        made.close()

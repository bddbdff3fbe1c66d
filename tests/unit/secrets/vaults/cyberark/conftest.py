# SPDX-License-Identifier: Apache-2.0
"""A CCP and a Conjur, and a vault object that leads to each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from smtp_operator.api.vault_blocks import ClusterCyberArkCcp, CyberArkCcp, CyberArkConjur
from smtp_operator.secrets.vaults.cyberark.ccp import CyberArkCcpVault
from smtp_operator.secrets.vaults.cyberark.conjur import CyberArkConjurVault
from smtp_operator.secrets.vaults.provider import VaultContext, VaultProvider
from smtp_testkit.cyberark.ccp import Account, Application, CcpServer
from smtp_testkit.cyberark.conjur import ConjurServer
from smtp_testkit.cyberark.trial import CANARY, GivenCredentials, VaultTrial

RELAY = Account(safe="Mail", object="smtp-relay", content=CANARY)
API_KEY = "2x5c4nary-Api-Key"
VARIABLE = "prod/smtp/password"


@pytest.fixture
def ccp_of() -> Iterator[Callable[..., VaultTrial[CcpServer]]]:
    """Build a CCP with one account that knows AppID smtp-operator by its address, with options."""
    with ExitStack() as opened:

        def build(**options: Any) -> VaultTrial[CcpServer]:
            applications = {"smtp-operator": Application(safes=frozenset({"Mail", "Mail Relays"}))}
            server = opened.enter_context(
                CcpServer.running(**({"accounts": [RELAY], "applications": applications} | options))
            )

            def make(context: VaultContext, changes: dict[str, Any]) -> VaultProvider:
                block = {"url": server.url, "appId": "smtp-operator"} | changes
                model = CyberArkCcp if "clientCertificateRef" in changes else ClusterCyberArkCcp
                return CyberArkCcpVault(model.model_validate(block), context)

            trial = VaultTrial(server, make)
            opened.callback(trial.https.close)
            return trial

        yield build


@pytest.fixture
def ccp(ccp_of: Callable[..., VaultTrial[CcpServer]]) -> VaultTrial[CcpServer]:
    """A CCP that requires no certificate."""
    return ccp_of()


@pytest.fixture
def conjur() -> Iterator[VaultTrial[ConjurServer]]:
    """A Conjur with one variable that host/mail/operator may read."""
    with ConjurServer.running(
        api_keys={"host/mail/operator": API_KEY},
        variables={VARIABLE: [b"0ld", CANARY.encode()]},
        readers={VARIABLE: {"host/mail/operator"}},
    ) as server:

        def make(context: VaultContext, changes: dict[str, Any]) -> VaultProvider:
            auth = {
                "apiKey": {"login": "host/mail/operator", "apiKeyRef": {"name": "conjur", "key": "api-key"}}
            }
            block = {"url": server.url, "account": "corp", "auth": auth} | changes
            return CyberArkConjurVault(CyberArkConjur.model_validate(block), context)

        trial = VaultTrial(server, make, GivenCredentials(secrets={("conjur", "api-key"): API_KEY}))
        yield trial
        trial.https.close()

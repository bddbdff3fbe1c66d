# SPDX-License-Identifier: Apache-2.0
"""The registry of vaults: one line per provider.

A provider is imported with the first vault object of its kind: the clients of some products take more memory
than all the rest of the operator.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from smtp_operator.api.smtpvault import Provider
from smtp_operator.secrets.vaults.provider import VaultContext, VaultProvider

ProviderClass = Callable[[Any, VaultContext], VaultProvider]
"""Made of the provider's block of the vault object's spec."""


def _class(module: str, name: str) -> ProviderClass:
    """That class of a module of this folder, imported once somebody needs it."""

    def made(block: Any, context: VaultContext) -> VaultProvider:
        client: VaultProvider = getattr(import_module(f"smtp_operator.secrets.vaults.{module}"), name)(
            block, context
        )
        return client

    return made


PROVIDERS: Final[Mapping[Provider, ProviderClass]] = {
    Provider.AZURE_KEY_VAULT: _class("azure.provider", "KeyVault"),
    Provider.CYBERARK_CCP: _class("cyberark.ccp", "CyberArkCcpVault"),
    Provider.CYBERARK_CONJUR: _class("cyberark.conjur", "CyberArkConjurVault"),
    Provider.HASHICORP_VAULT: _class("hashicorp.provider", "HashiCorpKv"),
}

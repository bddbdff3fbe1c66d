# SPDX-License-Identifier: Apache-2.0
"""The registry of vault providers: one line per provider.

A provider is imported when its first vault object is used: the clients of some products take more memory
than the rest of the operator.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from smtp_operator.api.smtpvault import Provider
from smtp_operator.secrets.vaults.provider import VaultContext, VaultProvider

ProviderClass = Callable[[Any, VaultContext], VaultProvider]
"""Creates a provider from its block of the vault object's spec."""


def _class(module: str, name: str) -> ProviderClass:
    """Return a factory for a class in a module of this package, imported on first use."""

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

# SPDX-License-Identifier: Apache-2.0
"""All of them, in the order of the table."""

from conformance.azure_source import AzureKeyVaultSource
from conformance.cyberark_sources import CyberArkCcpSource, CyberArkConjurSource
from conformance.hashicorp import HashiCorpSource
from conformance.plain import InputTextSource, KubernetesSecretSource
from conformance.source import Source
from conformance.tokens import OAuth2Source

SOURCES: tuple[type[Source], ...] = (
    InputTextSource,
    KubernetesSecretSource,
    AzureKeyVaultSource,
    CyberArkCcpSource,
    CyberArkConjurSource,
    HashiCorpSource,
    OAuth2Source,
)

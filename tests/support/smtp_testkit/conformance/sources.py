# SPDX-License-Identifier: Apache-2.0
"""All sources, in the order of the table."""

from smtp_testkit.conformance.azure_source import AzureKeyVaultSource
from smtp_testkit.conformance.cyberark_sources import CyberArkCcpSource, CyberArkConjurSource
from smtp_testkit.conformance.hashicorp import HashiCorpSource
from smtp_testkit.conformance.plain import InputTextSource, KubernetesSecretSource
from smtp_testkit.conformance.source import Source
from smtp_testkit.conformance.tokens import OAuth2Source

SOURCES: tuple[type[Source], ...] = (
    InputTextSource,
    KubernetesSecretSource,
    AzureKeyVaultSource,
    CyberArkCcpSource,
    CyberArkConjurSource,
    HashiCorpSource,
    OAuth2Source,
)

# SPDX-License-Identifier: Apache-2.0
"""``SmtpVault`` and ``ClusterSmtpVault``: the location of a vault and the login to it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from smtp_operator.api.fields import ApiModel, CaReference, NamespacedCaReference, Switch
from smtp_operator.api.validation_rules import ALLOWED_SERVER, ListType, exactly_one, required
from smtp_operator.api.vault_blocks import (
    AzureKeyVault,
    ClusterAzureKeyVault,
    ClusterCyberArkCcp,
    ClusterCyberArkConjur,
    ClusterHashiCorpVault,
    CyberArkCcp,
    CyberArkConjur,
    HashiCorpVault,
)


class Provider(StrEnum):
    """The supported vaults, as in ``status.provider`` and ``status.password.source``."""

    AZURE_KEY_VAULT = "AzureKeyVault"
    CYBERARK_CCP = "CyberArkCCP"
    CYBERARK_CONJUR = "CyberArkConjur"
    HASHICORP_VAULT = "HashiCorpVault"


AllowedServer = Annotated[
    str, Field(min_length=1, max_length=260, description="host:port of a mail server."), ALLOWED_SERVER
]
AllowedReference = Annotated[
    str,
    Field(min_length=1, max_length=512, description="A prefix pattern such as Mail/*, or a complete name."),
]
LabelValue = Annotated[str, Field(max_length=63)]

_PROVIDERS = exactly_one("azureKeyVault", "cyberArkCCP", "cyberArkConjur", "hashiCorpVault")
_SERVERS = (
    'Mail servers that may receive passwords from this vault. An empty list allows none; "*:*" allows all.'
)
AllowedServers = Annotated[list[AllowedServer], Field(max_length=64, description=_SERVERS), ListType.SET]
AllowedReferences = Annotated[
    list[AllowedReference],
    Field(
        max_length=64,
        description="Secrets that SmtpConfigs can read; default: all. An entry is compared with secretName,"
        " variable, path, or safe/object (safe/folder/object if the folder is not Root). A * at its end"
        " matches any ending.",
    ),
    ListType.SET,
]


class SmtpVaultSpec(ApiModel):
    """A vault and the login to it, for SmtpConfigs of this namespace."""

    rules = (
        _PROVIDERS,
        required(
            "allowedServers",
            "set allowedServers to the mail servers that may receive passwords from this vault,"
            ' such as ["smtp.example.com:587"]; ["*:*"] allows all',
        ),
    )

    azure_key_vault: AzureKeyVault | None = None
    cyber_ark_ccp: CyberArkCcp | None = Field(None, alias="cyberArkCCP")
    cyber_ark_conjur: CyberArkConjur | None = None
    hashi_corp_vault: HashiCorpVault | None = None
    ca_ref: CaReference | None = None
    allowed_servers: AllowedServers | None = None
    allowed_references: AllowedReferences | None = None
    allow_publish: Switch = Field(
        False, description="Allow spec.publish of SmtpConfigs to copy passwords from this vault to a Secret."
    )


class AllowedNamespaces(ApiModel):
    """Namespaces whose SmtpConfigs may use this vault, by name or label. Default: none."""

    match_names: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=63, description='A namespace; "*" matches all.')]],
        Field(max_length=256, description='Names of namespaces; ["*"] matches all.'),
        ListType.SET,
    ] = Field(default_factory=list)
    match_labels: Annotated[
        dict[str, LabelValue],
        Field(max_length=16, description="Labels that a namespace must have; all must match."),
    ] = Field(default_factory=dict)


class PublishNamespaces(AllowedNamespaces):
    """Namespaces whose SmtpConfigs may publish passwords from this vault. Default: none."""


class ClusterSmtpVaultSpec(ApiModel):
    """A vault and the login to it, for the namespaces that it allows."""

    rules = (_PROVIDERS,)

    azure_key_vault: ClusterAzureKeyVault | None = None
    cyber_ark_ccp: ClusterCyberArkCcp | None = Field(None, alias="cyberArkCCP")
    cyber_ark_conjur: ClusterCyberArkConjur | None = None
    hashi_corp_vault: ClusterHashiCorpVault | None = None
    ca_ref: NamespacedCaReference | None = None
    allowed_servers: AllowedServers
    allowed_references: AllowedReferences | None = None
    allowed_namespaces: AllowedNamespaces | None = None
    publish_namespaces: PublishNamespaces | None = None


VaultSpec = SmtpVaultSpec | ClusterSmtpVaultSpec
ProviderBlock = AzureKeyVault | ClusterAzureKeyVault | CyberArkCcp | CyberArkConjur | HashiCorpVault


def provider_of(spec: VaultSpec) -> tuple[Provider, ProviderBlock]:
    """Return the provider and the block of spec that describes it."""
    if spec.azure_key_vault is not None:
        return Provider.AZURE_KEY_VAULT, spec.azure_key_vault
    if spec.cyber_ark_ccp is not None:
        return Provider.CYBERARK_CCP, spec.cyber_ark_ccp
    if spec.cyber_ark_conjur is not None:
        return Provider.CYBERARK_CONJUR, spec.cyber_ark_conjur
    assert spec.hashi_corp_vault is not None  # rules: exactly one
    return Provider.HASHICORP_VAULT, spec.hashi_corp_vault

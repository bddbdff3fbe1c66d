# SPDX-License-Identifier: Apache-2.0
"""``SmtpVault`` and ``ClusterSmtpVault``: the configured details of a vault, and how to log in to it.

The cluster-wide variants of a model differ in that their references carry a namespace. Providers see the
common base.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from smtp_operator.api.model import (
    ApiModel,
    Audience,
    CaReference,
    ClientCertificateReference,
    HttpsUrl,
    Line128,
    Line256,
    NamespacedCaReference,
    NamespacedClientCertificateReference,
    NamespacedSecretKeyReference,
    NamespaceName,
    SecretKeyReference,
    ServiceAccountReference,
)
from smtp_operator.api.rules import (
    ALLOWED_SERVER,
    CYBERARK_VALUE,
    ONE_LINE,
    VAULT_PLACE,
    ListType,
    Rule,
    exactly_one,
    required,
)


class Provider(StrEnum):
    """The vaults that can be read, as in ``status.provider`` and ``status.password.source``."""

    AZURE_KEY_VAULT = "AzureKeyVault"
    CYBERARK_CCP = "CyberArkCCP"
    CYBERARK_CONJUR = "CyberArkConjur"
    HASHICORP_VAULT = "HashiCorpVault"


_AUDIENCE = (
    "Audience of the token asked for. The ServiceAccount must allow it by its annotation"
    " smtp-operator.io/allowed-audiences; the API server's own audiences are refused at run time."
)
_NAMESPACE = "Namespace of the ServiceAccount."


class NamespacedServiceAccountReference(ServiceAccountReference):
    """A ServiceAccount whose token is the client's assertion."""

    namespace: NamespaceName = Field(description=_NAMESPACE)


class ConjurServiceAccountReference(ServiceAccountReference):
    """The ServiceAccount of this namespace whose token logs in."""

    audience: Audience = Field("conjur", description=_AUDIENCE)


class NamespacedConjurServiceAccountReference(ConjurServiceAccountReference):
    """The ServiceAccount whose token logs in."""

    namespace: NamespaceName = Field(description=_NAMESPACE)


class VaultServiceAccountReference(ServiceAccountReference):
    """The ServiceAccount of this namespace whose token logs in."""

    audience: Audience = Field("vault", description=_AUDIENCE)


class NamespacedVaultServiceAccountReference(VaultServiceAccountReference):
    """The ServiceAccount whose token logs in."""

    namespace: NamespaceName = Field(description=_NAMESPACE)


class ServicePrincipal(ApiModel):
    """An application of Entra ID, with its client secret or its certificate."""

    rules = (exactly_one("clientSecretRef", "certificateRef"),)

    tenant_id: Line128 = Field(description="Tenant of Entra ID.")
    client_id: Line128 = Field(description="Application (client) id.")
    client_secret_ref: SecretKeyReference | None = None
    certificate_ref: ClientCertificateReference | None = None


class ClusterServicePrincipal(ServicePrincipal):
    """An application of Entra ID, with its client secret or its certificate."""

    client_secret_ref: NamespacedSecretKeyReference | None = None
    certificate_ref: NamespacedClientCertificateReference | None = None


class WorkloadIdentity(ApiModel):
    """An application of Entra ID that trusts tokens of a ServiceAccount: no secret at all."""

    tenant_id: Line128 = Field(description="Tenant of Entra ID.")
    client_id: Line128 = Field(description="Application (client) id.")
    service_account_ref: ServiceAccountReference


class ClusterWorkloadIdentity(WorkloadIdentity):
    """An application of Entra ID that trusts tokens of a ServiceAccount: no secret at all."""

    service_account_ref: NamespacedServiceAccountReference


class ManagedIdentity(ApiModel):
    """The operator's own identity, given to its Pod by Azure."""

    client_id: Line128 | None = Field(
        None, description="Client id of a user-assigned identity; default: the system-assigned one."
    )


class AzureAuth(ApiModel):
    """How to log in; exactly one."""

    rules = (exactly_one("servicePrincipal", "workloadIdentity"),)

    service_principal: ServicePrincipal | None = None
    workload_identity: WorkloadIdentity | None = None

    @property
    def managed_identity(self) -> ManagedIdentity | None:
        """The operator's own identity; never lent to a namespaced object."""
        return None


_AUTHORITY = "Entra ID's host: one of its public clouds, unless --allow-authority-host names it."


class AzureKeyVault(ApiModel):
    """An Azure Key Vault."""

    vault_url: HttpsUrl = Field(description="URL of the Key Vault, such as https://corp.vault.azure.net.")
    auth: AzureAuth
    authority_host: HttpsUrl = Field("https://login.microsoftonline.com", description=_AUTHORITY)


class ClusterAzureAuth(ApiModel):
    """How to log in; exactly one."""

    rules = (exactly_one("servicePrincipal", "workloadIdentity", "managedIdentity"),)

    service_principal: ClusterServicePrincipal | None = None
    workload_identity: ClusterWorkloadIdentity | None = None
    managed_identity: ManagedIdentity | None = None


class ClusterAzureKeyVault(ApiModel):
    """An Azure Key Vault."""

    vault_url: HttpsUrl = Field(description="URL of the Key Vault, such as https://corp.vault.azure.net.")
    auth: ClusterAzureAuth
    authority_host: HttpsUrl = Field("https://login.microsoftonline.com", description=_AUTHORITY)


Mount = Annotated[str, Field(min_length=1, max_length=128), ONE_LINE, VAULT_PLACE]
VaultNamespace = Annotated[str, Field(min_length=1, max_length=256), ONE_LINE, VAULT_PLACE]
AppId = Annotated[str, Field(min_length=1, max_length=256), CYBERARK_VALUE]
WebService = Annotated[str, Field(min_length=1, max_length=128, pattern="^[A-Za-z0-9_-][A-Za-z0-9._-]*$")]


class CyberArkCcp(ApiModel):
    """CyberArk Central Credential Provider (AIM)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        required(
            "clientCertificateRef",
            "set clientCertificateRef: only a ClusterSmtpVault may leave it out, since then the operator's"
            " own address is the credential",
        ),
    )

    url: HttpsUrl = Field(description="URL of the CCP's host, such as https://ccp.example.com.")
    web_service: WebService = Field("AIMWebService", description="Name of the web service.")
    app_id: AppId = Field(description="AppID under which the operator asks.")
    client_certificate_ref: ClientCertificateReference | None = None


class ClusterCyberArkCcp(CyberArkCcp):
    """CyberArk Central Credential Provider (AIM)."""

    rules = ()

    client_certificate_ref: NamespacedClientCertificateReference | None = None


class ConjurApiKey(ApiModel):
    """Login with an API key."""

    login: Line256 = Field(description="Login, such as host/smtp-operator.")
    api_key_ref: SecretKeyReference


class ClusterConjurApiKey(ConjurApiKey):
    """Login with an API key."""

    api_key_ref: NamespacedSecretKeyReference


class ConjurJwt(ApiModel):
    """Login with a ServiceAccount's token (authn-jwt)."""

    service_id: Line128 = Field(description="Id of the authn-jwt service.")
    service_account_ref: ConjurServiceAccountReference
    host_id: Line256 | None = Field(
        None, description="Host, where the token does not name it, such as host/smtp-operator."
    )


class ClusterConjurJwt(ConjurJwt):
    """Login with a ServiceAccount's token (authn-jwt)."""

    service_account_ref: NamespacedConjurServiceAccountReference


class ConjurAuth(ApiModel):
    """How to log in; exactly one."""

    rules = (exactly_one("apiKey", "jwt"),)

    api_key: ConjurApiKey | None = None
    jwt: ConjurJwt | None = None


class ClusterConjurAuth(ConjurAuth):
    """How to log in; exactly one."""

    api_key: ClusterConjurApiKey | None = None
    jwt: ClusterConjurJwt | None = None


class CyberArkConjur(ApiModel):
    """CyberArk Conjur or Secrets Manager."""

    url: HttpsUrl = Field(description="URL of Conjur; one with a path keeps it.")
    account: Line128 = Field(description="Account.")
    auth: ConjurAuth


class ClusterCyberArkConjur(CyberArkConjur):
    """CyberArk Conjur or Secrets Manager."""

    auth: ClusterConjurAuth


class VaultJwt(ApiModel):
    """Login with a ServiceAccount's token, by the `kubernetes` or the `jwt` auth method."""

    mount: Mount = Field("kubernetes", description="Mount of the auth method.")
    role: Line128 = Field(description="Role to log in as.")
    service_account_ref: VaultServiceAccountReference


class ClusterVaultJwt(VaultJwt):
    """Login with a ServiceAccount's token, by the `kubernetes` or the `jwt` auth method."""

    service_account_ref: NamespacedVaultServiceAccountReference


class VaultAppRole(ApiModel):
    """Login with an AppRole."""

    role_id: Line128 = Field(description="Role id.")
    secret_id_ref: SecretKeyReference


class ClusterVaultAppRole(VaultAppRole):
    """Login with an AppRole."""

    secret_id_ref: NamespacedSecretKeyReference


class HashiCorpVaultAuth(ApiModel):
    """How to log in; exactly one."""

    rules = (exactly_one("jwt", "appRole", "tokenRef"),)

    jwt: VaultJwt | None = None
    app_role: VaultAppRole | None = None
    token_ref: SecretKeyReference | None = None


class ClusterHashiCorpVaultAuth(HashiCorpVaultAuth):
    """How to log in; exactly one."""

    jwt: ClusterVaultJwt | None = None
    app_role: ClusterVaultAppRole | None = None
    token_ref: NamespacedSecretKeyReference | None = None


class HashiCorpVault(ApiModel):
    """HashiCorp Vault or OpenBao, KV version 2."""

    url: HttpsUrl = Field(description="URL of the vault, such as https://vault.example.com:8200.")
    mount: Mount = Field("secret", description="Mount of the KV version 2 engine.")
    namespace: VaultNamespace | None = Field(None, description="Namespace of Vault Enterprise or OpenBao.")
    auth: HashiCorpVaultAuth


class ClusterHashiCorpVault(HashiCorpVault):
    """HashiCorp Vault or OpenBao, KV version 2."""

    auth: ClusterHashiCorpVaultAuth


AllowedServer = Annotated[
    str, Field(min_length=1, max_length=260, description="host:port of a mail server."), ALLOWED_SERVER
]
AllowedReference = Annotated[
    str, Field(min_length=1, max_length=512, description="A prefix glob such as Mail/*, or a whole name.")
]
LabelValue = Annotated[str, Field(max_length=63)]

_PROVIDERS = exactly_one("azureKeyVault", "cyberArkCCP", "cyberArkConjur", "hashiCorpVault")
_SERVERS = (
    "Mail servers to which passwords read through this vault may be sent."
    ' Required; empty: none; "*:*": all, on purpose.'
)
AllowedServers = Annotated[list[AllowedServer], Field(max_length=64, description=_SERVERS), ListType.SET]
AllowedReferences = Annotated[
    list[AllowedReference],
    Field(
        max_length=64,
        description="What may be read: prefix globs over safe/object, secretName, variable, path;"
        " safe/folder/object in another folder than Root. Absent: all.",
    ),
    ListType.SET,
]


class SmtpVaultSpec(ApiModel):
    """The configured details of a vault, for SmtpConfigs of this namespace; exactly one provider."""

    rules = (
        _PROVIDERS,
        required(
            "allowedServers",
            "set allowedServers: the mail servers to which passwords read through this vault may be sent,"
            ' such as ["smtp.example.com:587"]; ["*:*"] is all of them',
        ),
    )

    azure_key_vault: AzureKeyVault | None = None
    cyber_ark_ccp: CyberArkCcp | None = Field(None, alias="cyberArkCCP")
    cyber_ark_conjur: CyberArkConjur | None = None
    hashi_corp_vault: HashiCorpVault | None = None
    ca_ref: CaReference | None = None
    allowed_servers: AllowedServers | None = None
    allowed_references: AllowedReferences | None = None


class AllowedNamespaces(ApiModel):
    """The namespaces whose SmtpConfigs may use this vault: named or matched. Empty: none."""

    match_names: Annotated[
        list[
            Annotated[str, Field(min_length=1, max_length=63, description='A namespace; "*" is every one.')]
        ],
        Field(max_length=256, description='Names of namespaces; ["*"] is every one.'),
        ListType.SET,
    ] = Field(default_factory=list)
    match_labels: Annotated[
        dict[str, LabelValue],
        Field(max_length=16, description="Labels that a namespace must have, all of them."),
    ] = Field(default_factory=dict)


class ClusterSmtpVaultSpec(ApiModel):
    """The configured details of a vault, for the namespaces that it allows; exactly one provider."""

    rules = (_PROVIDERS,)

    azure_key_vault: ClusterAzureKeyVault | None = None
    cyber_ark_ccp: ClusterCyberArkCcp | None = Field(None, alias="cyberArkCCP")
    cyber_ark_conjur: ClusterCyberArkConjur | None = None
    hashi_corp_vault: ClusterHashiCorpVault | None = None
    ca_ref: NamespacedCaReference | None = None
    allowed_servers: AllowedServers
    allowed_references: AllowedReferences | None = None
    allowed_namespaces: AllowedNamespaces | None = None


VaultSpec = SmtpVaultSpec | ClusterSmtpVaultSpec
ProviderBlock = AzureKeyVault | ClusterAzureKeyVault | CyberArkCcp | CyberArkConjur | HashiCorpVault


def provider_of(spec: VaultSpec) -> tuple[Provider, ProviderBlock]:
    """Which vault it is, and the block that describes it."""
    if spec.azure_key_vault is not None:
        return Provider.AZURE_KEY_VAULT, spec.azure_key_vault
    if spec.cyber_ark_ccp is not None:
        return Provider.CYBERARK_CCP, spec.cyber_ark_ccp
    if spec.cyber_ark_conjur is not None:
        return Provider.CYBERARK_CONJUR, spec.cyber_ark_conjur
    assert spec.hashi_corp_vault is not None  # rules: exactly one
    return Provider.HASHICORP_VAULT, spec.hashi_corp_vault

# SPDX-License-Identifier: Apache-2.0
"""The blocks of a vault object that describe a provider and the login to it.

The cluster-wide variants of a model differ in that their references carry a namespace. Providers see the
common base.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from smtp_operator.api.fields import (
    ApiModel,
    Audience,
    ClientCertificateReference,
    HttpsUrl,
    Line128,
    Line256,
    NamespacedClientCertificateReference,
    NamespacedSecretKeyReference,
    NamespaceName,
    SecretKeyReference,
    ServiceAccountReference,
)
from smtp_operator.api.validation_rules import (
    CYBERARK_VALUE,
    ONE_LINE,
    VAULT_PLACE,
    FieldRule,
    exactly_one,
    required,
)

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

    rules: ClassVar[tuple[FieldRule, ...]] = (
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

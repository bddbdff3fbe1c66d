# SPDX-License-Identifier: Apache-2.0
"""The blocks of a vault object that describe a provider and the login to it.

References of the cluster-wide variants have a namespace. Provider code uses the common base.
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
    "Audience of the requested token. The ServiceAccount must list it in its annotation"
    " smtp-operator.io/allowed-audiences. The operator refuses audiences of the API server."
)
_NAMESPACE = "Namespace of the ServiceAccount."


class NamespacedServiceAccountReference(ServiceAccountReference):
    """A ServiceAccount. Its token replaces a client secret."""

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
    """An Entra ID application, with a client secret or certificate."""

    rules = (exactly_one("clientSecretRef", "certificateRef"),)

    tenant_id: Line128 = Field(description="Entra ID tenant.")
    client_id: Line128 = Field(description="Application (client) ID.")
    client_secret_ref: SecretKeyReference | None = None
    certificate_ref: ClientCertificateReference | None = None


class ClusterServicePrincipal(ServicePrincipal):
    """An Entra ID application, with a client secret or certificate."""

    client_secret_ref: NamespacedSecretKeyReference | None = None
    certificate_ref: NamespacedClientCertificateReference | None = None


class WorkloadIdentity(ApiModel):
    """An Entra ID application that trusts tokens of a ServiceAccount; no secret is needed."""

    tenant_id: Line128 = Field(description="Entra ID tenant.")
    client_id: Line128 = Field(description="Application (client) ID.")
    service_account_ref: ServiceAccountReference


class ClusterWorkloadIdentity(WorkloadIdentity):
    """An Entra ID application that trusts tokens of a ServiceAccount; no secret is needed."""

    service_account_ref: NamespacedServiceAccountReference


class ManagedIdentity(ApiModel):
    """The identity that Azure assigns to the operator's Pod."""

    client_id: Line128 | None = Field(
        None, description="Client ID of a user-assigned identity; default: the system-assigned identity."
    )


class AzureAuth(ApiModel):
    """Login method."""

    rules = (exactly_one("servicePrincipal", "workloadIdentity"),)

    service_principal: ServicePrincipal | None = None
    workload_identity: WorkloadIdentity | None = None

    @property
    def managed_identity(self) -> ManagedIdentity | None:
        """None: a namespaced object cannot use the operator's identity."""
        return None


_AUTHORITY = "Host of Entra ID: a public cloud, or a host listed in --allow-authority-host."


class AzureKeyVault(ApiModel):
    """An Azure Key Vault."""

    vault_url: HttpsUrl = Field(description="URL of the Key Vault, such as https://corp.vault.azure.net.")
    auth: AzureAuth
    authority_host: HttpsUrl = Field("https://login.microsoftonline.com", description=_AUTHORITY)


class ClusterAzureAuth(ApiModel):
    """Login method."""

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
            "set clientCertificateRef: without it the operator's IP address is the credential, which only a"
            " ClusterSmtpVault can use",
        ),
    )

    url: HttpsUrl = Field(description="URL of the CCP host, such as https://ccp.example.com.")
    web_service: WebService = Field("AIMWebService", description="Name of the web service.")
    app_id: AppId = Field(description="AppID of the operator.")
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

    service_id: Line128 = Field(description="Service ID of authn-jwt.")
    service_account_ref: ConjurServiceAccountReference
    host_id: Line256 | None = Field(
        None, description="Conjur host, such as host/smtp-operator. Needed if the token does not name it."
    )


class ClusterConjurJwt(ConjurJwt):
    """Login with a ServiceAccount's token (authn-jwt)."""

    service_account_ref: NamespacedConjurServiceAccountReference


class ConjurAuth(ApiModel):
    """Login method."""

    rules = (exactly_one("apiKey", "jwt"),)

    api_key: ConjurApiKey | None = None
    jwt: ConjurJwt | None = None


class ClusterConjurAuth(ConjurAuth):
    """Login method."""

    api_key: ClusterConjurApiKey | None = None
    jwt: ClusterConjurJwt | None = None


class CyberArkConjur(ApiModel):
    """CyberArk Conjur or Secrets Manager."""

    url: HttpsUrl = Field(
        description="URL of Conjur, such as https://conjur.example.com. It can have a path."
    )
    account: Line128 = Field(description="Conjur account.")
    auth: ConjurAuth


class ClusterCyberArkConjur(CyberArkConjur):
    """CyberArk Conjur or Secrets Manager."""

    auth: ClusterConjurAuth


class VaultJwt(ApiModel):
    """Login with a ServiceAccount's token, by the `kubernetes` or the `jwt` auth method."""

    mount: Mount = Field("kubernetes", description="Mount of the auth method.")
    role: Line128 = Field(description="Role of the login.")
    service_account_ref: VaultServiceAccountReference


class ClusterVaultJwt(VaultJwt):
    """Login with a ServiceAccount's token, by the `kubernetes` or the `jwt` auth method."""

    service_account_ref: NamespacedVaultServiceAccountReference


class VaultAppRole(ApiModel):
    """Login with an AppRole."""

    role_id: Line128 = Field(description="Role ID.")
    secret_id_ref: SecretKeyReference


class ClusterVaultAppRole(VaultAppRole):
    """Login with an AppRole."""

    secret_id_ref: NamespacedSecretKeyReference


class HashiCorpVaultAuth(ApiModel):
    """Login method."""

    rules = (exactly_one("jwt", "appRole", "tokenRef"),)

    jwt: VaultJwt | None = None
    app_role: VaultAppRole | None = None
    token_ref: SecretKeyReference | None = None


class ClusterHashiCorpVaultAuth(HashiCorpVaultAuth):
    """Login method."""

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

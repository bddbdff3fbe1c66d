# SPDX-License-Identifier: Apache-2.0
"""``spec.password`` of a SmtpConfig: the source of the password."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from smtp_operator.api.fields import ApiModel, DataKey, ObjectName
from smtp_operator.api.validation_rules import (
    AZURE_SECRET_NAME,
    AZURE_VERSION,
    CYBERARK_VALUE,
    ONE_LINE,
    VAULT_PATH,
    FieldRule,
    exactly_one,
)


class UserNameReference(ApiModel):
    """A Secret of this namespace that holds the username.

    The username is then a credential: messages name this Secret and key, and never show the username.
    """

    name: ObjectName = Field(description="Name of the Secret.")
    key: DataKey = Field("username", description="Key in the Secret; default: `username`.")


class PasswordReference(ApiModel):
    """A Secret of this namespace."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: DataKey = Field("password", description="Key in the Secret; default: `password`.")


class VaultKind(StrEnum):
    """The kinds of vault objects."""

    SMTP_VAULT = "SmtpVault"
    CLUSTER_SMTP_VAULT = "ClusterSmtpVault"


class VaultReference(ApiModel):
    """The SmtpVault or ClusterSmtpVault with the URL and the login of the vault."""

    kind: VaultKind = Field(
        VaultKind.SMTP_VAULT,
        description="SmtpVault (of this namespace) or ClusterSmtpVault (which must allow this namespace).",
    )
    name: ObjectName = Field(description="Name of the vault object.")


AzureSecretName = Annotated[str, Field(min_length=1, max_length=127), AZURE_SECRET_NAME]
AzureVersion = Annotated[str, Field(min_length=1, max_length=32), AZURE_VERSION]
CyberArkValue = Annotated[str, Field(min_length=1, max_length=256), CYBERARK_VALUE]
ConjurVariable = Annotated[str, Field(min_length=1, max_length=512), ONE_LINE]
ConjurVersion = Annotated[str, Field(min_length=1, max_length=16, pattern="^[0-9]+$")]
VaultPath = Annotated[str, Field(min_length=1, max_length=512), VAULT_PATH]
VaultKey = Annotated[str, Field(min_length=1, max_length=253), ONE_LINE]


class AzureKeyVaultPassword(ApiModel):
    """A secret in Azure Key Vault."""

    vault_ref: VaultReference
    secret_name: AzureSecretName = Field(description="Name of the secret in the Key Vault.")
    version: AzureVersion | None = Field(
        None, description="Version, 32 hexadecimal digits; default: the newest."
    )


_CCP_FIELDS = ("safe", "folder", "object", "username", "address")


class CyberArkPassword(ApiModel):
    """An account in CyberArk."""

    rules = (
        FieldRule(
            "has(self.variable) != (has(self.safe) || has(self.folder) || has(self.object)"
            " || has(self.username) || has(self.address))",
            "set either variable (Conjur) or safe, folder, object, username or address (CCP)",
            lambda it: (
                (it.variable is not None) != any(getattr(it, field) is not None for field in _CCP_FIELDS)
            ),
        ),
        FieldRule(
            "!has(self.version) || has(self.variable)",
            "version requires variable (Conjur)",
            lambda it: it.version is None or it.variable is not None,
        ),
    )

    vault_ref: VaultReference
    safe: CyberArkValue | None = Field(None, description="CCP: name of the safe.")
    folder: CyberArkValue | None = Field(None, description="CCP: folder in the safe; default: Root.")
    object: CyberArkValue | None = Field(None, description="CCP: name of the account (Object).")
    username: CyberArkValue | None = Field(None, description="CCP: username of the account (UserName).")
    address: CyberArkValue | None = Field(None, description="CCP: address of the account (Address).")
    variable: ConjurVariable | None = Field(
        None, description="Conjur: ID of the variable, such as prod/smtp/password."
    )
    version: ConjurVersion | None = Field(
        None, description="Conjur: version of the variable; default: the newest."
    )


class HashiCorpVaultPassword(ApiModel):
    """A value in HashiCorp Vault or OpenBao (KV version 2)."""

    vault_ref: VaultReference
    path: VaultPath = Field(description="Path of the secret below the mount.")
    key: VaultKey = Field("password", description="Key in the secret; default: `password`.")
    version: Annotated[int, Field(ge=1, le=2147483647)] | None = Field(
        None, description="Version; default: the newest."
    )


VaultPassword = AzureKeyVaultPassword | CyberArkPassword | HashiCorpVaultPassword


class Password(ApiModel):
    """Source of the password."""

    rules = (exactly_one("value", "secretRef", "azureKeyVault", "cyberArk", "hashiCorpVault"),)

    # No pattern and no rule here: their errors would repeat the value.
    value: str | None = Field(
        None,
        min_length=1,
        max_length=4096,
        repr=False,
        json_schema_extra={"format": "password"},
        description="The password in plaintext. Everyone with read access to the SmtpConfig can see it:"
        " prefer secretRef.",
    )
    secret_ref: PasswordReference | None = None
    azure_key_vault: AzureKeyVaultPassword | None = None
    cyber_ark: CyberArkPassword | None = None
    hashi_corp_vault: HashiCorpVaultPassword | None = None

    @property
    def vault_item(self) -> VaultPassword | None:
        """Return the block that reads from a vault; None for other sources."""
        return self.azure_key_vault or self.cyber_ark or self.hashi_corp_vault

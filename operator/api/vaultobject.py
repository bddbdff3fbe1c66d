# SPDX-License-Identifier: Apache-2.0
"""A SmtpVault or ClusterSmtpVault as stored in the API server, and the objects that it references."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from smtp_operator.api.fields import (
    ApiModel,
    CaReference,
    ClientCertificateReference,
    SecretKeyReference,
    ServiceAccountReference,
    namespace_of,
)
from smtp_operator.api.objects import JsonObject, Reference, VaultKindName
from smtp_operator.api.smtpvault import (
    ClusterSmtpVaultSpec,
    Provider,
    ProviderBlock,
    SmtpVaultSpec,
    VaultSpec,
    provider_of,
)
from smtp_operator.api.vault_blocks import AzureKeyVault, ClusterAzureKeyVault

CERTIFICATE_KEYS = ("tls.crt", "tls.key")
"""The keys of a Secret of type kubernetes.io/tls."""


@dataclass(frozen=True, slots=True)
class NamedReference:
    """A key of an object that a vault object references, and the path of the referencing field below spec.

    The key is empty for a ServiceAccount.
    """

    reference: Reference
    data_key: str
    field_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultObject:
    """A version of a vault object."""

    reference: Reference
    """Kind, namespace (empty for a ClusterSmtpVault) and name."""
    uid: str
    generation: int
    spec: VaultSpec

    @property
    def provider(self) -> Provider:
        """Return the provider of this vault."""
        return provider_of(self.spec)[0]

    @property
    def block(self) -> ProviderBlock:
        """Return the block of spec that describes the vault."""
        return provider_of(self.spec)[1]

    @property
    def field(self) -> str:
        """Return the name of the field of that block, such as ``hashiCorpVault``."""
        fields = type(self.spec).model_fields
        return next(str(it.alias) for name, it in fields.items() if getattr(self.spec, name) is self.block)

    @property
    def urls(self) -> tuple[str, ...]:
        """Return the URLs that receive credentials or tokens: the identity provider if any, and the vault."""
        block = self.block
        if isinstance(block, AzureKeyVault | ClusterAzureKeyVault):
            return (block.authority_host, block.vault_url)
        return (block.url,)

    def credentials(self) -> tuple[NamedReference, ...]:
        """Return the credentials of the login: all references except the CA bundle."""
        return tuple(it for it in self.references() if it.field_path != "caRef")

    def references(self) -> tuple[NamedReference, ...]:
        """Return all referenced Secrets, ConfigMaps and ServiceAccounts, whether they exist or not."""
        return tuple(_named(self.spec, "", self.reference.namespace))


def vault_object(kind: VaultKindName, object_: JsonObject) -> VaultObject:
    """Return the vault object from its JSON.

    Raises:
        pydantic.ValidationError: The spec violates a rule.
    """
    metadata = object_["metadata"]
    model = SmtpVaultSpec if kind == "SmtpVault" else ClusterSmtpVaultSpec
    return VaultObject(
        reference=Reference(kind, metadata.get("namespace", ""), metadata["name"]),
        uid=metadata["uid"],
        generation=metadata["generation"],
        spec=model.model_validate(object_["spec"]),
    )


def vault_object_or_none(kind: VaultKindName, object_: JsonObject) -> VaultObject | None:
    """Return the vault object from its JSON; None if its spec violates a rule."""
    try:
        return vault_object(kind, object_)
    except ValidationError:
        return None


def _named(model: ApiModel, path: str, namespace: str) -> Iterator[NamedReference]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        where = f"{path}{field.alias}"
        match value:
            case SecretKeyReference():
                secret = Reference("Secret", namespace_of(value, namespace), value.name)
                yield NamedReference(secret, value.key, where)
            case ClientCertificateReference():
                pair = Reference("Secret", namespace_of(value, namespace), value.name)
                yield from (NamedReference(pair, key, where) for key in CERTIFICATE_KEYS)
            case CaReference():
                bundle = Reference(value.kind, namespace_of(value, namespace), value.name)
                yield NamedReference(bundle, value.key, where)
            case ServiceAccountReference():
                account = Reference("ServiceAccount", namespace_of(value, namespace), value.name)
                yield NamedReference(account, "", where)
            case ApiModel():
                yield from _named(value, f"{where}.", namespace)

# SPDX-License-Identifier: Apache-2.0
"""Decide who may use a vault object for what. Fails closed: only what is explicitly allowed is permitted."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote

from smtp_operator.api.errors import AccessDenied, ObjectNotFound
from smtp_operator.api.objects import Reference
from smtp_operator.api.password import (
    AzureKeyVaultPassword,
    CyberArkPassword,
    HashiCorpVaultPassword,
    VaultPassword,
)
from smtp_operator.api.reasons import Reason
from smtp_operator.api.smtpvault import AllowedNamespaces, ClusterSmtpVaultSpec, Provider
from smtp_operator.api.vaultobject import VaultObject
from smtp_operator.api.verdict import failed
from smtp_operator.secrets.allowed_servers import server_allowed
from smtp_operator.secrets.interfaces import Destination, GetObject

_EVERYONE: Final = "*"
_USUAL_FOLDER: Final = "root"
"""CyberArk's default folder, in lower case."""
_SEPARATOR: Final = re.compile(r"[/\\]")


def block_of(item: VaultPassword) -> str:
    """Return the field of ``spec.password`` that contains this item."""
    match item:
        case AzureKeyVaultPassword():
            return "azureKeyVault"
        case CyberArkPassword():
            return "cyberArk"
        case HashiCorpVaultPassword():
            return "hashiCorpVault"


def provider_for(item: VaultPassword) -> Provider:
    """Return the provider for this kind of item."""
    match item:
        case AzureKeyVaultPassword():
            return Provider.AZURE_KEY_VAULT
        case CyberArkPassword():
            return Provider.CYBERARK_CCP if item.variable is None else Provider.CYBERARK_CONJUR
        case HashiCorpVaultPassword():
            return Provider.HASHICORP_VAULT


def reference_in_vault(item: VaultPassword) -> str:
    """Return the full name of the item, the end of ``status.password.reference``."""
    if not isinstance(item, CyberArkPassword) or item.variable is not None:
        return bounded_reference(item)
    path = "/".join(filter(None, (item.safe, item.folder, item.object)))
    more = ", ".join(
        f"{name} {value}" for name, value in (("username", item.username), ("address", item.address)) if value
    )
    return f"{path} ({more})" if path and more else path or more


def bounded_reference(item: VaultPassword) -> str:
    """Return the name to match with ``allowedReferences``: Safe and slash for an account without object."""
    match item:
        case AzureKeyVaultPassword():
            return item.secret_name
        case CyberArkPassword(variable=str(variable)):
            return variable
        case CyberArkPassword():
            # Objects in different folders may have the same name.
            folder = f"{item.folder}/" if item.folder and item.folder.lower() != _USUAL_FOLDER else ""
            return f"{item.safe or ''}/{folder}{item.object or ''}"
        case HashiCorpVaultPassword():
            return item.path


async def check_use(
    vault: VaultObject,
    item: VaultPassword,
    *,
    namespace: str,
    destination: Destination,
    get_object: GetObject,
) -> None:
    """Check that a SmtpConfig of this namespace may read this item for this mail server.

    Raises:
        VerdictError: it may not; reason VaultProviderMismatch, VaultNotAllowed or ServerNotAllowed.
        ApiUnavailable
    """
    field = f"password.{block_of(item)}"
    if vault.provider is not provider_for(item):
        raise failed(
            Reason.VAULT_PROVIDER_MISMATCH,
            f"{vault.reference} is of provider {vault.provider}, but {field}{_asking(item)} requires"
            f" {provider_for(item)}. Set {field}.vaultRef to a vault object of that provider, or"
            f" {_block_for(vault.provider)} instead.",
        )
    if isinstance(vault.spec, ClusterSmtpVaultSpec):
        await _check_namespace(vault, vault.spec.allowed_namespaces, namespace, get_object)
    _check_reference(vault, vault.spec.allowed_references, item)
    _check_server(vault, destination)


async def _check_namespace(
    vault: VaultObject, allowed: AllowedNamespaces | None, namespace: str, get_object: GetObject
) -> None:
    if await matches_namespace(vault, allowed, namespace, get_object):
        return
    raise failed(
        Reason.VAULT_NOT_ALLOWED,
        f"{vault.reference} does not allow namespace {namespace}. Ask the cluster admin to add it to"
        " spec.allowedNamespaces.matchNames there, or to label the namespace as matchLabels requires.",
    )


async def matches_namespace(
    vault: VaultObject,
    allowed: AllowedNamespaces | None,
    namespace: str,
    get_object: GetObject,
    *,
    field: str = "allowedNamespaces",
) -> bool:
    """Return whether a list of a ClusterSmtpVault, its ``field``, contains the namespace; None contains none.

    Raises:
        VerdictError: the operator may not read the namespace's labels.
        ApiUnavailable
    """
    if allowed is None:
        return False
    if namespace in allowed.match_names or _EVERYONE in allowed.match_names:
        return True
    if not allowed.match_labels:
        return False
    return _has(await _labels(vault, namespace, get_object, field), allowed.match_labels)


async def _labels(vault: VaultObject, namespace: str, get_object: GetObject, field: str) -> Mapping[str, str]:
    try:
        found = await get_object(Reference("Namespace", "", namespace))
    except ObjectNotFound:
        return {}
    except AccessDenied:
        raise failed(
            Reason.VAULT_NOT_ALLOWED,
            f"{vault.reference} allows namespaces by label, but the operator may not read the labels of"
            f" namespace {namespace}: its role lacks get on namespaces. Grant it, or add the namespace to"
            f" spec.{field}.matchNames there.",
        ) from None
    return found["metadata"].get("labels") or {}


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.items())


def _check_reference(vault: VaultObject, allowed: Iterable[str] | None, item: VaultPassword) -> None:
    place = bounded_reference(item)
    if allowed is None:
        return
    if not _is_one_name(place) or (isinstance(item, CyberArkPassword) and _SEPARATOR.search(item.safe or "")):
        raise failed(
            Reason.VAULT_NOT_ALLOWED,
            f'{vault.reference} limits its references, and "{place}" (named by'
            f" spec.password.{block_of(item)}) is ambiguous. Write it without . and .. between slashes, and"
            " without slashes in a Safe's name.",
        )
    if any(_matches(pattern, place) for pattern in allowed):
        return
    raise failed(
        Reason.VAULT_NOT_ALLOWED,
        f'{vault.reference} does not allow reading "{place}" (named by spec.password.{block_of(item)}).'
        f" Ask {_owner(vault)} to add it to spec.allowedReferences there.",
    )


def _owner(vault: VaultObject) -> str:
    return "the cluster admin" if isinstance(vault.spec, ClusterSmtpVaultSpec) else "its owner"


def _is_one_name(place: str) -> bool:
    """Return whether no proxy or server can read it as a parent path, even if unescaped repeatedly."""
    while (plain := unquote(place)) != place:
        place = plain
    return not {".", ".."} & set(_SEPARATOR.split(place))


def _matches(pattern: str, place: str) -> bool:
    return place.startswith(pattern[:-1]) if pattern.endswith("*") else place == pattern


def _check_server(vault: VaultObject, destination: Destination) -> None:
    allowed = vault.spec.allowed_servers or ()
    host = f"[{destination.server}]" if ":" in destination.server else destination.server
    place = f"{host}:{destination.port}"
    if not server_allowed(allowed, destination.server, destination.port):
        raise failed(
            Reason.SERVER_NOT_ALLOWED,
            f"{vault.reference} does not allow its passwords to be sent to {place}. Ask its owner to add it"
            " to spec.allowedServers there, or set server and port to an entry of that list.",
        )
    name = destination.server_name
    if name is not None and not server_allowed(allowed, name, destination.port):
        raise failed(
            Reason.SERVER_NOT_ALLOWED,
            f"{vault.reference} does not allow its passwords to be sent to {name}:{destination.port}, which"
            " tls.serverName names. Ask its owner to add it to spec.allowedServers there, or remove"
            " tls.serverName, whose certificate any server could show.",
        )
    if not destination.verified_tls:
        raise failed(
            Reason.SERVER_NOT_ALLOWED,
            f"{vault.reference} binds its passwords to its allowedServers, so the operator sends them over"
            " verified TLS only. Set smtpType: StartTLS or TLS, and tls.insecureSkipVerify: false.",
        )


def _asking(item: VaultPassword) -> str:
    if not isinstance(item, CyberArkPassword):
        return ""
    return " without variable" if item.variable is None else " with variable"


def _block_for(provider: Provider) -> str:
    match provider:
        case Provider.AZURE_KEY_VAULT:
            return "set password.azureKeyVault"
        case Provider.CYBERARK_CCP:
            return "set password.cyberArk with safe and object"
        case Provider.CYBERARK_CONJUR:
            return "set password.cyberArk with variable"
        case Provider.HASHICORP_VAULT:
            return "set password.hashiCorpVault"

# SPDX-License-Identifier: Apache-2.0
"""Passwords from vaults: ``azureKeyVault``, ``cyberArk`` and ``hashiCorpVault`` of ``spec.password``."""

from typing import Final

from pydantic import ValidationError

from smtp_operator.api.fields import spec_problems
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.password import Password, VaultKind, VaultPassword, VaultReference
from smtp_operator.api.reasons import Reason
from smtp_operator.api.vaultobject import VaultObject, vault_object
from smtp_operator.api.verdict import cut, failed
from smtp_operator.secrets.interfaces import Destination, ResolvedPassword
from smtp_operator.secrets.secret_reader import SecretReader
from smtp_operator.secrets.vaults.access import block_of, check_use, provider_for, reference_in_vault
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_operator.secrets.vaults.provider import VaultSecret

_LONGEST_REFERENCE: Final = 1024
"""Maximum bytes of ``status.password.reference``."""


class VaultPasswords:
    """Reads passwords for one test."""

    def __init__(
        self,
        values: SecretReader,
        vaults: VaultClients,
        destination: Destination,
    ) -> None:
        self._values = values
        self._vaults = vaults
        self._destination = destination

    async def resolve(self, password: Password, namespace: str) -> ResolvedPassword:
        """Return the password if this namespace may read it and send it to this server.

        Raises:
            VerdictError: it may not, or the read fails; the verdict has the cause and the fix.
            ApiUnavailable
        """
        item = password.vault_item
        assert item is not None
        field_path = f"password.{block_of(item)}.vaultRef"
        reference = reference_of(item.vault_ref, namespace)
        vault = _parsed(reference, await self._values.get(reference, field_path=field_path))
        await check_use(
            vault,
            item,
            namespace=namespace,
            destination=self._destination,
            get_object=self._vaults.get_object,
        )
        client = self._vaults.of(vault)
        try:
            secret = await client.read(item, destination=self._destination)
        finally:
            self._values.login_objects.update(client.read_objects)
        return _resolved(secret, vault, item)


def reference_of(named: VaultReference, namespace: str) -> Reference:
    """Return the vault object that a SmtpConfig of this namespace names."""
    if named.kind is VaultKind.CLUSTER_SMTP_VAULT:
        return Reference("ClusterSmtpVault", "", named.name)
    return Reference("SmtpVault", namespace, named.name)


def described(item: VaultPassword) -> tuple[str, str]:
    """Return provider and place of a password, as in ``status.password``, without reading it."""
    place = cut(f"{item.vault_ref.name}/{reference_in_vault(item)}", limit=_LONGEST_REFERENCE)
    return str(provider_for(item)), place


def _parsed(reference: Reference, found: JsonObject) -> VaultObject:
    assert reference.kind in ("SmtpVault", "ClusterSmtpVault")
    try:
        return vault_object(reference.kind, found)
    except ValidationError as error:
        problems = "; ".join(spec_problems(error))
        raise failed(
            Reason.VAULT_NOT_ALLOWED,
            cut(
                f"The spec of {reference} is invalid, so the vault is not used: {problems}. Correct the spec."
            ),
        ) from None


def _resolved(secret: VaultSecret, vault: VaultObject, item: VaultPassword) -> ResolvedPassword:
    source, reference = described(item)
    where = f'"{reference_in_vault(item)}" of {vault.reference.kind} {vault.reference.name}'
    return ResolvedPassword(
        value=secret.value,
        source=source,
        reference=reference,
        origin=where,
        version=secret.version,
        expires=secret.expires,
        reason=secret.reason,
        message=secret.message or f"The password was read from {where}.",
    )

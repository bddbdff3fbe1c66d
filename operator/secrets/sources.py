# SPDX-License-Identifier: Apache-2.0
"""The registry of password sources: one row per source type of ``spec.password``."""

from dataclasses import dataclass

from smtp_operator.api.objects import Reference
from smtp_operator.api.password import Password
from smtp_operator.api.reasons import Reason
from smtp_operator.secrets.interfaces import Destination, PasswordSource, ResolvedPassword
from smtp_operator.secrets.secret_reader import SecretReader
from smtp_operator.secrets.vaults import password_source as vault_passwords
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_operator.secrets.vaults.password_source import VaultPasswords


class InputText:
    """``password.value``: the password is in the spec itself."""

    async def resolve(self, password: Password, namespace: str) -> ResolvedPassword:
        """Return the value unchanged; never fails."""
        assert password.value is not None
        return ResolvedPassword(
            value=password.value,
            source="InputText",
            reference="spec.password.value",
            origin="spec.password.value",
            reason=Reason.PLAINTEXT_PASSWORD,
            message="spec.password.value holds the password in plaintext, readable for everyone who can"
            " get this object. Store it in a Secret and set password.secretRef instead.",
        )


class KubernetesSecret:
    """``password.secretRef``: a Secret of the same namespace."""

    def __init__(self, values: SecretReader) -> None:
        self._values = values

    async def resolve(self, password: Password, namespace: str) -> ResolvedPassword:
        """Return the key's value, without a trailing newline."""
        assert password.secret_ref is not None
        name, key = password.secret_ref.name, password.secret_ref.key
        reference = Reference("Secret", namespace, name)
        line = await self._values.line(reference, key, field_path="password.secretRef")
        secret = await self._values.get(reference, field_path="password.secretRef")
        origin = f"Secret {name}, key {key}"
        reason, message = Reason.PASSWORD_READ, f"The password was read from {origin}."
        if line.newline_stripped:
            reason = Reason.TRAILING_NEWLINE_STRIPPED
            message = (
                f'The password in {origin} ends with a newline (made by "echo | base64"?), which the'
                " operator removed. Store it without the newline: other programs may not remove it."
            )
        return ResolvedPassword(
            value=line.text,
            source="KubernetesSecret",
            reference=f"{name}/{key}",
            origin=origin,
            version=secret["metadata"]["resourceVersion"],
            reason=reason,
            message=message,
        )


def described(password: Password) -> tuple[str, str]:
    """Return source type and place of a password, as in ``status.password``, without reading it."""
    if password.vault_item is not None:
        return vault_passwords.described(password.vault_item)
    if password.secret_ref is not None:
        return "KubernetesSecret", f"{password.secret_ref.name}/{password.secret_ref.key}"
    return "InputText", "spec.password.value"


@dataclass(frozen=True, slots=True)
class Reading:
    """The dependencies of a password source for one test."""

    values: SecretReader
    vaults: VaultClients
    destination: Destination


def password_source(password: Password, reading: Reading) -> PasswordSource:
    """Return the source for this source type."""
    if password.vault_item is not None:
        return VaultPasswords(reading.values, reading.vaults, reading.destination)
    if password.secret_ref is not None:
        return KubernetesSecret(reading.values)
    return InputText()

# SPDX-License-Identifier: Apache-2.0
"""Check that an Azure Key Vault secret is a password, and evaluate its dates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import failed
from smtp_operator.secrets.vaults.provider import VaultSecret
from smtp_operator.secrets.vaults.request_context import RequestContext
from smtp_operator.secrets.vaults.values import vault_secret

if TYPE_CHECKING:
    from azure.keyvault.secrets import KeyVaultSecret

_CERTIFICATES: Final = frozenset({"application/x-pem-file", "application/x-pkcs12"})
_SOON: Final = timedelta(days=14)


def password_of(secret: "KeyVaultSecret", reader: RequestContext, now: float) -> VaultSecret:
    """Return the secret as a password; ``now`` is in seconds since the epoch.

    Raises:
        VerdictError: the secret is not a password; reason VaultSecretUnusable.
    """
    properties = secret.properties
    version = f", version {reader.version}" if reader.version else ""
    where = f"{reader.vault}: secret {reader.item}{version} of {reader.server}"
    kind = (properties.content_type or "").partition(";")[0].strip().lower()
    if properties.managed or kind in _CERTIFICATES:
        raise failed(
            Reason.VAULT_SECRET_UNUSABLE,
            f"{where} is a certificate with its key, not a password. Set password.azureKeyVault.secretName"
            " to a secret that holds only the password.",
        )
    found = vault_secret(secret.value or "", where=where, version=properties.version)
    found = replace(found, expires=properties.expires_on)
    reason, message = _advice(properties.expires_on, properties.not_before, where, now)
    return found if reason is Reason.PASSWORD_READ else replace(found, reason=reason, message=message)


def _advice(expires: datetime | None, begins: datetime | None, what: str, now: float) -> tuple[Reason, str]:
    today = datetime.fromtimestamp(now, UTC)
    if expires is not None and expires <= today:
        return (
            Reason.VAULT_SECRET_EXPIRED,
            f"{what} expired {expires:%Y-%m-%d}; Azure Key Vault still returns it. Store a new version, or"
            " set a later expiry date.",
        )
    if begins is not None and begins > today:
        return (
            Reason.VAULT_SECRET_NOT_YET_VALID,
            f"{what} is not valid before {begins:%Y-%m-%d %H:%M} UTC; Azure Key Vault returns it"
            " nevertheless.",
        )
    if expires is not None and expires - today < _SOON:
        return (
            Reason.VAULT_SECRET_EXPIRING,
            f"{what} expires {expires:%Y-%m-%d}. Store a new version before that, with a later expiry date.",
        )
    return Reason.PASSWORD_READ, ""

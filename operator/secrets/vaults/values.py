# SPDX-License-Identifier: Apache-2.0
"""Check that a vault's value can be a password: one line of text of limited length."""

from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import failed
from smtp_operator.secrets.vaults.provider import VaultSecret

LONGEST: Final = 1024
"""Maximum bytes in UTF-8."""


def vault_secret(value: str | bytes, *, where: str, version: str | None = None) -> VaultSecret:
    """Return the value without a trailing newline.

    ``where`` is for messages, such as ``SmtpVault team-a/corp: secret smtp``.

    Raises:
        VerdictError: reason VaultSecretUnusable; the message has no part of the value.
    """
    try:
        text = value if isinstance(value, str) else value.decode("utf-8")
        size = len(text.encode("utf-8"))
    except UnicodeError:
        raise failed(
            Reason.VAULT_SECRET_UNUSABLE,
            f"{where} is not UTF-8 text. Store the password as plain text, or name the secret that holds it.",
        ) from None
    line = text.removesuffix("\n").removesuffix("\r")
    if not line.strip():
        raise failed(Reason.VAULT_SECRET_UNUSABLE, f"{where} is empty. Store the password there.")
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in line):
        raise failed(
            Reason.VAULT_SECRET_UNUSABLE,
            f"{where} holds a line break or control character, as keys and certificates do. A password is"
            " one line; the operator removes one newline at its end.",
        )
    if size > LONGEST:
        raise failed(
            Reason.VAULT_SECRET_UNUSABLE,
            f"{where} is longer than {LONGEST} bytes, as keys and tokens are. Name the secret that"
            " holds the password.",
        )
    if line == text:
        return VaultSecret(value=line, version=version)
    return VaultSecret(
        value=line,
        version=version,
        reason=Reason.TRAILING_NEWLINE_STRIPPED,
        message=f"{where} ends with a newline, which the operator removed. Store the password without it.",
    )

# SPDX-License-Identifier: Apache-2.0
"""A vault's value is accepted as a password only if it can be one, and is never shown."""

import pytest

from smtp_operator.api.reasons import Retry
from smtp_operator.api.verdict import Phase, VerdictError
from smtp_operator.secrets.vaults.values import vault_secret

WHERE = "SmtpVault team-a/corp: secret smtp"


@pytest.mark.parametrize(
    "value", ["pässwörd", "two words", " blanks around ", "x" * 1024, "ä" * 512, b"bytes", "emoji \U0001f511"]
)
def test_one_line_of_text_is_a_password(value: str | bytes) -> None:
    secret = vault_secret(value, where=WHERE, version="7")

    assert secret.value == (value if isinstance(value, str) else value.decode())
    assert (secret.reason, secret.message, secret.version) == ("PasswordRead", "", "7")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_trailing_newline_is_removed_and_reported(end: str) -> None:
    secret = vault_secret(f"s3cret{end}", where=WHERE)

    assert (secret.value, secret.reason) == ("s3cret", "TrailingNewlineStripped")
    assert secret.message == (
        f"{WHERE} ends with a newline, which the operator removed. Store the password without it."
    )


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("", "is empty. Store the password there."),
        (" \n", "is empty. Store the password there."),
        (
            b"c4nary\xff",
            "is not UTF-8 text. Store the password as plain text, or name the secret that holds it.",
        ),
        (
            "c4nary\ud800",
            "is not UTF-8 text. Store the password as plain text, or name the secret that holds it.",
        ),
        *(
            (
                value,
                "holds a line break or control character, as keys and certificates do. A password is one"
                " line; the operator removes one newline at its end.",
            )
            for value in ("c4nary\n\n", "c4nary\nc4nary", "c4nary\0", "\x1bc4nary", "c4nary\x85c4nary")
        ),
        *(
            (
                value,
                "is longer than 1024 bytes, as keys and tokens are. Name the secret that holds the password.",
            )
            for value in ("c4nary" * 200, "ä" * 513)
        ),
    ],
)
def test_anything_else_is_of_no_use(value: str | bytes, what: str) -> None:
    with pytest.raises(VerdictError) as failed:
        vault_secret(value, where=WHERE)

    verdict = failed.value.verdict
    assert (verdict.reason, verdict.retry, verdict.phase) == (
        "VaultSecretUnusable",
        Retry.DENIED,
        Phase.PASSWORD,
    )
    assert verdict.message == f"{WHERE} {what}"
    assert "c4nary" not in repr(failed.value)

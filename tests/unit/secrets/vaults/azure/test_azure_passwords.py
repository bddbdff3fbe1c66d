# SPDX-License-Identifier: Apache-2.0
"""Properties of a secret in a Key Vault: versions, dates, and whether it is a password at all."""

from datetime import UTC, datetime
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.azurepeers.trial import NAME, PASSWORD, KeyVaultTrial

DAY = 86400
NOW = int(datetime(2026, 11, 25, 12, 0, tzinfo=UTC).timestamp())


@pytest.fixture(autouse=True)
def on_that_day(trial: KeyVaultTrial) -> None:
    trial.now = lambda: float(NOW)


def where(trial: KeyVaultTrial) -> str:
    return f"{NAME}: secret smtp of {trial.key_vault.host}:{trial.key_vault.port}"


async def test_the_newest_version_is_read(trial: KeyVaultTrial) -> None:
    newest = trial.key_vault.put("smtp", "rotated")

    found = await trial.read()

    assert (found.value, found.version, found.expires) == ("rotated", newest.version, None)
    assert (found.reason, found.message) == (Reason.PASSWORD_READ, "")


async def test_a_version_may_be_pinned(trial: KeyVaultTrial) -> None:
    oldest = trial.key_vault.secrets["smtp"][0]
    trial.key_vault.put("smtp", "rotated")

    found = await trial.read(version=oldest.version)

    assert (found.value, found.version) == (PASSWORD, oldest.version)


@pytest.mark.parametrize(
    ("dates", "reason", "said"),
    [
        (
            {"expires": NOW - 1},
            "VaultSecretExpired",
            " expired 2026-11-25; Azure Key Vault still returns it. Store a new version, or set a later"
            " expiry date.",
        ),
        (
            {"expires": NOW + 14 * DAY - 1},
            "VaultSecretExpiring",
            " expires 2026-12-09. Store a new version before that, with a later expiry date.",
        ),
        (
            {"begins": NOW + 90},
            "VaultSecretNotYetValid",
            " is not valid before 2026-11-25 12:01 UTC; Azure Key Vault returns it nevertheless.",
        ),
        ({"expires": NOW + 14 * DAY}, "PasswordRead", None),
        ({"expires": NOW + 15 * DAY, "begins": NOW}, "PasswordRead", None),
        ({"expires": 253402300799}, "PasswordRead", None),
    ],
)
async def test_dates_are_advice(
    trial: KeyVaultTrial, dates: dict[str, int], reason: str, said: str | None
) -> None:
    trial.key_vault.put("smtp", PASSWORD, **dates)

    found = await trial.read()

    assert (found.value, found.reason) == (PASSWORD, reason)
    assert found.message == (f"{where(trial)}{said}" if said else "")
    expires = dates.get("expires")
    assert found.expires == (datetime.fromtimestamp(expires, UTC) if expires else None)


async def test_a_newline_at_the_end_is_left_out(trial: KeyVaultTrial) -> None:
    trial.key_vault.put("smtp", f"{PASSWORD}\n")

    found = await trial.read()

    assert (found.value, found.reason) == (PASSWORD, Reason.TRAILING_NEWLINE_STRIPPED)


@pytest.mark.parametrize(
    ("value", "more"),
    [
        ("-----BEGIN PRIVATE KEY-----", {"content_type": "application/x-pem-file"}),
        ("MIIK", {"content_type": "application/x-pkcs12"}),
        ("MIIK", {"content_type": "Application/X-PKCS12; charset=binary"}),
        ("MIIK", {"managed": True}),
    ],
)
async def test_a_certificate_is_no_password(trial: KeyVaultTrial, value: str, more: dict[str, Any]) -> None:
    trial.key_vault.put("smtp", value, **more)

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.message) == (
        Reason.VAULT_SECRET_UNUSABLE,
        f"{where(trial)} is a certificate with its key, not a password. Set"
        " password.azureKeyVault.secretName to a secret that holds only the password.",
    )


@pytest.mark.parametrize("value", ["", " ", "\n", "two\nlines", "nul\0", "x" * 1025])
async def test_what_cannot_be_a_password(trial: KeyVaultTrial, value: str) -> None:
    trial.key_vault.put("smtp", value)

    verdict = await trial.verdict()

    assert verdict.reason == Reason.VAULT_SECRET_UNUSABLE
    assert verdict.message.startswith(where(trial))


async def test_a_pinned_version_is_named(trial: KeyVaultTrial) -> None:
    pinned = trial.key_vault.put("smtp", "")

    verdict = await trial.verdict(version=pinned.version)

    host = f"{trial.key_vault.host}:{trial.key_vault.port}"
    start = f"{NAME}: secret smtp, version {pinned.version} of {host} is empty."
    assert verdict.message.startswith(start)

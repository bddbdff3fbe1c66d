# SPDX-License-Identifier: Apache-2.0
"""Warnings of a vault about a password are reported, with an Event if they are new."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, vault_verdict

HOUR = 3600.0
SAYS = (
    Reason.VAULT_SECRET_EXPIRING,
    Reason.VAULT_SECRET_EXPIRED,
    Reason.VAULT_SECRET_NOT_YET_VALID,
    Reason.VAULT_SECRET_CHANGING,
)


def told(world: World) -> list[str]:
    """The Events of the SmtpConfig, but for its verdicts."""
    return [it.reason for it in world.cluster.notices if it.action == "ReadPassword"]


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        (datetime(2027, 1, 31, 12, 0, tzinfo=timezone(timedelta(hours=2))), "2027-01-31T10:00:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00Z"),
        (None, None),
    ],
)
async def test_status_says_when_it_ends(world: World, ends: datetime | None, shown: str | None) -> None:
    bao = world.vault().create()
    world.vaults.expires = ends
    await world.start()
    mail = world.smtp_config().create_with_login(password=bao.password())

    await world.passes(1)

    assert mail.status.password is not None
    assert mail.status.password.expires == shown


@pytest.mark.parametrize("reason", SAYS)
async def test_it_is_told_by_a_warning(world: World, reason: Reason) -> None:
    bao = world.vault().create()
    world.vaults.says = reason
    await world.start()
    mail = world.smtp_config().create_with_login(password=bao.password())

    await world.passes(1)

    assert mail.ready == "True"
    (notice,) = (it for it in world.cluster.notices if it.action == "ReadPassword")
    assert (notice.kind, notice.key, notice.uid) == ("SmtpConfig", mail.key, mail.object_["metadata"]["uid"])
    assert (notice.type, notice.reason, notice.note) == (
        "Warning",
        reason,
        f"SmtpVault team-a/bao: mail/smtp: {reason}.",
    )


async def test_it_is_told_once_also_over_a_restart(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)
    assert told(world) == []

    world.vaults.says = Reason.VAULT_SECRET_EXPIRING
    await world.passes(5 * HOUR)
    await world.restart()
    await world.passes(5 * HOUR)
    assert told(world) == ["VaultSecretExpiring"]

    world.vaults.says = Reason.VAULT_SECRET_EXPIRED
    await world.passes(5 * HOUR)
    assert told(world) == ["VaultSecretExpiring", "VaultSecretExpired"]


async def test_an_outage_that_is_borne_does_not_repeat_it(world: World) -> None:
    bao = world.vault().create()
    world.vaults.says = Reason.VAULT_SECRET_EXPIRING
    await world.start()
    mail = world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)

    world.vaults.fails = vault_verdict(Reason.VAULT_UNAVAILABLE)
    await world.passes(1.2 * HOUR)
    world.vaults.fails = None
    await world.passes(2 * HOUR)

    assert mail.ready == "True"
    assert told(world) == ["VaultSecretExpiring"]


async def test_a_change_that_is_waited_for_is_no_password_at_first(world: World) -> None:
    """CyberArk's: a failure for five minutes, after which the password is used all the same."""
    bao = world.vault().create()
    world.vaults.fails = vault_verdict(Reason.VAULT_SECRET_CHANGING, retry_after=30.0)
    await world.start()
    mail = world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "VaultSecretChanging")

    world.vaults.fails = None
    world.vaults.says = Reason.VAULT_SECRET_CHANGING
    await world.passes(HOUR)

    assert mail.ready == "True"
    assert told(world) == ["VaultSecretChanging"]

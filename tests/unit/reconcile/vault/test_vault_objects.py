# SPDX-License-Identifier: Apache-2.0
"""SmtpVault and ClusterSmtpVault themselves: the operator really logs in, and says what came of it."""

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, vault_verdict

MINUTE, HOUR = 60.0, 3600.0


async def test_a_login_that_succeeds(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    await world.passes(1)
    assert bao.conditions == {"Ready": ("True", "VaultLoginSucceeded")}
    status = bao.status
    assert (status.observed_generation, status.summary, status.provider) == (
        1,
        "VaultLoginSucceeded",
        "HashiCorpVault",
    )
    ready = status.condition("Ready")
    assert ready is not None
    assert ready.message == "SmtpVault team-a/bao: logged in by a token."
    assert status.tested is not None
    assert [(it.kind, it.name) for it in status.tested.references] == [("Secret", "bao-login")]


async def test_a_cluster_wide_one_reads_credentials_where_it_says(world: World) -> None:
    corp = world.cluster_vault().create()
    await world.start()
    await world.passes(1)
    assert corp.conditions == {"Ready": ("True", "VaultLoginSucceeded")}
    assert corp.status.tested is not None
    assert [(it.kind, it.name) for it in corp.status.tested.references] == [("Secret", "team-a/bao-login")]


async def test_a_login_that_is_refused(world: World) -> None:
    bao = world.vault().create()
    world.vaults.tokens.clear()
    await world.start()
    await world.passes(1)
    assert bao.conditions == {
        "Ready": ("False", "VaultAuthFailed"),
        "Failed": ("True", "VaultAuthFailed"),
        "Stalled": ("True", "VaultAuthFailed"),
    }
    assert bao.status.summary == "VaultAuthFailed in Password"


async def test_a_vault_that_is_away_is_tried_again(world: World) -> None:
    bao = world.vault().create()
    world.vaults.fails = vault_verdict(Reason.VAULT_UNREACHABLE)
    await world.start()
    await world.passes(1)
    assert bao.conditions["Reconciling"] == ("True", "ProgressingWithRetry")
    assert bao.next_check_in is not None
    assert 25 < bao.next_check_in < 35
    world.vaults.fails = None
    await world.passes(MINUTE)
    assert bao.conditions == {"Ready": ("True", "VaultLoginSucceeded")}


async def test_it_is_checked_again_each_hour(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    await world.passes(1)
    assert bao.next_check_in is not None
    assert HOUR <= bao.next_check_in + 1 <= HOUR * 1.1 + 1
    world.forget()
    await world.passes(6.7 * HOUR)
    assert len(world.vaults.logins) == len(bao.writes) == 6


async def test_an_outage_leaves_the_verdict_standing_for_a_while(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    await world.passes(1)
    world.vaults.fails = vault_verdict(Reason.VAULT_UNAVAILABLE)
    await world.passes(1.1 * HOUR + 2 * MINUTE)
    assert bao.conditions == {"Ready": ("True", "VaultLoginSucceeded")}
    await world.passes(25 * MINUTE)
    assert bao.conditions["Ready"] == ("False", "VaultUnavailable")


async def test_a_denial_fails_at_once(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    await world.passes(1)
    world.vaults.tokens.clear()
    await world.passes(1.2 * HOUR)
    assert bao.conditions["Ready"] == ("False", "VaultAuthFailed")


async def test_changed_credentials_are_checked_at_once(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    await world.passes(1)
    world.put_secret("bao-login", token="other")
    await world.passes(1)
    assert bao.conditions["Ready"] == ("False", "VaultAuthFailed")


async def test_missing_credentials_are_waited_for(world: World) -> None:
    bao = world.vault().create(with_token=False)
    await world.start()
    await world.passes(1)
    assert bao.conditions["Reconciling"] == ("True", "WaitingForDependency")
    await world.passes(6 * MINUTE)
    assert bao.conditions["Stalled"] == ("True", "SecretNotFound")
    assert "Reconciling" not in bao.conditions
    world.put_secret("bao-login", token="root")
    await world.passes(1)
    assert bao.conditions == {"Ready": ("True", "VaultLoginSucceeded")}


async def test_who_may_use_it_is_no_matter_of_the_login(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    await world.passes(1)
    world.forget()
    bao.edit(allowedServers=["smtp.example.com:587"], allowPublish=True)
    await world.passes(1)
    assert bao.judged
    assert bao.conditions == {"Ready": ("True", "VaultLoginSucceeded")}
    assert world.vaults.logins == []


async def test_another_vault_is_logged_in_to_at_once(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    await world.passes(1)
    world.forget()
    block = bao.object_["spec"]["hashiCorpVault"]
    bao.edit(hashiCorpVault=block | {"url": "https://other.example.com"})
    await world.passes(1)
    assert bao.judged
    assert len(world.vaults.logins) == 1


async def test_a_restart_checks_nothing_and_writes_nothing(world: World) -> None:
    world.vault().create()
    world.cluster_vault().create()
    await world.start()
    await world.passes(1)
    world.forget()
    await world.restart(after=MINUTE)
    await world.passes(10 * MINUTE)
    assert (world.vaults.calls, world.writes) == (0, [])


async def test_checks_due_before_the_start_are_spread_after_it(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    await world.passes(1)
    world.forget()
    await world.restart(after=5 * HOUR)
    await world.passes(11 * MINUTE)
    assert len(bao.writes) == 1


async def test_events_report_transitions_only(world: World) -> None:
    world.vault().create()
    await world.start()
    await world.passes(3 * HOUR)
    world.vaults.tokens.clear()
    await world.passes(5 * HOUR)
    told = [(it.kind, str(it.key), it.type, it.reason, it.action) for it in world.cluster.notices]
    assert told == [
        ("SmtpVault", "team-a/bao", "Normal", "VaultLoginSucceeded", "LogIn"),
        ("SmtpVault", "team-a/bao", "Warning", "VaultAuthFailed", "LogIn"),
    ]


async def test_a_deleted_vault_is_forgotten(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    await world.passes(1)
    bao.delete()
    await world.passes(1)
    world.forget()
    await world.passes(3 * HOUR)
    assert (world.vaults.calls, world.writes, world.vaults.open) == (0, [], 0)
    assert list(world.operator.healths()) == []


async def test_it_is_counted_beside_the_smtp_configs(world: World) -> None:
    world.vault().create()
    world.cluster_vault().create()
    await world.start()
    await world.passes(1)
    assert sorted((it.kind, it.namespace, it.name, it.ready) for it in world.operator.healths()) == [
        ("ClusterSmtpVault", "", "corp", "True"),
        ("SmtpVault", "team-a", "bao", "True"),
    ]

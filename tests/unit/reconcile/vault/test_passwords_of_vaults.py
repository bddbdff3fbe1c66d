# SPDX-License-Identifier: Apache-2.0
"""SmtpConfigs whose password lies in a vault: what their status tells, and what starts a test of them."""

from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import World, fails, passes, vault_verdict

MINUTE, HOUR = 60.0, 3600.0


async def test_the_password_of_a_vault_is_sent(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    mail = world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)
    assert mail.ready == "True"
    assert [password for _, password in world.logins] == ["s3cret-1"]


async def test_status_says_where_it_was_read_and_which_version(world: World) -> None:
    bao = world.vault().create()
    world.vaults.put("mail/smtp", "s3cret-1", "7")
    await world.start()
    mail = world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)
    password = mail.status.password
    assert password is not None
    assert (password.source, password.reference, password.version) == ("HashiCorpVault", "bao/mail/smtp", "7")
    resolved = mail.condition("PasswordResolved")
    assert resolved is not None
    assert (resolved.reason, resolved.message) == (
        "PasswordRead",
        'The password was read from "mail/smtp" of SmtpVault bao.',
    )


async def test_the_verdict_stands_on_the_vault_object_and_on_its_credentials(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    mail = world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)
    assert mail.status.tested is not None
    assert [(it.kind, it.name) for it in mail.status.tested.references] == [
        ("Secret", "bao-login"),
        ("SmtpVault", "bao"),
    ]
    uid = bao.object_["metadata"]["uid"]
    assert mail.status.tested.references[1].version == f"{uid}/1"


async def test_credentials_of_another_namespace_are_named_with_it(world: World) -> None:
    corp = world.cluster_vault().create(allowedNamespaces={"matchNames": ["team-b"]})
    await world.start()
    mail = world.smtp_config(namespace="team-b").create_with_login(password=corp.password())
    await world.passes(1)
    assert mail.ready == "True"
    assert mail.status.tested is not None
    assert [(it.kind, it.name) for it in mail.status.tested.references] == [
        ("ClusterSmtpVault", "corp"),
        ("Secret", "team-a/bao-login"),
    ]


async def test_a_missing_vault_is_waited_for_and_its_arrival_tested_at_once(world: World) -> None:
    await world.start()
    bao = world.vault()
    mail = world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)
    assert mail.conditions == {
        "Ready": ("False", "VaultNotFound"),
        "Failed": ("True", "VaultNotFound"),
        "PasswordResolved": ("False", "VaultNotFound"),
        "Reconciling": ("True", "WaitingForDependency"),
    }
    ready = mail.condition("Ready")
    assert ready is not None
    assert ready.message == (
        "SmtpVault team-a/bao does not exist (named by spec.password.hashiCorpVault.vaultRef). Create it;"
        " the test then starts automatically."
    )
    await world.passes(10 * MINUTE)
    assert mail.conditions["Stalled"] == ("True", "VaultNotFound")
    bao.create()
    await world.passes(1)
    assert mail.ready == "True"


async def test_a_vault_that_is_deleted_withdraws_the_verdict(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    bao.delete()
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "VaultNotFound")


async def test_a_change_of_the_vault_object_is_tested(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    bao.edit(allowedServers=["smtp.example.org:587"])
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "ServerNotAllowed")
    bao.edit(allowedServers=["smtp.example.com:587"])
    await world.passes(1)
    assert mail.ready == "True"
    assert mail.trigger == "DependencyChanged"


async def test_status_written_to_the_vault_object_starts_no_test(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    await world.passes(2 * HOUR)
    assert bao.writes
    assert set(mail.triggers) == {"Recheck"}


async def test_a_change_of_the_vaults_credentials_logs_in_again_and_is_tested(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    world.put_secret("bao-login", token="revoked")
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "VaultAuthFailed")
    world.put_secret("bao-login", token="root")
    await world.passes(1)
    assert mail.ready == "True"


async def test_credentials_that_were_missing_are_tested_as_soon_as_they_come(world: World) -> None:
    bao = world.vault().create(with_token=False)
    await world.start()
    mail = world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "SecretNotFound")
    ready = mail.condition("Ready")
    assert ready is not None
    assert ready.message.startswith(
        "Secret team-a/bao-login does not exist (named by spec.hashiCorpVault.auth.tokenRef of SmtpVault"
        " team-a/bao)."
    )
    world.put_secret("bao-login", token="root")
    await world.passes(1)
    assert mail.ready == "True"


async def test_a_deleted_credential_withdraws_the_verdict(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    world.delete_secret("bao-login")
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "SecretNotFound")


async def test_a_change_of_the_vaults_ca_is_tested(world: World) -> None:
    world.put_config_map(data={"ca.crt": "-----BEGIN CERTIFICATE-----\nMIIB"})
    bao = world.vault().create(caRef={"name": "corp-ca"})
    mail = await world.ready(password=bao.password())
    world.put_config_map(data={"ca.crt": "nothing"})
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "CABundleInvalid")


async def test_a_denial_fails_at_once(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    world.vaults.fails = vault_verdict(Reason.VAULT_ACCESS_DENIED)
    await world.passes(HOUR * 1.2)
    assert (mail.ready, mail.reason) == ("False", "VaultAccessDenied")
    assert "Stalled" in mail.conditions


async def test_an_outage_leaves_the_last_verdict_standing(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    world.vaults.fails = vault_verdict(Reason.VAULT_UNAVAILABLE)
    await world.passes(HOUR * 1.5)
    assert mail.ready == "True"
    assert mail.condition("Reconciling") is None
    await world.passes(HOUR * 1.5)
    assert (mail.ready, mail.reason) == ("False", "VaultUnavailable")


async def test_an_outage_at_the_first_test_is_tried_again(world: World) -> None:
    bao = world.vault().create()
    world.vaults.fails = vault_verdict(Reason.VAULT_UNREACHABLE)
    await world.start()
    mail = world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)
    assert mail.conditions["Reconciling"] == ("True", "ProgressingWithRetry")
    world.vaults.fails = None
    await world.passes(MINUTE)
    assert mail.ready == "True"


async def test_what_a_login_proves_to_be_over_is_tested_at_once(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    world.vaults.fails = vault_verdict(Reason.VAULT_AUTH_FAILED)
    await world.passes(3 * HOUR)
    assert (mail.ready, mail.reason) == ("False", "VaultAuthFailed")
    world.vaults.fails = None
    await world.passes(1.2 * HOUR)
    assert mail.ready == "True"
    assert bao.conditions["Ready"] == ("True", "VaultLoginSucceeded")


async def test_a_rotated_password_is_used_at_the_next_recheck(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    world.vaults.put("mail/smtp", "s3cret-2", "2")
    await world.passes(1.2 * HOUR)
    assert [password for _, password in world.logins] == ["s3cret-2"]
    assert mail.status.password is not None
    assert mail.status.password.version == "2"


async def test_a_restart_with_verdicts_in_place_asks_no_vault_and_writes_nothing(world: World) -> None:
    bao = world.vault().create()
    await world.ready(password=bao.password())
    await world.restart(after=MINUTE)
    await world.passes(10 * MINUTE)
    assert (world.vaults.calls, world.mails, world.writes) == (0, [], [])


async def test_a_hundred_that_start_together_log_in_once(world: World) -> None:
    bao = world.vault().create()
    for number in range(100):
        world.smtp_config(f"mail-{number}").create_with_login(password=bao.password())
    await world.start()
    await world.passes(5 * MINUTE)
    assert len(world.mails) == 100
    checks = 1
    assert len(world.vaults.logins) <= 1 + checks


async def test_a_hundred_that_meet_a_vault_which_is_down_ask_it_a_few_times(world: World) -> None:
    bao = world.vault().create()
    world.vaults.fails = vault_verdict(Reason.VAULT_UNAVAILABLE)
    for number in range(100):
        world.smtp_config(f"mail-{number}").create_with_login(password=bao.password())
    await world.start()
    await world.passes(10)
    assert all(world.smtp_config(f"mail-{it}").reason == "VaultUnavailable" for it in range(100))
    assert world.vaults.calls <= 5


async def test_a_time_that_the_vault_asks_for_is_kept_for_its_item(world: World) -> None:
    bao = world.vault().create()
    world.vaults.put("mail/other", "s3cret-1", "1")
    mail = await world.ready(password=bao.password())
    other = world.smtp_config("other").create_with_login(password=bao.password("mail/other"))
    world.vaults.fails = vault_verdict(Reason.VAULT_RATE_LIMITED, retry_after=300)
    await world.passes(1)
    assert other.reason == "VaultRateLimited"
    world.vaults.fails = None
    world.vaults.forget()

    other.request_test()
    mail.request_test()
    await world.passes(60)

    assert (mail.reason, other.reason) == ("TestEmailSent", "VaultRateLimited")
    assert {reference for _, reference in world.vaults.reads} == {"mail/smtp"}
    assert other.next_test_in is not None
    assert 200 < other.next_test_in <= 300


async def test_that_wait_is_ten_minutes_at_most(world: World) -> None:
    bao = world.vault().create()
    await world.start()
    await world.passes(1)
    world.vaults.fails = vault_verdict(Reason.VAULT_RATE_LIMITED, retry_after=86400)
    mail = world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)
    assert mail.next_test_in is not None
    assert mail.next_test_in <= 600


async def test_a_login_is_forgotten_with_its_vault_object(world: World) -> None:
    bao = world.vault().create()
    await world.ready(password=bao.password())
    assert world.vaults.open == 1
    bao.delete()
    await world.passes(1)
    assert world.vaults.open == 0


async def test_a_namespace_that_is_labelled_may_use_it_at_the_next_retry(world: World) -> None:
    corp = world.cluster_vault().create(allowedNamespaces={"matchLabels": {"mail": "yes"}})
    await world.start()
    mail = world.smtp_config().create_with_login(password=corp.password())
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "VaultNotAllowed")
    metadata = {"name": "team-a", "labels": {"mail": "yes"}, "uid": "n", "resourceVersion": "3"}
    team = Reference("Namespace", "", "team-a")
    world.storage.objects[team] = {"kind": "Namespace", "metadata": metadata}
    await world.passes(12 * MINUTE)
    assert mail.ready == "True"


async def test_a_namespaced_operator_reads_a_cluster_wide_vault_with_each_test() -> None:
    world = World(ReconcilePolicy(watches_cluster_vaults=False))
    corp = world.cluster_vault().create()
    mail = await world.ready(password=corp.password())
    corp.edit(allowedNamespaces={"matchNames": []})
    await world.passes(MINUTE)
    assert mail.ready == "True"
    await world.passes(1.2 * HOUR)
    assert (mail.ready, mail.reason) == ("False", "VaultNotAllowed")
    assert corp.conditions == {}
    await world.stop()


async def test_without_the_right_to_read_it_it_is_not_allowed(world: World) -> None:
    corp = world.cluster_vault().create()
    world.cluster.faults.denied.add(corp.reference)
    await world.start()
    mail = world.smtp_config().create_with_login(password=corp.password())
    await world.passes(1)
    ready = mail.condition("Ready")
    assert ready is not None
    assert (ready.reason, ready.message) == (
        "VaultNotAllowed",
        "The operator may not read ClusterSmtpVault corp (named by spec.password.hashiCorpVault.vaultRef):"
        " its role lacks get on clustersmtpvaults.smtp-operator.io, as always when the operator serves"
        " single namespaces. Grant it for that name by a ClusterRole, or set"
        " password.hashiCorpVault.vaultRef.kind: SmtpVault and describe the vault in this namespace.",
    )


async def test_a_rotated_password_is_called_so(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    world.vaults.put("mail/smtp", "s3cret-2", "2")
    await world.passes(1.2 * HOUR)
    assert (mail.trigger, mail.mode, mail.ready) == ("PasswordChanged", "Login", "True")


async def test_a_password_that_the_server_rejects_is_tried_again_when_the_vault_has_another(
    world: World,
) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    mail.request_test()
    await world.passes(MINUTE)
    await world.passes(2 * HOUR)
    assert mail.reason == "AuthenticationFailed"
    assert mail.next_test_in is not None
    assert mail.next_test_in > 20 * HOUR
    world.forget()
    world.vaults.put("mail/smtp", "s3cret-2", "2")
    world.engine.always(passes())
    await world.passes(1.2 * HOUR)
    assert (mail.ready, mail.trigger) == ("True", "PasswordChanged")
    assert [password for _, password in world.logins] == ["s3cret-2"]


async def test_the_same_password_is_not_tried_more_often_for_that(world: World) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    world.vaults.put("mail/smtp", "s3cret-2", "2")
    await world.passes(1.2 * HOUR)
    assert mail.reason == "AuthenticationFailed"
    world.forget()
    await world.passes(20 * HOUR)
    assert world.logins == []
    assert 17 <= len(world.vaults.reads) <= 20


async def test_a_change_that_its_own_check_meets_before_its_event_is_tested(world: World) -> None:
    corp = world.cluster_vault().create(allowedNamespaces={"matchNames": []})
    world.vaults.latency, world.cluster.lag = 2.0, 4.0
    mail = world.smtp_config().create_with_login(password=corp.password())
    await world.start()
    await world.passes(1)
    assert mail.reason == "VaultNotAllowed"
    corp.edit(allowedNamespaces={"matchNames": ["team-a"]})
    await world.passes(15)
    assert mail.ready == "True"

# SPDX-License-Identifier: Apache-2.0
"""``spec.oauth2``: a test logs in with a token and reports it; changes of its references start a test."""

from typing import Any

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_testkit.simulation import World, fails
from smtp_testkit.simulation.world import SmtpConfig

OAUTH2: dict[str, Any] = {
    "tokenUrl": "https://login.example.com/token",
    "clientId": "app",
    "clientSecretRef": {"name": "mail-app", "key": "client-secret"},
}
AUDIENCE = "api://AzureADTokenExchange"
BY_ACCOUNT: dict[str, Any] = OAUTH2 | {
    "clientSecretRef": None,
    "serviceAccountRef": {"name": "mailer", "audience": AUDIENCE},
}
SPEC: dict[str, Any] = {"password": None, "oauth2": OAUTH2, "authMechanism": "XOAUTH2"}


async def tested(world: World, **spec: Any) -> SmtpConfig:
    """A SmtpConfig that logs in by token, after its first test."""
    await world.start()
    mail = world.smtp_config().create_with_login(**(SPEC | spec))
    await world.passes(1)
    return mail


async def test_the_login_is_by_token(world: World) -> None:
    world.put_secret("mail-app", data={"client-secret": "s3cret"})

    mail = await tested(world)

    login = mail.runs[0].settings.login
    assert login is not None
    assert (login.password, login.by_token) == ("token by s3cret", True)
    assert mail.runs[0].settings.auth_mechanism == "XOAUTH2"


async def test_status_says_how_the_token_was_obtained(world: World) -> None:
    world.put_secret("mail-app", data={"client-secret": "s3cret"})

    mail = await tested(world)

    assert mail.conditions["PasswordResolved"] == ("True", "PasswordRead")
    assert mail.status.password is not None
    assert mail.status.password.source == "OAuth2"
    assert mail.status.password.reference == "mail-app/client-secret"
    assert mail.status.last_test is not None
    assert mail.status.last_test.phases[0].name == "Token"


async def test_without_a_token_there_is_no_dialogue(world: World) -> None:
    refusal = Verdict(
        reason=Reason.OAUTH_TOKEN_FAILED, message="No.", retry=Retry.CONFIGURATION, phase=Phase.TOKEN
    )
    world.tokens.fails_with = VerdictError(refusal)

    mail = await tested(world)

    assert mail.conditions == {
        "Ready": ("False", "OAuthTokenFailed"),
        "Failed": ("True", "OAuthTokenFailed"),
        "Stalled": ("True", "OAuthTokenFailed"),
        "PasswordResolved": ("False", "OAuthTokenFailed"),
    }
    assert mail.status.summary == "OAuthTokenFailed in Token"
    assert mail.runs == []


async def test_a_service_account_that_arrives_is_tested_at_once(world: World) -> None:
    mail = await tested(world, oauth2=BY_ACCOUNT)
    assert mail.reason == "ServiceAccountNotFound"
    assert mail.conditions["Reconciling"] == ("True", "WaitingForDependency")
    await world.passes(600)
    assert mail.conditions["Stalled"] == ("True", "ServiceAccountNotFound")

    world.put_service_account(allowed_audiences=AUDIENCE)
    await world.passes(1)

    assert (mail.ready, mail.trigger) == ("True", "DependencyChanged")


async def test_an_audience_that_its_owner_comes_to_allow_is_tested_at_once(world: World) -> None:
    world.put_service_account(allowed_audiences="vault")
    mail = await tested(world, oauth2=BY_ACCOUNT)
    assert mail.reason == "AudienceNotAllowed"

    world.put_service_account(allowed_audiences=f"vault,{AUDIENCE}")
    await world.passes(1)

    assert (mail.ready, mail.trigger) == ("True", "DependencyChanged")


async def test_an_edit_of_a_service_account_sends_no_mail_and_may_withdraw_the_verdict(world: World) -> None:
    world.put_service_account(allowed_audiences=AUDIENCE)
    mail = await tested(world, oauth2=BY_ACCOUNT)
    world.forget()

    world.put_service_account(allowed_audiences=f"{AUDIENCE},vault")
    await world.passes(1)
    assert (mail.ready, [run.settings.mode for run in world.runs], world.mails) == ("True", ["Login"], [])

    world.put_service_account(allowed_audiences="vault")
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "AudienceNotAllowed")


async def test_a_service_account_that_is_deleted_is_missed_at_once(world: World) -> None:
    account = world.put_service_account(allowed_audiences=AUDIENCE)
    mail = await tested(world, oauth2=BY_ACCOUNT)

    world.storage.delete_object(account)
    await world.passes(1)

    assert (mail.ready, mail.reason) == ("False", "ServiceAccountNotFound")


async def test_without_a_watch_a_service_account_that_arrives_is_asked_for() -> None:
    unwatched = World(watch="none")
    mail = await tested(unwatched, oauth2=BY_ACCOUNT)
    assert mail.reason == "ServiceAccountNotFound"

    unwatched.put_service_account(allowed_audiences=AUDIENCE)
    await unwatched.passes(60)

    assert mail.ready == "True"
    await unwatched.stop()


async def test_a_client_secret_that_arrives_is_tested_at_once(world: World) -> None:
    mail = await tested(world)
    assert mail.reason == "SecretNotFound"

    world.put_secret("mail-app", data={"client-secret": "s3cret"})
    await world.passes(1)

    assert (mail.ready, mail.trigger) == ("True", "PasswordChanged")


async def test_a_rejected_token_is_not_used_again(world: World) -> None:
    world.put_secret("mail-app", data={"client-secret": "s3cret"})
    world.engine.always(fails(Reason.OAUTH_TOKEN_REJECTED))

    await tested(world)

    assert world.tokens.dropped == [("team-a", "app")]


async def test_a_client_secret_bound_to_other_mail_servers_gives_no_login(world: World) -> None:
    annotations = {"smtp-operator.io/allowed-servers": "smtp.example.org:587"}
    world.put_secret("mail-app", data={"client-secret": "s3cret"}, annotations=annotations)

    mail = await tested(world)

    assert mail.reason == "ServerNotAllowed"
    assert mail.runs == []


async def test_a_token_endpoint_that_is_down_for_a_while_is_borne(world: World) -> None:
    """Rule 2: only lastTest and nextTestTime report it."""
    world.put_secret("mail-app", data={"client-secret": "s3cret"})
    mail = await tested(world)
    proven = mail.status
    down = Verdict(reason=Reason.OAUTH_TOKEN_FAILED, message="503.", retry=Retry.TRANSIENT, phase=Phase.TOKEN)
    world.tokens.fails_with = VerdictError(down)

    await world.passes(1.2 * 3600)

    untold = {"last_test", "next_test_time"}
    assert mail.status.last_test is not None
    assert mail.status.last_test.phases[0].name == "Token"
    assert mail.status.model_dump(exclude=untold) == proven.model_dump(exclude=untold)


async def test_a_secret_that_was_not_read_again_is_still_followed(world: World) -> None:
    world.put_secret("mail-app", data={"client-secret": "s3cret"})
    mail = await tested(world)
    down = Verdict(reason=Reason.OAUTH_TOKEN_FAILED, message="503.", retry=Retry.TRANSIENT, phase=Phase.TOKEN)
    world.tokens.fails_with = VerdictError(down)
    await world.passes(1.2 * 3600)
    world.tokens.fails_with = None

    world.put_secret("mail-app", data={"client-secret": "s3cret-2"})
    await world.passes(1)

    assert (mail.trigger, mail.ready) == ("PasswordChanged", "True")


async def test_a_server_that_its_owner_comes_to_allow_is_tested_at_once(world: World) -> None:
    world.put_service_account(allowed_audiences=AUDIENCE, allowed_servers="smtp.example.org:587")
    mail = await tested(world, oauth2=BY_ACCOUNT)
    assert mail.reason == "ServerNotAllowed"

    world.put_service_account(allowed_audiences=AUDIENCE, allowed_servers="smtp.example.com:587")
    await world.passes(1)

    assert (mail.ready, mail.trigger) == ("True", "DependencyChanged")

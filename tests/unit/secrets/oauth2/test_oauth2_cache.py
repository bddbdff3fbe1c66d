# SPDX-License-Identifier: Apache-2.0
"""A token is asked for once and used until 5 minutes before its end, by those alone who may have it."""

import asyncio
from typing import Any

import pytest

from smtp_operator.api.errors import AccessDenied
from smtp_operator.api.verdict import VerdictError
from smtp_operator.secrets.failure_cache import HOLD_SECONDS
from smtp_operator.secrets.secret_reader import SecretReader
from smtp_testkit.mailpeers.tokenserver import SCOPE
from smtp_testkit.mailpeers.tokentrial import SECRET, TokenTrial


async def test_a_token_is_used_again(trial: TokenTrial) -> None:
    first = await trial.token()
    second = await trial.token()

    assert first.password.value == second.password.value
    assert len(trial.endpoint.forms) == 1


@pytest.mark.parametrize(("later", "requests"), [(3298, 1), (3300, 2)])
async def test_a_token_is_renewed_5_minutes_before_its_end(
    trial: TokenTrial, later: int, requests: int
) -> None:
    await trial.token()

    trial.time += later
    await trial.token()

    assert len(trial.endpoint.forms) == requests


async def test_a_token_that_the_mail_server_rejected_is_not_used_again(trial: TokenTrial) -> None:
    first = await trial.token()

    trial.tokens.drop(first.key)

    assert (await trial.token()).password.value != first.password.value


async def test_many_rejections_ask_a_few_times_while_a_failure_is_cached(trial: TokenTrial) -> None:
    """A hundred SmtpConfigs may log in by one client, one after the other, and the server reject them all."""
    for _ in range(100):
        trial.tokens.drop((await trial.token()).key)
        trial.time += HOLD_SECONDS / 110

    assert len(trial.endpoint.forms) == 2


async def test_nor_is_the_next_one_for_longer_than_a_failure_is_cached(trial: TokenTrial) -> None:
    trial.tokens.drop((await trial.token()).key)
    trial.time += 1
    second = await trial.token()
    trial.tokens.drop(second.key)

    trial.time += HOLD_SECONDS - 1.5
    assert (await trial.token()).password.value == second.password.value
    trial.time += 1
    assert (await trial.token()).password.value != second.password.value


async def test_a_changed_secret_gets_its_own_token(trial: TokenTrial) -> None:
    await trial.token()

    trial.secret("mail-app", {"client-secret": SECRET})
    await trial.token()

    assert len(trial.endpoint.forms) == 2


@pytest.mark.parametrize("change", [{"clientId": "other"}, {"scope": f"{SCOPE} offline_access"}])
async def test_another_client_or_scope_has_another_token(trial: TokenTrial, change: dict[str, Any]) -> None:
    trial.endpoint.secrets["other"] = SECRET
    trial.endpoint.answers += [(200, b'{"access_token":"one"}', {}), (200, b'{"access_token":"two"}', {})]

    assert (await trial.token()).password.value == "one"
    assert (await trial.token(**change)).password.value == "two"


async def test_another_namespace_never_gets_it(trial: TokenTrial) -> None:
    await trial.token()

    await trial.tokens.resolve(trial.settings(), "team-b", SecretReader(trial.get))

    assert len(trial.endpoint.forms) == 2


async def test_a_secret_that_is_gone_gives_no_token_any_more(trial: TokenTrial) -> None:
    await trial.token()

    del trial.secrets["mail-app"]

    assert (await trial.verdict()).reason == "SecretNotFound"


async def test_a_binding_that_came_later_holds_for_the_token_that_is_there(trial: TokenTrial) -> None:
    await trial.token()

    annotations = {"smtp-operator.io/allowed-servers": "smtp.example.com:587"}
    trial.secret("mail-app", {"client-secret": SECRET}, annotations)

    assert (await trial.verdict()).reason == "ServerNotAllowed"


async def test_a_token_whose_lifetime_is_not_told_is_for_one_test(trial: TokenTrial) -> None:
    trial.endpoint.answers += [(200, b'{"access_token":"one"}', {}), (200, b'{"access_token":"two"}', {})]

    assert [(await trial.token()).password.value for _ in range(2)] == ["one", "two"]


async def test_many_tests_at_a_time_ask_once(trial: TokenTrial) -> None:
    tokens = await asyncio.gather(*(trial.token() for _ in range(20)))

    assert len({token.password.value for token in tokens}) == 1
    assert len(trial.endpoint.forms) == 1


async def test_a_failure_is_told_to_all_who_ask_within_ten_seconds(trial: TokenTrial) -> None:
    trial.endpoint.answers.append((503, b"", {}))

    waited = await asyncio.gather(*(trial.token() for _ in range(3)), return_exceptions=True)
    trial.time += HOLD_SECONDS - 1
    later = [await trial.verdict() for _ in range(100)]

    assert [type(failure) for failure in waited] == [VerdictError] * 3
    assert {(it.reason, it.retry_after) for it in later} == {("IdentityProviderUnreachable", None)}
    assert len(trial.endpoint.forms) == 1
    trial.time += 1
    assert await trial.token()


async def test_a_pause_that_the_endpoint_asks_for_is_kept_by_all_who_log_in_by_that_client(
    trial: TokenTrial,
) -> None:
    trial.endpoint.answers.append((429, b"", {"Retry-After": "120"}))
    assert (await trial.verdict()).retry_after == 120

    trial.time += 100
    assert (await trial.verdict()).retry_after == 20

    assert len(trial.endpoint.forms) == 1
    trial.time += 20
    assert await trial.token()


async def test_a_failure_says_nothing_of_another_client_or_credential(trial: TokenTrial) -> None:
    trial.endpoint.secrets["other"] = SECRET
    trial.endpoint.answers.append((503, b"", {}))
    await trial.verdict()

    assert await trial.token(clientId="other")
    trial.secret("mail-app", {"client-secret": SECRET})
    assert await trial.token()


async def test_a_failure_of_the_api_server_is_none_of_the_endpoint(trial: TokenTrial) -> None:
    """Rights and ServiceAccounts that come are of use at once."""
    account = {"serviceAccountRef": {"name": "mailer", "audience": "vault"}, "clientSecretRef": ...}
    trial.accounts.annotations["mailer"] = {"smtp-operator.io/allowed-audiences": "vault"}
    trial.accounts.refuses_with = AccessDenied("mailer")
    assert (await trial.verdict(**account)).reason == "SecretAccessDenied"

    trial.accounts.refuses_with = None
    trial.endpoint.answers.append((200, b'{"access_token":"one"}', {}))

    assert (await trial.token(**account)).password.value == "one"


async def test_a_test_that_is_called_off_leaves_the_others_their_token(trial: TokenTrial) -> None:
    first = asyncio.create_task(trial.token())
    second = asyncio.create_task(trial.token())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    first.cancel()

    assert (await second).password.value in trial.endpoint.issued

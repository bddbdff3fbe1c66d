# SPDX-License-Identifier: Apache-2.0
"""A single login for all: Conjur's token is cached while it is valid, then dropped, and requested once."""

import asyncio
import json
import threading

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import failed
from smtp_testkit.cyberark.conjur import ConjurServer
from smtp_testkit.cyberark.trial import CANARY, VaultTrial
from smtp_testkit.http_listener import HttpRequest, Reply

Conjur = VaultTrial[ConjurServer]
VARIABLE = "prod/smtp/password"
HOST = "host/mail/operator"


async def test_a_token_serves_many_reads(conjur: Conjur) -> None:
    for _ in range(3):
        await conjur.read(variable=VARIABLE)

    assert conjur.server.logins == 1


@pytest.mark.parametrize(("lifetime", "used"), [(480, 360), (3600, 3300), (60, 45), (1, 0.75)])
async def test_a_token_is_renewed_before_its_end(conjur: Conjur, lifetime: int, used: float) -> None:
    conjur.server.lifetime, conjur.server.now = lifetime, lambda: 0.0
    await conjur.read(variable=VARIABLE)
    conjur.time += used - 0.1
    await conjur.read(variable=VARIABLE)
    assert conjur.server.logins == 1

    conjur.time += 0.1
    await conjur.read(variable=VARIABLE)
    assert conjur.server.logins == 2


@pytest.mark.parametrize(
    "payload", ["e30=", "W10=", "eyJpYXQiOjUsImV4cCI6IngifQ==", "eyJpYXQiOjUsImV4cCI6NX0="]
)
async def test_a_token_that_does_not_say_its_end_is_used_for_some_minutes(
    conjur: Conjur, payload: str
) -> None:
    told = {"protected": "e30=", "payload": payload, "signature": "x"}
    value = Reply(200, CANARY.encode(), {"Content-Type": "application/octet-stream"})
    conjur.server.replies += [Reply(200, json.dumps(told).encode()), value, value, Reply(401)]
    await conjur.read(variable=VARIABLE)
    conjur.time += 224
    await conjur.read(variable=VARIABLE)
    assert conjur.server.logins == 1

    conjur.time += 1
    await conjur.verdict(variable=VARIABLE)
    assert conjur.server.logins == 2


async def test_many_who_start_together_log_in_once(conjur: Conjur) -> None:
    for number in range(20):
        conjur.server.variables[f"v{number}"] = [b"x"]
        conjur.server.readers[f"v{number}"] = {HOST}

    secrets = await asyncio.gather(*(conjur.read(variable=f"v{number}") for number in range(20)))

    assert {secret.value for secret in secrets} == {"x"}
    assert (conjur.server.logins, len(conjur.server.calls)) == (1, 21)


async def test_a_check_and_those_who_read_beside_it_log_in_once(conjur: Conjur) -> None:
    await asyncio.gather(conjur.check(), *(conjur.verdict(variable=f"v{number}") for number in range(10)))

    assert conjur.server.logins == 1


async def test_many_whose_token_was_revoked_log_in_once_more(conjur: Conjur) -> None:
    for number in range(20):
        conjur.server.variables[f"v{number}"] = [b"x"]
        conjur.server.readers[f"v{number}"] = {HOST}
    await conjur.read(variable=VARIABLE)
    conjur.server.revoked.update(conjur.server.issued)

    await asyncio.gather(*(conjur.read(variable=f"v{number}") for number in range(20)))

    assert conjur.server.logins == 2


async def test_a_token_that_is_refused_is_replaced_once(conjur: Conjur) -> None:
    await conjur.read(variable=VARIABLE)
    conjur.server.revoked.update(conjur.server.issued)

    assert (await conjur.read(variable=VARIABLE)).value == CANARY
    assert conjur.server.logins == 2


async def test_a_new_token_that_is_refused_too_ends_it(conjur: Conjur) -> None:
    def revoke(call: HttpRequest) -> None:
        conjur.server.revoked.update(conjur.server.issued)

    conjur.server.before_answer = revoke

    verdict = await conjur.verdict(variable=VARIABLE)

    assert (verdict.reason, verdict.reply) == ("VaultAuthFailed", "401")
    assert verdict.message == (
        "SmtpVault team-a/corp: Conjur accepted the login of host/mail/operator, but refuses the token"
        " that it issued (401). Look for a proxy in between that drops the Authorization header. Check"
        " that Conjur's followers have the leader's keys and time."
    )
    assert [call.method for call in conjur.server.calls] == ["POST", "GET", "POST", "GET"]


# a login that fails


async def test_many_whose_login_is_refused_knock_once(conjur: Conjur) -> None:
    conjur.server.api_keys[HOST] = "r0tated"

    together = await asyncio.gather(*(conjur.verdict(variable=f"v{number}") for number in range(20)))

    assert {verdict.reason for verdict in together} == {"VaultAuthFailed"}
    assert conjur.server.logins == 1


async def test_a_credential_that_is_missing_is_looked_for_each_time(conjur: Conjur) -> None:
    missing = failed(Reason.SECRET_NOT_FOUND, "Secret team-a/conjur does not exist.")
    conjur.given.fails_with = missing
    assert await conjur.verdict(variable=VARIABLE) is missing.verdict
    conjur.given.fails_with = None

    assert (await conjur.read(variable=VARIABLE)).value == CANARY


async def test_a_canceled_caller_leaves_the_others_their_login(conjur: Conjur) -> None:
    arrived, go = threading.Event(), threading.Event()

    def hold(call: HttpRequest) -> None:
        arrived.set()
        go.wait(30)

    conjur.server.before_answer = hold
    first = asyncio.create_task(conjur.read(variable=VARIABLE))
    second = asyncio.create_task(conjur.read(variable=VARIABLE))
    await asyncio.to_thread(arrived.wait, 30)
    first.cancel()
    go.set()

    assert (await second).value == CANARY
    assert first.cancelled()
    assert conjur.server.logins == 1


async def test_a_closed_vault_has_forgotten_its_token_and_asks_for_none(conjur: Conjur) -> None:
    await conjur.read(variable=VARIABLE)

    await conjur.vault().close()
    verdict = await conjur.verdict(variable=VARIABLE)

    assert (verdict.reason, verdict.retry) == ("VaultUnavailable", Retry.TRANSIENT)
    assert verdict.message == (
        "SmtpVault team-a/corp changed or was deleted during the read. No action needed; the"
        " operator reads it again automatically."
    )
    assert conjur.server.logins == 1

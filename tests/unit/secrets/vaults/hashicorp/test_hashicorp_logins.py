# SPDX-License-Identifier: Apache-2.0
"""A single login for all readers while it is valid; a refusal costs no more than a success."""

import asyncio

import pytest

from smtp_operator.secrets.failure_cache import HOLD_SECONDS
from smtp_operator.secrets.vaults.errors import LoginError
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.openbao.trial import BaoTrial
from smtp_testkit.openbao.workloads import SUBJECT

LOGIN = "POST /v1/auth/kubernetes/login"
LOOKUP = "GET /v1/auth/token/lookup-self"
READ = "GET /v1/secret/data/mail/smtp"


async def test_many_reads_at_a_time_log_in_once(trial: BaoTrial) -> None:
    secrets = await asyncio.gather(*(trial.read() for _ in range(20)))

    assert {secret.value for secret in secrets} == {"s3cret"}
    assert (trial.line.calls.count(LOGIN), trial.line.calls.count(READ)) == (1, 20)


@pytest.mark.parametrize(
    ("lease", "later", "logins"), [(600, 539, 1), (600, 540, 2), (20, 18, 2), (20, 17, 1)]
)
async def test_a_login_is_used_until_shortly_before_the_end_of_its_lease(
    trial: BaoTrial, bao: OpenBao, lease: int, later: int, logins: int
) -> None:
    bao.jwt_role(f"for-{lease}", "mail", subject=SUBJECT, token_ttl=f"{lease}s")
    trial.log_in_by(jwt={"role": f"for-{lease}", "serviceAccountRef": {"name": "mailer"}})
    await trial.read()

    trial.time += later
    await trial.read()

    assert trial.line.calls.count(LOGIN) == logins


@pytest.mark.parametrize(("later", "logins"), [(3539, 1), (3540, 2)])
async def test_a_login_of_long_life_is_used_for_an_hour(
    trial: BaoTrial, bao: OpenBao, later: int, logins: int
) -> None:
    bao.jwt_role("long", "mail", subject=SUBJECT, token_ttl="768h")
    trial.log_in_by(jwt={"role": "long", "serviceAccountRef": {"name": "mailer"}})
    await trial.read()

    trial.time += later
    await trial.read()

    assert trial.line.calls.count(LOGIN) == logins


async def test_a_token_that_never_ends_is_looked_at_once(trial: BaoTrial, bao: OpenBao) -> None:
    trial.named.secrets["bao/token"] = bao.root_token
    trial.log_in_by(tokenRef={"name": "bao", "key": "token"})

    await trial.read()
    await trial.read()

    assert trial.line.calls == [LOOKUP, READ, READ]


async def test_a_login_for_few_uses_is_for_one_test(trial: BaoTrial, bao: OpenBao) -> None:
    bao.jwt_role("once", "mail", subject=SUBJECT, token_num_uses=1)
    trial.log_in_by(jwt={"role": "once", "serviceAccountRef": {"name": "mailer"}})

    assert [(await trial.read()).value for _ in range(2)] == ["s3cret", "s3cret"]
    assert trial.line.calls == [LOGIN, READ, LOGIN, READ]


async def test_a_revoked_login_is_made_again_once(trial: BaoTrial, bao: OpenBao) -> None:
    await trial.read()
    trial.line.requests.clear()

    bao.call("PUT", "sys/leases/revoke-prefix/auth/kubernetes/login")

    assert (await trial.read()).value == "s3cret"
    assert trial.line.calls == [READ, LOOKUP, LOGIN, READ]


async def test_many_who_find_the_login_revoked_make_it_again_once(trial: BaoTrial, bao: OpenBao) -> None:
    await trial.read()
    trial.line.requests.clear()

    bao.call("PUT", "sys/leases/revoke-prefix/auth/kubernetes/login")
    secrets = await asyncio.gather(*(trial.read() for _ in range(20)))

    assert {secret.value for secret in secrets} == {"s3cret"}
    assert trial.line.calls.count(LOGIN) == 1
    assert trial.line.calls.count(LOOKUP) == 1


async def test_a_refused_read_asks_no_more_often_than_one_that_succeeds(
    trial: BaoTrial, bao: OpenBao
) -> None:
    bao.put("other/smtp", password="not for you")
    await trial.read()
    success = len(trial.line.calls)
    trial.line.requests.clear()

    for _ in range(3):
        assert (await trial.verdict("other/smtp")).reason == "VaultAccessDenied"
        assert len(trial.line.calls) <= success
        trial.line.requests.clear()


async def test_many_refused_reads_leave_the_others_their_login(trial: BaoTrial, bao: OpenBao) -> None:
    bao.put("other/smtp", password="not for you")
    await trial.read()
    trial.time += HOLD_SECONDS
    trial.line.requests.clear()

    for _ in range(20):
        assert (await trial.verdict("other/smtp")).reason == "VaultAccessDenied"
        assert (await trial.read()).value == "s3cret"

    assert trial.line.calls.count(LOGIN) == 1
    assert trial.line.calls.count(LOOKUP) == 0


async def test_what_a_role_was_permitted_since_counts_ten_seconds_after_its_login(
    trial: BaoTrial, bao: OpenBao
) -> None:
    bao.policy("invoices", 'path "secret/data/invoices/*" { capabilities = ["read"] }')
    bao.put("invoices/smtp", password="granted")
    bao.jwt_role("growing", "mail", subject=SUBJECT)
    trial.log_in_by(jwt={"role": "growing", "serviceAccountRef": {"name": "mailer"}})
    assert (await trial.verdict("invoices/smtp")).reason == "VaultAccessDenied"

    bao.jwt_role("growing", "mail", "invoices", subject=SUBJECT)
    trial.time += HOLD_SECONDS

    assert (await trial.read("invoices/smtp")).value == "granted"


async def test_a_revoked_token_of_a_secret_is_told_after_two_calls(trial: BaoTrial, bao: OpenBao) -> None:
    trial.named.secrets["bao/token"] = bao.token("mail")
    trial.log_in_by(tokenRef={"name": "bao", "key": "token"})
    await trial.read()
    trial.line.requests.clear()

    bao.revoke(trial.named.secrets["bao/token"])

    assert (await trial.verdict()).reason == "VaultAuthFailed"
    assert trial.line.calls == [READ, LOOKUP]


async def test_a_check_logs_in_although_a_login_is_kept(trial: BaoTrial) -> None:
    await trial.read()
    trial.line.requests.clear()

    await trial.vault.check()
    await trial.read()

    assert trial.line.calls == [LOGIN, READ]


async def test_a_check_that_fails_leaves_the_others_their_login(trial: BaoTrial) -> None:
    await trial.read()

    trial.named.token_for = lambda audience: "a.b.c"
    assert (await trial.check_verdict()).reason == "VaultAuthFailed"

    assert (await trial.read()).value == "s3cret"


async def test_a_failed_login_is_told_to_all_who_wait_and_not_kept(trial: BaoTrial) -> None:
    good, trial.named.token_for = trial.named.token_for, lambda audience: "a.b.c"

    failures = await asyncio.gather(*(trial.read() for _ in range(3)), return_exceptions=True)

    assert [type(failure) for failure in failures] == [LoginError] * 3
    assert trial.line.calls == [LOGIN]
    trial.named.token_for = good
    assert (await trial.read()).value == "s3cret"


async def test_a_test_that_is_called_off_leaves_the_others_their_login(trial: BaoTrial) -> None:
    first = asyncio.create_task(trial.read())
    second = asyncio.create_task(trial.read())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    first.cancel()

    assert (await second).value == "s3cret"
    assert trial.line.calls.count(LOGIN) == 1


async def test_closing_forgets_the_login_and_asks_for_none_any_more(trial: BaoTrial) -> None:
    await trial.read()
    trial.line.requests.clear()

    await trial.vault.close()
    verdict = await trial.verdict()

    assert (verdict.reason, verdict.message) == (
        "VaultUnavailable",
        "SmtpVault team-a/bao changed or was deleted during the read. No action needed; the"
        " operator reads it again automatically.",
    )
    assert trial.line.calls == []


async def test_a_pause_that_one_read_is_asked_for_holds_no_other_read(
    odd: BaoTrial, scripted: TokenServer
) -> None:
    scripted.answers += [(429, b'{"errors":["slow down"]}', {"Retry-After": "120"}), (503, b"{}", {})]

    first = await odd.verdict()
    second = await odd.verdict("other/path")

    assert [(it.reason, it.retry_after) for it in (first, second)] == [
        ("VaultRateLimited", 120),
        ("VaultUnavailable", None),
    ]


async def test_a_vault_is_asked_again_after_the_pause(odd: BaoTrial, scripted: TokenServer) -> None:
    scripted.answers += [(429, b"{}", {"Retry-After": "120"}), (503, b"{}", {})]
    await odd.verdict()

    odd.time += 120

    assert (await odd.verdict()).reason == "VaultUnavailable"

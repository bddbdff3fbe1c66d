# SPDX-License-Identifier: Apache-2.0
"""A password out of the Central Credential Provider: what is asked, by which certificate, what is taken."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from smtp_operator.api.reasons import Retry
from smtp_operator.secrets.vaults.cyberark.ccp import CHECK_OBJECT
from smtp_testkit.cyberark.ccp import Account, Application, CcpServer, CertificateRequest, serial_number
from smtp_testkit.cyberark.trial import CANARY, VaultTrial, client_certificate
from smtp_testkit.http_listener import Reply

Ccp = VaultTrial[CcpServer]
NAMED = {"safe": "Mail", "object": "smtp-relay"}


async def test_the_password_of_an_account_is_read(ccp: Ccp) -> None:
    secret = await ccp.read(**NAMED)

    assert (secret.value, secret.version, secret.expires) == (CANARY, None, None)
    assert (secret.reason, secret.message) == ("PasswordRead", "")


async def test_a_changed_password_is_read_the_next_time(ccp: Ccp) -> None:
    await ccp.read(**NAMED)
    ccp.server.accounts = [replace(ccp.server.accounts[0], content="n3w")]

    assert (await ccp.read(**NAMED)).value == "n3w"


async def test_all_that_may_name_an_account_is_asked_for_escaped_and_nothing_else(ccp: Ccp) -> None:
    ccp.server.accounts.append(
        Account(
            safe="Mail Relays",
            folder="Root\\smtp out",
            object="rélay #1?",
            username="CORP\\mailer=a",
            address="smtp/1.example.com",
            content="0ther",
        )
    )

    secret = await ccp.read(
        safe="Mail Relays",
        folder="Root\\smtp out",
        object="rélay #1?",
        username="CORP\\mailer=a",
        address="smtp/1.example.com",
    )

    (call,) = ccp.server.calls
    assert secret.value == "0ther"
    assert urlsplit(call.target).path == "/AIMWebService/api/Accounts"
    assert urlsplit(call.target).query == (
        "AppID=smtp-operator&Safe=Mail%20Relays&Folder=Root%5Csmtp%20out&Object=r%C3%A9lay%20%231%3F"
        "&UserName=CORP%5Cmailer%3Da&Address=smtp%2F1.example.com"
    )
    assert (call.method, call.body, call.headers["accept"]) == ("GET", b"", "application/json")
    assert call.headers["host"] == f"localhost:{ccp.server.port}"


async def test_another_web_service_below_a_path_is_asked(ccp: Ccp) -> None:
    ccp.vault(url=f"{ccp.server.url}/gateway/", webService="AIMCert")

    await ccp.verdict(**NAMED)

    assert urlsplit(ccp.server.calls[0].target).path == "/gateway/AIMCert/api/Accounts"


async def test_one_newline_at_the_end_is_left_out(ccp: Ccp) -> None:
    ccp.server.accounts = [replace(ccp.server.accounts[0], content=f"{CANARY}\n")]

    secret = await ccp.read(**NAMED)

    assert (secret.value, secret.reason) == (CANARY, "TrailingNewlineStripped")


# the client's certificate


@pytest.mark.parametrize("asks", [CertificateRequest.IN_HANDSHAKE, CertificateRequest.LATE])
async def test_a_client_certificate_is_shown_whenever_iis_asks_for_it(
    ccp_of: Callable[..., Ccp], asks: CertificateRequest
) -> None:
    ccp = ccp_of(asks=asks)
    leaf, certificate = client_certificate(ccp.server.client_ca)
    serial = serial_number(leaf)
    ccp.server.applications["smtp-operator"] = Application(
        safes=frozenset({"Mail"}), serial_numbers=frozenset({serial})
    )
    ccp.given.certificates["ccp-client"] = certificate
    ccp.vault(clientCertificateRef={"name": "ccp-client"})

    assert (await ccp.read(**NAMED)).value == CANARY
    assert [it and it["serialNumber"] for it in ccp.server.certificates] == [serial]
    assert ccp.given.asked == [(ccp.server.url, "cyberArkCCP.clientCertificateRef")]


# a password that is being changed


@pytest.mark.parametrize("told", [True, "True", "true"])
async def test_a_password_that_is_being_changed_is_read_a_little_later(ccp: Ccp, told: bool | str) -> None:
    ccp.server.accounts = [replace(ccp.server.accounts[0], changing=told)]

    verdict = await ccp.verdict(**NAMED)

    assert (verdict.reason, verdict.retry, verdict.retry_after) == (
        "VaultSecretChanging",
        Retry.TRANSIENT,
        30.0,
    )
    assert verdict.message == (
        "SmtpVault team-a/corp: CyberArk is changing the password of account with safe Mail, object"
        " smtp-relay now (PasswordChangeInProcess). No action needed; the operator reads it again"
        " automatically."
    )


@pytest.mark.parametrize("told", [False, "False", None])
async def test_a_password_that_is_not_being_changed_is_read(ccp: Ccp, told: bool | str | None) -> None:
    ccp.server.accounts = [replace(ccp.server.accounts[0], changing=told)]

    assert (await ccp.read(**NAMED)).reason == "PasswordRead"


async def test_a_change_that_hangs_does_not_block_the_password(ccp: Ccp) -> None:
    ccp.server.accounts = [replace(ccp.server.accounts[0], changing="True")]
    await ccp.verdict(**NAMED)
    ccp.time += 299
    await ccp.verdict(**NAMED)
    ccp.time += 1

    secret = await ccp.read(**NAMED)

    assert (secret.value, secret.reason) == (CANARY, "VaultSecretChanging")
    assert secret.message == (
        "SmtpVault team-a/corp: CyberArk has been changing the password of account with safe Mail, object"
        " smtp-relay for minutes. The operator read it anyway. Ask CyberArk's administrators whether the"
        " change hangs."
    )


async def test_the_next_change_is_waited_for_again(ccp: Ccp) -> None:
    still, changing = ccp.server.accounts[0], replace(ccp.server.accounts[0], changing="True")
    ccp.server.accounts = [changing]
    await ccp.verdict(**NAMED)
    ccp.time += 300
    ccp.server.accounts = [still]
    await ccp.read(**NAMED)
    ccp.server.accounts = [changing]

    assert (await ccp.verdict(**NAMED)).reason == "VaultSecretChanging"


async def test_a_change_seen_long_ago_is_not_the_one_seen_now(ccp: Ccp) -> None:
    ccp.server.accounts = [replace(ccp.server.accounts[0], changing="True")]
    await ccp.verdict(**NAMED)
    ccp.time += 3600

    assert (await ccp.verdict(**NAMED)).reason == "VaultSecretChanging"


# check


async def test_a_check_proves_that_the_appid_is_accepted_and_reads_no_password(ccp: Ccp) -> None:
    assert await ccp.check() == f"The CCP at localhost:{ccp.server.port} accepts AppID smtp-operator."

    (call,) = ccp.server.calls
    assert dict(call.query) == {"AppID": "smtp-operator", "Object": CHECK_OBJECT}


async def test_a_check_names_the_certificate(ccp: Ccp) -> None:
    ccp.vault(clientCertificateRef={"name": "ccp-client"})
    ccp.given.certificates["ccp-client"] = client_certificate(ccp.server.client_ca)[1]

    assert await ccp.check() == (
        f"The CCP at localhost:{ccp.server.port} accepts AppID smtp-operator with the certificate in Secret"
        " ccp-client."
    )


async def test_a_check_fails_where_the_appid_is_not_accepted(ccp: Ccp) -> None:
    ccp.server.applications["smtp-operator"] = Application(
        safes=frozenset({"Mail"}), serial_numbers=frozenset({"0A"})
    )

    verdict = await ccp.check()

    assert not isinstance(verdict, str)
    assert (verdict.reason, verdict.reply) == ("VaultAuthFailed", "403 APPAP306E")


@pytest.mark.parametrize(("status", "code"), [(400, "APPAP227E"), (500, "APPAP282E")])
async def test_whatever_cyberark_says_of_accounts_proves_the_check(ccp: Ccp, status: int, code: str) -> None:
    body = f'{{"ErrorCode":"{code}","ErrorMsg":"{CANARY}"}}'
    ccp.server.replies.append(Reply(status, body.encode(), {"Content-Type": "application/json"}))

    assert await ccp.check() == f"The CCP at localhost:{ccp.server.port} accepts AppID smtp-operator."

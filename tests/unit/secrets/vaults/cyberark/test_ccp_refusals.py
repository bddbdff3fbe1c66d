# SPDX-License-Identifier: Apache-2.0
"""No password from a CCP: each cause by its code, in words that say what to set or whom to ask for what."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.network.resolver import NameNotFound
from smtp_testkit.cyberark.ccp import Account, Application, CcpServer, CertificateRequest
from smtp_testkit.cyberark.trial import CANARY, NAME, VaultTrial, client_certificate
from smtp_testkit.http_listener import Reply

Ccp = VaultTrial[CcpServer]
NAMED = {"safe": "Mail", "object": "smtp-relay"}
ACCOUNT = "account with safe Mail, object smtp-relay"
JSON = {"Content-Type": "application/json; charset=utf-8"}
HTML = {"Content-Type": "text/html"}

REQUEST_INVALID = (
    f"{NAME}: the CCP rejects the request for {ACCOUNT} with AppID smtp-operator as invalid (400 CODE)."
    " Correct password.cyberArk, and cyberArkCCP.appId of the vault object."
)
CHARACTERS = (
    f"{NAME}: the request for {ACCOUNT} with AppID smtp-operator has a character that CyberArk does not"
    " accept (400 CODE). Correct password.cyberArk, and cyberArkCCP.appId of the vault object."
)
AMBIGUOUS = (
    f"{NAME}: several accounts match {ACCOUNT} (400 CODE). Set password.cyberArk.object to the name of one"
    " account, and password.cyberArk.safe to its Safe."
)
NO_VAULT = (
    f"{NAME}: the CCP cannot reach its Vault (400 CODE). No action needed; the operator retries"
    " automatically."
)
NOT_ACCEPTED = (
    f"{NAME}: CyberArk does not accept AppID smtp-operator from here (403 CODE). The operator sent no"
    " client certificate. Set cyberArkCCP.clientCertificateRef, or ask CyberArk's administrators to allow"
    " the cluster's egress address."
)
UNKNOWN_APPLICATION = (
    f"{NAME}: CyberArk does not know AppID smtp-operator, or it is not a member of any Safe (403 CODE). Set"
    " cyberArkCCP.appId to the application's ID. Or ask CyberArk's administrators to define this AppID,"
    " and to add it and the CCP's provider user to the Safe."
)
NOT_FOUND = (
    f"{NAME}: CyberArk has no {ACCOUNT}, or does not show it to AppID smtp-operator (404 CODE). Correct"
    " password.cyberArk. Or ask CyberArk's administrators to add this AppID and the CCP's provider user to"
    " the Safe, with the right to list and retrieve accounts."
)
CHANGING = (
    f"{NAME}: CyberArk is changing the password of {ACCOUNT} now (500 CODE). No action needed; the"
    " operator reads it again automatically."
)
TROUBLE = (
    f"{NAME}: the CCP returned an internal error (500 CODE). No action needed; the operator retries"
    " automatically."
)

TABLE: list[tuple[int, tuple[str, ...], Reason, Retry, str]] = [
    (
        400,
        ("AIMWS030E", "AIMWS031E", "APPAP081E"),
        Reason.VAULT_REQUEST_INVALID,
        Retry.CONFIGURATION,
        REQUEST_INVALID,
    ),
    (400, ("CASVL010E",), Reason.VAULT_REQUEST_INVALID, Retry.CONFIGURATION, CHARACTERS),
    (
        400,
        ("APPAP005E", "APPAP227E", "APPAP228E", "APPAP229E", "APPAP230E", "APPAP251E"),
        Reason.VAULT_SECRET_AMBIGUOUS,
        Retry.CONFIGURATION,
        AMBIGUOUS,
    ),
    (
        400,
        ("APPAP007E", "APPBC007E", "APPAP096W", "APPAP289E", "APPAP291E", "APPAP292E", "APPAP297E"),
        Reason.VAULT_UNAVAILABLE,
        Retry.TRANSIENT,
        NO_VAULT,
    ),
    (
        403,
        ("APPAP306E", "APPAP133E", "APPAP132E", "APPAP087E"),
        Reason.VAULT_AUTH_FAILED,
        Retry.DENIED,
        NOT_ACCEPTED,
    ),
    (403, ("APPAP008E",), Reason.VAULT_ACCESS_DENIED, Retry.DENIED, UNKNOWN_APPLICATION),
    (404, ("APPAP004E", "APPAP249E", "APPAP324E"), Reason.VAULT_SECRET_NOT_FOUND, Retry.DENIED, NOT_FOUND),
    (500, ("APPAP282E", "APPAP286E"), Reason.VAULT_SECRET_CHANGING, Retry.TRANSIENT, CHANGING),
    # unknown codes are interpreted by their status
    (400, ("APPAP999E",), Reason.VAULT_REQUEST_INVALID, Retry.CONFIGURATION, REQUEST_INVALID),
    (403, ("APPAP999E",), Reason.VAULT_AUTH_FAILED, Retry.DENIED, NOT_ACCEPTED),
    (404, ("APPAP999E",), Reason.VAULT_SECRET_NOT_FOUND, Retry.DENIED, NOT_FOUND),
    (500, ("APPAP999E",), Reason.VAULT_UNAVAILABLE, Retry.TRANSIENT, TROUBLE),
]  # fmt: skip
ROWS = [(status, code, *rest) for status, codes, *rest in TABLE for code in codes]


def error(code: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMsg": f"{CANARY} is what was wrong"}


async def said(ccp: Ccp, status: int, told: Any, headers: dict[str, str] = JSON) -> Verdict:
    """The verdict of an answer as the CCP, or something before it, was seen to give it."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    ccp.server.replies.append(Reply(status, body, headers))
    verdict = await ccp.verdict(**NAMED)
    assert verdict.phase is Phase.PASSWORD
    assert CANARY not in repr(verdict)
    return verdict


@pytest.mark.parametrize(("status", "code", "reason", "retry", "message"), ROWS)
async def test_codes(ccp: Ccp, status: int, code: str, reason: Reason, retry: Retry, message: str) -> None:
    verdict = await said(ccp, status, error(code))

    assert (verdict.reason, verdict.retry, verdict.reply) == (reason, retry, f"{status} {code}")
    assert verdict.message == message.replace("CODE", code)
    assert verdict.retry_after == (30.0 if reason is Reason.VAULT_SECRET_CHANGING else None)


@pytest.mark.parametrize(
    "told",
    [
        {"ErrorCode": "APPAP004E", "ErrorMessage": CANARY},
        {"ErrorMessage": f"APPAP004E Password object matching query [{CANARY}] was not found"},
        {"Details": f"APPAP004E Password object matching query [{CANARY}] was not found"},
        {"ErrorCode": 17, "ErrorMsg": ["no text"], "Details": f"reason: APPAP004E {CANARY}"},
    ],
)
async def test_gateways_write_the_code_elsewhere(ccp: Ccp, told: dict[str, Any]) -> None:
    assert (await said(ccp, 404, told)).message == NOT_FOUND.replace("CODE", "APPAP004E")


async def test_an_error_with_status_200_is_one_all_the_same(ccp: Ccp) -> None:
    assert (await said(ccp, 200, error("APPAP004E"))).reason == "VaultSecretNotFound"


# IIS, and what is no CCP


async def test_no_such_web_service(ccp: Ccp) -> None:
    ccp.vault(webService="AIMCert")
    verdict = await ccp.verdict(**NAMED)

    assert (verdict.reason, verdict.retry) == ("VaultEndpointInvalid", Retry.CONFIGURATION)
    assert verdict.message == (
        f"{NAME}: {ccp.server.url} answers 404, but not as a CCP does. Set cyberArkCCP.url to the host of"
        " the CCP, and cyberArkCCP.webService to its web service, usually AIMWebService."
    )


@pytest.mark.parametrize(
    ("status", "told", "headers"),
    [
        (200, b"<html>please log in</html>", HTML),
        (200, b"[]", {}),
        (200, b"", {}),
        (404, {"Message": "No HTTP resource was found that matches the request URI"}, JSON),
        (405, {"Message": "The requested resource does not support http method 'GET'."}, JSON),
        (400, b"Bad Request - Invalid Hostname", HTML),
        (404, b"[" * 50_000, JSON),
    ],
)
async def test_what_is_no_ccp(ccp: Ccp, status: int, told: Any, headers: dict[str, str]) -> None:
    verdict = await said(ccp, status, told, headers)

    assert (verdict.reason, verdict.reply) == ("VaultEndpointInvalid", str(status))


async def test_a_redirect_is_not_followed(ccp: Ccp) -> None:
    verdict = await said(ccp, 302, b"", {"Location": "https://elsewhere.example/login"})

    assert (verdict.reason, verdict.retry) == ("VaultEndpointInvalid", Retry.CONFIGURATION)
    assert verdict.message == (
        f"{NAME}: {ccp.server.url} answers with a redirect (302), which the operator does not follow."
        " Correct cyberArkCCP.url: it must lead to the vault itself, not to a login page or a load"
        " balancer's default page."
    )
    assert len(ccp.server.calls) == 1


async def test_an_answer_that_was_cut_off(ccp: Ccp) -> None:
    verdict = await said(ccp, 200, f'{{"Content":"{CANARY}'.encode())

    assert (verdict.reason, verdict.retry) == ("VaultResponseInvalid", Retry.TRANSIENT)
    assert verdict.message == (
        f"{NAME}: the CCP's answer of 27 bytes is not JSON. The operator retries automatically. If this"
        " persists, look for a proxy in between."
    )


async def test_iis_wants_a_certificate_and_none_is_named(ccp_of: Callable[..., Ccp]) -> None:
    verdict = await ccp_of(asks=CertificateRequest.LATE).verdict(**NAMED)

    assert (verdict.reason, verdict.retry, verdict.reply) == ("VaultAuthFailed", Retry.DENIED, "403.7")
    assert verdict.message == (
        f"{NAME}: the web server of the CCP refuses this client (403.7), usually because it requires a"
        " client certificate. Set cyberArkCCP.clientCertificateRef to a Secret of type kubernetes.io/tls"
        " with a certificate that CyberArk's administrators have allowed."
    )


@pytest.mark.parametrize("asks", [CertificateRequest.LATE, CertificateRequest.IN_HANDSHAKE])
async def test_iis_does_not_trust_the_certificate(
    ccp_of: Callable[..., Ccp], asks: CertificateRequest
) -> None:
    ccp = ccp_of(asks=asks)
    ccp.given.certificates["ccp-client"] = client_certificate(ccp.server.foreign_ca)[1]
    ccp.vault(clientCertificateRef={"name": "ccp-client"})

    verdict = await ccp.verdict(**NAMED)

    assert (verdict.reason, verdict.retry, verdict.reply) == ("VaultAuthFailed", Retry.DENIED, "403.16")
    assert verdict.message == (
        f"{NAME}: the web server of the CCP does not accept the client certificate in Secret ccp-client"
        " (403.16). Ask CyberArk's administrators to check that IIS trusts the issuing CA and can reach"
        " its certificate revocation list, or store another certificate in that Secret."
    )


async def test_iis_wants_a_windows_user(ccp: Ccp) -> None:
    verdict = await said(ccp, 401, b"<html>401 - Unauthorized</html>", HTML | {"WWW-Authenticate": "NTLM"})

    assert (verdict.reason, verdict.retry, verdict.reply) == ("VaultAuthFailed", Retry.DENIED, "401")
    assert verdict.message == (
        f"{NAME}: the web server of the CCP requires a login other than a certificate (401), usually a"
        " Windows login. Set cyberArkCCP.webService to a web service that accepts certificates."
    )


async def test_the_certificate_is_not_that_of_the_application(ccp_of: Callable[..., Ccp]) -> None:
    ccp = ccp_of(asks=CertificateRequest.LATE)
    ccp.server.applications["smtp-operator"] = Application(
        safes=frozenset({"Mail"}), serial_numbers=frozenset({"0A"})
    )
    ccp.given.certificates["ccp-client"] = client_certificate(ccp.server.client_ca)[1]
    ccp.vault(clientCertificateRef={"name": "ccp-client"})

    assert (await ccp.verdict(**NAMED)).message == (
        f"{NAME}: CyberArk does not accept AppID smtp-operator from here (403 APPAP306E). Ask CyberArk's"
        " administrators to allow, for this AppID, the serial number of the certificate in Secret"
        " ccp-client, and the cluster's egress address."
    )


# what CyberArk itself finds wrong


async def test_an_account_in_a_safe_that_the_application_is_no_member_of(ccp: Ccp) -> None:
    ccp.server.accounts.append(Account(safe="Payroll", object="smtp-relay", content=CANARY))

    verdict = await ccp.verdict(safe="Payroll", object="smtp-relay")

    assert (verdict.reason, verdict.reply) == ("VaultSecretNotFound", "404 APPAP004E")


async def test_long_names_leave_room_for_what_to_do(ccp: Ccp) -> None:
    ccp.vault(appId="a" * 256)

    verdict = await ccp.verdict(**dict.fromkeys(("safe", "folder", "object", "address"), "ä" * 256))

    assert verdict.message.endswith("add it and the CCP's provider user to the Safe.")
    assert len(verdict.message.encode()) <= 1024


async def test_several_accounts_match(ccp: Ccp) -> None:
    ccp.server.accounts.append(replace(ccp.server.accounts[0], object="other"))

    verdict = await ccp.verdict(safe="Mail")

    assert (verdict.reason, verdict.reply) == ("VaultSecretAmbiguous", "400 APPAP227E")


async def test_an_application_that_cyberark_does_not_know(ccp: Ccp) -> None:
    ccp.vault(appId="nobody")

    verdict = await ccp.verdict(**NAMED)

    assert (verdict.reason, verdict.reply) == ("VaultAccessDenied", "403 APPAP008E")


async def test_a_ccp_without_its_vault_recovers(ccp: Ccp) -> None:
    ccp.server.vault_is_up = False
    assert (await ccp.verdict(**NAMED)).retry is Retry.TRANSIENT
    ccp.server.vault_is_up = True

    assert (await ccp.read(**NAMED)).value == CANARY


async def test_an_account_that_cpm_is_at_work_on(ccp: Ccp) -> None:
    ccp.server.changing.add("smtp-relay")

    verdict = await ccp.verdict(**NAMED)

    assert (verdict.reason, verdict.retry_after) == ("VaultSecretChanging", 30.0)


@pytest.mark.parametrize("told", [{"UserName": "mailer"}, {"Content": None}, {"Content": 17}, {}])
async def test_an_account_without_a_password(ccp: Ccp, told: dict[str, Any]) -> None:
    verdict = await said(ccp, 200, told)

    assert (verdict.reason, verdict.retry) == ("VaultSecretUnusable", Retry.DENIED)
    assert verdict.message == (
        f"{NAME}: the {ACCOUNT} has no password in CyberArk. Set one there, or select another account in"
        " password.cyberArk."
    )


@pytest.mark.parametrize("content", [f"{CANARY}\n{CANARY}", CANARY * 100, "", f"{CANARY}\0"])
async def test_a_value_that_can_be_no_password(ccp: Ccp, content: str) -> None:
    verdict = await said(ccp, 200, {"Content": content})

    assert verdict.reason == "VaultSecretUnusable"
    assert verdict.message.startswith(f"{NAME}: the password of {ACCOUNT} ")


# pauses, and no answer at all


@pytest.mark.parametrize(
    ("status", "told", "wait", "reason"),
    [
        (429, "17", 17.0, "VaultRateLimited"),
        (429, "86400", 600.0, "VaultRateLimited"),
        (429, None, 30.0, "VaultRateLimited"),
        (503, "90", 90.0, "VaultUnavailable"),
    ],
)
async def test_a_pause_that_is_asked_for(
    ccp: Ccp, status: int, told: str | None, wait: float, reason: str
) -> None:
    verdict = await said(ccp, status, b"", {"Retry-After": told} if told else {})

    assert (verdict.reason, verdict.retry, verdict.retry_after) == (reason, Retry.TRANSIENT, wait)


async def test_words_of_a_pause(ccp: Ccp) -> None:
    assert (await said(ccp, 429, b"")).message == (
        f"{NAME}: {ccp.server.url} limits the request rate (429). The operator retries automatically. To send"
        " fewer requests, set a longer recheck.interval in the SmtpConfigs."
    )


async def test_words_of_a_pause_for_maintenance(ccp: Ccp) -> None:
    assert (await said(ccp, 503, b"", {"Retry-After": "5"})).message == (
        f"{NAME}: the vault returned an internal error (503) and asks to retry later. No action needed; the"
        " operator retries automatically."
    )


async def test_a_trouble_that_says_nothing_is_no_pause(ccp: Ccp) -> None:
    assert (await said(ccp, 503, b"Service Unavailable", HTML)).message == (
        f"{NAME}: the CCP returned an internal error (503). No action needed; the operator retries"
        " automatically."
    )
    assert (await ccp.read(**NAMED)).value == CANARY


async def test_no_answer_names_the_field(ccp: Ccp) -> None:
    ccp.names.fails_with = NameNotFound()

    verdict = await ccp.verdict(**NAMED)

    assert (verdict.reason, verdict.retry) == ("VaultHostUnresolved", Retry.TRANSIENT)
    assert verdict.message.startswith(f'{NAME}: the host of cyberArkCCP.url, "localhost", does not exist')


async def test_a_ca_that_is_not_the_servers(ccp: Ccp, ccp_of: Callable[..., Ccp]) -> None:
    ccp.given.ca = ccp_of().server.ca_pem

    assert (await ccp.verdict(**NAMED)).reason == "VaultTLSFailed"

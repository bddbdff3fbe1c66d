# SPDX-License-Identifier: Apache-2.0
"""No password from Conjur, which says little: each cause that can be told, and whom to ask else."""

from typing import Any

import pytest

from smtp_operator.api.reasons import Retry
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.network.resolver import NameServersFailed
from smtp_testkit.cyberark.conjur import ConjurServer
from smtp_testkit.cyberark.trial import CANARY, NAME, VaultTrial
from smtp_testkit.http_listener import Reply

Conjur = VaultTrial[ConjurServer]
VARIABLE = "prod/smtp/password"
HOST = "host/mail/operator"
JSON = {"Content-Type": "application/json; charset=utf-8"}
HTML = {"Content-Type": "text/html"}


async def verdict_of(conjur: Conjur, **item: str) -> Verdict:
    verdict = await conjur.verdict(**({"variable": VARIABLE} | item))
    assert verdict.phase is Phase.PASSWORD
    assert CANARY not in repr(verdict)
    return verdict


def by_jwt(conjur: Conjur, **changes: str) -> None:
    jwt = {"serviceId": "kubernetes", "serviceAccountRef": {"name": "smtp-vault"}} | changes
    conjur.vault(auth={"jwt": jwt})


# logging in


async def test_the_login_is_refused(conjur: Conjur) -> None:
    conjur.server.api_keys[HOST] = "r0tated"

    verdict = await verdict_of(conjur)

    assert (verdict.reason, verdict.retry, verdict.reply) == ("VaultAuthFailed", Retry.DENIED, "401")
    assert verdict.message == (
        f"{NAME}: Conjur refuses the login of host/mail/operator in account corp (401) and does not say"
        " why. Correct cyberArkConjur.auth.apiKey.login (a host's login starts with host/), and the API"
        " key in Secret conjur, key api-key. A rotation makes the old API key invalid. Conjur's log shows"
        " the cause to its administrators."
    )


async def test_the_login_of_a_serviceaccount_is_refused(conjur: Conjur) -> None:
    by_jwt(conjur)

    assert (await verdict_of(conjur)).message == (
        f"{NAME}: Conjur refuses the login of ServiceAccount smtp-vault in account corp (401) and does not"
        " say why. Correct cyberArkConjur.auth.jwt: serviceId must name an enabled authenticator, and its"
        ' host must be defined for the token of ServiceAccount smtp-vault with audience "conjur".'
        " Conjur's log shows the cause to its administrators."
    )


async def said_at_login(
    conjur: Conjur, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> Verdict:
    conjur.server.replies.append(Reply(status, body, headers or {}))
    verdict = await verdict_of(conjur)
    assert conjur.server.logins == len(conjur.server.calls) == 1
    return verdict


async def test_the_host_may_not_use_the_authenticator(conjur: Conjur) -> None:
    by_jwt(conjur, hostId=HOST)

    verdict = await said_at_login(conjur, 403)

    assert (verdict.reason, verdict.retry, verdict.reply) == ("VaultAuthFailed", Retry.DENIED, "403")
    assert verdict.message == (
        f"{NAME}: Conjur does not let host/mail/operator log in with authn-jwt/kubernetes (403). Ask"
        " Conjur's administrators to grant it the privilege authenticate on webservice"
        " conjur/authn-jwt/kubernetes."
    )


async def test_no_such_account(conjur: Conjur) -> None:
    conjur.vault(account="copr")

    verdict = await verdict_of(conjur)

    assert (verdict.reason, verdict.retry) == ("VaultAuthFailed", Retry.DENIED)
    assert verdict.message == (
        f"{NAME}: Conjur has no account copr, or no authenticator authn (404 CONJ00004E). Correct"
        " cyberArkConjur.account and cyberArkConjur.auth."
    )


@pytest.mark.parametrize("status", [401, 403])
async def test_the_address_is_not_let_in_at_the_login(conjur: Conjur, status: int) -> None:
    verdict = await said_at_login(conjur, status, b"IP address rejected")

    assert (verdict.reason, verdict.retry) == ("VaultNetworkDenied", Retry.DENIED)


@pytest.mark.parametrize("status", [400, 422])
async def test_a_login_that_conjur_does_not_understand(conjur: Conjur, status: int) -> None:
    verdict = await said_at_login(conjur, status, CANARY.encode())

    assert (verdict.reason, verdict.retry) == ("VaultRequestInvalid", Retry.CONFIGURATION)
    assert verdict.message == (
        f"{NAME}: Conjur rejects the request for the login of host/mail/operator as invalid ({status})."
        " Correct cyberArkConjur of the vault object, and password.cyberArk."
    )


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<html>please log in</html>", HTML),
        (200, b"{}", JSON),
        (200, b"[]", JSON),
        (200, b'{"protected":"e30","payload":17,"signature":"x"}', JSON),
        (200, b'{"protected":"e30","payload":"\xc3\xa4","signature":"x"}', JSON),
        (200, b"[" * 50_000, JSON),
        (404, b"<html>not here</html>", HTML),
        (401, b"<html>this proxy wants a password</html>", HTML),
        (405, b"", {}),
    ],
)
async def test_what_is_no_conjur(conjur: Conjur, status: int, body: bytes, headers: dict[str, str]) -> None:
    verdict = await said_at_login(conjur, status, body, headers)

    assert (verdict.reason, verdict.retry, verdict.reply) == (
        "VaultEndpointInvalid",
        Retry.CONFIGURATION,
        str(status),
    )
    assert verdict.message == (
        f"{NAME}: {conjur.server.url} answers {status}, but not as Conjur does. Set cyberArkConjur.url to"
        " the URL of Conjur itself, ending in /api for Secrets Manager SaaS."
    )


async def test_a_redirect_is_not_followed(conjur: Conjur) -> None:
    verdict = await said_at_login(conjur, 301, b"", {"Location": "https://elsewhere.example/"})

    assert verdict.reason == "VaultEndpointInvalid"


# reading


async def said(conjur: Conjur, *replies: Reply, **item: str) -> Verdict:
    """The verdict of these answers to a read, the login before it being good."""
    await conjur.read(variable=VARIABLE)
    conjur.server.replies += replies
    return await verdict_of(conjur, **item)


async def test_a_variable_that_is_seen_but_not_to_be_read(conjur: Conjur) -> None:
    conjur.server.readers[VARIABLE] = set()
    conjur.server.viewers[VARIABLE] = {HOST}

    verdict = await verdict_of(conjur)

    assert (verdict.reason, verdict.retry, verdict.reply) == ("VaultAccessDenied", Retry.DENIED, "403")
    assert verdict.message == (
        f"{NAME}: host/mail/operator may not read variable {VARIABLE} (403). Ask Conjur's administrators to"
        " grant it read and execute on this variable."
    )


NOT_FOUND = (
    f"{NAME}: Conjur has no variable {{variable}} with a value in account corp, or does not show it to"
    " host/mail/operator (404 CONJ00076E). Correct password.cyberArk.variable, or ask Conjur's"
    " administrators to grant it read and execute on this variable."
)


async def test_no_such_variable(conjur: Conjur) -> None:
    verdict = await verdict_of(conjur, variable="prod/smpt")

    assert (verdict.reason, verdict.retry) == ("VaultSecretNotFound", Retry.DENIED)
    assert verdict.message == NOT_FOUND.format(variable="prod/smpt")


async def test_a_variable_that_is_hidden(conjur: Conjur) -> None:
    conjur.server.readers[VARIABLE] = set()

    assert (await verdict_of(conjur)).message == NOT_FOUND.format(variable=VARIABLE)


async def test_a_variable_without_a_value(conjur: Conjur) -> None:
    conjur.server.variables[VARIABLE] = []

    assert (await verdict_of(conjur)).message == NOT_FOUND.format(variable=VARIABLE)


async def test_no_such_version(conjur: Conjur) -> None:
    assert (await verdict_of(conjur, version="9")).message == (
        f"{NAME}: Conjur has no variable {VARIABLE} with a value in version 9 in account corp, or does not"
        " show it to host/mail/operator (404 CONJ00076E). Correct password.cyberArk.variable, or set"
        " password.cyberArk.version to an existing version, or ask Conjur's administrators to grant it"
        " read and execute on this variable."
    )


async def test_the_address_is_not_let_in(conjur: Conjur) -> None:
    conjur.server.rejected.add(HOST)

    verdict = await verdict_of(conjur)

    assert (verdict.reason, verdict.retry, verdict.reply) == ("VaultNetworkDenied", Retry.DENIED, "403")
    assert verdict.message == (
        f"{NAME}: Conjur refuses host/mail/operator from this address (403). Ask Conjur's administrators to"
        " add the cluster's egress address to its restricted_to."
    )


async def test_a_request_that_conjur_does_not_understand(conjur: Conjur) -> None:
    verdict = await said(conjur, Reply(422, CANARY.encode(), JSON), version="1")

    assert (verdict.reason, verdict.retry) == ("VaultRequestInvalid", Retry.CONFIGURATION)
    assert verdict.message == (
        f"{NAME}: Conjur rejects the request for variable {VARIABLE} in version 1 as invalid (422). Correct"
        " cyberArkConjur of the vault object, and password.cyberArk."
    )


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_an_internal_error(conjur: Conjur, status: int) -> None:
    verdict = await said(conjur, Reply(status, CANARY.encode(), HTML))

    assert (verdict.reason, verdict.retry, verdict.reply) == (
        "VaultUnavailable",
        Retry.TRANSIENT,
        str(status),
    )
    assert verdict.message == (
        f"{NAME}: Conjur returned an internal error ({status}). No action needed; the operator retries"
        " automatically."
    )


async def test_a_page_for_people_is_no_password(conjur: Conjur) -> None:
    verdict = await said(conjur, Reply(200, b"log in first", {"Content-Type": "text/html; charset=utf-8"}))

    assert verdict.reason == "VaultEndpointInvalid"


@pytest.mark.parametrize(
    ("status", "headers", "reason", "wait"),
    [
        (429, {"Retry-After": "7"}, "VaultRateLimited", 7.0),
        (429, {"Retry-After": "86400"}, "VaultRateLimited", 600.0),
        (429, {}, "VaultRateLimited", 30.0),
        (503, {"Retry-After": "60"}, "VaultUnavailable", 60.0),
    ],
)
async def test_a_pause_that_is_asked_for(
    conjur: Conjur, status: int, headers: dict[str, str], reason: str, wait: float
) -> None:
    verdict = await said(conjur, Reply(status, b"", headers))

    assert (verdict.reason, verdict.retry, verdict.retry_after) == (reason, Retry.TRANSIENT, wait)


async def test_no_answer_names_the_field(conjur: Conjur) -> None:
    conjur.names.fails_with = NameServersFailed()

    verdict = await verdict_of(conjur)

    assert (verdict.reason, verdict.retry) == ("VaultHostUnresolved", Retry.TRANSIENT)
    assert "cyberArkConjur.url" in verdict.message


async def test_long_names_leave_room_for_what_to_do(conjur: Conjur) -> None:
    login, variable = "host/" + "ä" * 250, "v" * 512
    conjur.server.api_keys[login] = conjur.given.secrets["conjur", "api-key"]
    conjur.vault(auth={"apiKey": {"login": login, "apiKeyRef": {"name": "conjur", "key": "api-key"}}})

    verdict = await verdict_of(conjur, variable=variable)

    assert verdict.message.endswith("to grant it read and execute on this variable.")
    assert len(verdict.message.encode()) <= 1024


# whoami, at a check


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(401, b"Unauthorized: Invalid token"), "VaultAuthFailed"),
        (Reply(403, b"IP address rejected"), "VaultNetworkDenied"),
        (Reply(502, b"", HTML), "VaultUnavailable"),
    ],
)
async def test_a_token_that_is_not_taken_fails_the_check(conjur: Conjur, reply: Reply, reason: str) -> None:
    def at_whoami(call: Any) -> None:
        if call.target == "/whoami":
            conjur.server.replies.append(reply)

    conjur.server.before_answer = at_whoami

    verdict = await conjur.check()

    assert not isinstance(verdict, str)
    assert verdict.reason == reason

# SPDX-License-Identifier: Apache-2.0
"""No log, verdict or traceback contains answers of CyberArk's servers or credentials for them."""

import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator

import pytest

from smtp_operator.api.verdict import VerdictError
from smtp_testkit.cyberark.ccp import CcpServer, CertificateRequest
from smtp_testkit.cyberark.conjur import ConjurServer
from smtp_testkit.cyberark.trial import CANARY, VaultTrial, client_certificate
from smtp_testkit.http_listener import Reply

VARIABLE = "prod/smtp/password"
JSON = {"Content-Type": f"application/json; {CANARY}", "X-Told": CANARY}
TEXTS = [
    f'{{"Content":"{CANARY}","ErrorCode":"{CANARY}","ErrorMsg":"{CANARY}","Details":"{CANARY}"}}',
    f'{{"ErrorCode":"APPAP004E","ErrorMsg":"APPAP133E {CANARY}"}}',
    f'{{"protected":"{CANARY}","payload":"{CANARY}","signature":"{CANARY}"}}',
    f'{{"Content":"{CANARY}\\n{CANARY}"}}',
    f"<html>{CANARY}</html>",
    CANARY,
]
STATUSES = [200, 301, 400, 401, 403, 404, 406, 422, 429, 500, 503]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All that is logged, by whomever."""
    with caplog.at_level(logging.DEBUG):
        for name in ("urllib3", "requests", "asyncio", "smtp_operator"):
            caplog.set_level(logging.DEBUG, name)
        yield caplog


async def told(reading: Callable[[], Awaitable[object]]) -> str:
    """All that is to be seen of it."""
    try:
        return repr(await reading())
    except VerdictError as error:
        return repr(error.verdict) + error.verdict.message + "".join(traceback.format_exception(error))


@pytest.mark.parametrize("text", TEXTS)
async def test_of_a_ccp(ccp: VaultTrial[CcpServer], log: pytest.LogCaptureFixture, text: str) -> None:
    for status in STATUSES:
        reply = Reply(status, text.encode(), JSON)
        ccp.server.replies = [reply, reply]

        seen = await told(lambda: ccp.read(safe="Mail", object="smtp-relay")) + repr(await ccp.check())

        assert CANARY not in seen + log.text, status
        assert ccp.server.replies == []


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("logged_in", [False, True])
async def test_of_a_conjur(
    conjur: VaultTrial[ConjurServer], log: pytest.LogCaptureFixture, logged_in: bool, text: str
) -> None:
    for status in STATUSES:
        conjur.vault(account="corp")  # a new one
        if logged_in:
            await conjur.read(variable=VARIABLE)
        reply = Reply(status, text.encode(), JSON)
        conjur.server.replies = [reply, reply]

        seen = await told(lambda: conjur.read(variable=VARIABLE)) + repr(await conjur.check())

        assert "c4nary" not in seen + log.text, status  # nor is the API key, which has it too


async def test_of_what_is_read(
    ccp_of: Callable[..., VaultTrial[CcpServer]],
    conjur: VaultTrial[ConjurServer],
    log: pytest.LogCaptureFixture,
) -> None:
    ccp = ccp_of(asks=CertificateRequest.LATE)
    leaf, certificate = client_certificate(ccp.server.client_ca)
    ccp.given.certificates["ccp-client"] = certificate
    ccp.vault(clientCertificateRef={"name": "ccp-client"})

    secrets = [await ccp.read(safe="Mail", object="smtp-relay"), await conjur.read(variable=VARIABLE)]
    kept = [
        it for vault in (conjur.vault(), ccp.vault()) for it in vars(vault).items() if it[0] != "_context"
    ]
    seen = repr(secrets) + repr(kept) + log.text

    assert [secret.value for secret in secrets] == [CANARY, CANARY]
    assert "c4nary" not in seen
    assert conjur.server.issued[0] not in seen
    assert leaf.private_key_pem.bytes().decode().split("\n")[1] not in seen


def test_the_log_would_show_it(log: pytest.LogCaptureFixture) -> None:
    logging.getLogger("urllib3.connectionpool").debug("%s", CANARY)

    assert CANARY in log.text

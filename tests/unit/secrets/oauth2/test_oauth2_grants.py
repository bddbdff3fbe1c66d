# SPDX-License-Identifier: Apache-2.0
"""The three grants for an access token, as the token endpoint sees them, and the token's status."""

import time
from typing import Any

import pytest

from smtp_testkit.mailpeers.fingerprints import fingerprint
from smtp_testkit.mailpeers.tokenserver import JWT_BEARER, SCOPE, Federation
from smtp_testkit.mailpeers.tokentrial import CLIENT, SECRET, TokenTrial

GOOGLE: dict[str, Any] = {"scope": ..., "refreshTokenRef": {"name": "mail-app", "key": "refresh-token"}}
FEDERATED: dict[str, Any] = {"clientSecretRef": ..., "serviceAccountRef": {"name": "mailer"}}
AUDIENCE = "api://AzureADTokenExchange"


async def test_a_client_secret_is_sent_as_client_credentials(trial: TokenTrial) -> None:
    resolved = await trial.token()

    assert trial.endpoint.forms == [
        {"grant_type": "client_credentials", "client_id": CLIENT, "scope": SCOPE, "client_secret": SECRET}
    ]
    assert resolved.password.value in trial.endpoint.issued


async def test_a_refresh_token_is_sent_beside_the_client_secret(trial: TokenTrial) -> None:
    trial.endpoint.refresh_tokens.add("1//c4nary-Refresh")

    resolved = await trial.token(tokenUrl=trial.endpoint.url("/token"), **GOOGLE)

    assert trial.endpoint.forms == [
        {
            "grant_type": "refresh_token",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "refresh_token": "1//c4nary-Refresh",
        }
    ]
    assert resolved.password.value in trial.endpoint.issued


async def test_a_service_accounts_token_is_sent_as_the_clients_assertion(trial: TokenTrial) -> None:
    trial.accounts.annotations["mailer"] = {"smtp-operator.io/allowed-audiences": f"vault, {AUDIENCE}"}
    trial.endpoint.answers.append((200, b'{"token_type":"Bearer","access_token":"t0ken"}', {}))

    resolved = await trial.token(**FEDERATED)

    assert trial.accounts.asked == [("team-a", "mailer", AUDIENCE)]
    assert trial.endpoint.forms == [
        {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "scope": SCOPE,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": "a.b.c",
        }
    ]
    assert resolved.password.value == "t0ken"


async def test_what_status_says_of_a_token_from_a_secret(trial: TokenTrial) -> None:
    password = (await trial.token()).password

    assert (password.source, password.reference, password.version) == (
        "OAuth2",
        "mail-app/client-secret",
        "1",
    )
    assert password.origin == f"access token of client {CLIENT} with Secret mail-app, key client-secret"
    assert password.message == (
        f"localhost issued an access token to client {CLIENT} with Secret mail-app, key client-secret."
    )
    assert password.value not in repr(password)


async def test_what_status_says_of_a_token_from_a_service_account(trial: TokenTrial) -> None:
    trial.accounts.annotations["mailer"] = {"smtp-operator.io/allowed-audiences": AUDIENCE}
    trial.endpoint.answers.append((200, b'{"token_type":"bearer","access_token":"t0ken"}', {}))

    password = (await trial.token(**FEDERATED)).password

    assert (password.source, password.reference) == ("OAuth2", "ServiceAccount mailer")


@pytest.mark.parametrize(
    ("annotation", "server", "allowed"),
    [
        ("localhost:{port}, smtp.example.com:587", "smtp.example.com", True),
        ("smtp.example.com:587", "smtp.example.com", False),
    ],
)
async def test_a_secret_goes_only_to_token_endpoints_that_its_owner_names(
    trial: TokenTrial, annotation: str, server: str, allowed: bool
) -> None:
    servers = annotation.format(port=trial.endpoint.port)
    annotations = {
        "smtp-operator.io/allowed-servers": servers,
        "smtp-operator.io/allowed-ca": fingerprint(trial.endpoint.ca_pem),
    }
    trial.secret("mail-app", {"client-secret": SECRET}, annotations)

    if allowed:
        assert await trial.token()
        return
    verdict = await trial.verdict()
    assert verdict.reason == "ServerNotAllowed"
    assert verdict.message == (
        f"Secret team-a/mail-app does not allow server localhost:{trial.endpoint.port}. Ask its owner to"
        " add it to the annotation smtp-operator.io/allowed-servers, or set server and port to an entry of"
        " the annotation."
    )
    assert trial.endpoint.forms == []


async def test_an_unsigned_token_is_refused(trial: TokenTrial) -> None:
    """The fake endpoint is itself held to what a real one checks."""
    trial.accounts.annotations["mailer"] = {"smtp-operator.io/allowed-audiences": AUDIENCE}
    trial.endpoint.federations[CLIENT] = Federation(
        issuer="https://cluster.example", subject="s", audience=AUDIENCE, keys={"keys": []}
    )
    trial.accounts.token = f"e30.e30.{int(time.time())}"

    verdict = await trial.verdict(**FEDERATED)

    assert (verdict.reason, "AADSTS70021" in verdict.message) == ("OAuthTokenFailed", True)

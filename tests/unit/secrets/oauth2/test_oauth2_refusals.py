# SPDX-License-Identifier: Apache-2.0
"""No access token: each cause in words that say what to set, and never in the endpoint's own."""

from typing import Any

import pytest

from smtp_operator.api.reasons import Retry
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.network.resolver import NameNotFound, NameServersFailed
from smtp_testkit.mailpeers.tokenserver import SCOPE
from smtp_testkit.mailpeers.tokentrial import CLIENT, SECRET, TokenTrial

REFUSED = f"localhost issued no access token to client {CLIENT}"
ENDPOINT = "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"


def failed(verdict: Verdict) -> str:
    """Return the message of a refusal that only a change fixes."""
    assert (verdict.reason, verdict.retry, verdict.phase) == (
        "OAuthTokenFailed",
        Retry.CONFIGURATION,
        Phase.TOKEN,
    )
    assert SECRET not in verdict.message
    return verdict.message


async def test_wrong_client_secret(trial: TokenTrial) -> None:
    trial.secret("mail-app", {"client-secret": "the secret's ID"})

    assert failed(await trial.verdict()) == (
        f"{REFUSED} [in Token, HTTP status 401, error invalid_client, AADSTS7000215]. The client secret is"
        " wrong. Store the secret's value in Secret mail-app, key client-secret, not its ID."
    )


async def test_expired_client_secret(trial: TokenTrial) -> None:
    trial.endpoint.expired_secrets.add(SECRET)

    assert failed(await trial.verdict()) == (
        f"{REFUSED} [in Token, HTTP status 401, error invalid_client, AADSTS7000222]. The client secret has"
        " expired. Create a new one in Entra ID and store its value in Secret mail-app, key client-secret."
    )


async def test_unknown_application(trial: TokenTrial) -> None:
    assert failed(await trial.verdict(clientId="nobody")) == (
        "localhost issued no access token to client nobody [in Token, HTTP status 400, error"
        " unauthorized_client, AADSTS700016]. The tenant has no such application. Set oauth2.clientId to"
        f" the Application (client) ID, and oauth2.tokenUrl to {ENDPOINT} with its tenant."
    )


async def test_unknown_tenant(trial: TokenTrial) -> None:
    url = trial.endpoint.url("/nowhere/oauth2/v2.0/token")

    assert failed(await trial.verdict(tokenUrl=url)) == (
        f"{REFUSED} [in Token, HTTP status 400, error invalid_request, AADSTS90002]. There is no such tenant."
        f" Set oauth2.tokenUrl to {ENDPOINT} with the tenant's ID or domain."
    )


async def test_a_permission_in_the_place_of_the_scope(trial: TokenTrial) -> None:
    assert failed(await trial.verdict(scope="SMTP.SendAsApp")) == (
        f"{REFUSED} [in Token, HTTP status 400, error invalid_scope, AADSTS1002012]. Set oauth2.scope:"
        f" {SCOPE}"
    )


async def test_no_scope(trial: TokenTrial) -> None:
    assert failed(await trial.verdict(scope=...)) == (
        f"{REFUSED} [in Token, HTTP status 400, error invalid_request, AADSTS900144]. A parameter is missing,"
        f" usually the scope. Set oauth2.scope: {SCOPE}"
    )


async def test_a_refresh_token_that_has_ended(trial: TokenTrial) -> None:
    google: dict[str, Any] = {"scope": ..., "refreshTokenRef": {"name": "mail-app", "key": "refresh-token"}}

    assert failed(await trial.verdict(tokenUrl=trial.endpoint.url("/token"), **google)) == (
        f"{REFUSED} [in Token, HTTP status 400, error invalid_grant]. The refresh token was revoked or has"
        " expired. (Google's refresh tokens last 7 days while the app is in testing, and become invalid"
        " when the password changes.) Authorize the app again and store the new refresh token in Secret"
        " mail-app, key refresh-token."
    )


async def test_google_without_a_refresh_token(trial: TokenTrial) -> None:
    assert failed(await trial.verdict(tokenUrl=trial.endpoint.url("/token"))) == (
        f"{REFUSED} [in Token, HTTP status 400, error unsupported_grant_type]. The endpoint issues no token"
        " for this grant. Set oauth2.tokenUrl to the token endpoint of your provider; Google also requires"
        " oauth2.refreshTokenRef."
    )


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (404, b"<html>not here</html>", {}),
        (302, b"", {"Location": "https://elsewhere.example/"}),
        (200, b"<html>please log in</html>", {}),
        (200, b"{}", {}),
        (200, b"[]", {}),
        (200, b'{"access_token":"two words","token_type":"Bearer"}', {}),
        (200, b'{"access_token":"x\\u0001","token_type":"Bearer"}', {}),
        (200, b'{"access_token":"t0ken","token_type":"mac"}', {}),
        (401, b'{"error":"<script>"}', {}),
        (400, b"[" * 50_000, {}),
    ],
)
async def test_what_is_no_token_endpoint(
    trial: TokenTrial, status: int, body: bytes, headers: dict[str, str]
) -> None:
    trial.endpoint.answers.append((status, body, headers))

    assert failed(await trial.verdict()) == (
        f"localhost answered {status}, but not as a token endpoint does [in Token]. Set oauth2.tokenUrl to"
        f" the token endpoint itself, such as {ENDPOINT} or https://oauth2.googleapis.com/token"
    )


async def test_words_of_the_endpoint_are_never_shown(trial: TokenTrial) -> None:
    told = f'{{"error":"invalid_client","error_description":"{SECRET} is wrong","access_token":"{SECRET}"}}'
    trial.endpoint.answers.append((400, told.encode(), {}))

    assert failed(await trial.verdict()) == (
        f"{REFUSED} [in Token, HTTP status 400, error invalid_client]. The client ID and the credential do"
        " not match. Set oauth2.clientId to the client's ID, and correct Secret mail-app, key"
        " client-secret."
    )


# temporary errors


@pytest.mark.parametrize(
    ("status", "body", "shown"),
    [
        (503, b"<html>", "503"),
        (500, b"{}", "500"),
        (429, b'{"error":"too_many_requests"}', "429 (too_many_requests)"),
        (400, b'{"error":"temporarily_unavailable"}', "400 (temporarily_unavailable)"),
        (
            503,
            b'{"error":"server_error","error_codes":[90033]}',
            "503 (server_error, AADSTS90033)",
        ),
    ],
)
async def test_a_trouble_of_the_endpoints_own(
    trial: TokenTrial, status: int, body: bytes, shown: str
) -> None:
    trial.endpoint.answers.append((status, body, {"Retry-After": "120"}))

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.retry, verdict.retry_after) == (
        "IdentityProviderUnreachable",
        Retry.TRANSIENT,
        120,
    )
    assert verdict.message == (
        f"{REFUSED}: it answered {shown} [in Token]. No action needed; the operator retries automatically."
    )


@pytest.mark.parametrize(
    ("asked", "wait"), [("99999999", 600), ("Wed, 21 Oct 2026 07:28:05 GMT", 5), ("soon", None)]
)
async def test_a_time_to_come_back_at_is_kept_for_ten_minutes_at_most(
    trial: TokenTrial, asked: str, wait: float | None
) -> None:
    trial.endpoint.answers.append((429, b"", {"Retry-After": asked}))

    assert (await trial.verdict()).retry_after == wait


def unreachable(verdict: Verdict, retry: Retry = Retry.TRANSIENT) -> str:
    """Return the message of an endpoint without any request."""
    assert (verdict.reason, verdict.retry, verdict.phase) == (
        "IdentityProviderUnreachable",
        retry,
        Phase.TOKEN,
    )
    return verdict.message


async def test_unknown_host(trial: TokenTrial) -> None:
    trial.names.fails_with = NameNotFound()

    assert unreachable(await trial.verdict()) == (
        'The host of oauth2.tokenUrl, "localhost", does not exist in DNS [in Token]. Set oauth2.tokenUrl'
        f" to the token endpoint of your provider, such as {ENDPOINT}"
    )


async def test_dns_fails(trial: TokenTrial) -> None:
    trial.names.fails_with = NameServersFailed()

    assert unreachable(await trial.verdict()) == (
        'The DNS lookup of "localhost", the host of oauth2.tokenUrl, failed [in Token]. No action'
        " needed; the operator retries automatically."
    )


async def test_no_server_listens_there(trial: TokenTrial) -> None:
    trial.names.known["localhost"] = ("127.0.0.9",)

    assert unreachable(await trial.verdict()) == (
        f"Nothing listens on localhost:{trial.endpoint.port}, where oauth2.tokenUrl leads (tried 127.0.0.9)"
        " [in Token]. Check NetworkPolicies, the egress firewall and oauth2.tokenUrl."
    )


async def test_a_certificate_of_an_unknown_authority_names_the_field_for_it(trial: TokenTrial) -> None:
    assert unreachable(await trial.verdict(caRef=...), Retry.SLOW) == (
        f"The certificate of the token endpoint localhost:{trial.endpoint.port} is signed by an unknown"
        " authority [in Token]. Set oauth2.caRef to the ConfigMap or Secret with its CA certificate;"
        " tls.caRef does not apply here."
    )


async def test_a_certificate_for_another_name(trial: TokenTrial) -> None:
    trial.names.known["other.example"] = ("127.0.0.1",)
    url = f"https://other.example:{trial.endpoint.port}/token"

    assert unreachable(await trial.verdict(tokenUrl=url), Retry.SLOW) == (
        f"The certificate of the token endpoint other.example:{trial.endpoint.port} is for another name [in"
        " Token]. Set oauth2.tokenUrl to a URL with a host name from the certificate."
    )


async def test_a_connection_closed_without_an_answer(trial: TokenTrial) -> None:
    trial.endpoint.before_answer = lambda call: False

    assert unreachable(await trial.verdict()) == (
        f"The token endpoint localhost:{trial.endpoint.port} closed the connection without an answer [in"
        " Token]. A firewall or proxy in between may cause this: check NetworkPolicies and the egress"
        " firewall."
    )


async def test_a_ca_that_is_none(trial: TokenTrial) -> None:
    trial.secret("corp-secret", {"ca": "-----BEGIN CERTIFICATE-----"})

    verdict = await trial.verdict(caRef={"kind": "Secret", "name": "corp-secret", "key": "ca"})

    assert verdict.reason == "CABundleInvalid"
    assert verdict.message == (
        "The object that oauth2.caRef names has no valid PEM certificate. Store the CA certificate itself"
        " there, with its BEGIN and END lines."
    )


async def test_a_missing_secret_is_named_by_its_field(trial: TokenTrial) -> None:
    verdict = await trial.verdict(clientSecretRef={"name": "nothing", "key": "x"})

    assert verdict.reason == "SecretNotFound"
    assert verdict.message == (
        "Secret team-a/nothing does not exist (named by spec.oauth2.clientSecretRef). Create it; the test"
        " then starts automatically."
    )

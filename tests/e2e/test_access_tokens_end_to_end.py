# SPDX-License-Identifier: Apache-2.0
"""SmtpConfigs that log in with an access token, from the token endpoint to the email, without leaks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.tokenserver import SCOPE, Federation, TokenServer
from smtp_testkit.testbed import AuditLog, Bed, OperatorProcess
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.told import spellings, told

CLIENT = "6731de76-14a6-49ae-97bc-6eba6914391e"
SECRET = "c4nary~Client+S3cret/9f8e7d"
AUDIENCE = "api://AzureADTokenExchange"
FLAGS = (*LOOPBACK, "--allow-vault-port=1-65535", "--log-level=debug")


@pytest.fixture(scope="module")
def operator(service_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """An operator that may connect to token endpoints on this machine."""
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    with OperatorProcess(service_account, log, FLAGS, metrics=True) as process:
        yield process.start()


@pytest.fixture
def endpoint() -> Iterator[TokenServer]:
    with TokenServer.running(secrets={CLIENT: SECRET}) as running:
        yield running


@pytest.fixture
def server(endpoint: TokenServer) -> Iterator[MailServer]:
    """A mail server that accepts the tokens of the endpoint, and no password."""
    with MailServer.in_thread(tokens=endpoint.issued) as running:
        yield running


def oauth2(bed: Bed, endpoint: TokenServer, **credential: Any) -> dict[str, Any]:
    """Return the login of a spec; the endpoint's CA is in a ConfigMap."""
    name = "login-ca"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    bed.api.apply(f"{bed.core('configmaps')}/{name}", {**body, "data": {"ca.crt": endpoint.ca_pem}})
    block = {"tokenUrl": endpoint.url(), "clientId": CLIENT, "scope": SCOPE, "caRef": {"name": name}}
    return {"username": "noreply@example.com", "oauth2": block | credential}


def with_secret(bed: Bed, endpoint: TokenServer) -> dict[str, Any]:
    bed.secret("mail-app", **{"client-secret": SECRET})
    return oauth2(bed, endpoint, clientSecretRef={"name": "mail-app", "key": "client-secret"})


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_client_secret_is_enough_for_a_mail(
    bed: Bed,
    endpoint: TokenServer,
    server: MailServer,
    audit: AuditLog,
    operator: OperatorProcess,
    mechanism: str,
) -> None:
    login = with_secret(bed, endpoint) | {"authMechanism": mechanism}

    seen = bed.verdict_of(server, **login)

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}
    assert seen.last_test["server"]["authMechanism"] == mechanism
    assert seen.status["password"]["source"] == "OAuth2"
    assert [mail.username for mail in server.mails] == ["noreply@example.com"]
    text = told(bed, audit, operator)
    assert [it for secret in (SECRET, *endpoint.issued) for it in spellings(secret) if it in text] == []


def test_a_token_that_the_mail_server_rejects_is_never_shown(
    bed: Bed, endpoint: TokenServer, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    server.tokens = set()

    seen = bed.verdict_of(server, **with_secret(bed, endpoint))

    assert seen.reason == "OAuthTokenRejected"
    assert "(status 401, scope https://mail.test/)" in seen.message
    text = told(bed, audit, operator)
    assert [it for secret in (SECRET, *endpoint.issued) for it in spellings(secret) if it in text] == []


def test_a_wrong_client_secret_is_corrected_and_tested_at_once(
    bed: Bed, endpoint: TokenServer, server: MailServer, operator: OperatorProcess
) -> None:
    login = with_secret(bed, endpoint)
    bed.secret("mail-app", **{"client-secret": "wrong"})
    seen = bed.verdict_of(server, **login)
    assert seen.reason == "OAuthTokenFailed"
    assert "AADSTS7000215" in seen.message

    bed.secret("mail-app", **{"client-secret": SECRET})

    assert bed.wait(lambda it: it.ready.status == "True").last_test["trigger"] == "PasswordChanged"


def test_a_rotated_client_secret_is_used(
    bed: Bed, endpoint: TokenServer, server: MailServer, operator: OperatorProcess
) -> None:
    bed.verdict_of(server, **with_secret(bed, endpoint))

    endpoint.secrets[CLIENT] = "r0tated"
    bed.secret("mail-app", **{"client-secret": "r0tated"})
    seen = bed.wait(lambda it: it.last_test["trigger"] == "PasswordChanged")
    assert (seen.reason, len(endpoint.issued)) == ("TestEmailSent", 2)


def test_a_revoked_client_secret_is_a_failure(
    bed: Bed, endpoint: TokenServer, server: MailServer, operator: OperatorProcess
) -> None:
    bed.verdict_of(server, **with_secret(bed, endpoint))

    endpoint.secrets[CLIENT] = "another"
    server.tokens = set()  # nor do tokens count any more that were issued before
    assert bed.test_again().conditions["Failed"] == "OAuthTokenRejected"
    seen = bed.test_again()
    assert seen.conditions["Failed"] == "OAuthTokenFailed"
    assert "AADSTS7000215" in seen.message


@pytest.fixture
def federated(bed: Bed, endpoint: TokenServer, operator_user: str) -> dict[str, Any]:
    """Create a ServiceAccount that the endpoint trusts and whose tokens the operator may request."""
    annotations = {"smtp-operator.io/allowed-audiences": AUDIENCE}
    bed.api.create(bed.core("serviceaccounts"), {"metadata": {"name": "mailer", "annotations": annotations}})
    bed.permit_tokens("mailer", to=operator_user)
    endpoint.federations[CLIENT] = Federation(
        issuer=bed.api.get("/.well-known/openid-configuration")["issuer"],
        subject=f"system:serviceaccount:{bed.namespace}:mailer",
        audience=AUDIENCE,
        keys=bed.api.get("/openid/v1/jwks"),
    )
    return oauth2(bed, endpoint, serviceAccountRef={"name": "mailer"})


def test_a_service_accounts_token_is_enough_for_a_mail(
    bed: Bed,
    endpoint: TokenServer,
    server: MailServer,
    audit: AuditLog,
    operator: OperatorProcess,
    federated: dict[str, Any],
) -> None:
    seen = bed.verdict_of(server, **federated)

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}
    assert seen.status["password"]["reference"] == "ServiceAccount mailer"
    assertion = endpoint.forms[0]["client_assertion"]
    assert "client_secret" not in endpoint.forms[0]
    text = told(bed, audit, operator)
    assert [it for token in (assertion, *endpoint.issued) for it in spellings(token) if it in text] == []


def test_a_service_account_that_allows_no_audience_gives_no_token(
    bed: Bed, endpoint: TokenServer, server: MailServer, federated: dict[str, Any], operator: OperatorProcess
) -> None:
    annotations = {"smtp-operator.io/allowed-audiences": None}
    bed.api.patch(f"{bed.core('serviceaccounts')}/mailer", {"metadata": {"annotations": annotations}})

    seen = bed.verdict_of(server, **federated)

    assert (seen.reason, seen.conditions["Reconciling"]) == ("AudienceNotAllowed", "WaitingForDependency")
    assert endpoint.forms == []


def test_a_service_account_that_goes_comes_and_changes_is_noticed_at_once(
    bed: Bed, endpoint: TokenServer, server: MailServer, federated: dict[str, Any], operator: OperatorProcess
) -> None:
    """Wait less than the hour until the next recheck."""
    mailer = f"{bed.core('serviceaccounts')}/mailer"
    bed.verdict_of(server, **federated)

    bed.api.delete(mailer)
    bed.wait(lambda it: it.reason == "ServiceAccountNotFound")

    bed.api.create(bed.core("serviceaccounts"), {"metadata": {"name": "mailer"}})
    assert bed.wait(lambda it: it.reason == "AudienceNotAllowed").last_test["trigger"] == "DependencyChanged"

    # A third change would wait: see BURST.
    bed.create(server, "later", **federated)
    bed.wait(lambda it: it.reason == "AudienceNotAllowed", "later")
    annotations = {"smtp-operator.io/allowed-audiences": AUDIENCE}
    bed.api.patch(mailer, {"metadata": {"annotations": annotations}})
    seen = bed.wait(lambda it: it.ready.status == "True", "later")
    assert seen.last_test["trigger"] == "DependencyChanged"


def test_a_token_that_would_open_the_api_server_goes_nowhere(
    bed: Bed, endpoint: TokenServer, server: MailServer, federated: dict[str, Any], operator: OperatorProcess
) -> None:
    own = bed.api.get("/.well-known/openid-configuration")["issuer"]
    annotations = {"smtp-operator.io/allowed-audiences": own}
    bed.api.patch(f"{bed.core('serviceaccounts')}/mailer", {"metadata": {"annotations": annotations}})
    federated["oauth2"]["serviceAccountRef"]["audience"] = own

    seen = bed.verdict_of(server, **federated)

    assert seen.reason == "AudienceNotAllowed"
    assert "would also open the API server" in seen.message
    assert endpoint.forms == []


def test_the_operator_may_ask_for_no_token_by_default(
    bed: Bed, endpoint: TokenServer, server: MailServer, operator: OperatorProcess
) -> None:
    annotations = {"smtp-operator.io/allowed-audiences": AUDIENCE}
    metadata = {"name": "stranger", "annotations": annotations}
    bed.api.create(bed.core("serviceaccounts"), {"metadata": metadata})

    seen = bed.verdict_of(server, **oauth2(bed, endpoint, serviceAccountRef={"name": "stranger"}))

    assert seen.reason == "SecretAccessDenied"
    assert "lacks create on serviceaccounts/token" in seen.message


def test_a_client_certificate_of_a_secret_is_shown(
    bed: Bed, endpoint: TokenServer, server: MailServer, operator: OperatorProcess
) -> None:
    server.demand_client_certificate()
    pair = server.ca.issue_cert("client.example.com")
    bed.secret(
        "smtp-client",
        **{"tls.crt": pair.cert_chain_pems[0].bytes(), "tls.key": pair.private_key_pem.bytes()},
    )
    tls = bed.trust(server) | {"clientCertificateRef": {"name": "smtp-client"}}

    assert bed.verdict_of(server, "TLS", tls=tls).reason == "TestEmailSent"

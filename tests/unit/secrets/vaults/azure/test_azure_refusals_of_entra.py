# SPDX-License-Identifier: Apache-2.0
"""Why Entra ID gives no token for a vault: each AADSTS number with what to set, never in Entra ID's words."""

import json
import socket
from collections.abc import Iterator

import pytest

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict
from smtp_testkit.azurepeers.keyvault import TENANT
from smtp_testkit.azurepeers.trial import CLIENT, NAME, SECRET, KeyVaultTrial, unsigned

ISSUER = "https://oidc.example.com/cluster"
SUBJECT = "system:serviceaccount:team-a:mailer"
AUDIENCE = "api://AzureADTokenExchange"
PRINCIPAL = "azureKeyVault.auth.servicePrincipal"
WORKLOAD = "azureKeyVault.auth.workloadIdentity"


def of(verdict: Verdict, trial: KeyVaultTrial) -> tuple[Reason, str]:
    """Reason, and message with ENTRA for the host; the rest is always the same."""
    assert (verdict.phase, verdict.retry) == (Phase.PASSWORD, REASONS[verdict.reason].retry)
    assert SECRET not in verdict.message
    assert "c4nary" not in verdict.message
    start = f"{NAME}: "
    assert verdict.message.startswith(start)
    host = f"{trial.authority}:{trial.entra.port}"
    return verdict.reason, verdict.message.removeprefix(start).replace(host, "ENTRA")


def refused(said: str, hint: str, client: str = CLIENT) -> tuple[Reason, str]:
    status, _, code = said.partition(" ")
    text = f"ENTRA refused the login of client {client} [HTTP status {status}, error {code}]. {hint}."
    return Reason.VAULT_AUTH_FAILED, text


async def test_a_wrong_client_secret(trial: KeyVaultTrial) -> None:
    trial.named.secrets["vault-app/client-secret"] = "the secret's ID"

    assert of(await trial.verdict(), trial) == refused(
        "401 invalid_client, AADSTS7000215",
        "The client secret is wrong. Store the secret's value in Secret vault-app, key client-secret, not"
        " its ID",
    )
    assert (await trial.verdict()).reply == "401 invalid_client, AADSTS7000215"


async def test_an_expired_client_secret(trial: KeyVaultTrial) -> None:
    trial.entra.expired_secrets.add(SECRET)

    assert of(await trial.verdict(), trial) == refused(
        "401 invalid_client, AADSTS7000222",
        "The client secret has expired. Create a new one in Entra ID and store its value in Secret"
        " vault-app, key client-secret",
    )


async def test_an_unknown_application(trial: KeyVaultTrial) -> None:
    trial.change(auth={"servicePrincipal": trial.principal(clientId="nobody")})

    assert of(await trial.verdict(), trial) == refused(
        "400 unauthorized_client, AADSTS700016",
        f"The tenant has no such application. Set {PRINCIPAL}.clientId to its Application (client) ID, and"
        f" {PRINCIPAL}.tenantId to the tenant where it is registered",
        "nobody",
    )


async def test_an_unknown_tenant(trial: KeyVaultTrial) -> None:
    trial.key_vault.tenant = "contoso.example"
    trial.change(auth={"servicePrincipal": trial.principal(tenantId="contoso.example")})

    assert of(await trial.verdict(), trial) == refused(
        "400 invalid_request, AADSTS90002",
        f"There is no such tenant in this cloud. Correct {PRINCIPAL}.tenantId or azureKeyVault.authorityHost",
    )


@pytest.mark.parametrize("tenant", ["contoso example", "a/b", "héllo"])
async def test_what_cannot_be_a_tenant(trial: KeyVaultTrial, tenant: str) -> None:
    trial.change(auth={"servicePrincipal": trial.principal(tenantId=tenant)})

    assert of(await trial.verdict(), trial) == (
        Reason.VAULT_REQUEST_INVALID,
        f"tenantId is not valid. Set {PRINCIPAL}.tenantId to the Directory (tenant) ID or a domain of the"
        " tenant.",
    )
    assert trial.entra.forms == []


def federated(trial: KeyVaultTrial, **claims: str) -> None:
    """ServiceAccount mailer logs in, with a token that Entra ID finds fault with."""
    told = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE} | claims
    trial.named.token_for = lambda audience: unsigned(**told)
    trial.use_workload_identity()


async def test_no_federated_credential(trial: KeyVaultTrial) -> None:
    federated(trial)

    assert of(await trial.verdict(), trial) == refused(
        "401 invalid_client, AADSTS70021",
        f'The application has no federated credential for subject "{SUBJECT}". Add one in Entra ID with this'
        f' subject, issuer "{ISSUER}" and audience "{AUDIENCE}"',
    )


async def test_the_issuer_that_only_the_cluster_knows(trial: KeyVaultTrial) -> None:
    issuer = "https://kubernetes.default.svc.cluster.local"
    federated(trial, iss=issuer)

    assert of(await trial.verdict(), trial) == refused(
        "401 invalid_client, AADSTS70021",
        f'The application has no federated credential for subject "{SUBJECT}". Add one in Entra ID with this'
        f' subject, issuer "{issuer}" and audience "{AUDIENCE}". That issuer is inside the cluster, where'
        " Entra ID"
        " cannot fetch its keys: give the API server a public --service-account-issuer (on AKS: az aks update"
        " --enable-oidc-issuer)",
    )


NO_ISSUER = f'The application has no federated credential with issuer "{ISSUER}"'
NO_SUBJECT = f'The application has no federated credential for subject "{SUBJECT}"'
NO_AUDIENCE = f'The application has no federated credential with audience "{AUDIENCE}"'
BY_NUMBER = {
    700211: f"{NO_ISSUER}. Set its issuer in Entra ID to this one",
    700212: f"{NO_AUDIENCE}. Set {WORKLOAD}.serviceAccountRef.audience to the one it lists, usually"
    " api://AzureADTokenExchange",
    700213: f'{NO_SUBJECT}. Add one in Entra ID with this subject, issuer "{ISSUER}" and audience'
    f' "{AUDIENCE}"',
    7002138: f'The application\'s federated credential writes the subject "{SUBJECT}" in a different case.'
    " Set it there to exactly this subject",
    50013: "Entra ID cannot check the signature of the ServiceAccount's token. Publish the cluster's keys"
    f' under "{ISSUER}"',
    700024: "The ServiceAccount's token has expired or is not valid yet. Check the clocks of the control"
    " plane nodes",
    7000112: "The application is disabled in its tenant. Ask its administrator to enable it",
    53003: "A Conditional Access policy of the tenant blocks this application from here. Ask its"
    " administrator to allow the cluster's egress address",
    99999: f"Correct {WORKLOAD}.clientId, {WORKLOAD}.tenantId and the credential; Entra ID's sign-in logs"
    " show the cause",
}


@pytest.mark.parametrize("number", BY_NUMBER)
async def test_refusals_by_their_number(trial: KeyVaultTrial, number: int) -> None:
    federated(trial)
    body = {"error": "invalid_client", "error_codes": [number], "error_description": "AADSTS0: c4nary"}
    trial.entra.answers.append((401, json.dumps(body).encode(), {}))

    assert of(await trial.verdict(), trial) == refused(
        f"401 invalid_client, AADSTS{number}", BY_NUMBER[number]
    )


async def test_a_token_that_tells_nothing_of_itself(trial: KeyVaultTrial) -> None:
    trial.entra.answers.append((401, b'{"error":"invalid_client","error_codes":[700213]}', {}))
    trial.use_workload_identity()

    assert of(await trial.verdict(), trial) == refused(
        "401 invalid_client, AADSTS700213",
        'The application has no federated credential for subject "ServiceAccount mailer". Add one in Entra ID'
        f' with this subject, issuer "the cluster\'s own" and audience "{AUDIENCE}"',
    )


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason", "said", "after"),
    [
        (
            500,
            b"<html>c4nary",
            {},
            "IdentityProviderUnreachable",
            "ENTRA returned a temporary error [HTTP status 500]. No action needed; the"
            " operator retries automatically.",
            None,
        ),
        (
            503,
            b'{"error":"temporarily_unavailable"}',
            {"Retry-After": "20"},
            "IdentityProviderUnreachable",
            "ENTRA returned a temporary error [HTTP status 503, error temporarily_unavailable]. No action"
            " needed; the operator retries automatically.",
            20.0,
        ),
        (
            429,
            b'{"error":"too_many_requests"}',
            {"Retry-After": "9999"},
            "VaultRateLimited",
            "ENTRA limits the rate of token requests [HTTP status 429, error too_many_requests]. No action"
            " needed; the operator retries automatically.",
            600.0,
        ),
        (
            200,
            b"<html>c4nary",
            {},
            "VaultEndpointInvalid",
            "ENTRA answers 200, but not as Entra ID does. A proxy or login page may be in between. Set"
            " azureKeyVault.authorityHost: https://login.microsoftonline.com",
            None,
        ),
        (
            302,
            b"",
            {"Location": "https://evil.example/"},
            "VaultEndpointInvalid",
            "ENTRA answers 302, but not as Entra ID does. A proxy or login page may be in between. Set"
            " azureKeyVault.authorityHost: https://login.microsoftonline.com",
            None,
        ),
    ],
)
async def test_what_else_may_answer(
    trial: KeyVaultTrial,
    status: int,
    body: bytes,
    headers: dict[str, str],
    reason: str,
    said: str,
    after: float | None,
) -> None:
    trial.entra.answers.append((status, body, headers))

    verdict = await trial.verdict()

    assert of(verdict, trial) == (reason, said)
    assert verdict.retry_after == after
    assert len(trial.entra.forms) == 1


async def test_entra_id_is_not_found(trial: KeyVaultTrial) -> None:
    trial.names.unknown.add(trial.authority)

    assert of(await trial.verdict(), trial) == (
        Reason.IDENTITY_PROVIDER_UNREACHABLE,
        f'the host of azureKeyVault.authorityHost, "{trial.authority}", does not exist in the cluster\'s'
        " DNS. Correct azureKeyVault.authorityHost. A private endpoint needs its DNS zone linked to the"
        " cluster's network.",
    )


async def test_nothing_listens_where_entra_id_should_be(trial: KeyVaultTrial, closed_port: int) -> None:
    trial.change(authorityHost=f"https://{trial.authority}:{closed_port}")

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.retry) == ("IdentityProviderUnreachable", Retry.TRANSIENT)
    assert verdict.message == (
        f"{NAME}: nothing listens on {trial.authority}:{closed_port}, where azureKeyVault.authorityHost"
        " leads (tried 127.0.0.1). Correct host and port of azureKeyVault.authorityHost, and check"
        " NetworkPolicies and the egress firewall."
    )


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Return a reserved port without listener."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def test_a_tenant_is_compared_without_capitals(trial: KeyVaultTrial) -> None:
    trial.key_vault.tenant = TENANT.upper()

    assert (await trial.read()).value

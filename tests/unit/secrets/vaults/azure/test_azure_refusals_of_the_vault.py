# SPDX-License-Identifier: Apache-2.0
"""Refusals of a Key Vault: each cause with its reason, found by codes, and what to set or to grant."""

import json
from collections.abc import Callable

import pytest

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.secrets.vaults.errors import LoginError
from smtp_testkit.azurepeers.keyvault import OBJECT, TENANT, KeyVaultServer
from smtp_testkit.azurepeers.trial import CLIENT, NAME, PASSWORD, KeyVaultTrial

Prepare = Callable[[KeyVaultServer], None]
VERSION = "0123456789abcdef0123456789abcdef"


def of(verdict: Verdict, trial: KeyVaultTrial) -> tuple[Reason, str, str]:
    """Reason, message with HOST for the vault, and reply; the rest is always the same."""
    assert (verdict.phase, verdict.retry) == (Phase.PASSWORD, REASONS[verdict.reason].retry)
    assert PASSWORD not in verdict.message
    start = f"{NAME}: "
    assert verdict.message.startswith(start)
    host = f"{trial.key_vault.host}:{trial.key_vault.port}"
    return verdict.reason, verdict.message.removeprefix(start).replace(host, "HOST"), verdict.reply


DENIALS: dict[str, tuple[Reason, str]] = {
    "ForbiddenByRbac": (
        Reason.VAULT_ACCESS_DENIED,
        f"HOST does not permit client {CLIENT} (object ID {OBJECT}) to read secret smtp [HTTP status 403,"
        ' error ForbiddenByRbac]. Assign it the role "Key Vault Secrets User" on the vault or the secret. It'
        " takes effect within ten minutes.",
    ),
    "AccessDenied": (
        Reason.VAULT_ACCESS_DENIED,
        f"HOST does not permit client {CLIENT} (object ID {OBJECT}) to read secret smtp [HTTP status 403,"
        ' error AccessDenied]. Add an access policy for it with the secret permission "Get".',
    ),
    "ForbiddenByPolicy": (
        Reason.VAULT_ACCESS_DENIED,
        f"HOST does not permit client {CLIENT} to read secret smtp [HTTP status 403, error"
        ' ForbiddenByPolicy]. Assign it the role "Key Vault Secrets User", or add an access policy'
        ' with the permission "Get".',
    ),
    "ForbiddenByFirewall": (
        Reason.VAULT_NETWORK_DENIED,
        "HOST: its firewall blocks the operator from 20.50.1.2 [HTTP status 403, error ForbiddenByFirewall]."
        " Allow the cluster's egress address in the Key Vault's networking, or give the cluster a private"
        " endpoint.",
    ),
    "ForbiddenByConnection": (
        Reason.VAULT_NETWORK_DENIED,
        "HOST: its firewall blocks the operator [HTTP status 403, error ForbiddenByConnection]. Allow the"
        " cluster's egress address in the Key Vault's networking, or give the cluster a private endpoint.",
    ),
}


@pytest.mark.parametrize("code", DENIALS)
async def test_a_denial_of_a_login_that_is_kept(trial: KeyVaultTrial, code: str) -> None:
    await trial.read()
    trial.key_vault.denies = code

    reason, message = DENIALS[code]
    assert of(await trial.verdict(), trial) == (reason, message, f"403 {code}")


@pytest.mark.parametrize("code", ["AccessDenied", "ForbiddenByFirewall", "ForbiddenByConnection"])
async def test_who_may_read_nothing_at_all_is_not_let_in(trial: KeyVaultTrial, code: str) -> None:
    trial.key_vault.denies = code

    reason, message = DENIALS[code]
    expected = (reason, message.replace("secret smtp", "secrets"), f"403 {code}")
    assert of(await trial.check_verdict(), trial) == expected
    assert of(await trial.verdict(), trial) == expected


async def test_a_denial_of_the_probe_is_a_failure_of_the_login(trial: KeyVaultTrial) -> None:
    """``VaultClient`` caches it for all reads of the vault."""
    trial.key_vault.denies = "AccessDenied"
    with pytest.raises(LoginError) as failed:
        await trial.read()

    assert failed.value.verdict.reason is Reason.VAULT_ACCESS_DENIED

    trial.key_vault.denies = ""
    assert (await trial.read()).value == PASSWORD


async def test_a_role_for_one_secret_does_not_count_for_another(trial: KeyVaultTrial) -> None:
    trial.key_vault.put("other", PASSWORD)
    trial.key_vault.permitted = {"smtp"}

    assert (await trial.read()).value == PASSWORD
    reason, message = DENIALS["ForbiddenByRbac"]
    expected = (reason, message.replace("secret smtp", "secret other"), "403 ForbiddenByRbac")
    assert of(await trial.verdict("other"), trial) == expected


async def test_a_disabled_secret(trial: KeyVaultTrial) -> None:
    trial.key_vault.put("smtp", PASSWORD, enabled=False)

    assert of(await trial.verdict(), trial) == (
        Reason.VAULT_SECRET_DISABLED,
        "HOST: secret smtp is disabled [HTTP status 403, error SecretDisabled]. Enable it in the Key Vault,"
        " or set password.azureKeyVault.version to an enabled version.",
        "403 SecretDisabled",
    )


async def test_a_secret_that_is_not_there(trial: KeyVaultTrial) -> None:
    assert of(await trial.verdict("nothing"), trial) == (
        Reason.VAULT_SECRET_NOT_FOUND,
        "HOST has no secret nothing [HTTP status 404, error SecretNotFound]. Create or recover it in the Key"
        " Vault, or set another password.azureKeyVault.secretName.",
        "404 SecretNotFound",
    )


async def test_a_version_that_is_not_there(trial: KeyVaultTrial) -> None:
    assert of(await trial.verdict(version=VERSION), trial) == (
        Reason.VAULT_SECRET_NOT_FOUND,
        f"HOST has no secret smtp, version {VERSION} [HTTP status 404, error SecretNotFound]. Create or"
        " recover it in the Key Vault, or set another password.azureKeyVault.secretName, or set another"
        " password.azureKeyVault.version.",
        "404 SecretNotFound",
    )


async def test_a_token_that_is_for_another_tenant(trial: KeyVaultTrial) -> None:
    trial.key_vault.issuer_refused = True
    trial.entra.tenant = "0b9e0b8c-0000-4000-8000-000000000001"
    trial.change(auth={"servicePrincipal": trial.principal()})

    assert of(await trial.verdict(), trial) == (
        Reason.VAULT_TENANT_MISMATCH,
        f"HOST is in tenant {TENANT}, but tenantId is {trial.entra.tenant}. Set"
        f" azureKeyVault.auth.servicePrincipal.tenantId to {TENANT}, with an application of that tenant.",
        "",
    )


async def test_a_vault_of_another_tenant_gets_no_token(trial: KeyVaultTrial) -> None:
    trial.key_vault.tenant = "0b9e0b8c-0000-4000-8000-000000000001"

    assert of(await trial.verdict(), trial) == (
        Reason.VAULT_TENANT_MISMATCH,
        f"HOST is in tenant {trial.key_vault.tenant}, but tenantId is {TENANT}. Set"
        f" azureKeyVault.auth.servicePrincipal.tenantId to {trial.key_vault.tenant}, with an application of"
        " that tenant.",
        "",
    )
    assert trial.entra.forms == []


async def test_a_token_that_the_vault_cannot_check(trial: KeyVaultTrial) -> None:
    trial.key_vault.before_answer = lambda: trial.key_vault.revoked.update(trial.entra.issued)

    assert of(await trial.verdict(), trial) == (
        Reason.VAULT_AUTH_FAILED,
        f"HOST does not accept the token of client {CLIENT} [HTTP status 401, error AKV10046]. Check that"
        " azureKeyVault.vaultUrl and azureKeyVault.authorityHost belong to the same cloud, and that the"
        " identity belongs to the vault's tenant.",
        "401 AKV10046",
    )


@pytest.mark.parametrize("resource", ["https://vault.azure.cn", "https://evil.example", "vault"])
async def test_a_challenge_for_another_host_gets_no_token(trial: KeyVaultTrial, resource: str) -> None:
    trial.key_vault.resource = resource

    assert of(await trial.verdict(), trial) == (
        Reason.VAULT_ENDPOINT_INVALID,
        "HOST does not ask for a login as a Key Vault of that name does, so the operator sent no token."
        " Set azureKeyVault.vaultUrl: https://NAME.vault.azure.net",
        "",
    )
    assert trial.entra.forms == []


SECRET = json.dumps(
    {"value": PASSWORD, "id": f"https://corp.vault.azure.net/secrets/smtp/{VERSION}", "attributes": {}}
).encode()
HTML = b"<!DOCTYPE html><html>" + PASSWORD.encode()
NO_KEY_VAULT = (
    ", but not as a Key Vault does. A proxy or login page may be in between. Set azureKeyVault.vaultUrl:"
    " https://NAME.vault.azure.net"
)


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason", "said"),
    [
        (200, HTML, {}, "VaultEndpointInvalid", f"HOST answers 200{NO_KEY_VAULT}"),
        (404, HTML, {}, "VaultEndpointInvalid", f"HOST answers 404{NO_KEY_VAULT}"),
        (403, HTML, {}, "VaultEndpointInvalid", f"HOST answers 403{NO_KEY_VAULT}"),
        (
            302,
            b"",
            {"Location": "https://evil.example/"},
            "VaultEndpointInvalid",
            f"HOST answers 302{NO_KEY_VAULT}",
        ),
        (
            401,
            b"{}",
            {},
            "VaultEndpointInvalid",
            "HOST does not ask for a login as a Key Vault of that name does, so the operator sent no"
            " token. Set azureKeyVault.vaultUrl: https://NAME.vault.azure.net",
        ),
        (
            200,
            SECRET,
            {},
            "VaultEndpointInvalid",
            "HOST does not ask for a login as a Key Vault of that name does, so the operator sent no"
            " token. Set azureKeyVault.vaultUrl: https://NAME.vault.azure.net",
        ),
        (
            200,
            b'{"value": 7}',
            {},
            "VaultResponseInvalid",
            "HOST answered with 12 bytes that are not a secret. No action needed; the operator"
            " retries automatically.",
        ),
        (
            400,
            b'{"error":{"code":"BadParameter","message":"c4nary-Pa55word"}}',
            {},
            "VaultRequestInvalid",
            "HOST rejects the request as invalid [HTTP status 400, error BadParameter]. Azure Stack Hub and"
            " old appliances may not support this API version; ask their administrator.",
        ),
        (
            500,
            HTML,
            {},
            "VaultUnavailable",
            "HOST returned an internal error [HTTP status 500]. No action needed; the operator retries"
            " automatically.",
        ),
        (
            503,
            b'{"error":{"code":"ServiceUnavailable","message":"c4nary-Pa55word"}}',
            {},
            "VaultUnavailable",
            "HOST returned an internal error [HTTP status 503, error ServiceUnavailable]. No action needed;"
            " the operator retries automatically.",
        ),
        (
            429,
            b'{"error":{"code":"Throttled","message":"c4nary-Pa55word"}}',
            {},
            "VaultRateLimited",
            "HOST limits the request rate [HTTP status 429, error Throttled]. The operator retries"
            " automatically. To send fewer requests, set a longer recheck.interval in the SmtpConfigs.",
        ),
    ],
)
async def test_what_else_may_answer(
    trial: KeyVaultTrial, status: int, body: bytes, headers: dict[str, str], reason: str, said: str
) -> None:
    trial.key_vault.answers.append((status, body, headers))

    assert of(await trial.verdict(), trial)[:2] == (reason, said)
    assert len(trial.key_vault.requests) == 1
    assert trial.entra.forms == []


@pytest.mark.parametrize(("said", "kept"), [("7", 7.0), ("86400", 600.0), ("soon", None)])
async def test_the_vault_says_when_to_come_back(trial: KeyVaultTrial, said: str, kept: float | None) -> None:
    await trial.read()
    body = b'{"error":{"code":"Throttled","message":"Too many."}}'
    trial.key_vault.answers.append((429, body, {"Retry-After": said}))

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.retry, verdict.retry_after) == ("VaultRateLimited", Retry.TRANSIENT, kept)
    assert len(trial.key_vault.requests) == 4  # none was sent again


async def test_a_denial_costs_no_more_requests_than_a_success(trial: KeyVaultTrial) -> None:
    await trial.read()
    before = len(trial.key_vault.requests)
    trial.key_vault.denies = "ForbiddenByRbac"

    for _ in range(3):
        await trial.verdict()

    assert len(trial.key_vault.requests) == before + 3
    assert len(trial.entra.forms) == 1

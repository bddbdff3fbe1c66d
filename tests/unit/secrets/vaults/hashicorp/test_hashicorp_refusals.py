# SPDX-License-Identifier: Apache-2.0
"""No password, as a real server says it: each cause with its reason, in words that say what to set or"
" grant."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_testkit.openbao import OpenBao
from smtp_testkit.openbao.trial import BaoTrial
from smtp_testkit.openbao.workloads import SUBJECT, Issuer

VAULT = "SmtpVault team-a/bao"


def said(verdict: Verdict, bao: OpenBao, reason: str, retry: Retry = Retry.DENIED) -> str:
    """Return the message without the vault object, with HOST instead of the host."""
    assert (verdict.reason, verdict.retry, verdict.phase) == (reason, retry, Phase.PASSWORD)
    assert verdict.message.startswith(f"{VAULT}: ")
    return verdict.message.removeprefix(f"{VAULT}: ").replace(f"localhost:{bao.port}", "HOST")


@pytest.fixture
def unsealed(bao: OpenBao) -> Iterator[None]:
    """Run for every test."""
    yield
    bao.unseal()


# what is read


async def test_no_policy_permits_it(trial: BaoTrial, bao: OpenBao) -> None:
    bao.put("private/smtp", password="not for you")

    verdict = await trial.verdict("private/smtp")

    assert said(verdict, bao, "VaultAccessDenied") == (
        'HOST does not let role "smtp" of auth/kubernetes read private/smtp of mount secret (403). Add'
        ' to its policy: path "secret/data/private/smtp" { capabilities = ["read"] } Also check'
        " hashiCorpVault.mount."
    )
    assert verdict.summary == "VaultAccessDenied in Password: 403"


async def test_a_missing_path(trial: BaoTrial, bao: OpenBao) -> None:
    assert said(await trial.verdict("mail/nothing"), bao, "VaultSecretNotFound") == (
        "there is no mail/nothing in mount secret. Set password.hashiCorpVault.path to the path below the"
        " mount, without data/, or write the secret. If secret is a KV version 1 engine: only version 2 is"
        " supported."
    )


async def test_a_missing_version(trial: BaoTrial, bao: OpenBao) -> None:
    assert said(await trial.verdict(version=7), bao, "VaultSecretNotFound") == (
        "there is no version 7 of mail/smtp in mount secret. Check the path. Set"
        " password.hashiCorpVault.version to an existing version, or remove it to read the newest."
    )


async def test_a_deleted_version(trial: BaoTrial, bao: OpenBao) -> None:
    bao.call("DELETE", "secret/data/mail/smtp")

    text = said(await trial.verdict(), bao, "VaultSecretDisabled")

    assert re.sub(r"\d{4}-\d\d-\d\d", "DAY", text) == (
        "version 1 of mail/smtp in mount secret was deleted on DAY. Write a new version, or undelete it (bao"
        " kv undelete -mount=secret -versions=1 mail/smtp)."
    )


async def test_a_destroyed_version(trial: BaoTrial, bao: OpenBao) -> None:
    bao.put("mail/smtp", password="n3w")
    bao.call("POST", "secret/destroy/mail/smtp", versions=[1])

    assert said(await trial.verdict(version=1), bao, "VaultSecretDisabled") == (
        "version 1 of mail/smtp in mount secret was destroyed. Write a new version, or set"
        " password.hashiCorpVault.version to another version."
    )
    assert (await trial.read()).value == "n3w"


async def test_a_missing_key(trial: BaoTrial, bao: OpenBao) -> None:
    assert said(await trial.verdict(key="pass"), bao, "VaultSecretUnusable") == (
        'mail/smtp has no key "pass". Set password.hashiCorpVault.key to the key of the password, or add'
        " this key."
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (7, "a number"),
        (1.5, "a number"),
        (True, "true or false"),
        (None, "null"),
        (["s3cret"], "a list"),
        ({"s3cret": 1}, "an object"),
    ],
)
async def test_a_value_that_is_no_text(trial: BaoTrial, bao: OpenBao, value: Any, kind: str) -> None:
    bao.put("mail/smtp", password=value)

    assert said(await trial.verdict(), bao, "VaultSecretUnusable") == (
        f'key "password" of mail/smtp is {kind}. Store the password as a string, in JSON with quotes.'
    )


async def test_a_value_of_several_lines(trial: BaoTrial, bao: OpenBao) -> None:
    bao.put("mail/smtp", password="-----BEGIN\nc4nary")

    assert said(await trial.verdict(), bao, "VaultSecretUnusable") == (
        'key "password" of mail/smtp holds a line break or control character, as keys and certificates'
        " do. A password is one line; the operator removes one newline at its end."
    )


async def test_a_mount_that_is_none(trial: BaoTrial, bao: OpenBao) -> None:
    bao.policy("nowhere", 'path "nowhere/*" { capabilities = ["read"] }')
    bao.jwt_role("nowhere", "nowhere", subject=SUBJECT)
    trial.change(mount="nowhere")
    trial.log_in_by(jwt={"role": "nowhere", "serviceAccountRef": {"name": "mailer"}})

    assert said(await trial.verdict(), bao, "VaultSecretNotFound") == (
        'nothing is mounted at "nowhere". Set hashiCorpVault.mount to the mount of the KV engine, as'
        ' "bao secrets list" shows it.'
    )


async def test_an_engine_of_version_1(trial: BaoTrial, bao: OpenBao) -> None:
    bao.call("POST", "sys/mounts/old", type="kv", options={"version": "1"})
    bao.call("POST", "old/data/mail/smtp", password="s3cret", data={"password": "s3cret"})
    bao.policy("old", 'path "old/*" { capabilities = ["read"] }')
    bao.jwt_role("old", "old", subject=SUBJECT)
    trial.change(mount="old")
    trial.log_in_by(jwt={"role": "old", "serviceAccountRef": {"name": "mailer"}})

    assert said(await trial.verdict(), bao, "VaultSecretUnusable") == (
        "mount old is not a KV version 2 engine. Set hashiCorpVault.mount to one of version 2, or upgrade"
        " it (bao kv enable-versioning)."
    )


async def test_a_sealed_vault(trial: BaoTrial, bao: OpenBao, unsealed: None) -> None:
    await trial.read()

    bao.seal()

    for verdict in (await trial.verdict(), await trial.check_verdict()):
        assert said(verdict, bao, "VaultUnavailable", Retry.TRANSIENT) == (
            "HOST is sealed (503). Ask the vault's operators to unseal it; the operator then"
            " retries automatically."
        )


async def test_a_quota_that_is_used_up(trial: BaoTrial, bao: OpenBao) -> None:
    await trial.vault.check()
    bao.call("POST", "sys/quotas/config", enable_rate_limit_response_headers=True)
    bao.call("POST", "sys/quotas/rate-limit/mail", path="secret", rate=1, interval="60s")
    try:
        await trial.read()
        verdict = await trial.verdict()
    finally:
        bao.call("DELETE", "sys/quotas/rate-limit/mail")

    assert said(verdict, bao, "VaultRateLimited", Retry.TRANSIENT) == (
        "HOST limits the request rate (429). The operator retries automatically. To send fewer requests,"
        " set a longer recheck.interval in the SmtpConfigs."
    )
    assert verdict.retry_after is not None
    assert 30 < verdict.retry_after <= 60


# login by a ServiceAccount's token


def refused(bao: OpenBao, verdict: Verdict, role: str = "smtp", status: int = 400) -> str:
    text = said(verdict, bao, "VaultAuthFailed")
    assert verdict.summary == f"VaultAuthFailed in Password: {status}"
    head = f'HOST refused the login as role "{role}" ({status}): '
    assert text.startswith(head)
    return text.removeprefix(head)


async def test_a_role_that_does_not_exist(trial: BaoTrial, bao: OpenBao) -> None:
    trial.log_in_by(jwt={"role": "nobody", "serviceAccountRef": {"name": "mailer"}})

    assert refused(bao, await trial.verdict(), "nobody") == (
        'auth/kubernetes has no role "nobody". Set hashiCorpVault.auth.jwt.role to an existing role, or'
        " create this one."
    )


async def test_a_role_for_another_audience(trial: BaoTrial, bao: OpenBao) -> None:
    trial.log_in_by(jwt={"role": "smtp", "serviceAccountRef": {"name": "mailer", "audience": "bao"}})

    assert refused(bao, await trial.verdict()) == (
        'role "smtp" does not expect audience "bao". Set'
        " hashiCorpVault.auth.jwt.serviceAccountRef.audience to the audience that it expects, or add"
        ' "bao" to the audiences of auth/kubernetes/role/smtp.'
    )


async def test_a_role_for_another_service_account(trial: BaoTrial, bao: OpenBao) -> None:
    bao.jwt_role("others", "mail", subject="system:serviceaccount:team-b:mailer")
    trial.log_in_by(jwt={"role": "others", "serviceAccountRef": {"name": "mailer"}})

    assert refused(bao, await trial.verdict(), "others") == (
        f'role "others" does not accept "{SUBJECT}". Set hashiCorpVault.auth.jwt.role to a role for it,'
        " or allow it in auth/kubernetes/role/others (bound_subject, or with kubernetes"
        " bound_service_account_names and bound_service_account_namespaces)."
    )


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        (
            {"iss": "https://oidc.example/id"},
            'auth/kubernetes expects another issuer than this cluster\'s, "https://oidc.example/id". Set'
            " bound_issuer or oidc_discovery_url of auth/kubernetes/config to it.",
        ),
        (
            {"iat": 1_000_000_000, "nbf": 1_000_000_000, "exp": 1_000_000_600},
            "the token has expired or is not valid yet. Check the clocks of the vault and the cluster.",
        ),
        (
            {"nbf": 4_000_000_000, "exp": 4_000_000_600},
            "the token has expired or is not valid yet. Check the clocks of the vault and the cluster.",
        ),
    ],
)
async def test_a_token_that_does_not_fit(
    trial: BaoTrial, bao: OpenBao, issuer: Issuer, claims: dict[str, Any], text: str
) -> None:
    trial.named.token_for = lambda audience: issuer.token(audience, **claims)

    assert refused(bao, await trial.verdict()) == text


async def test_a_token_of_another_cluster(trial: BaoTrial, bao: OpenBao) -> None:
    trial.named.token_for = Issuer().token

    assert refused(bao, await trial.verdict()) == (
        "auth/kubernetes does not know the key that signs this cluster's tokens. Set jwks_url,"
        " oidc_discovery_url or jwt_validation_pubkeys of auth/kubernetes/config to this cluster's."
    )


async def test_a_role_that_demands_other_claims(trial: BaoTrial, bao: OpenBao) -> None:
    claims = {"/kubernetes.io/namespace": "team-b"}
    bao.jwt_role("claims", "mail", subject=SUBJECT, bound_claims=claims)
    trial.log_in_by(jwt={"role": "claims", "serviceAccountRef": {"name": "mailer"}})

    assert refused(bao, await trial.verdict(), "claims") == (
        f'the token of "{SUBJECT}" does not have the claims that role "claims" requires. Correct'
        " bound_claims of auth/kubernetes/role/claims."
    )


async def test_an_auth_method_that_is_not_mounted(trial: BaoTrial, bao: OpenBao) -> None:
    trial.log_in_by(jwt={"role": "smtp", "mount": "k8s", "serviceAccountRef": {"name": "mailer"}})

    assert refused(bao, await trial.verdict(), status=403) == (
        'no auth method at "k8s" accepts it. Set hashiCorpVault.auth.jwt.mount to a path that "bao auth'
        ' list" shows. A kubernetes auth method answers the same if its token reviewer may not review'
        " tokens; any method does if token_bound_cidrs excludes this client's address."
    )


async def test_a_namespace_that_does_not_exist(trial: BaoTrial, bao: OpenBao) -> None:
    trial.change(namespace="nowhere")

    assert said(await trial.verdict(), bao, "VaultAuthFailed") == (
        'HOST has no namespace "nowhere" (404). Set hashiCorpVault.namespace to the full path of an'
        " existing namespace, or remove it."
    )


async def test_a_namespace_that_no_header_can_name(trial: BaoTrial, bao: OpenBao) -> None:
    trial.change(namespace="büro")

    assert said(await trial.verdict(), bao, "VaultRequestInvalid", Retry.CONFIGURATION) == (
        "a namespace name must be ASCII. Set hashiCorpVault.namespace to an existing namespace."
    )


# login by AppRole, by token


@pytest.fixture
def app_role(trial: BaoTrial, bao: OpenBao) -> str:
    """The trial logs in by it; its role id."""
    role_id, trial.named.secrets["bao/secret-id"] = bao.app_role("mailer", "mail")
    trial.log_in_by(appRole={"roleId": role_id, "secretIdRef": {"name": "bao", "key": "secret-id"}})
    return role_id


SECRET_ID = (
    "HOST refused the login by AppRole (400): the role ID or secret ID is wrong, expired or used up. Set"
    " hashiCorpVault.auth.appRole.roleId to the ID of the AppRole, and store a new secret ID (bao write -f"
    " auth/approle/role/NAME/secret-id) in the Secret that hashiCorpVault.auth.appRole.secretIdRef names."
)


async def test_a_wrong_secret_id(trial: BaoTrial, bao: OpenBao, app_role: str) -> None:
    trial.named.secrets["bao/secret-id"] = "c4nary"

    assert said(await trial.verdict(), bao, "VaultAuthFailed") == SECRET_ID


async def test_a_wrong_role_id(trial: BaoTrial, bao: OpenBao, app_role: str) -> None:
    trial.log_in_by(appRole={"roleId": "wrong", "secretIdRef": {"name": "bao", "key": "secret-id"}})

    assert said(await trial.verdict(), bao, "VaultAuthFailed") == SECRET_ID


async def test_a_secret_id_that_is_used_up(trial: BaoTrial, bao: OpenBao, app_role: str) -> None:
    trial.named.secrets["bao/secret-id"] = bao.secret_id("mailer", num_uses=1)
    await trial.vault.check()

    assert said(await trial.check_verdict(), bao, "VaultAuthFailed") == SECRET_ID


async def test_a_secret_id_for_other_addresses(trial: BaoTrial, bao: OpenBao) -> None:
    role_id, secret_id = bao.app_role("bound", "mail", secret_id_bound_cidrs=["192.0.2.0/24"])
    trial.named.secrets["bao/secret-id"] = secret_id
    trial.log_in_by(appRole={"roleId": role_id, "secretIdRef": {"name": "bao", "key": "secret-id"}})

    assert said(await trial.verdict(), bao, "VaultNetworkDenied") == (
        "HOST refused the login by AppRole (400): it does not accept this client's address. Add the"
        " cluster's egress address to secret_id_bound_cidrs of the AppRole."
    )


async def test_a_namespace_without_app_roles(trial: BaoTrial, bao: OpenBao, app_role: str) -> None:
    bao.call("POST", "sys/namespaces/bare")
    trial.change(namespace="bare")

    assert said(await trial.verdict(), bao, "VaultAuthFailed") == (
        'HOST refused the login by AppRole (403): no auth method at "approle" in namespace "bare"'
        " accepts it. Enable it there (bao auth enable approle), and check token_bound_cidrs of the"
        " AppRole."
    )


TOKEN = (
    "HOST does not accept the token that hashiCorpVault.auth.tokenRef names (403): it is wrong, expired,"
    " revoked, or belongs to another namespace. Store a new one in that Secret."
)


async def test_a_wrong_token(trial: BaoTrial, bao: OpenBao) -> None:
    trial.named.secrets["bao/token"] = "s.c4nary"
    trial.log_in_by(tokenRef={"name": "bao", "key": "token"})

    assert said(await trial.verdict(), bao, "VaultAuthFailed") == TOKEN
    assert said(await trial.check_verdict(), bao, "VaultAuthFailed") == TOKEN


async def test_a_revoked_token(trial: BaoTrial, bao: OpenBao) -> None:
    trial.named.secrets["bao/token"] = bao.token("mail")
    trial.log_in_by(tokenRef={"name": "bao", "key": "token"})
    await trial.read()

    bao.revoke(trial.named.secrets["bao/token"])

    assert said(await trial.verdict(), bao, "VaultAuthFailed") == TOKEN


@pytest.mark.parametrize("token", ["two words", "schön"])
async def test_what_is_no_token_is_not_sent(trial: BaoTrial, bao: OpenBao, token: str) -> None:
    trial.named.secrets["bao/token"] = token
    trial.log_in_by(tokenRef={"name": "bao", "key": "token"})

    assert said(await trial.verdict(), bao, "SecretValueInvalid", Retry.CONFIGURATION) == (
        "the value that hashiCorpVault.auth.tokenRef names is not a token: it contains blanks or non-ASCII"
        " characters. Store only the token there."
    )
    assert trial.line.calls == []


async def test_a_credential_that_may_not_go_there_is_not_sent(trial: BaoTrial) -> None:
    verdict = Verdict(reason=Reason.SERVER_NOT_ALLOWED, message="bound", retry=Retry.CONFIGURATION)
    trial.named.fails_with = VerdictError(verdict)

    assert await trial.verdict() is verdict
    assert trial.line.calls == []

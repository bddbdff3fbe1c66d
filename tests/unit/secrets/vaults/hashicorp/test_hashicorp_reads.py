# SPDX-License-Identifier: Apache-2.0
"""Passwords from OpenBao: what is read, with which identity, and what the status shows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.openbao import OpenBao
from smtp_testkit.openbao.trial import BaoTrial
from smtp_testkit.openbao.workloads import ISSUER, SUBJECT, Issuer


async def test_the_newest_value_is_read_and_its_version_told(trial: BaoTrial, bao: OpenBao) -> None:
    version = bao.put("mail/smtp", password="n3w")

    secret = await trial.read()

    assert (secret.value, secret.version, secret.expires) == ("n3w", str(version), None)
    assert (secret.reason, secret.message) == (Reason.PASSWORD_READ, "")
    assert "n3w" not in repr(secret)


async def test_a_rotated_value_is_read_next_time_by_the_same_login(trial: BaoTrial, bao: OpenBao) -> None:
    before = await trial.read()

    bao.put("mail/smtp", password="n3w")
    after = await trial.read()

    assert (before.value, after.value) == ("s3cret", "n3w")
    assert trial.line.calls == [
        "POST /v1/auth/kubernetes/login",
        "GET /v1/secret/data/mail/smtp",
        "GET /v1/secret/data/mail/smtp",
    ]


async def test_a_version_can_be_pinned(trial: BaoTrial, bao: OpenBao) -> None:
    bao.put("mail/smtp", password="n3w")

    secret = await trial.read(version=1)

    assert (secret.value, secret.version) == ("s3cret", "1")


async def test_another_key_can_be_named(trial: BaoTrial, bao: OpenBao) -> None:
    bao.put("mail/smtp", password="s3cret", relay="pässwörd with blanks")

    assert (await trial.read(key="relay")).value == "pässwörd with blanks"


async def test_a_path_may_be_deep_and_of_any_script(trial: BaoTrial, bao: OpenBao) -> None:
    bao.put("mail/büro/relay+1", password="deep")

    assert (await trial.read("mail/büro/relay+1")).value == "deep"


async def test_a_trailing_newline_of_a_secret_is_removed_and_reported(trial: BaoTrial, bao: OpenBao) -> None:
    bao.put("mail/smtp", password="s3cret\n")

    secret = await trial.read()

    assert (secret.value, secret.reason) == ("s3cret", Reason.TRAILING_NEWLINE_STRIPPED)
    assert secret.message == (
        'SmtpVault team-a/bao: key "password" of mail/smtp ends with a newline, which the operator'
        " removed. Store the password without it."
    )


@pytest.mark.parametrize(
    ("hours", "reason"), [(13 * 24, Reason.VAULT_SECRET_EXPIRING), (15 * 24, Reason.PASSWORD_READ)]
)
async def test_when_a_version_will_be_deleted_is_told(
    trial: BaoTrial, bao: OpenBao, hours: int, reason: Reason
) -> None:
    bao.call("POST", "secret/metadata/mail/smtp", delete_version_after=f"{hours}h")
    bao.put("mail/smtp", password="short-lived")

    secret = await trial.read()

    assert secret.value == "short-lived"
    assert secret.expires is not None
    assert abs(secret.expires - datetime.now(UTC) - timedelta(hours=hours)) < timedelta(hours=1)
    assert secret.reason is reason
    assert secret.message == (
        f"SmtpVault team-a/bao: the vault deletes this version of mail/smtp on {secret.expires:%Y-%m-%d}"
        " (delete_version_after). Write a new version before that."
        if reason is Reason.VAULT_SECRET_EXPIRING
        else ""
    )


async def test_another_mount(trial: BaoTrial, bao: OpenBao) -> None:
    bao.mount("team/kv")
    bao.policy("team-kv", 'path "team/kv/data/*" { capabilities = ["read"] }')
    bao.put("smtp", mount="team/kv", password="elsewhere")
    bao.jwt_role("team-kv", "team-kv", subject=SUBJECT)

    trial.change(mount="/team/kv/")
    trial.log_in_by(jwt={"role": "team-kv", "serviceAccountRef": {"name": "mailer"}})

    assert (await trial.read("smtp")).value == "elsewhere"


async def test_a_namespace_of_the_vault(trial: BaoTrial, bao: OpenBao, issuer: Issuer) -> None:
    bao.call("POST", "sys/namespaces/mail-team")
    within: dict[str, Any] = {"namespace": "mail-team"}
    bao.mount("secret", **within)
    bao.call("POST", "sys/auth/jwt", type="jwt", **within)
    keys = [issuer.public_key]
    bao.call("POST", "auth/jwt/config", jwt_validation_pubkeys=keys, bound_issuer=ISSUER, **within)
    bao.policy("mail", 'path "secret/data/*" { capabilities = ["read"] }', **within)
    bao.jwt_role("smtp", "mail", subject=SUBJECT, mount="jwt", **within)
    bao.put("smtp", password="in the namespace", **within)

    trial.change(namespace="mail-team")
    trial.log_in_by(jwt={"role": "smtp", "mount": "jwt", "serviceAccountRef": {"name": "mailer"}})

    assert (await trial.read("smtp")).value == "in the namespace"
    host = f"localhost:{bao.port}"
    assert await trial.vault.check() == (
        f'Logged in to {host} in namespace "mail-team" with role "smtp" of auth/jwt.'
    )


async def test_login_by_a_service_account(trial: BaoTrial, bao: OpenBao) -> None:
    assert await trial.vault.check() == (
        f'Logged in to localhost:{bao.port} with role "smtp" of auth/kubernetes.'
    )
    assert trial.named.asked == [("hashiCorpVault.auth.jwt.serviceAccountRef", bao.url)]


async def test_login_by_app_role(trial: BaoTrial, bao: OpenBao) -> None:
    role_id, trial.named.secrets["bao/secret-id"] = bao.app_role("reader", "mail")
    trial.log_in_by(appRole={"roleId": role_id, "secretIdRef": {"name": "bao", "key": "secret-id"}})

    assert (await trial.read()).value == "s3cret"
    assert await trial.vault.check() == f"Logged in to localhost:{bao.port} with AppRole {role_id}."
    assert trial.named.asked[0] == ("hashiCorpVault.auth.appRole.secretIdRef", bao.url)


async def test_login_by_a_token(trial: BaoTrial, bao: OpenBao) -> None:
    trial.named.secrets["bao/token"] = bao.token("mail")
    trial.log_in_by(tokenRef={"name": "bao", "key": "token"})

    assert (await trial.read()).value == "s3cret"
    assert await trial.vault.check() == (
        f"Logged in to localhost:{bao.port} with the token that hashiCorpVault.auth.tokenRef names."
    )
    assert trial.named.asked[0] == ("hashiCorpVault.auth.tokenRef", bao.url)


async def test_login_by_a_token_that_may_not_look_at_itself(trial: BaoTrial, bao: OpenBao) -> None:
    trial.named.secrets["bao/token"] = bao.token("mail", no_default_policy=True)
    trial.log_in_by(tokenRef={"name": "bao", "key": "token"})

    assert (await trial.read()).value == "s3cret"


async def test_a_url_with_a_path_keeps_it(odd: BaoTrial) -> None:
    odd.change(url=f"{odd.block['url']}/vaults/one/")

    await odd.check_verdict()

    assert odd.line.calls == ["GET /vaults/one/v1/auth/token/lookup-self"]


async def test_nothing_of_the_environment_logs_in(
    trial: BaoTrial, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".vault-token").write_text("s.of-somebody-else")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in {
        "VAULT_TOKEN": "s.of-somebody-else",
        "VAULT_ADDR": "http://127.0.0.1:9",
        "VAULT_NAMESPACE": "of-somebody-else",
    }.items():
        monkeypatch.setenv(name, value)

    assert (await trial.read()).value == "s3cret"
    login, _ = trial.line.requests
    assert set(login.headers) == {"X-Vault-Request", "Content-Type"}

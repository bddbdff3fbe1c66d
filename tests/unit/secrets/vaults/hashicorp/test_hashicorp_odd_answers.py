# SPDX-License-Identifier: Apache-2.0
"""Answers that a real server is not quickly brought to, HashiCorp's own words, and what is no vault at"
" all."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from smtp_operator.api.reasons import Retry
from smtp_operator.api.verdict import Verdict
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.openbao.trial import BaoTrial
from smtp_testkit.openbao.workloads import SUBJECT, Issuer

VAULT = "SmtpVault team-a/bao"
LOOKED_UP: tuple[int, bytes, dict[str, str]] = (200, b'{"data":{"ttl":3600,"num_uses":0}}', {})


def said(verdict: Verdict, scripted: TokenServer) -> str:
    return verdict.message.removeprefix(f"{VAULT}: ").replace(f"localhost:{scripted.port}", "HOST")


def errors(*texts: str) -> bytes:
    return json.dumps({"errors": texts}).encode()


STANDBY = (
    "HOST is a standby node that redirects to the active node (307); the operator does not follow"
    " redirects. It retries automatically. If this persists, set hashiCorpVault.url to the address of the"
    " active node."
)
NO_VAULT = (
    "HOST answers {}, but not as a vault does. Set hashiCorpVault.url to the URL of the vault itself,"
    " without /v1 and /ui, not to a web page or a login proxy."
)
INTERNAL_ERROR = "HOST returned an internal error ({}). No action needed; the operator retries automatically."
NOT_READY = "HOST is not ready ({}). No action needed; the operator retries automatically."


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason", "text"),
    [
        (
            307,
            b"",
            {"Location": "https://10.0.0.7:8200/v1/auth/token/lookup-self"},
            "VaultUnavailable",
            STANDBY,
        ),
        (302, b"", {"Location": "https://sso.example/login"}, "VaultEndpointInvalid", NO_VAULT.format(302)),
        (307, b"", {"Location": "https://sso.example/"}, "VaultEndpointInvalid", NO_VAULT.format(307)),
        (472, b"{}", {}, "VaultUnavailable", NOT_READY.format(472)),
        (473, b"{}", {}, "VaultUnavailable", NOT_READY.format(473)),
        (
            412,
            b'{"errors":["required index state not present"]}',
            {},
            "VaultUnavailable",
            NOT_READY.format(412),
        ),
        (500, b'{"errors":["internal error"]}', {}, "VaultUnavailable", INTERNAL_ERROR.format(500)),
        (502, b"<html>", {"Content-Type": "text/html"}, "VaultUnavailable", INTERNAL_ERROR.format(502)),
        (200, b"<html>", {"Content-Type": "text/html"}, "VaultEndpointInvalid", NO_VAULT.format(200)),
        (404, b"<html>", {"Content-Type": "text/html"}, "VaultEndpointInvalid", NO_VAULT.format(404)),
        (403, b"go away", {"Content-Type": "text/plain"}, "VaultEndpointInvalid", NO_VAULT.format(403)),
        (
            200,
            b'{"data":{"tt',
            {},
            "VaultResponseInvalid",
            "HOST answered (200) with 12 bytes that are not a token's properties. No action needed; the"
            " operator retries automatically.",
        ),
        (
            200,
            b"[" * 50_000,
            {},
            "VaultResponseInvalid",
            "HOST answered (200) with 50000 bytes that are not a token's properties. No action needed; the"
            " operator retries automatically.",
        ),
    ],
)
async def test_what_has_nothing_to_do_with_the_question(
    odd: BaoTrial,
    scripted: TokenServer,
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    reason: str,
    text: str,
) -> None:
    scripted.answers.append((status, body, headers))

    verdict = await odd.verdict()

    assert (verdict.reason, said(verdict, scripted)) == (reason, text)
    assert len(scripted.paths) == 1


@pytest.mark.parametrize(
    ("header", "wait"), [({}, 30), ({"Retry-After": "7"}, 7), ({"Retry-After": "9999"}, 600)]
)
async def test_a_pause_without_duration_is_half_a_minute(
    odd: BaoTrial, scripted: TokenServer, header: Mapping[str, str], wait: int
) -> None:
    scripted.answers.append((429, b"", header))

    verdict = await odd.verdict()

    assert (verdict.reason, verdict.retry, verdict.retry_after) == (
        "VaultRateLimited",
        Retry.TRANSIENT,
        wait,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"auth":null}',
        b'{"auth":{}}',
        b'{"auth":{"client_token":7}}',
        b'{"auth":{"client_token":"c4n\\nary"}}',
        b'{"auth":{"client_token":"c4nary\\u2028"}}',
        b"null",
    ],
)
async def test_a_login_without_a_usable_token(odd: BaoTrial, scripted: TokenServer, body: bytes) -> None:
    odd.named.secrets["bao/secret-id"] = "id"
    odd.log_in_by(appRole={"roleId": "role", "secretIdRef": {"name": "bao", "key": "secret-id"}})
    scripted.answers.append((200, body, {}))

    verdict = await odd.verdict()

    assert (verdict.reason, said(verdict, scripted)) == (
        "VaultResponseInvalid",
        f"HOST answered (200) with {len(body)} bytes that are not a login. No action needed; the operator"
        " retries automatically.",
    )


async def test_a_login_that_wants_a_second_factor(odd: BaoTrial, scripted: TokenServer) -> None:
    odd.named.secrets["bao/secret-id"] = "id"
    odd.log_in_by(appRole={"roleId": "role", "secretIdRef": {"name": "bao", "key": "secret-id"}})
    scripted.answers.append((200, b'{"auth":{"client_token":"","mfa_requirement":{}}}', {}))

    verdict = await odd.verdict()

    assert (verdict.reason, said(verdict, scripted)) == (
        "VaultAuthFailed",
        "HOST requires a second factor for this login, which the operator cannot provide. Log in as a role"
        " without one.",
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "VaultResponseInvalid"),
        (b'{"data":[]}', "VaultResponseInvalid"),
        (b'{"data":{"password":"c4nary"}}', "VaultSecretUnusable"),
        (b'{"data":{"data":{"password":"c4nary"}}}', "VaultSecretUnusable"),
        (b'{"data":{"data":"c4nary","metadata":{}}}', "VaultSecretUnusable"),
        (b'{"data":{"data":{},"metadata":{}}}', "VaultSecretUnusable"),
        (b'{"data":{"data":null,"metadata":{}}}', "VaultSecretDisabled"),
        (b'{"data":{"data":{"password":"\\ud800"},"metadata":{}}}', "VaultSecretUnusable"),
    ],
)
async def test_a_secret_of_another_shape(
    odd: BaoTrial, scripted: TokenServer, body: bytes, reason: str
) -> None:
    scripted.answers += [LOOKED_UP, (200, body, {})]

    verdict = await odd.verdict()

    assert verdict.reason == reason
    assert "c4nary" not in verdict.message


async def test_a_secret_whose_version_is_not_told(odd: BaoTrial, scripted: TokenServer) -> None:
    body = b'{"data":{"data":{"password":"s3cret"},"metadata":{"version":"two","deletion_time":"soon"}}}'
    scripted.answers += [LOOKED_UP, (200, body, {})]

    secret = await odd.read()

    assert (secret.value, secret.version, secret.expires) == ("s3cret", None, None)


async def test_what_cannot_be_asked(odd: BaoTrial, scripted: TokenServer) -> None:
    scripted.answers += [LOOKED_UP, (405, errors("unsupported operation"), {})]

    verdict = await odd.verdict()

    assert (verdict.reason, said(verdict, scripted)) == (
        "VaultRequestInvalid",
        "HOST rejects the request for mail/smtp of mount secret (405). Set hashiCorpVault.mount to the"
        " mount of a KV version 2 engine.",
    )


# HashiCorp Vault says some things in other words than OpenBao

DENIED = errors("1 error occurred:\n\t* permission denied\n\n")
UNKNOWN_TOKEN = errors("2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")


@pytest.mark.parametrize(
    ("looked_up", "reason"), [(UNKNOWN_TOKEN, "VaultAuthFailed"), (DENIED, "VaultAccessDenied")]
)
async def test_a_token_that_hashicorps_vault_does_not_know(
    odd: BaoTrial, scripted: TokenServer, looked_up: bytes, reason: str
) -> None:
    scripted.answers += [(403, looked_up, {}), (403, DENIED, {})]

    assert (await odd.verdict()).reason == reason


@pytest.mark.parametrize(
    ("status", "text", "hint"),
    [
        (
            400,
            'invalid role name "smtp"',
            'auth/kubernetes has no role "smtp". Set hashiCorpVault.auth.jwt.role to an existing role,'
            " or create this one.",
        ),
        (
            403,
            "service account name not authorized",
            f'role "smtp" does not accept "{SUBJECT}". Set hashiCorpVault.auth.jwt.role to a role for'
            " it, or allow it in auth/kubernetes/role/smtp (bound_subject, or with kubernetes"
            " bound_service_account_names and bound_service_account_namespaces).",
        ),
        (
            500,
            "could not load backend configuration",
            "",
        ),
        (
            400,
            "something new",
            f'the vault\'s log says why. Check that auth/kubernetes/role/smtp accepts "{SUBJECT}".',
        ),
    ],
)
async def test_a_login_by_the_kubernetes_auth_method(
    odd: BaoTrial, scripted: TokenServer, status: int, text: str, hint: str
) -> None:
    odd.named.token_for = Issuer().token
    odd.log_in_by(jwt={"role": "smtp", "serviceAccountRef": {"name": "mailer"}})
    scripted.answers.append((status, errors(text), {}))

    verdict = await odd.verdict()

    if not hint:
        assert (verdict.reason, said(verdict, scripted)) == (
            "VaultUnavailable",
            INTERNAL_ERROR.format(status),
        )
        return
    assert verdict.reason == "VaultAuthFailed"
    assert said(verdict, scripted) == f'HOST refused the login as role "smtp" ({status}): {hint}'


@pytest.mark.parametrize("token", ["a.b.c", "", "no token", "a.WzFd.c", "x.eyJzdWIiOiJjNG5hclx1MjAyOHkifQ.y"])
async def test_a_token_that_tells_nothing_of_itself_is_not_shown(
    odd: BaoTrial, scripted: TokenServer, token: str
) -> None:
    odd.named.token_for = lambda audience: token
    odd.log_in_by(jwt={"role": "smtp", "serviceAccountRef": {"name": "mailer"}})
    scripted.answers.append((403, errors("service account name not authorized"), {}))

    assert '(403): role "smtp" does not accept "?".' in (await odd.verdict()).message


@pytest.mark.parametrize("depth", ["login", "read"])
@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 405, 412, 418, 429, 472, 500, 503])
@pytest.mark.parametrize("shape", ["errors", "html", "data", "auth", "nested"])
async def test_nothing_that_a_vault_answers_is_repeated(
    odd: BaoTrial,
    scripted: TokenServer,
    caplog: pytest.LogCaptureFixture,
    depth: str,
    status: int,
    shape: str,
) -> None:
    caplog.set_level(0)
    bodies: dict[str, Any] = {
        "errors": {"errors": ["c4nary permission denied", "claim c4nary audience", "role c4nary"]},
        "data": {"data": {"c4nary": "c4nary", "metadata": {"version": "c4nary", "deletion_time": "c4nary"}}},
        "auth": {"auth": {"client_token": "", "metadata": {"c4nary": "c4nary"}}},
        "nested": {"data": {"data": {"password": {"c4nary": ["c4nary"]}}, "metadata": {}}},
    }
    body = b"<html>c4nary</html>" if shape == "html" else json.dumps(bodies[shape]).encode()
    scripted.answers += [LOOKED_UP] if depth == "read" else []
    scripted.answers += [(status, body, {"X-C4nary": "c4nary"})] * 3

    verdict = await odd.verdict()

    assert "c4nary" not in f"{verdict}{caplog.text}".replace("s.c4nary", "")
    assert "s.c4nary" not in f"{verdict}{caplog.text}"

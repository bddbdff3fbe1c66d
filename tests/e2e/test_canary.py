# SPDX-License-Identifier: Apache-2.0
"""A password, and a username from a Secret, go only to the mail server and leak nowhere."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed import AuditLog, Bed, OperatorProcess
from smtp_testkit.testbed.told import told
from smtp_testkit.testbed.vaults import FLAGS, login, vault, vaults

CANARY = "c4nary/+&Password-9f8e7d"
LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}


def spellings(password: str) -> set[str]:
    """Return all forms in which the password could leak."""
    raw, plain = password.encode(), f"\0mailer\0{password}".encode()
    return {
        password,
        json.dumps(password).strip('"'),
        quote(password, safe=""),
        base64.b64encode(raw).decode().rstrip("="),
        base64.b64encode(plain).decode().rstrip("="),
    }


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path) -> Iterator[OperatorProcess]:
    """An operator with the most verbose log, and with metrics."""
    flags = [*FLAGS, "--log-level=debug"]
    with OperatorProcess(service_account, logs / "canary.log", flags, metrics=True) as process:
        yield process.start()


def everything_told(bed: Bed, audit: AuditLog, operator: OperatorProcess) -> dict[str, str]:
    """Return all texts that others can read after a test, by place."""
    process = Path("/proc") / str(operator.pid)
    return {
        "statuses, Events, log, metrics and audit log": told(bed, audit, operator),
        "command line": process.joinpath("cmdline").read_text(),
        "environment": process.joinpath("environ").read_text(),
    }


def found_in(told: dict[str, str]) -> list[str]:
    return [where for where, text in told.items() if any(it in text for it in spellings(CANARY))]


def test_after_a_success(bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess) -> None:
    server.users["mailer"] = CANARY
    bed.secret("smtp-password", password=CANARY)

    assert bed.verdict_of(server, **LOGIN).reason == "TestEmailSent"

    assert found_in(everything_told(bed, audit, operator)) == []


def test_after_a_refused_login(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    bed.secret("smtp-password", password=CANARY)

    assert bed.verdict_of(server, **LOGIN).reason == "AuthenticationFailed"

    assert found_in(everything_told(bed, audit, operator)) == []


def test_after_a_login_refused_with_an_inline_password(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    seen = bed.verdict_of(server, username="mailer", password={"value": CANARY})

    assert seen.reason == "AuthenticationFailed"
    assert found_in(everything_told(bed, audit, operator)) == []


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_by_every_mechanism(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess, mechanism: str
) -> None:
    server.mechanisms = (mechanism,)
    bed.secret("smtp-password", password=CANARY)

    bed.verdict_of(server, **LOGIN)

    assert [attempt.mechanism for attempt in server.auth_attempts] == [mechanism]
    assert found_in(everything_told(bed, audit, operator)) == []


@pytest.mark.parametrize(("verb", "code"), [("AUTH", "535 5.7.8"), ("MAIL", "550 5.7.1"), (".", "554 5.7.1")])
def test_where_the_server_echoes_it(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess, verb: str, code: str
) -> None:
    server.users["mailer"] = CANARY
    server.replies[verb] = "\n".join(f"{code} refused: {it}" for it in sorted(spellings(CANARY)))
    bed.secret("smtp-password", password=CANARY)

    seen = bed.verdict_of(server, **LOGIN)

    assert (seen.ready.status, "refused: " in seen.message) == ("False", True)
    assert found_in(everything_told(bed, audit, operator)) == []


def test_where_the_secret_holds_what_cannot_be_a_password(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    bed.secret("smtp-password", password=f"{CANARY}\nsecond line")

    assert bed.verdict_of(server, **LOGIN).reason == "SecretValueInvalid"

    assert found_in(everything_told(bed, audit, operator)) == []


# A username.

USERNAME = "c4nary-User/9f8e@value-of.another"
BY_REFERENCE: dict[str, Any] = {
    "usernameRef": {"name": "another", "key": "value"},
    "password": {"secretRef": {"name": "smtp-password"}},
}


def shows_username(told: dict[str, str]) -> list[str]:
    forms = {*spellings(USERNAME), USERNAME.partition("@")[0], USERNAME.partition("@")[2]}
    return [where for where, text in told.items() if any(it in text for it in forms)]


def test_a_username_after_a_success(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    server.users[USERNAME] = "s3cret-pa55"
    bed.secret("smtp-password", password="s3cret-pa55")
    bed.secret("another", value=USERNAME)

    seen = bed.verdict_of(server, **BY_REFERENCE, test={"mode": "Login"}, recheck={"mode": "Login"})

    assert seen.reason == "LoginSucceeded"
    assert "accepted the user from Secret another, key value" in seen.message
    assert shows_username(everything_told(bed, audit, operator)) == []


def test_a_username_in_the_mail_that_proves_it(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    server.users[USERNAME] = "s3cret-pa55"
    bed.secret("smtp-password", password="s3cret-pa55")
    bed.secret("another", value=USERNAME)

    assert bed.verdict_of(server, **BY_REFERENCE).reason == "TestEmailSent"

    assert [mail.username for mail in server.mails] == [USERNAME]
    assert shows_username({"mail": server.mails[0].content.decode()}) == []
    assert shows_username(everything_told(bed, audit, operator)) == []


@pytest.mark.parametrize("verb", ["AUTH", "MAIL", "RCPT", "."])
def test_a_username_that_the_server_echoes(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess, verb: str
) -> None:
    server.users[USERNAME] = "s3cret-pa55"
    forms = [*sorted(spellings(USERNAME)), USERNAME.partition("@")[0]]
    server.replies[verb] = "\n".join(f"550 5.7.1 refused: {it}" for it in forms)
    bed.secret("smtp-password", password="s3cret-pa55")
    bed.secret("another", value=USERNAME)

    seen = bed.verdict_of(server, **BY_REFERENCE)

    assert (seen.ready.status, "refused: " in seen.message) == ("False", True)
    assert shows_username(everything_told(bed, audit, operator)) == []


# In a vault.


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with OpenBao.start() as running:
        yield running


def test_it_is_looked_for_where_it_could_be(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess, bao: OpenBao
) -> None:
    """Find a harmless text in each place, which proves that the search works."""
    bao.put("mail/smtp", password=CANARY)
    server.users["mailer"] = CANARY
    bed.api.create(vaults(bed), vault(bed, bao))
    bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login())

    text = told(bed, audit, operator)

    assert "bao/mail/smtp" in text  # status
    assert "smtp_operator_vault_calls_total" in text  # metrics
    assert f"{bed.namespace}/mail" in operator.output()
    assert "TestEmailSent" in text


def test_after_a_success_with_the_password_of_a_vault(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess, bao: OpenBao
) -> None:
    bao.put("mail/smtp", password=CANARY)
    server.users["mailer"] = CANARY
    bed.api.create(vaults(bed), vault(bed, bao))

    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login())

    assert seen.reason == "TestEmailSent"
    everything = everything_told(bed, audit, operator)
    assert found_in(everything) == []
    assert [where for where, text in everything.items() if bao.root_token in text] == []


def test_after_a_login_refused_with_the_password_of_a_vault(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess, bao: OpenBao
) -> None:
    bao.put("mail/smtp", password=CANARY)
    server.replies["AUTH"] = "\n".join(f"535 5.7.8 refused: {it}" for it in sorted(spellings(CANARY)))
    bed.api.create(vaults(bed), vault(bed, bao))

    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login())

    assert seen.reason == "AuthenticationFailed"
    assert found_in(everything_told(bed, audit, operator)) == []


@pytest.mark.parametrize("held", [{"password": f"{CANARY}\nmore"}, {"other": CANARY}, {"password": [CANARY]}])
def test_where_a_vault_holds_what_cannot_be_a_password(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess, bao: OpenBao, held: Any
) -> None:
    bao.put("mail/smtp", **held)
    bed.api.create(vaults(bed), vault(bed, bao))

    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login())

    assert seen.reason in ("VaultSecretUnusable", "VaultSecretNotFound")
    assert found_in(everything_told(bed, audit, operator)) == []


def test_where_a_vault_refuses_its_credential(
    bed: Bed, server: MailServer, audit: AuditLog, operator: OperatorProcess, bao: OpenBao
) -> None:
    body = vault(bed, bao)
    bed.secret("bao-login", token=CANARY)
    bed.api.create(vaults(bed), body)

    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login())

    assert seen.reason == "VaultAuthFailed"
    assert found_in(everything_told(bed, audit, operator)) == []

# SPDX-License-Identifier: Apache-2.0
"""Pipelines read only the exit code, so each class of results has a separate one."""

from collections.abc import Callable
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import DialogueReport, Mode, Trigger, Verdict
from smtp_operator.cli.check.report import exit_code
from smtp_operator.reconcile.smtpconfig.result import PasswordResult, TestResult
from smtp_testkit.mailpeers import MailServer
from smtp_tools.localcluster.ports import free_ports

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]


def test_0_the_test_passed(check: Check, manifest: str, server: MailServer) -> None:
    assert check("-f", manifest).code == 0
    assert [mail.recipients for mail in server.mails] == [("ops@example.com",)]


def test_1_the_settings_must_change(
    check: Check, write: Write, config: Document, secret: Document, authority: Document
) -> None:
    secret["stringData"]["password"] = "another one"
    ended = check("-f", write(secret, authority, config))
    assert ended.code == 1
    assert ended.out.startswith("✗ AuthenticationFailed in Auth: 535 5.7.8  team-a/corporate-mail\n")


def test_1_some_recipients_were_rejected(check: Check, manifest: str, server: MailServer) -> None:
    server.refused_recipients["ops@example.com"] = "550 5.1.1 no such user"
    assert check("-f", manifest).code == 1


def test_2_the_manifest_cannot_be_used(check: Check, write: Write, config: Document) -> None:
    del config["spec"]["server"]
    ended = check("-f", write(config))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "smtp-operator: mail.yaml: this SmtpConfig cannot be used:\n"
        "  spec.server: is required; write: server: smtp.example.com\n"
    )


def test_2_the_arguments_cannot_be_used(check: Check) -> None:
    ended = check()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "smtp-operator: specify -f FILE, or NAME, or --server with --port and --from; see --help\n"
    )


def test_3_a_temporary_failure(check: Check, manifest: str, server: MailServer) -> None:
    server.replies["MAIL"] = "451 4.3.0 try again later"
    assert check("-f", manifest).code == 3


def test_3_nothing_listens_there(check: Check, write: Write, anonymous: Document) -> None:
    (anonymous["spec"]["port"],) = free_ports(1)
    ended = check("-f", write(anonymous))
    assert ended.code == 3
    assert ended.out.startswith("✗ ConnectionRefused in Connect  default/relay\n")


def test_4_the_password_is_not_available(check: Check, write: Write, config: Document) -> None:
    ended = check("-f", write(config))
    assert ended.code == 4
    assert ended.text == (
        "✗ SecretNotFound in Password  team-a/corporate-mail\n"
        "  Secret team-a/smtp-password is not in mail.yaml. Add it, or supply the password with\n"
        "  --password-file FILE or in SMTP_OPERATOR_PASSWORD.\n"
    )
    assert ended.progress == "  ✗ Password TIME\n"


def test_4_the_secret_lacks_the_key(check: Check, write: Write, config: Document, secret: Document) -> None:
    secret["stringData"] = {"other": "x"}
    ended = check("-f", write(config, secret))
    assert ended.code == 4
    assert ended.out == (
        "✗ SecretKeyNotFound in Password  team-a/corporate-mail\n"
        '  Secret team-a/smtp-password has no key "password" (named by spec.password.secretRef).'
        " Add the key,\n"
        "  or set password.secretRef.key to the key of the value.\n"
    )


def test_1_a_missing_ca_is_not_a_missing_password(
    check: Check, write: Write, config: Document, secret: Document
) -> None:
    ended = check("-f", write(config, secret))
    assert ended.code == 1
    assert ended.out.startswith(
        "✗ ConfigMapNotFound in Password  team-a/corporate-mail\n"
        "  ConfigMap team-a/mail-ca is not in mail.yaml. Add it, or supply the CA with --ca-file FILE.\n"
    )


def outcome(retry: Retry, password: PasswordResult | None = None) -> TestResult:
    verdict = Verdict(reason=Reason.COMMAND_REJECTED, message="", retry=retry)
    return TestResult(
        trigger=Trigger.REQUESTED,
        mode=Mode.SEND_EMAIL,
        started=0.0,
        ended=1.0,
        report=DialogueReport(verdict=verdict, mode=Mode.SEND_EMAIL, duration=1.0),
        password=password,
    )


def password(*, resolved: bool) -> PasswordResult:
    return PasswordResult(
        source="File", reference="", resolved=resolved, reason=Reason.PASSWORD_READ, message=""
    )


@pytest.mark.parametrize(
    ("retry", "code"),
    [
        (Retry.PASSED, 0),
        (Retry.CONFIGURATION, 1),
        (Retry.POLICY, 1),
        (Retry.AUTHENTICATION, 1),
        (Retry.DEPENDENCY, 1),
        (Retry.TRANSIENT, 3),
        (Retry.TRANSIENT_THEN_CONFIGURATION, 3),
        (Retry.SLOW, 3),
        (Retry.GREYLISTED, 3),
        (Retry.UNKNOWN_DELIVERY, 3),
    ],
)
def test_every_class_of_verdicts_has_its_code(retry: Retry, code: int) -> None:
    assert exit_code(outcome(retry)) == code
    assert exit_code(outcome(retry, password(resolved=True))) == code


def test_every_class_is_covered() -> None:
    assert {exit_code(outcome(retry)) for retry in Retry} == {0, 1, 3}


def test_a_missing_password_takes_precedence_over_the_class() -> None:
    assert {exit_code(outcome(it, password(resolved=False))) for it in set(Retry) - {Retry.PASSED}} == {4}

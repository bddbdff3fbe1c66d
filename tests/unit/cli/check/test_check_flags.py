# SPDX-License-Identifier: Apache-2.0
"""Mail settings from flags, and flags that cannot be combined."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]

USER, PASSWORD = "mailer@example.com", "s3cret-pa55"


@pytest.fixture
def flags(server: MailServer, write: Write) -> list[str]:
    """Flags for a server with STARTTLS."""
    write(server.ca_pem, name="ca.pem")
    settings = {"--server": "localhost", "--port": server.starttls_port, "--from": "noreply@example.com"}
    return [str(word) for pair in settings.items() for word in pair] + ["--ca-file", "ca.pem"]


def test_server_port_and_sender_are_enough(check: Check, flags: list[str], server: MailServer) -> None:
    ended = check(*flags)
    assert ended.code == 0
    assert ended.out.startswith(f"✓ TestEmailSent  localhost:{server.starttls_port}\n")
    (mail,) = server.mails
    assert (mail.sender, mail.recipients) == ("noreply@example.com", ("noreply@example.com",))
    assert (mail.username, mail.tls) == (None, True)


def test_a_login_with_the_password_of_a_file(
    check: Check, flags: list[str], write: Write, server: MailServer
) -> None:
    file = write(f"{PASSWORD}\n", name="password.txt")
    ended = check(*flags, "--username", USER, "--password-file", file)
    assert ended.out.endswith("\n  The password was read from file password.txt.\n")
    assert [mail.username for mail in server.mails] == [USER]


def test_a_login_with_the_password_of_the_environment(check: Check, flags: list[str]) -> None:
    ended = check(*flags, "--username", USER, "--mode", "Login", SMTP_OPERATOR_PASSWORD="wrong")
    assert ended.code == 1
    words = "(password from environment variable SMTP_OPERATOR_PASSWORD)"
    assert words in " ".join(ended.out.split())


def test_a_login_without_a_password(check: Check, flags: list[str], server: MailServer) -> None:
    ended = check(*flags, "--username", USER)
    assert ended.code == 4
    assert ended.out == (
        f"✗ SecretNotFound in Password  localhost:{server.starttls_port}\n"
        "  --username requires a password: supply the password with --password-file FILE or in\n"
        "  SMTP_OPERATOR_PASSWORD.\n"
    )


def test_all_kinds_of_recipients(check: Check, flags: list[str], server: MailServer) -> None:
    roles = {"a": "--to", "b": "--to", "c": "--cc", "hidden": "--bcc"}
    ended = check(*flags, *(word for it, flag in roles.items() for word in (flag, f"{it}@example.com")))
    assert ended.code == 0
    (mail,) = server.mails
    assert mail.recipients == tuple(f"{it}@example.com" for it in roles)
    assert b"hidden" not in mail.content
    assert "hidden" not in ended.out + ended.err


def test_tls_from_the_first_byte(check: Check, flags: list[str], server: MailServer) -> None:
    words = [*flags, "--port", str(server.tls_port), "--smtp-type", "TLS"]
    assert check(*words, "--mode", "Connect").out.startswith("✓ Connected  ")


def test_certificate_verification_can_be_off(check: Check, flags: list[str]) -> None:
    del flags[-2:]
    assert check(*flags, "--mode", "Connect").out.startswith("✗ CertificateUntrusted in Tls  ")
    assert check(*flags, "--mode", "Connect", "--insecure-skip-verify").out.startswith("✓ Connected  ")


def test_a_password_without_verified_tls_must_be_allowed(check: Check, flags: list[str]) -> None:
    words = [*flags[:-2], "--insecure-skip-verify", "--username", USER, "--mode", "Login"]
    ended = check(*words, SMTP_OPERATOR_PASSWORD=PASSWORD)
    assert (ended.code, ended.err) == (
        2,
        "smtp-operator: the flags cannot be used:\n  insecureSkipVerify with a username requires"
        " allowInsecureAuth: true: an unverified server can read the password\n",
    )
    ended = check(*words, "--allow-insecure-auth", SMTP_OPERATOR_PASSWORD=PASSWORD)
    assert ended.out.startswith("✓ LoginSucceeded  ")


def test_the_name_given_with_ehlo(check: Check, flags: list[str], server: MailServer) -> None:
    assert check(*flags, "--helo-name", "laptop.example.com").code == 0
    assert "1 C: EHLO laptop.example.com" in server.transcript
    assert check(*flags, "--helo-name", "a b").err == (
        "smtp-operator: --helo-name: 'a b' is not a host name such as mail.example.com\n"
    )


def test_an_ipv6_address_is_shown_in_brackets(check: Check, flags: list[str], server: MailServer) -> None:
    ended = check("--server", "::1", *flags[2:])
    assert ended.out.splitlines()[0].endswith(f"  [::1]:{server.starttls_port}")


def test_each_email_has_a_new_message_id(check: Check, flags: list[str], server: MailServer) -> None:
    check(*flags)
    check(*flags)
    lines = [line for mail in server.mails for line in mail.content.splitlines()]
    ids = [line for line in lines if line.lower().startswith(b"message-id:")]
    assert len(set(ids)) == len(ids) == 2


def test_invalid_values_are_reported_by_flag(check: Check, flags: list[str]) -> None:
    wrong = "--port 70000 --from nobody --to x --to y --cc y@example.com --cc y@example.com"
    ended = check(*flags, *wrong.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "smtp-operator: the flags cannot be used:\n"
        "  --port: must be less than or equal to 65535\n"
        "  --from: from must be one email address, such as noreply@example.com or"
        " Platform Team <noreply@example.com>\n"
        "  --to: must have at least 3 characters\n"
        "  --cc: must not have duplicate items\n"
    )


GO_TOGETHER = "--server, --port and --from must be set together; missing: "
MISUSES: dict[str, str] = {
    "": "specify -f FILE, or NAME, or --server with --port and --from; see --help",
    "--mode Login": "specify -f FILE, or NAME, or --server with --port and --from; see --help",
    "--server a": f"{GO_TOGETHER}--port and --from",
    "--server a --from a@b.example": f"{GO_TOGETHER}--port",
    "--to a@b.example": f"{GO_TOGETHER}--server and --port and --from",
    "-f mail.yaml --server a": "--server cannot be combined with -f; the SmtpConfig contains this setting",
    "-f mail.yaml --to a": "--to cannot be combined with -f; the SmtpConfig contains this setting",
    "x -f mail.yaml --insecure-skip-verify": (
        "--insecure-skip-verify cannot be combined with -f; the SmtpConfig contains this setting"
    ),
    "x --allow-insecure-auth": (
        "--allow-insecure-auth cannot be combined with NAME; the SmtpConfig contains this setting"
    ),
    "x --username a": "--username cannot be combined with NAME; the SmtpConfig contains this setting",
    "--server a --port 1 --from b -n c": "--namespace cannot be combined with --server",
    "-f mail.yaml --context a": "--context requires the NAME of a SmtpConfig in a cluster",
    "--server a --port 1 --from b --kubeconfig a": (
        "--kubeconfig requires the NAME of a SmtpConfig in a cluster"
    ),
    "Mail": "'Mail' is not the name of a SmtpConfig",
    "../secrets/x": "'../secrets/x' is not the name of a SmtpConfig",
    "x -n A": "--namespace: 'A' is not the name of a namespace",
    "-f mail.yaml --timeout 1s": (
        "--timeout: must be a duration such as 90s, 15m or 1h30m between 5s and 10m"
    ),
    "-f mail.yaml --timeout soon": (
        "--timeout: must be a duration such as 90s, 15m or 1h30m between 5s and 10m"
    ),
}


@pytest.mark.parametrize(("words", "said"), MISUSES.items(), ids=MISUSES)
def test_flags_that_cannot_be_combined(
    words: str, said: str, check: Check, folder: Path, write: Write, anonymous: Document
) -> None:
    write(anonymous)
    ended = check(*words.split())
    assert (ended.code, ended.out, ended.err) == (2, "", f"smtp-operator: {said}\n")


def test_flags_for_excluded_namespaces_are_rejected(check: Check) -> None:
    ended = check("corporate-mail", "--exclude-namespace", "team-a")
    assert ended.code == 2
    assert ended.err.endswith("error: unrecognized arguments: --exclude-namespace team-a\n")


def test_a_ca_file_without_certificates_is_a_mistake(check: Check, write: Write, anonymous: Document) -> None:
    ended = check("-f", write(anonymous), "--ca-file", write("x", name="ca.pem"))
    assert (ended.code, ended.err) == (2, "smtp-operator: ca.pem contains no PEM certificate\n")


def test_without_a_ca_ref_the_ca_file_is_trusted_in_addition_to_the_systems_cas(
    check: Check, write: Write, config: Document, secret: Document, server: MailServer
) -> None:
    del config["spec"]["tls"]
    write(server.ca_pem, name="ca.pem")
    assert check("-f", write(config, secret)).text.startswith("✗ CertificateUntrusted in Tls")
    assert check("-f", write(config, secret), "--ca-file", "ca.pem").code == 0


def test_ca_file_takes_precedence_over_the_manifest(
    check: Check, write: Write, config: Document, secret: Document, authority: Document, server: MailServer
) -> None:
    write(server.ca_pem, name="ca.pem")
    assert check("-f", write(config, secret), "--ca-file", "ca.pem").code == 0
    authority["data"]["ca.crt"] = "none"
    assert check("-f", write(config, secret, authority), "--ca-file", "ca.pem").code == 0
    config["spec"]["tls"]["caRef"]["kind"] = "Secret"
    assert check("-f", write(config, secret), "--ca-file", "ca.pem").code == 0


@pytest.mark.parametrize(
    "words",
    [("--mode", "Ping"), ("--output", "yaml"), ("--smtp-type", "SSL"), ("--port", "smtp"), ("--fil", "x")],
)
def test_arguments_that_the_parser_rejects(words: tuple[str, ...], check: Check) -> None:
    ended = check(*words)
    assert (ended.code, ended.out) == (2, "")
    assert "\nsmtp-operator check: error: " in ended.err or "\nsmtp-operator: error: " in ended.err


def test_the_help_lists_the_exit_codes(check: Check) -> None:
    ended = check("--help")
    assert (ended.code, ended.err) == (0, "")
    assert (
        "\nexit codes:\n"
        "  0  the test passed\n"
        "  1  the test failed, and the settings must change\n"
        "  2  the arguments or the manifest cannot be used; nothing was tested\n"
        "  3  the test failed temporarily, or the API server did not answer\n"
        "  4  the password could not be read\n"
    ) in ended.out
    assert "--password " not in ended.out

# SPDX-License-Identifier: Apache-2.0
"""The text output: phases during the test, then the verdict, with colors on a terminal."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]

WITHOUT_DNS = {"PATH": os.defpath, "SMTP_OPERATOR_SENDER_AUTHENTICATION": "false"}


def test_a_passed_test(check: Check, manifest: str) -> None:
    ended = check("-f", manifest)
    assert ended.text == (
        "✓ TestEmailSent  team-a/corporate-mail\n"
        "  Accepted for delivery to 1 recipient by localhost (queue id 1). Accepted does not mean "
        "delivered.\n"
        "  If the email does not arrive, check the spam folder. All recipients are in the From domain, so\n"
        "  this proves nothing about other domains. Set a recipient elsewhere to test them.\n"
        "  The password was read from Secret smtp-password, key password.\n"
    )
    assert ended.progress == (
        "  ✓ Password TIME\n"
        "  ✓ Resolve TIME\n"
        "  ✓ Connect TIME\n"
        "  ✓ Banner TIME\n"
        "  ✓ Ehlo TIME\n"
        "  ✓ StartTls TIME\n"
        "  ✓ Tls TIME\n"
        "  ✓ Ehlo TIME\n"
        "  ✓ Auth TIME\n"
        "  ✓ MailFrom TIME\n"
        "  ✓ RcptTo TIME\n"
        "  ✓ Data TIME\n"
    )


def test_a_failed_test_shows_the_dialogue_without_the_password(
    check: Check, manifest: str, server: MailServer
) -> None:
    server.users["mailer@example.com"] = "another one"
    ended = check("-f", manifest)
    assert ended.text == (
        "✗ AuthenticationFailed in Auth: 535 5.7.8  team-a/corporate-mail\n"
        '  localhost rejected user "mailer@example.com" via PLAIN (password from Secret smtp-password, key\n'
        '  password) [in Auth, server said: "535 5.7.8 authentication failed"]. Check the username and\n'
        "  password.\n"
        "  The password was read from Secret smtp-password, key password.\n"
        "\n"
        "  SMTP dialogue:\n"
        "    S: 220 mail.test ESMTP mailpeers\n"
        "    C: EHLO example.com\n"
        "    S: 250 mail.test PIPELINING SIZE 10485760 8BITMIME SMTPUTF8 ENHANCEDSTATUSCODES STARTTLS"
        " AUTH PLAIN LOGIN CRAM-MD5\n"
        "    C: STARTTLS\n"
        "    S: 220 2.0.0 go ahead\n"
        "    C: (TLS handshake: TLSv1.3)\n"
        "    C: EHLO example.com\n"
        "    S: 250 mail.test PIPELINING SIZE 10485760 8BITMIME SMTPUTF8 ENHANCEDSTATUSCODES"
        " AUTH PLAIN LOGIN CRAM-MD5\n"
        "    C: AUTH PLAIN ********\n"
        "    S: 535 5.7.8 authentication failed\n"
    )
    assert ended.progress.endswith("  ✓ Ehlo TIME\n  ✗ Auth TIME\n")


def test_a_suggestion_is_shown(check: Check, write: Write, anonymous: Document, server: MailServer) -> None:
    anonymous["spec"] |= {"port": server.starttls_port, "smtpType": "TLS"}
    ended = check("-f", write(anonymous))
    assert ended.code == 1
    assert ended.text.startswith("✗ PlaintextServer in Tls  default/relay\n")
    assert ended.text.endswith("\n\n  These settings worked in a second attempt:\n    smtpType: StartTLS\n")


def test_a_rejected_recipient_marks_its_own_phase(
    check: Check, write: Write, anonymous: Document, server: MailServer
) -> None:
    anonymous["spec"]["recipients"] = {"to": ["a@example.com", "b@example.com"]}
    server.refused_recipients["b@example.com"] = "550 5.1.1 no such user"
    ended = check("-f", write(anonymous))
    assert ended.text.startswith("✗ RecipientsPartiallyRefused in RcptTo: 550 5.1.1  default/relay\n")
    assert ended.progress.endswith("  ✓ RcptTo TIME\n  ✓ Data TIME\n")


def test_without_references_no_password_phase_is_shown(
    check: Check, write: Write, anonymous: Document
) -> None:
    ended = check("-f", write(anonymous), "--mode", "Connect")
    assert ended.progress == "".join(f"  ✓ {it} TIME\n" for it in ("Resolve", "Connect", "Banner", "Ehlo"))
    assert ended.text == (
        "✓ Connected  default/relay\n"
        "  localhost answers as an SMTP server in plaintext. No username is set, so the test did "
        "not log in.\n"
    )


def on_a_terminal(folder: Path, *words: str, **environment: str) -> str:
    """Both outputs of a process that has a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "smtp_operator", "check", *words],
        cwd=folder,
        env={**WITHOUT_DNS, "HOME": str(folder), "TERM": "xterm", **environment},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = shown(ours)
    os.close(ours)
    process.wait(120)
    return said


def shown(ours: int) -> str:
    """Return the output to a terminal, until it was closed."""
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # the other end is closed
        pass
    return re.sub(r"\d+(?:\.\d+)?(?:ms|s)\b", "TIME", said.decode().replace("\r\n", "\n"))


@pytest.fixture
def process(folder: Path, write: Write, anonymous: Document) -> Callable[..., str]:
    """Runs a test that passes, in a process on a terminal."""
    file = write(anonymous)
    return lambda *words, **environment: on_a_terminal(folder, "-f", file, *words, **environment)


@pytest.fixture
def relay(check: Check, write: Write, anonymous: Document) -> Iterator[Callable[..., str]]:
    """Runs the same in this process: starting one takes longer than the test."""
    file = write(anonymous)
    ours, theirs = pty.openpty()

    def run(*words: str, **environment: str) -> str:
        with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
            check("-f", file, *words, terminal=terminal, **{"TERM": "xterm", **environment})
        return shown(ours)

    yield run
    os.close(ours)


def test_a_terminal_shows_the_running_phase(process: Callable[..., str]) -> None:
    assert process("--mode", "Connect") == (
        "  … Resolve\r  \x1b[32m✓\x1b[0m Resolve TIME\n"
        "  … Connect\r  \x1b[32m✓\x1b[0m Connect TIME\n"
        "  … Banner\r  \x1b[32m✓\x1b[0m Banner TIME\n"
        "  … Ehlo\r  \x1b[32m✓\x1b[0m Ehlo TIME\n"
        "\x1b[32m✓ Connected\x1b[0m  default/relay\n"
        "  localhost answers as an SMTP server in plaintext. No username is set, so the test did "
        "not log in.\n"
    )


def test_a_failure_is_red_and_the_dialogue_dim(relay: Callable[..., str], server: MailServer) -> None:
    server.replies["EHLO"] = "550 5.7.1 go away"
    said = relay("--mode", "Connect")
    assert "  … Ehlo\r  \x1b[31m✗\x1b[0m Ehlo TIME\n\x1b[31m✗ " in said
    assert "    \x1b[2mS: 550 5.7.1 go away\x1b[0m\n" in said


def test_no_color_is_respected(relay: Callable[..., str]) -> None:
    said = relay("--mode", "Connect", NO_COLOR="1")
    assert said.startswith("  … Resolve\r  ✓ Resolve TIME\n")
    assert "\x1b" not in said


def test_an_empty_no_color_has_no_effect(relay: Callable[..., str]) -> None:
    assert "\x1b[32m" in relay("--mode", "Connect", NO_COLOR="")


def test_a_dumb_terminal_gets_the_output_of_a_file(relay: Callable[..., str]) -> None:
    said = relay("--mode", "Connect", TERM="dumb")
    assert said.startswith("  ✓ Resolve TIME\n  ✓ Connect TIME\n")
    assert "\x1b" not in said
    assert "\r" not in said


def test_a_terminal_without_the_marks_gets_words(process: Callable[..., str]) -> None:
    said = process("--mode", "Connect", PYTHONIOENCODING="ascii", NO_COLOR="1")
    assert said.startswith("  ... Resolve\r  ok Resolve TIME\n")
    assert said.splitlines()[-2] == "ok Connected  default/relay"


def test_json_on_a_terminal_has_no_colors(relay: Callable[..., str]) -> None:
    said = relay("--mode", "Connect", "--output", "json", NO_COLOR="1")
    assert "\n{\n" in said
    assert "\x1b" not in said

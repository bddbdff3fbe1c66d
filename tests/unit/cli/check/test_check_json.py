# SPDX-License-Identifier: Apache-2.0
"""The JSON of a check is an API: keys are added, never renamed, removed or given another meaning."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]

TOP = [
    "name",
    "passed",
    "reason",
    "message",
    "summary",
    "phase",
    "retry",
    "exitCode",
    "test",
    "password",
    "suggestion",
    "senderAuthentication",
]


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


def test_a_passed_test(check: Check, manifest: str, server: MailServer) -> None:
    ended = check("-f", manifest, "--output", "json")
    shown = ended.json
    assert list(shown) == TOP
    test = shown.pop("test")
    assert shown == {
        "name": "team-a/corporate-mail",
        "passed": True,
        "reason": "TestEmailSent",
        "message": "Accepted for delivery to 1 recipient by localhost (queue id 1). Accepted does not mean "
        "delivered. If the email does not arrive, check the spam folder. All recipients are in the From"
        " domain, so this proves nothing about other domains. Set a recipient elsewhere to test them.",
        "summary": "TestEmailSent",
        "phase": None,
        "retry": "Passed",
        "exitCode": 0,
        "password": {"source": "KubernetesSecret", "reference": "smtp-password/password"},
        "suggestion": None,
        "senderAuthentication": None,
    }
    assert matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", test.pop("startTime"))
    assert matches(r"\d+(\.\d+)?(ms|s)", test.pop("duration"))
    assert matches(r"<[0-9a-f]{32}@example\.com>", test.pop("messageId"))
    phases = test.pop("phases")
    assert [set(phase) for phase in phases] == [{"name", "duration"}] * len(phases)
    assert [phase["name"] for phase in phases] == [
        "Password", "Resolve", "Connect", "Banner", "Ehlo", "StartTls", "Tls", "Auth", "MailFrom", "RcptTo",
        "Data",
    ]  # fmt: skip
    certificate = test["server"].pop("certificate")
    assert list(certificate) == ["subject", "issuer", "notBefore", "notAfter"]
    assert test == {
        "trigger": "Requested",
        "mode": "SendEmail",
        "server": {
            "address": f"127.0.0.1:{server.starttls_port}",
            "banner": "mail.test",
            "tlsVersion": "TLSv1.3",
            "authMechanism": "PLAIN",
        },
        "response": "250 2.0.0 queued as 1",
        "recipients": [{"role": "to", "index": 0, "accepted": True, "response": "250 2.1.5 ok"}],
        "dialogue": [],
    }


def test_a_failed_test(check: Check, write: Write, anonymous: Document, server: MailServer) -> None:
    anonymous["spec"] |= {"port": server.starttls_port, "smtpType": "TLS"}
    ended = check("-f", write(anonymous), "--output", "json")
    shown = ended.json
    assert list(shown) == TOP
    assert ended.code == shown["exitCode"] == 1
    assert (shown["passed"], shown["reason"], shown["phase"]) == (False, "PlaintextServer", "Tls")
    assert (shown["summary"], shown["retry"]) == ("PlaintextServer in Tls", "Configuration")
    assert (shown["password"], shown["suggestion"]) == (None, {"smtpType": "StartTLS"})


def test_the_dialogue_of_a_failure(
    check: Check, write: Write, anonymous: Document, server: MailServer
) -> None:
    server.replies["MAIL"] = "451 4.3.0 later"
    shown = check("-f", write(anonymous), "--output", "json").json
    assert shown["exitCode"] == 3
    assert shown["test"]["dialogue"][-1] == "S: 451 4.3.0 later"


def test_a_missing_password_gives_a_verdict(check: Check, write: Write, config: Document) -> None:
    ended = check("-f", write(config), "--output", "json")
    shown = ended.json
    assert list(shown) == TOP
    assert ended.code == shown["exitCode"] == 4
    assert (shown["reason"], shown["phase"], shown["password"]) == ("SecretNotFound", "Password", None)
    assert [phase["name"] for phase in shown["test"]["phases"]] == ["Password"]


def test_the_progress_is_not_in_the_json(check: Check, manifest: str) -> None:
    ended = check("-f", manifest, "--output", "json")
    assert ended.out.startswith("{\n")
    assert ended.progress.startswith("  ✓ Password TIME\n")


@pytest.mark.parametrize("words", [(), ("-f", "nowhere.yaml"), ("--port", "x")])
def test_usage_errors_have_no_json(words: tuple[str, ...], check: Check) -> None:
    ended = check(*words, "--output", "json")
    assert (ended.code, ended.out) == (2, "")


def test_it_is_ascii_whatever_the_locale(
    check: Check, write: Write, anonymous: Document, server: MailServer
) -> None:
    server.replies["MAIL"] = "550 5.7.1 über"
    ended = check("-f", write(anonymous), "--output", "json")
    assert ended.out.isascii()
    assert "über" in ended.json["message"]

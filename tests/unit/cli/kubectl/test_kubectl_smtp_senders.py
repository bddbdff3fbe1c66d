# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp` shows the condition SenderAuthentication, and explains its reasons."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from smtp_operator.api.reasons import OF_SENDERS
from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.smtpconfigs import LIST, condition, listed, passed, smtp_config

Smtp = Callable[..., Coroutine[Any, Any, Any]]
Offline = Callable[..., Any]


async def test_status_shows_which_record_to_publish(smtp: Smtp, fake: FakeApi) -> None:
    status = passed()
    status["conditions"].append(
        condition("SenderAuthentication", "False", "NoSpfRecord")
        | {"message": "example.com has no SPF record."}
    )
    fake.on("GET", LIST, Answer(body=listed(smtp_config(status))))
    ended = await smtp("status", "mail")
    assert ended.code == 0
    assert "  Sender authentication (NoSpfRecord): example.com has no SPF record.\n" in ended.out


async def test_a_condition_of_older_settings_is_not_shown(smtp: Smtp, fake: FakeApi) -> None:
    status = passed(observedGeneration=0)
    status["conditions"].append(condition("SenderAuthentication", "False", "NoSpfRecord"))
    fake.on("GET", LIST, Answer(body=listed(smtp_config(status))))
    assert "Sender authentication" not in (await smtp("status", "mail")).out


def test_explain_says_when_the_condition_is_updated(offline: Offline) -> None:
    assert offline("explain", "NoSpfRecord").out == (
        "NoSpfRecord\n"
        "  The From domain has no SPF record.\n"
        "\n"
        "  Fix:           Publish the DNS record that the message names.\n"
        "  Condition:     SenderAuthentication. It does not affect Ready. The operator reads the records"
        " with\n"
        "                 each test of test.mode, and once a day.\n"
        "  Page:          docs/reference/reasons/NoSpfRecord.md\n"
    )


@pytest.mark.parametrize("reason", sorted(OF_SENDERS))
def test_no_reason_of_the_condition_has_a_next_test(offline: Offline, reason: str) -> None:
    shown = offline("explain", reason).out
    assert "SenderAuthentication" in shown
    assert "Next test" not in shown


@pytest.mark.parametrize(
    ("text", "reason", "page"),
    [
        ("DNSUnavailable", "DNSUnavailable", "DNSUnavailable.md"),
        ("DnsUnavailable", "DnsUnavailable", "SenderDnsUnavailable.md"),
        ("dnsunavailable", "DNSUnavailable", "DNSUnavailable.md"),
    ],
)
def test_names_that_differ_only_in_case(offline: Offline, text: str, reason: str, page: str) -> None:
    shown = offline("explain", text).out
    assert shown.startswith(f"{reason}\n")
    assert shown.endswith(f"docs/reference/reasons/{page}\n")

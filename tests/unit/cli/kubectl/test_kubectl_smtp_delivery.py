# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp status` says what became of the email in the mailbox of ``spec.delivery``."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.smtpconfigs import LIST, condition, failed, listed, passed, smtp_config

Smtp = Callable[..., Coroutine[Any, Any, Any]]

ARRIVED = "The email arrived in the inbox of probe@example.org after 4.2s."
MISSING = "mx.example.com accepted the email, but it did not arrive."


@pytest.mark.parametrize(
    ("state", "reason", "message"),
    [
        ("True", "InInbox", ARRIVED),
        ("False", "NotSeen", MISSING),
        ("Unknown", "Waiting", "No action needed."),
    ],
)
async def test_status_says_what_became_of_the_email(
    smtp: Smtp, fake: FakeApi, state: str, reason: str, message: str
) -> None:
    status = passed()
    status["conditions"].append(condition("Delivered", state, reason, message))
    fake.on("GET", LIST, Answer(body=listed(smtp_config(status))))
    ended = await smtp("status", "mail")
    assert ended.code == 0
    assert f"  Delivery ({reason}): {message}\n" in ended.out


async def test_a_failed_test_shows_it_too(smtp: Smtp, fake: FakeApi) -> None:
    status = failed("ConnectTimeout")
    status["conditions"].append(condition("Delivered", "True", "InInbox", ARRIVED))
    fake.on("GET", LIST, Answer(body=listed(smtp_config(status))))
    assert f"  Delivery (InInbox): {ARRIVED}\n" in (await smtp("status", "mail")).out


async def test_a_condition_of_older_settings_is_not_shown(smtp: Smtp, fake: FakeApi) -> None:
    status = passed(observedGeneration=0)
    status["conditions"].append(condition("Delivered", "True", "InInbox", ARRIVED))
    fake.on("GET", LIST, Answer(body=listed(smtp_config(status))))
    assert "Delivery" not in (await smtp("status", "mail")).out


async def test_a_message_with_control_characters_stays_one_paragraph(smtp: Smtp, fake: FakeApi) -> None:
    status = passed()
    status["conditions"].append(condition("Delivered", "False", "Bounced", "came back:\n\x1b[2J550 no"))
    fake.on("GET", LIST, Answer(body=listed(smtp_config(status))))
    ended = await smtp("status", "mail")
    assert "\x1b" not in ended.out
    assert "\n  Delivery (Bounced): came back:" in ended.out

# SPDX-License-Identifier: Apache-2.0
"""The preview says what the operator does after the change, and who receives an email."""

from typing import Any

import pytest

from smtp_operator.cli.kubectl.ui.draft import is_tested_again, sent_text

Json = dict[str, Any]
SPEC: Json = {
    "server": "smtp.example.com",
    "port": 587,
    "from": "a@example.com",
    "recipients": {"to": ["to@example.com"], "cc": ["cc@example.com"], "bcc": ["bcc@example.com"]},
}
ONE_EMAIL = "The operator sends one email through smtp.example.com:587, from a@example.com: "


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({}, f"{ONE_EMAIL}To to@example.com; Cc cc@example.com; Bcc bcc@example.com."),
        ({"recipients": {}}, f"{ONE_EMAIL}To a@example.com."),
        ({"preferredNotifications": ["Recovered"]}, f"{ONE_EMAIL}To to@example.com."),
        ({"preferredNotifications": ["None"]}, f"{ONE_EMAIL}To to@example.com."),
        (
            {"recipients": {}, "delivery": {"address": "probe@example.com"}},
            f"{ONE_EMAIL}To a@example.com; delivery probe@example.com.",
        ),
        ({"recipients": {}, "delivery": {"address": "a@example.com"}}, f"{ONE_EMAIL}To a@example.com."),
        (
            {"server": "2001:db8::1", "test": {"mode": "Login"}},
            "No email is sent: the operator logs in to [2001:db8::1]:587.",
        ),
        (
            {"test": {"mode": "Connect"}},
            "No email is sent: the operator connects to smtp.example.com:587 and stops before the login.",
        ),
        (
            {"test": {"mode": "Envelope"}, "recipients": {}},
            "No email is sent: the operator names the recipients to smtp.example.com:587 (To a@example.com)"
            " and stops.",
        ),
        ({"suspend": True}, "Nothing is sent: suspend is true."),
    ],
)
def test_what_is_sent_to_whom(changed: Json, text: str) -> None:
    assert sent_text(SPEC | changed, changed=True) == text


def test_nothing_is_sent_where_the_verdict_is_carried_over() -> None:
    assert sent_text(SPEC, changed=False) == "Nothing is sent: no setting of the test changes."


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ({}, False),
        ({"recheck": {"interval": "2h"}}, False),
        ({"preferredNotifications": ["None"]}, False),
        ({"suspend": True}, False),
        ({"test": {"timeout": "30s"}}, False),
        ({"publish": {"secretName": "proven"}}, False),
        ({"test": {"mode": "Login"}}, True),
        ({"port": 465}, True),
        ({"recipients": {}}, True),
    ],
)
def test_rule_6_of_the_status_reference(changed: Json, again: bool) -> None:
    assert is_tested_again(SPEC, SPEC | changed) is again
    assert is_tested_again(None, SPEC | changed) is True
    inline = SPEC | {"password": {"value": "s3cret"}}
    assert is_tested_again(inline, inline | changed) is bool(changed)

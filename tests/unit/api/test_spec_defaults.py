# SPDX-License-Identifier: Apache-2.0
"""The API server and the models fill in the same defaults."""

from collections.abc import Callable
from typing import Any

import pytest

from smtp_operator.api.smtpconfig import Notification, SmtpConfigSpec
from smtp_operator.api.verdict import Mode, SmtpType

Filled = Callable[[dict[str, Any]], dict[str, Any]]

MINIMAL = {"server": "smtp.example.com", "port": 587, "from": "noreply@example.com"}
DEFAULTS = {
    "smtpType": "StartTLS",
    "preferredNotifications": ["TestEmail"],
    "authMechanism": "Auto",
    "test": {"mode": "SendEmail"},
    "allowInsecureAuth": False,
    "suspend": False,
}

EMPTY: tuple[str, dict[str, Any]] = ("recheck", {})

NESTED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "key of the password's Secret": (
        {"username": "mailer", "password": {"secretRef": {"name": "smtp"}}},
        {"username": "mailer", "password": {"secretRef": {"name": "smtp", "key": "password"}}},
    ),
    "key of the username's Secret": (
        {"usernameRef": {"name": "smtp"}, "password": {"value": "s3cret"}},
        {"usernameRef": {"name": "smtp", "key": "username"}, "password": {"value": "s3cret"}},
    ),
    "kind and key of the CA": (
        {"tls": {"caRef": {"name": "corp-ca"}}},
        {
            "tls": {
                "caRef": {"kind": "ConfigMap", "name": "corp-ca", "key": "ca.crt"},
                "insecureSkipVerify": False,
            }
        },
    ),
    "audience of the ServiceAccount, kind and key of the token endpoint's CA": (
        {
            "username": "mailer",
            "oauth2": {
                "tokenUrl": "https://login.example.com/token",
                "clientId": "mailer",
                "serviceAccountRef": {"name": "mailer"},
                "caRef": {"name": "corp-ca"},
            },
        },
        {
            "username": "mailer",
            "oauth2": {
                "tokenUrl": "https://login.example.com/token",
                "clientId": "mailer",
                "serviceAccountRef": {"name": "mailer", "audience": "api://AzureADTokenExchange"},
                "caRef": {"kind": "ConfigMap", "name": "corp-ca", "key": "ca.crt"},
            },
        },
    ),
    "mode of a test": (
        {"test": {"timeout": "10s"}},
        {"test": {"mode": "SendEmail", "timeout": "10s"}},
    ),
    "none of a recheck": ({"recheck": {"interval": "0s"}}, {"recheck": {"interval": "0s"}}),
    "a null": (
        {"smtpType": None, "test": None, "recheck": {"mode": None}, "preferredNotifications": None},
        {},
    ),
}


def without_empty_recipients(spec: dict[str, Any]) -> dict[str, Any]:
    """The models hold three lists, and an empty recheck, where the API server holds none."""
    lists = {role: addresses for role, addresses in spec.get("recipients", {}).items() if addresses}
    rest = {name: value for name, value in spec.items() if name != "recipients" and (name, value) != EMPTY}
    return rest | ({"recipients": lists} if lists else {})


def test_three_fields_are_enough(filled: Filled) -> None:
    assert without_empty_recipients(filled({})) == MINIMAL | DEFAULTS


@pytest.mark.parametrize(("fragment", "expected"), NESTED.values(), ids=NESTED)
def test_default_inside(filled: Filled, fragment: dict[str, Any], expected: dict[str, Any]) -> None:
    assert without_empty_recipients(filled(fragment)) == MINIMAL | DEFAULTS | expected


def test_empty_list_of_notifications_stays_empty(filled: Filled) -> None:
    assert filled({"preferredNotifications": []})["preferredNotifications"] == []


def test_models_hold_defaults_as_values_to_reckon_with() -> None:
    spec = SmtpConfigSpec.model_validate(MINIMAL)
    assert spec.smtp_type is SmtpType.START_TLS
    assert spec.test.mode is Mode.SEND_EMAIL
    assert (spec.test.timeout, spec.recheck.mode, spec.recheck.interval) == (None, None, None)
    assert spec.preferred_notifications == [Notification.TEST_EMAIL]
    assert (spec.recipients.to, spec.recipients.cc, spec.recipients.bcc) == ([], [], [])

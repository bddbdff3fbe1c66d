# SPDX-License-Identifier: Apache-2.0
"""Each recipe for an application is a valid ``publish``, and gives the values that the application reads."""

import os
from typing import Any

import pytest

from smtp_testkit.recipes import PASSWORD, RECIPES, rest_of, secret

EXPECTED = {
    "alertmanager": {"password": PASSWORD},
    "django": {"EMAIL_PORT": "587", "EMAIL_USE_TLS": "true", "EMAIL_USE_SSL": "false"},
    "spring": {
        "SPRING_MAIL_HOST": "smtp.example.com",
        "SPRING_MAIL_PROPERTIES_MAIL_SMTP_STARTTLS_REQUIRED": "true",
    },
    "gitea": {"GITEA__mailer__SMTP_ADDR": "smtp.example.com", "GITEA__mailer__PASSWD": PASSWORD},
    "grafana": {
        "GF_SMTP_HOST": "smtp.example.com:587",
        "GF_SMTP_FROM_ADDRESS": "noreply@example.com",
        "GF_SMTP_FROM_NAME": "Platform Team",
        "GF_SMTP_SKIP_VERIFY": "false",
    },
    "keycloak": {"SMTP_STARTTLS": "true", "SMTP_SSL": "false"},
    "gitlab": {"password": PASSWORD},
    "nextcloud": {"MAIL_FROM_ADDRESS": "noreply", "MAIL_DOMAIN": "example.com"},
    "discourse": {"DISCOURSE_SMTP_ENABLE_START_TLS": "true"},
    "mastodon": {"SMTP_FROM_ADDRESS": "Platform Team <noreply@example.com>", "SMTP_SSL": "false"},
    "sentry": {"SENTRY_EMAIL_USE_TLS": "true"},
    "argocd": {"email-username": "mailer@example.com", "email-password": PASSWORD},
}


def test_every_recipe_is_compared() -> None:
    assert RECIPES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_gives_what_the_application_reads(name: str) -> None:
    found = secret(name)
    assert EXPECTED[name].items() <= found.items()
    assert len(found) == len(RECIPES[name]["publish"]["keys"])


def test_the_settings_module_of_django_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in secret("django").items():
        monkeypatch.setenv(name, value)
    read: dict[str, Any] = {"os": os}
    exec(rest_of("django"), read)
    assert (read["EMAIL_HOST"], read["EMAIL_PORT"]) == ("smtp.example.com", 587)
    assert (read["EMAIL_USE_TLS"], read["EMAIL_USE_SSL"]) == (True, False)
    assert read["EMAIL_HOST_PASSWORD"] == PASSWORD

# SPDX-License-Identifier: Apache-2.0
"""Each recipe for an application is a valid ``publish``, and gives the values that the application reads."""

import base64
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.reconcile.smtpconfig.publish.secret import ProvenSettings, secret_of
from smtp_operator.reconcile.smtpconfig.snapshot import snapshot_of
from smtp_operator.smtp.request import SmtpLogin

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "recipes-for-applications.md"
BLOCK = re.compile(r"<!-- recipe: (\w+) -->\n```text\n(.*?)```", re.DOTALL)
RECIPES: dict[str, Any] = {
    name: yaml.safe_load(text) for name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))
}
PASSWORD = 's3cret "$x# '

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


def secret(name: str) -> dict[str, str]:
    """Return the values of the Secret that the operator writes for a recipe."""
    spec = {
        "server": "smtp.example.com",
        "port": 587,
        "username": "mailer@example.com",
        "password": {"secretRef": {"name": "smtp-password"}},
        "from": "Platform Team <noreply@example.com>",
        **RECIPES[name],
    }
    metadata = {"namespace": "team-a", "name": "mail", "uid": "u", "generation": 1, "resourceVersion": "1"}
    snapshot = snapshot_of({"metadata": metadata, "spec": spec, "status": SmtpConfigStatus().model_dump()})
    assert snapshot.spec.publish is not None
    login = SmtpLogin(username="mailer@example.com", password=PASSWORD, origin="Secret smtp-password")
    proven = ProvenSettings(login=login, holders=(), references=(), proven_at=0.0)
    made = secret_of(snapshot, snapshot.spec.publish, proven, helo_name=None, annotations={})
    return {key: base64.b64decode(value).decode() for key, value in made["data"].items()}


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
    (module,) = re.findall(r"```text\n(EMAIL_HOST = .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    read: dict[str, Any] = {"os": os}
    exec(module, read)
    assert (read["EMAIL_HOST"], read["EMAIL_PORT"]) == ("smtp.example.com", 587)
    assert (read["EMAIL_USE_TLS"], read["EMAIL_USE_SSL"]) == (True, False)
    assert read["EMAIL_HOST_PASSWORD"] == PASSWORD

# SPDX-License-Identifier: Apache-2.0
"""The pictures of the page that the documentation shows.

Each run takes them. They are stored in ``docs/images`` with ``make test-browser ARGS=--write-screenshots``,
which is for a change of the page: fonts differ between machines.
"""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from smtp_testkit.browser import OpenPage, UiCommand, Visit
from smtp_testkit.browser.fake_cluster import FakeCluster
from smtp_testkit.fakeapi.smtpconfigs import condition, failed, passed, smtp_config
from smtp_testkit.mailpeers import MailServer
from smtp_tools.paths import ROOT

IMAGES = ROOT / "docs" / "images"
LARGEST = 150_000
WINDOW = {"width": 1000, "height": 700}


@pytest.fixture
def keep(pytestconfig: pytest.Config, tmp_path: Path) -> Path:
    """The folder for the pictures."""
    return IMAGES if pytestconfig.getoption("--write-screenshots") else tmp_path


def take(visit: Visit, file: Path) -> None:
    """Store a picture of the whole page."""
    visit.page.screenshot(path=file, full_page=True, animations="disabled", caret="hide")
    assert file.stat().st_size < LARGEST


def login(visit: Visit, relay: MailServer, **changed: str | int) -> None:
    """Fill in a form for the relay."""
    fields: dict[str, str | int] = {
        "Name": "mail",
        "SMTP_Server": "localhost",
        "SMTP_Port": relay.starttls_port,
        "SMTP_UserName": "mailer",
        "From_Email": "Platform Team <noreply@example.com>",
        "Mailto": "ops@example.org",
    }
    visit.new_form(**(fields | changed))
    visit.press("Add Password")
    visit.fill(Input_type="Input Text", Value="s3cret-Passw0rd")


def test_a_picture_of_a_green_test(relay: MailServer, open_page: OpenPage, keep: Path) -> None:
    visit = open_page(viewport=WINDOW)
    login(visit, relay)
    visit.press("Add Password")
    visit.test("green")
    take(visit, keep / "manage-smtp-green.png")


def test_a_picture_of_a_red_test_with_a_suggestion(
    relay: MailServer, open_page: OpenPage, keep: Path
) -> None:
    visit = open_page(viewport=WINDOW)
    login(visit, relay, SMTP_Type="TLS")
    visit.press("Add Password")
    visit.test("red")
    take(visit, keep / "manage-smtp-red.png")


def fleet() -> list[dict[str, Any]]:
    """Return the SmtpConfigs of a namespace with a few mail servers."""
    now = datetime.now(UTC)
    numbers = itertools.count(1)

    def status(base: dict[str, Any], days: int, **more: Any) -> dict[str, Any]:
        changed = (now - timedelta(hours=7 * next(numbers))).strftime("%Y-%m-%dT%H:%M:%SZ")
        soon = (now + timedelta(minutes=23 * next(numbers))).strftime("%Y-%m-%dT%H:%M:%SZ")
        for it in base["conditions"]:
            it["lastTransitionTime"] = changed
        expires = (now + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        base["lastTest"] = base["lastTest"] | {"server": {"certificate": {"notAfter": expires}}}
        return base | {"nextTestTime": soon} | more

    def suspended() -> dict[str, Any]:
        return {"observedGeneration": 1, "conditions": [condition("Ready", "Unknown", "Suspended")]}

    return [
        smtp_config(status(passed(), 61), "billing", server="smtp.example.com"),
        smtp_config(status(passed(), 61), "newsletter", server="smtp.example.com"),
        smtp_config(status(failed("AuthenticationFailed"), 61), "shop", server="smtp.example.com"),
        smtp_config(status(passed(), 12), "alerts", server="relay.example.org", port=465),
        smtp_config(status(failed("ConnectTimeout"), 200), "legacy-app", server="mail.example.net", port=25),
        smtp_config(suspended(), "staging", server="relay.example.org", port=465, suspend=True),
    ]


def test_pictures_of_the_list_and_of_the_mail_servers(browser: Browser, tmp_path: Path, keep: Path) -> None:
    with (
        FakeCluster.of(tmp_path, fleet()) as fake,
        UiCommand(fake.kubeconfig, tmp_path / "ui.log", "-n", "team-a") as command,
    ):
        visit = Visit(browser, command.url, viewport={"width": 1160, "height": 480}, color_scheme="dark")
        visit.open()
        expect(visit.page.locator("#list-rows tr")).to_have_count(6)
        take(visit, keep / "manage-smtp-list-dark.png")
        visit.page.emulate_media(color_scheme="light")
        visit.show("#/servers")
        expect(visit.page.locator("#servers-rows tr")).to_have_count(3)
        visit.page.set_viewport_size({"width": 1160, "height": 320})
        take(visit, keep / "manage-smtp-servers.png")
        visit.check()
        visit.close()

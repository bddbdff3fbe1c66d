# SPDX-License-Identifier: Apache-2.0
"""Keyboard only, axe-core, light and dark, and a narrow window, in every view."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from smtp_testkit.browser import OpenPage, Visit
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed

PASSWORD = "s3cret-Passw0rd"
NARROW = {"width": 375, "height": 700}
INPUT_TYPES = (
    "Input Text",
    "Azure Key Vault",
    "CyberArk",
    "Internal Secret manager",
    "HashiCorp Vault",
    "OAuth2",
)


def visit_every_view(bed: Bed, server: MailServer, visit: Visit, check: Callable[[str], None]) -> None:
    """Open each view and dialog, and call ``check`` with its name."""
    expect(visit.control("list-empty")).to_be_visible()
    check("empty list")
    visit.new_form(Name="mail", SMTP_Server="localhost", SMTP_Type="TLS", SMTP_Port=server.starttls_port)
    visit.press("Add Password")
    for input_type in INPUT_TYPES:
        visit.fill(Input_type=input_type)
        check(f"form with {input_type}")
    visit.press("Remove password")
    visit.page.get_by_text("More settings").click()
    visit.press("Test Connection")
    expect(visit.control("form-errors")).to_be_visible()
    check("form with a problem")
    visit.fill(From_Email="noreply@example.com")
    visit.test("red")
    check("red result")
    visit.control("use-suggestion").click()
    visit.test("green")
    check("green result")
    visit.press("Copy YAML")
    expect(visit.control("yaml")).to_be_visible()
    check("YAML")
    visit.press("Close")
    visit.press("Submit")
    expect(visit.control("preview")).to_be_visible()
    check("preview")
    visit.press("Confirm")
    expect(visit.control("view-object")).to_be_visible()
    bed.create(server, "wrong", "TLS", port=server.plain_port)
    for name in ("mail", "wrong"):
        bed.verdict(name)
        visit.show(f"#/object/SmtpConfig/{bed.namespace}/{name}")
        expect(visit.page.get_by_role("table", name="Conditions")).to_be_visible()
        check(f"object {name}")
    visit.show("#/")
    expect(visit.page.locator("#list-rows tr")).to_have_count(2)
    check("list")
    visit.show("#/servers")
    expect(visit.page.locator("#servers-rows tr")).to_have_count(2)
    check("mail servers")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_view(
    bed: Bed, relay: MailServer, open_page: OpenPage, scheme: Literal["light", "dark"]
) -> None:
    visit = open_page(color_scheme=scheme)
    found: dict[str, list[Any]] = {}

    def check(view: str) -> None:
        violations = Axe().run(visit.page).response["violations"]
        serious = [it for it in violations if it["impact"] in ("serious", "critical")]
        if serious:
            found[view] = [(it["id"], [node["html"] for node in it["nodes"]]) for it in serious]

    visit_every_view(bed, relay, visit, check)
    assert found == {}


def test_the_page_of_a_browser_without_a_session_is_accessible(browser: Browser, visit: Visit) -> None:
    other = Visit(browser, visit.origin)
    other.page.goto(f"{visit.origin}/")
    expect(other.control("start-text")).to_contain_text("no session")
    assert Axe().run(other.page).response["violations"] == []
    other.close()


def test_a_window_of_375_pixels_never_scrolls_sideways(
    bed: Bed, relay: MailServer, open_page: OpenPage
) -> None:
    visit = open_page(viewport=NARROW, has_touch=True)
    widths: dict[str, int] = {}

    def check(view: str) -> None:
        wide = visit.page.evaluate(
            "Math.max(document.documentElement.scrollWidth,"
            " ...[...document.querySelectorAll('main *, dialog[open]')].filter((it) => it.checkVisibility())"
            ".filter((it) => !it.closest('thead, pre')).map((it) => it.getBoundingClientRect().right))"
        )
        if wide > NARROW["width"]:
            widths[view] = wide

    visit_every_view(bed, relay, visit, check)
    assert widths == {}


def test_light_and_dark_follow_the_system(visit: Visit) -> None:
    color = "getComputedStyle(document.body).backgroundColor"
    seen = set()
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=scheme)
        seen.add(visit.page.evaluate(color))
    assert len(seen) == 2


def tab_to(visit: Visit, id_: str) -> None:
    """Press Tab until the control has the focus, which must be visible at each stop."""
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        focused, visible = visit.page.evaluate(
            "[document.activeElement.id, document.activeElement.matches('body, :focus-visible')]"
        )
        assert visible, f"the focus on {focused} is not visible"
        if focused == id_:
            return
    raise AssertionError(f"Tab does not reach {id_}")


def test_the_keyboard_is_enough_from_the_list_to_a_saved_smtpconfig(
    bed: Bed, relay: MailServer, visit: Visit
) -> None:
    keyboard = visit.page.keyboard
    tab_to(visit, "nav-new")
    keyboard.press("Enter")
    expect(visit.control("view-form")).to_be_visible()
    expect(visit.control("main")).to_be_focused()
    texts = {
        "f-name": "mail",
        "f-server": "localhost",
        "f-port": str(relay.tls_port),
        "f-type": "TLS",
        "f-username": "mailer",
    }
    for id_, text in texts.items():
        tab_to(visit, id_)
        keyboard.type(text)
    tab_to(visit, "add-password")
    keyboard.press("Space")
    expect(visit.control("p-type")).to_be_focused()
    keyboard.type("Input")
    tab_to(visit, "p-value")
    keyboard.type(PASSWORD)
    tab_to(visit, "f-from")
    keyboard.type("noreply@example.com")
    tab_to(visit, "test-connection")
    keyboard.press("Enter")
    visit.result("green")
    expect(visit.control("test-result")).to_be_focused()
    keyboard.press("Shift+Tab")
    expect(visit.control("submit")).to_be_focused()
    keyboard.press("Enter")
    expect(visit.control("preview")).to_be_visible()
    keyboard.press("Escape")
    expect(visit.control("preview")).to_be_hidden()
    expect(visit.control("submit")).to_be_focused()
    keyboard.press("Enter")
    expect(visit.control("preview")).to_be_visible()
    tab_to(visit, "preview-confirm")
    keyboard.press("Enter")
    expect(visit.control("view-object")).to_be_visible()
    assert bed.verdict().reason == "TestEmailSent"
    assert visit.input_so_far["clicks"] == 0

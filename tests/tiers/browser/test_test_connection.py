# SPDX-License-Identifier: Apache-2.0
"""A user opens the page, tests settings, and saves them."""

import base64
import threading

from playwright.sync_api import expect

from smtp_testkit.browser import Visit
from smtp_testkit.browser.chromium import PATIENCE
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed
from smtp_testkit.testbed.waiting import until

PASSWORD = "s3cret-Passw0rd"
FROM = "noreply@example.com"


def test_a_first_smtpconfig_turns_green_and_is_saved(bed: Bed, relay: MailServer, visit: Visit) -> None:
    expect(visit.control("list-empty-text")).to_have_text(
        f"There is no SmtpConfig in the namespace {bed.namespace} yet."
    )
    before = len(relay.mails)
    visit.new_form(
        Name="mail",
        SMTP_Server="localhost",
        SMTP_Port=relay.starttls_port,
        SMTP_UserName="mailer",
        From_Email=FROM,
    )
    visit.press("Add Password")
    visit.fill(Input_type="Input Text", Value=PASSWORD)
    result = visit.test("green")
    expect(visit.control("test-connection")).to_have_text("✓ Test Connection: passed")
    expect(result).to_contain_text("✓ Passed: TestEmailSent")
    expect(visit.control("test-response")).to_contain_text("The server replied: 250")
    assert len(relay.mails) == before + 1
    assert bed.api.items(bed.configs) == []

    visit.press("Submit")
    expect(visit.control("preview-title")).to_have_text(f"Submit {bed.namespace}/mail?")
    expect(visit.control("preview-sends")).to_have_text(
        f"The operator sends one email through localhost:{relay.starttls_port}, from {FROM}: To {FROM}."
    )
    expect(visit.control("preview-secret")).to_have_text(
        "The password is stored in the Secret mail-password, key password."
    )
    visit.press("Confirm")
    expect(visit.control("notice")).to_have_text(
        f"SmtpConfig {bed.namespace}/mail was saved. The operator tests it now."
    )
    assert bed.verdict().reason == "TestEmailSent"
    spec = bed.api.get(f"{bed.configs}/mail")["spec"]
    assert spec["password"] == {"secretRef": {"name": "mail-password", "key": "password"}}
    visit.page.get_by_role("link", name="Objects", exact=True).click()
    row = visit.page.locator(f'[data-id="SmtpConfig/{bed.namespace}/mail"]')
    expect(row).to_contain_text("Passed")
    expect(row).to_contain_text("TestEmailSent")


def test_a_red_test_offers_a_suggestion_that_one_click_takes(
    bed: Bed, relay: MailServer, visit: Visit
) -> None:
    visit.new_form(SMTP_Server="localhost", SMTP_Type="TLS", SMTP_Port=relay.starttls_port, From_Email=FROM)
    result = visit.test("red")
    expect(visit.control("test-connection")).to_have_text("✗ Test Connection: failed")
    expect(result.get_by_role("heading")).to_have_text("✗ Failed: PlaintextServer")
    expect(visit.control("test-message")).to_contain_text("StartTLS")
    expect(visit.control("test-fix")).to_be_visible()
    suggestion = visit.control("use-suggestion")
    expect(suggestion).to_have_text("Use this suggestion: SMTP Type StartTLS")
    suggestion.click()
    expect(visit.control("f-type")).to_have_value("StartTLS")
    expect(visit.control("test-connection")).to_be_focused()
    visit.test("green")
    assert bed.api.items(bed.configs) == []


def test_red_shows_the_dialogue_without_the_password(server: MailServer, visit: Visit) -> None:
    visit.new_form(
        SMTP_Server="localhost",
        SMTP_Type="None",
        SMTP_Port=server.plain_port,
        SMTP_UserName="mailer",
        From_Email=FROM,
    )
    visit.page.get_by_text("More settings").click()
    visit.page.get_by_label("Allow a password without verified TLS").check()
    visit.press("Add Password")
    visit.fill(Input_type="Input Text", Value="wrong-Passw0rd")
    result = visit.test("red")
    expect(result.get_by_role("heading")).to_have_text("✗ Failed: AuthenticationFailed")
    expect(visit.control("test-fix")).to_have_text(
        "General fix for AuthenticationFailed: Check the username and password."
    )
    expect(result.get_by_label("SMTP dialogue", exact=True)).to_contain_text("S: 535")
    expect(result.get_by_label("Phases")).to_contain_text("✗ Auth")
    shown = visit.page.content()
    assert "wrong-Passw0rd" not in shown
    assert base64.b64encode(b"\0mailer\0wrong-Passw0rd").decode() not in shown


def test_a_test_over_one_second_shows_its_phase_and_can_be_cancelled(
    bed: Bed, server: MailServer, visit: Visit
) -> None:
    release = threading.Event()

    def hold(verb: str) -> None:
        if verb == "RCPT":
            release.wait(PATIENCE)

    server.on_command = hold
    visit.new_form(SMTP_Server="localhost", SMTP_Type="None", SMTP_Port=server.plain_port, From_Email=FROM)
    visit.press("Test Connection")
    expect(visit.control("test-progress")).to_have_text("Testing: phase RcptTo.")
    expect(visit.control("test-connection")).to_have_text("Test Connection: running …")
    release.set()
    visit.result("green")
    expect(visit.control("test-progress")).to_be_empty()

    release.clear()
    visit.press("✓ Test Connection: passed")
    expect(visit.control("test-progress")).to_have_text("Testing: phase RcptTo.")
    visit.press("Cancel test")
    expect(visit.control("test-progress")).to_have_text("The test was cancelled.")
    until(lambda: bed.api.items(bed.tests) == [], "a cancelled SmtpTest was left over")
    release.set()
    server.wait_for_idle()
    assert len(server.mails) == 1


def test_a_first_time_user_needs_few_clicks_and_keys(relay: MailServer, visit: Visit) -> None:
    """Count from the opened page to the green test, for a server with a login on an unusual port."""
    keyboard, settings = (
        visit.page.keyboard,
        ["localhost", str(relay.starttls_port), "mailer", PASSWORD, FROM],
    )
    server, port, username, password, sender = settings
    visit.page.get_by_role("link", name="New SmtpConfig").first.click()
    visit.page.get_by_label("SMTP Server", exact=True).click()
    keyboard.type(server)
    keyboard.press("Tab")
    keyboard.type(port)
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.type(username)
    visit.press("Add Password")
    keyboard.press("I")
    keyboard.press("Tab")
    keyboard.type(password)
    visit.page.get_by_label("From Email", exact=True).click()
    keyboard.type(sender)
    visit.test("green")
    texts = sum(map(len, settings))
    needed = visit.input_so_far
    assert needed["clicks"] <= 5, needed
    assert needed["keys"] - texts <= 5, needed

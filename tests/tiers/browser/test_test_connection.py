# SPDX-License-Identifier: Apache-2.0
"""A user opens the page, tests settings, and saves them."""

from playwright.sync_api import expect

from smtp_testkit.browser import Visit
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed

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

# SPDX-License-Identifier: Apache-2.0
"""A SmtpConfig with a mailbox: the object, and a green test of its settings, say what became of its email."""

import re

from playwright.sync_api import expect

from smtp_testkit.browser import Visit
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.background import in_thread
from smtp_testkit.mailpeers.imapserver import ImapServer
from smtp_testkit.testbed import Bed
from smtp_testkit.testbed.mailboxes import PROBE, delivery_to

ARRIVED = rf"The last email to {re.escape(PROBE)}, sent at [\dT:-]+Z, arrived in the inbox after [\d.]+m?s\."


def test_the_object_and_a_green_test_say_that_the_email_arrived(
    bed: Bed, server: MailServer, visit: Visit
) -> None:
    with in_thread(ImapServer()) as mailbox:
        server.on_mail = lambda mail: mailbox.store(mail.content)
        bed.create(server, delivery=delivery_to(bed, mailbox))
        bed.wait_for_event("InInbox")

        visit.page.locator("#list-rows tr").get_by_role("link", name="mail").click()
        expect(visit.control("object-delivery")).to_have_text(re.compile(f"^{ARRIVED}$"))
        visit.page.get_by_role("link", name="Edit").click()
        visit.test("green")
        expect(visit.control("test-delivery")).to_have_text(
            re.compile(f"^With the saved settings: {ARRIVED}$")
        )

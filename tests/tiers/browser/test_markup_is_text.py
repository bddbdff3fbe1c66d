# SPDX-License-Identifier: Apache-2.0
"""Markup of mail servers, objects and Events is shown as text, in every view."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from smtp_testkit.browser import UiCommand, Visit
from smtp_testkit.browser.fake_cluster import FakeCluster
from smtp_testkit.fakeapi.smtpconfigs import condition, failed, smtp_config
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed

MARKUP = "<img src=x onerror=window.__ran=1>"
"""Text that would run a script and load a file if it became markup."""


def check_nothing_ran(visit: Visit) -> None:
    """Check that no script of the payload ran and that the payload made no element."""
    assert visit.page.evaluate("window.__ran") is None
    assert visit.page.evaluate("document.querySelectorAll('img').length") == 0


def test_markup_in_banner_and_replies_is_text(server: MailServer, visit: Visit) -> None:
    server.replies |= {"banner": f"220 {MARKUP} ESMTP", "RCPT": f"550 5.1.1 {MARKUP} no such user"}
    visit.new_form(SMTP_Server="localhost", SMTP_Type="None", SMTP_Port=server.plain_port)
    visit.fill(From_Email="noreply@example.com")
    result = visit.test("red")
    expect(visit.control("test-message")).to_contain_text(MARKUP)
    expect(result.get_by_label("SMTP dialogue", exact=True)).to_contain_text(f"S: 220 {MARKUP} ESMTP")
    check_nothing_ran(visit)
    server.replies.pop("RCPT")
    server.replies["."] = f"250 {MARKUP}"
    visit.test("green")
    expect(visit.control("test-response")).to_contain_text(MARKUP)
    check_nothing_ran(visit)


def test_markup_in_an_object_is_text(bed: Bed, server: MailServer, visit: Visit) -> None:
    server.replies["banner"] = f"554 {MARKUP}"
    bed.create(server, **{"from": f'"{MARKUP}" <noreply@example.com>'})
    bed.api.patch(f"{bed.configs}/mail", {"metadata": {"annotations": {"example.com/note": MARKUP}}})
    bed.wait_for_event(bed.verdict().reason)
    visit.show(f"#/object/SmtpConfig/{bed.namespace}/mail")
    expect(visit.control("object-body")).to_contain_text(MARKUP)
    expect(visit.page.get_by_role("table", name="Events")).to_contain_text(MARKUP)
    visit.press("Copy YAML")
    expect(visit.control("yaml")).to_be_visible()
    check_nothing_ran(visit)
    visit.press("Close")
    visit.control("object-edit").click()
    expect(visit.control("f-from")).to_have_value(f'"{MARKUP}" <noreply@example.com>')
    visit.fill(Mailto="ops@example.com, other@example.com")
    check_nothing_ran(visit)


def test_markup_in_all_that_an_api_server_can_send_is_text(browser: Browser, tmp_path: Path) -> None:
    """A name with markup is invalid, but nothing of this page may depend on that."""
    status = failed(MARKUP) | {"summary": MARKUP, "conditions": [condition("Ready", "False", MARKUP, MARKUP)]}
    object_ = smtp_config(status, name=MARKUP, server=MARKUP, username=MARKUP)
    object_["spec"]["from"] = MARKUP
    with (
        FakeCluster.of(tmp_path, [object_]) as fake,
        UiCommand(fake.kubeconfig, tmp_path / "ui.log") as command,
    ):
        visit = Visit(browser, command.url)
        visit.open()
        row = visit.page.locator("#list-rows tr")
        expect(row).to_contain_text(MARKUP)
        check_nothing_ran(visit)
        visit.page.get_by_role("link", name="Mail servers").click()
        expect(visit.control("servers-rows")).to_contain_text(MARKUP)
        check_nothing_ran(visit)
        visit.control("servers-rows").get_by_role("link").click()
        row.get_by_role("link").click()
        expect(visit.control("object-title")).to_contain_text(MARKUP)
        expect(visit.control("object-body").get_by_role("alert")).to_be_visible()
        check_nothing_ran(visit)
        visit.check()
        visit.close()

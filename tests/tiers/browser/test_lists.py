# SPDX-License-Identifier: Apache-2.0
"""The list with its filters, the view of mail servers, and the history of an object."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from smtp_testkit.browser import UiCommand, Visit
from smtp_testkit.browser.fake_cluster import FakeCluster
from smtp_testkit.fakeapi.smtpconfigs import LIST, condition, failed, passed, smtp_config
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed

MANY = 10_000
AT_ONCE = 200
PAGE = 100


def test_mail_servers_count_their_configs_and_lead_to_their_history(
    bed: Bed, relay: MailServer, server: MailServer, visit: Visit
) -> None:
    for name in ("one", "two"):
        bed.create(relay, name, "StartTLS", server="localhost")
    server.replies["RCPT"] = "550 5.1.1 no such user"
    bed.create(server, "three", server="localhost")
    for name in ("one", "two", "three"):
        bed.wait_for_event(bed.verdict(name).reason, name)
    visit.page.get_by_role("link", name="Mail servers").click()
    table = visit.page.get_by_role("table", name="Mail servers")
    good = table.get_by_role("row").filter(has_text=f"localhost:{relay.starttls_port}")
    bad = table.get_by_role("row").filter(has_text=f"localhost:{server.plain_port}")
    expect(good.locator('[data-label="SmtpConfigs"]')).to_have_text("2")
    expect(good.locator('[data-label="Passed"]')).to_have_text("2")
    expect(good.locator('[data-label="Certificate expires"]')).to_contain_text("in ")
    expect(bad.locator('[data-label="Failed"]')).to_have_text("1")
    reason = bed.seen("three").reason
    expect(bad.locator('[data-label="Reasons"]')).to_have_text(f"{reason} (1)")
    expect(bad.locator('[data-label="Last change"]')).to_contain_text("ago")

    bad.get_by_role("link").click()
    rows = visit.page.locator("#list-rows tr")
    expect(rows).to_have_count(1)
    rows.get_by_role("link", name="three").click()
    expect(visit.control("object-title")).to_have_text(f"SmtpConfig {bed.namespace}/three")
    expect(visit.page.get_by_role("table", name="Conditions")).to_contain_text("550 5.1.1 no such user")
    expect(visit.page.get_by_role("table", name="Events")).to_contain_text(reason)


def test_a_change_arrives_in_the_open_list(bed: Bed, server: MailServer, visit: Visit) -> None:
    bed.create(server)
    row = visit.page.locator(f'[data-id="SmtpConfig/{bed.namespace}/mail"]')
    expect(row).to_contain_text("Passed")
    server.replies["RCPT"] = "550 5.1.1 no such user"
    bed.test_again()
    expect(row).to_contain_text("Failed")
    bed.delete()
    expect(row).to_have_count(0)


def many() -> list[dict[str, Any]]:
    """Return SmtpConfigs of fifty mail servers, of which each tenth failed."""
    return [
        smtp_config(
            failed() if number % 10 == 0 else passed(),
            f"mail-{number:05d}",
            server=f"smtp-{number % 50}.example.com",
        )
        for number in range(MANY)
    ]


def test_the_filter_answers_while_one_types_with_10_000_objects(browser: Browser, tmp_path: Path) -> None:
    with (
        FakeCluster.of(tmp_path, many()) as fake,
        UiCommand(fake.kubeconfig, tmp_path / "ui.log") as command,
    ):
        visit = Visit(browser, command.url)
        visit.open()
        count, rows = visit.control("list-count"), visit.page.locator("#list-rows tr")
        expect(count).to_have_text("10000 objects: 9000 passed, 1000 failed, 0 not tested")
        expect(rows).to_have_count(AT_ONCE)
        requests: list[str] = []
        visit.page.on("request", lambda it: requests.append(it.url))
        visit.page.evaluate(
            """() => {
              window.__added = 0;
              new MutationObserver((changes) => {
                for (const change of changes) window.__added += change.addedNodes.length;
              }).observe(document.getElementById("list-rows"), { childList: true });
            }"""
        )
        typed = "mail-042"
        for length in range(1, len(typed) + 1):
            visit.control("filter-text").press("End")
            visit.control("filter-text").press_sequentially(typed[length - 1])
            assert rows.count() <= AT_ONCE
        expect(count).to_have_text("100 of 10000 objects: 90 passed, 10 failed, 0 not tested")
        expect(rows).to_have_count(100)
        visit.control("filter-state").select_option("red")
        expect(rows).to_have_count(10)
        visit.control("filter-server").select_option("smtp-10.example.com:587")
        expect(rows).to_have_count(2)
        assert visit.page.evaluate("window.__added") <= AT_ONCE * len(typed)
        assert requests == []
        visit.control("filter-text").fill("")
        visit.control("filter-server").select_option("")
        expect(rows).to_have_count(AT_ONCE)
        visit.press("Show more")
        expect(rows).to_have_count(2 * AT_ONCE)
        assert len(fake.api.asked("GET", LIST)) == MANY / PAGE
        assert len(fake.api.asked("WATCH", LIST)) == 1
        visit.check()
        visit.close()


def test_an_object_shows_what_is_published_and_in_which_state(browser: Browser, tmp_path: Path) -> None:
    published = {"provenTime": "2026-11-18T11:06:40Z", "generation": 1, "secret": "u/1", "references": []}
    kept = "The current settings fail, so Secret corporate-mail-proven keeps those that were last proven."
    status = failed(published=published, binding={"name": "corporate-mail-proven"})
    status["conditions"].append(condition("Published", "True", "KeptLastProven", kept))
    object_ = smtp_config(status)
    with (
        FakeCluster.of(tmp_path, [object_]) as fake,
        UiCommand(fake.kubeconfig, tmp_path / "ui.log") as command,
    ):
        visit = Visit(browser, command.url)
        visit.open()
        visit.page.locator("#list-rows tr").get_by_role("link").click()
        body = visit.control("object-body")
        expect(body).to_contain_text("Published in")
        expect(body).to_contain_text("Secret corporate-mail-proven")
        expect(body).to_contain_text("Published settings proven")
        expect(visit.control("object-published")).to_have_text(kept)
        visit.close()

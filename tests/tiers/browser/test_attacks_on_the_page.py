# SPDX-License-Identifier: Apache-2.0
"""Other web pages, other users and hostile servers get nothing from the page, in a real browser."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, Route, expect

from smtp_operator.cli.kubectl.ui.security import CHANGE_HEADER
from smtp_testkit.browser import OpenPage, UiCommand, Visit
from smtp_testkit.browser.chromium import FOREIGN_NAME, PATIENCE
from smtp_testkit.http_listener import HttpRequest, Reply, listening
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed
from smtp_testkit.testbed.bed import settings
from smtp_tools.localcluster import LocalCluster

NO_SESSION = "This browser has no session. Start kubectl smtp ui again, and open the URL that it prints."
NO_LINK = (
    "This link is not valid any more: it works once. Stop kubectl smtp ui with Ctrl-C, and start it again."
)


@dataclass
class ForeignSite:
    """A web page on another port of this machine, which belongs to the same site for the browser."""

    html: str = "<!doctype html><title>foreign</title>"
    port: int = 0
    posted: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.port}/"

    def answer(self, call: HttpRequest) -> Reply:
        """Serve the page."""
        return Reply(200, self.html.encode(), {"Content-Type": "text/html"})


@pytest.fixture
def foreign() -> Iterator[ForeignSite]:
    site = ForeignSite()
    with listening(site.answer, name="foreign site") as site.port:
        yield site


def form(bed: Bed, server: MailServer) -> str:
    """Return the body of a change that the page's server accepts from the page."""
    return json.dumps({"namespace": bed.namespace, "name": "mail", "spec": settings(server)})


def statuses(page: Page, origin: str) -> list[tuple[str, int]]:
    """Record path and status of each response of the page's server to this tab."""
    found: list[tuple[str, int]] = []

    def heard(response: Response) -> None:
        if response.url.startswith(origin):
            found.append((response.url.removeprefix(origin), response.status))

    page.on("response", heard)
    return found


def test_the_token_works_once(browser: Browser, visit: Visit) -> None:
    again = Visit(browser, visit.url)
    again.page.goto(visit.url)
    expect(again.control("start-text")).to_have_text(NO_LINK)
    expect(again.control("views")).to_be_hidden()
    again.close()
    visit.page.reload()
    expect(visit.control("view-list")).to_be_visible()


def test_the_token_is_not_left_in_the_history(visit: Visit) -> None:
    token = visit.url.partition("token=")[2]
    assert token not in visit.page.url
    history = visit.context.new_cdp_session(visit.page).send("Page.getNavigationHistory")
    assert not any(token in entry["url"] for entry in history["entries"])
    cookie = next(it for it in visit.context.cookies() if it["name"].startswith("smtp-operator-ui-"))
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert token != cookie["value"]
    assert visit.page.evaluate("document.cookie") == ""


def test_another_local_user_without_the_token_reads_nothing(
    browser: Browser, cluster: LocalCluster, bed: Bed, tmp_path: Path
) -> None:
    with UiCommand(cluster.kubeconfig, tmp_path / "ui.log", "-n", bed.namespace) as command:
        other = Visit(browser, command.origin)
        other.page.goto(f"{command.origin}/#/")
        expect(other.control("start-text")).to_have_text(NO_SESSION)
        for path in ("info", "stream", "namespaces", "object?kind=SmtpConfig&namespace=a&name=b"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{command.origin}/api/{path}", timeout=PATIENCE)
            assert refused.value.code == 401
            refused.value.close()
        other.close()
        arguments = Path(f"/proc/{command.pid}/cmdline").read_bytes().decode()
        assert command.url.partition("token=")[2] not in arguments
        guess = f"{command.origin}/#token=guessed"
        guessing = Visit(browser, guess)
        guessing.page.goto(guess)
        expect(guessing.control("start-text")).to_have_text(NO_LINK)
        guessing.close()


def test_a_form_of_another_page_changes_nothing(
    bed: Bed, server: MailServer, visit: Visit, foreign: ForeignSite
) -> None:
    """The browser sends the cookie, since both ports are one site for SameSite."""
    page = visit.context.new_page()
    found = statuses(page, visit.origin)
    fields = f"<input name='{form(bed, server)[:-1]}, \"x\": \"' value='\"}}'>"
    for path in ("submit", "test", "preview"):
        foreign.html = (
            f"<form method=post enctype=text/plain action={visit.origin}/api/{path}>{fields}"
            "<button>Win a prize</button></form>"
        )
        page.goto(foreign.url)
        page.get_by_role("button").click()
        page.wait_for_url(f"{visit.origin}/api/{path}")
        expect(page.locator("body")).to_contain_text("The header Origin does not name this page.")
    assert found == [("/api/submit", 403), ("/api/test", 403), ("/api/preview", 403)]
    assert bed.api.items(bed.configs) == []


def test_a_script_of_another_page_changes_and_reads_nothing(
    bed: Bed, server: MailServer, visit: Visit, foreign: ForeignSite
) -> None:
    page = visit.context.new_page()
    found = statuses(page, visit.origin)
    page.goto(foreign.url)
    sent = page.evaluate(
        """async ([origin, body, header]) => {
          const result = {};
          const attempt = async (name, path, options) => {
            try {
              const response = await fetch(origin + path, { credentials: "include", ...options });
              result[name] = response.type === "opaque" ? "opaque" : await response.text();
            } catch (error) { result[name] = "refused"; }
          };
          const post = { method: "POST", body };
          await attempt("plain", "/api/submit", { ...post, mode: "no-cors" });
          await attempt("blob", "/api/submit", { ...post, mode: "no-cors",
            body: new Blob([body], { type: "text/plain" }) });
          await attempt("json", "/api/submit", { ...post, headers: { "Content-Type": "application/json" } });
          await attempt("header", "/api/submit", { ...post, headers: { [header]: "1" } });
          await attempt("read", "/api/info", {});
          await attempt("opaque", "/api/info", { mode: "no-cors" });
          await attempt("session", "/session", { ...post, mode: "no-cors" });
          for (const path of ["/api/info", "/api/stream", "/app.mjs"]) {
            await new Promise((resolve) => {
              const script = document.createElement("script");
              script.src = origin + path;
              script.onload = () => { result[path] = "loaded"; resolve(); };
              script.onerror = () => { result[path] = "refused"; resolve(); };
              document.head.append(script);
            });
          }
          return result;
        }""",
        [visit.origin, form(bed, server), CHANGE_HEADER],
    )
    assert set(sent.values()) <= {"refused", "opaque"}, sent
    assert {status for path, status in found if path.startswith(("/api/", "/session"))} <= {403, 405}
    assert bed.api.items(bed.configs) == []
    assert bed.api.items(bed.tests) == []


def test_a_foreign_name_for_this_machine_gets_nothing(visit: Visit, bed: Bed, server: MailServer) -> None:
    """DNS rebinding: a page of a foreign name, whose name then resolves to 127.0.0.1."""
    page = visit.context.new_page()
    foreign = visit.origin.replace("127.0.0.1", FOREIGN_NAME)
    answered = page.goto(f"{foreign}/")
    assert answered is not None
    assert answered.status == 421
    expect(page.locator("body")).to_contain_text(f"This server answers only to {visit.origin}.")

    def lure(route: Route) -> None:
        route.fulfill(body="<!doctype html><title>lure</title>", content_type="text/html")

    page.route(f"{foreign}/lure", lure)
    page.goto(f"{foreign}/lure")
    token = visit.url.partition("token=")[2]
    found = page.evaluate(
        """async ([body, header, token]) => {
          const headers = { "Content-Type": "application/json", [header]: "1" };
          const post = (body) => ({ method: "POST", headers, body });
          const all = [["/"], ["/app.mjs"], ["/api/info"], ["/api/submit", post(body)],
            ["/session", post(JSON.stringify({ token }))]];
          return Promise.all(all.map(async ([path, options]) => (await fetch(path, options)).status));
        }""",
        [form(bed, server), CHANGE_HEADER, token],
    )
    assert found == [421] * 5
    assert bed.api.items(bed.configs) == []


def test_another_page_cannot_frame_the_page(visit: Visit, foreign: ForeignSite) -> None:
    page = visit.context.new_page()
    for tag in ("iframe", "embed"):
        foreign.html = f"<!doctype html><title>lure</title><{tag} src={visit.origin}/>"
        page.goto(foreign.url)
        page.wait_for_load_state()
        frames = [it for it in page.frames if it != page.main_frame]
        assert [it.url for it in frames] == ["chrome-error://chromewebdata/"]


def test_read_only_refuses_each_change(bed: Bed, server: MailServer, open_page: OpenPage) -> None:
    bed.create(server)
    bed.verdict()
    visit = open_page("-n", bed.namespace, "--read-only")
    expect(visit.control("who")).to_contain_text("(read-only)")
    expect(visit.control("nav-new")).to_be_hidden()
    visit.show(f"#/edit/{bed.namespace}/mail")
    reason = "The page is read-only: it was started with --read-only."
    expect(visit.control("test-denied")).to_have_text(reason)
    for button in ("test-connection", "submit"):
        expect(visit.control(button)).to_have_attribute("aria-disabled", "true")
        visit.control(button).click(force=True)
    expect(visit.control("preview")).to_be_hidden()
    answered = visit.page.evaluate(
        """async ([body, header]) => {
          const headers = { "Content-Type": "application/json", [header]: "1" };
          return Promise.all(["test", "preview", "submit"].map(async (path) => {
            const response = await fetch(`/api/${path}`, { method: "POST", headers, body });
            return [response.status, (await response.json()).error];
          }));
        }""",
        [form(bed, server), CHANGE_HEADER],
    )
    assert answered == [[403, reason]] * 3
    assert bed.api.items(bed.tests) == []

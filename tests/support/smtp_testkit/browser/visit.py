# SPDX-License-Identifier: Apache-2.0
"""The page in a separate browser context, and the actions of a user on it."""

from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Browser, ConsoleMessage, Locator, Request, expect

from smtp_testkit.browser.chromium import PATIENCE

_WIDE = {"width": 1280, "height": 900}
_COUNT = """
window.__userInput = {clicks: 0, keys: 0};
addEventListener("click", (event) => { if (event.isTrusted && event.detail) __userInput.clicks += 1; }, true);
addEventListener("keydown", (event) => { if (event.isTrusted) __userInput.keys += 1; }, true);
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) => __violations.push(
  `${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


class Visit:
    """A browser with its own cookies that has the page open, and a record of what went wrong there.

    Attributes:
        page: the page, for everything that has no method here.
        complaints: uncaught errors, console errors, and requests to other servers.
    """

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        """Create the context; options are those of a Playwright context."""
        self.url = url
        self.origin = url.partition("/#")[0]
        wanted: dict[str, Any] = {"viewport": _WIDE, "locale": "en-GB", "timezone_id": "UTC", **options}
        self.context = browser.new_context(**wanted)
        self.context.set_default_timeout(PATIENCE * 1000)
        self.context.add_init_script(_COUNT)
        self.complaints: list[str] = []
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("console", self._heard)
        self.page.on("request", self._requested)

    def _heard(self, message: ConsoleMessage) -> None:
        # The browser reports each response that is an error; the page shows these to the user.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(f"console: {message.text}")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith(f"{self.origin}/"):
            self.complaints.append(f"request to {request.url}")

    def open(self, hash_: str = "") -> None:
        """Open the URL that the command printed, then the view with this hash."""
        self.page.goto(self.url)
        expect(self.page.locator("#views")).to_be_visible()
        if hash_:
            self.show(hash_)

    def show(self, hash_: str) -> None:
        """Open the view with this hash, such as ``#/new``."""
        self.page.goto(f"{self.origin}/{hash_}")

    def check(self) -> None:
        """Check that the page reported no error and sent no request to another server."""
        violations = self.page.evaluate("window.__violations ?? []")
        assert [*self.complaints, *violations] == []

    def close(self) -> None:
        """Close the context."""
        self.context.close()

    def control(self, id_: str) -> Locator:
        """Return the control with this id."""
        return self.page.locator(f"#{id_}")

    def fill(self, **fields: str | int) -> None:
        """Enter texts, or choose options, by label; ``SMTP_Server`` is the field SMTP Server."""
        for name, value in fields.items():
            field = self.page.get_by_label(name.replace("_", " "), exact=True)
            if field.evaluate("it => it.tagName") == "SELECT":
                field.select_option(str(value))
            else:
                field.fill(str(value))

    def new_form(self, **fields: str | int) -> None:
        """Open an empty form by its link and fill it in."""
        self.page.get_by_role("link", name="New SmtpConfig").first.click()
        expect(self.control("view-form")).to_be_visible()
        self.fill(**fields)

    def press(self, name: str) -> None:
        """Click the button with this name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def test(self, state: str) -> Locator:
        """Click Test Connection, wait until the button is ``green`` or ``red``, and return the result."""
        self.control("test-connection").click()
        return self.result(state)

    def result(self, state: str, button_id: str = "test-connection") -> Locator:
        """Wait until the button of the test is ``green`` or ``red``, and return the result."""
        button = self.control(button_id)
        expect(button).not_to_have_attribute("data-state", "busy")
        expect(button).to_have_attribute("data-state", state)
        return self.control("test-result")

    def submit(self) -> None:
        """Submit the form, and confirm the preview."""
        self.press("Submit")
        expect(self.control("preview")).to_be_visible()
        self.press("Confirm")
        expect(self.control("view-object")).to_be_visible()

    @property
    def input_so_far(self) -> dict[str, int]:
        """The number of clicks and of pressed keys of the user on this page."""
        found: dict[str, int] = self.page.evaluate("window.__userInput")
        return found


class OpenPage(Protocol):
    """Opens the page in a browser context that ends with the test."""

    def __call__(self, *flags: str, kubeconfig: Path | None = None, **options: Any) -> Visit:
        """Start the command with these flags and open its URL.

        Default kubeconfig: an administrator. The options are those of a Playwright context.
        """

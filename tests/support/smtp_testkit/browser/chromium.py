# SPDX-License-Identifier: Apache-2.0
"""Finds and starts Debian's chromium; Playwright downloads no browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, expect, sync_playwright

INSTALL: Final = (
    "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium"
)
PATIENCE: Final = 60.0
"""Seconds that a condition on the page may take on a busy machine."""
FOREIGN_NAME: Final = "rebound.example.com"
"""A name that this chromium resolves to 127.0.0.1, as after DNS rebinding."""


def missing() -> str:
    """Return what is missing and how to install it; empty if nothing is missing."""
    return "" if shutil.which("chromium") else f"make test-browser needs chromium. On Debian: {INSTALL}"


@contextmanager
def running() -> Iterator[Browser]:
    """Start a headless chromium for the block."""
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                f"--host-resolver-rules=MAP {FOREIGN_NAME} 127.0.0.1",
                # Other browsers have no such check: the page's own server must refuse these requests.
                "--disable-features=LocalNetworkAccessChecks",
                "--no-proxy-server",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()

# SPDX-License-Identifier: Apache-2.0
"""Debian's chromium with the page of ``kubectl smtp ui``, driven by Playwright.

with chromium.running() as browser, UiCommand(kubeconfig, log, "-n", "team-a") as command:
    visit = Visit(browser, command.url)
    visit.open()
"""

from smtp_testkit.browser.ui_command import UiCommand
from smtp_testkit.browser.visit import OpenPage, Visit

__all__ = ["OpenPage", "UiCommand", "Visit"]

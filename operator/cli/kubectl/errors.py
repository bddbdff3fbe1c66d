# SPDX-License-Identifier: Apache-2.0
"""The error that ends the plug-in without a result."""

from smtp_operator.cli.exit_codes import USAGE


class PluginFailed(Exception):
    """There is no result to show. The text says why, and how to fix it."""

    def __init__(self, text: str, exit_code: int = USAGE) -> None:
        super().__init__(text)
        self.exit_code = exit_code

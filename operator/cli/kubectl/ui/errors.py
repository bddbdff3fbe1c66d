# SPDX-License-Identifier: Apache-2.0
"""Errors that the page shows."""

from collections.abc import Sequence


class PageError(Exception):
    """The request cannot be done. The text is for the user."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class InvalidForm(PageError):
    """Fields of the form are invalid; each problem is a field's path and a text without its value."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        shown = "; ".join(f"{field} {text}".strip() for field, text in problems)
        super().__init__(422, shown)
        self.problems = problems

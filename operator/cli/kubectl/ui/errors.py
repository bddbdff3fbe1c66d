# SPDX-License-Identifier: Apache-2.0
"""Errors that the page shows."""

import re
from collections.abc import Sequence
from typing import Final

from smtp_operator.api.errors import ClusterError

_REQUEST: Final = re.compile(r"^[A-Z]+ /\S+: 40[13] \w+: ")


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


def shown_error(error: ClusterError) -> str:
    """Return the text of an error for the user: of a denied request only what the API server said."""
    return _REQUEST.sub("", str(error))

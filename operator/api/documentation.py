# SPDX-License-Identifier: Apache-2.0
"""The page of a reason in the documentation, and its address on a published site."""

from smtp_operator.api.reasons import Reason

_REASONS = frozenset(map(str, Reason))


def reason_page(reason: Reason) -> str:
    """Return the path of a reason's page in the repository."""
    return f"docs/reference/reasons/{reason}.md"


def reason_url(docs_url: str, reason: str) -> str:
    """Return the address of a reason's page; empty without a site, or if the word is not a reason."""
    if not docs_url or reason not in _REASONS:
        return ""
    return f"{docs_url.rstrip('/')}/reference/reasons/{reason}.html"

# SPDX-License-Identifier: Apache-2.0
"""The page of a reason in the documentation, and its address on a published site."""

from smtp_operator.api.reasons import Reason

_PAGES = {reason: str(reason) for reason in Reason}
_PAGES[Reason.SENDER_DNS_UNAVAILABLE] = "SenderDnsUnavailable"
# DnsUnavailable.md and DNSUnavailable.md would be one file where upper and lower case are the same.
_REASONS = {str(reason): page for reason, page in _PAGES.items()}


def reason_page(reason: Reason) -> str:
    """Return the path of a reason's page in the repository."""
    return f"docs/reference/reasons/{_PAGES[reason]}.md"


def reason_url(docs_url: str, reason: str) -> str:
    """Return the address of a reason's page; empty without a site, or if the word is not a reason."""
    if not docs_url or reason not in _REASONS:
        return ""
    return f"{docs_url.rstrip('/')}/reference/reasons/{_REASONS[reason]}.html"

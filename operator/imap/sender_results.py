# SPDX-License-Identifier: Apache-2.0
"""Results of the receiver about the sender: the header Authentication-Results (RFC 8601).

Anyone can write such a header. Only those above the first Received count: the receiver's last server wrote
them. A Received of the delivery into the mailbox (LMTP) does not count as the first.
"""

import contextlib
import re
from collections.abc import Iterator
from email.message import Message
from typing import Any, Final

from smtp_operator.imap.request import SenderResults
from smtp_operator.smtp.replies import clean

_HEADER: Final = "authentication-results"
_MOST_HEADERS: Final = 20
_LONGEST: Final = 16_384
"""Characters of a header that are read."""
_LMTP: Final = re.compile(r"\bwith\s+LMTPS?A?\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[a-z]{1,31}")
_BEST_FIRST: Final = ("pass", "fail", "softfail", "permerror", "temperror", "policy", "neutral", "none")


def sender_results(message: Message, trusted: str | None) -> SenderResults:
    """Return the results of one receiver: ``trusted``, or else the one of the topmost header."""
    found: dict[str, list[str]] = {}
    receiver = ""
    for server, results in _parsed(message):
        name = server.lower()
        if name != (trusted or receiver or server).lower():
            continue
        receiver = receiver or server
        for method, result in results:
            found.setdefault(method, []).append(result)
    best = {method: _best(results) for method, results in found.items()}
    return SenderResults(
        authserv_id=clean(receiver)[:253],
        spf=best.get("spf", ""),
        dkim=best.get("dkim", ""),
        dmarc=best.get("dmarc", ""),
    )


def _parsed(message: Message) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the receiver and the results of each valid header above the first Received."""
    import authres

    parse: Any = authres.AuthenticationResultsHeader.parse
    for text in _of_the_last_server(message):
        server, results = "", []
        with contextlib.suppress(Exception):  # the library raises many errors; an invalid header says nothing
            header = parse(f"Authentication-Results: {text}")
            results = [(str(it.method), str(it.result)) for it in header.results if hasattr(it, "method")]
            server = str(header.authserv_id)
        if server:
            yield server, [(method, result) for method, result in results if _WORD.fullmatch(result)]


def _of_the_last_server(message: Message) -> Iterator[str]:
    count = 0
    for name, value in message.items():
        text = str(value)
        if name.lower() == "received" and not _LMTP.search(text[:_LONGEST]):
            return
        if name.lower() == _HEADER and count < _MOST_HEADERS:
            count += 1
            yield " ".join(text[:_LONGEST].split())


def _best(results: list[str]) -> str:
    """Return the best of several results: one valid signature suffices."""
    order = {result: rank for rank, result in enumerate(_BEST_FIRST)}
    return min(results, key=lambda it: order.get(it, len(order)))

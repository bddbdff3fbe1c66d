# SPDX-License-Identifier: Apache-2.0
"""The interface to DNS, and how records are quoted."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

_QUOTED: Final = 200
"""Longest text of a record in a message, in characters."""


class DnsFailed(Exception):
    """The name servers did not answer, or answered with an error. The text names the record."""


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one name and type."""

    found: tuple[str, ...] = ()
    exists: bool = True
    """Whether the name exists, with or without records of this type."""


class DnsReader(Protocol):
    """Reads DNS records. Names are absolute, with or without a final dot."""

    async def texts(self, name: str) -> Records:
        """Return the TXT records; the strings of one record are joined (RFC 7208, section 3.3).

        Raises:
            DnsFailed
        """
        ...

    async def exchangers(self, name: str) -> Records:
        """Return the hosts of the MX records in order of preference; a null MX (RFC 7505) is empty.

        Raises:
            DnsFailed
        """
        ...

    async def addresses(self, name: str) -> Records:
        """Return the A records, or the AAAA records if there are none.

        Raises:
            DnsFailed
        """
        ...


def quoted(text: str) -> str:
    """Return the text of a record in quotation marks, without control characters; ``…`` marks a cut."""
    shown = "".join(it if it.isprintable() else "?" for it in text[: _QUOTED + 1])
    return f'"{shown}"' if len(shown) <= _QUOTED else f'"{shown[:_QUOTED]}…"'


def to_publish(name: str, kind: str, value: str) -> str:
    """Return the sentence that names the record to publish."""
    return f'Publish in DNS: name "{name}", type {kind}, value "{value}".'


def normalized(name: str) -> str:
    """Return a domain name in lower case without its final dot, to compare names."""
    return name.lower().removesuffix(".")


def listed(items: Iterable[str]) -> str:
    """Return items as a list in a sentence: ``a, b and c``."""
    *rest, last = items
    return f"{', '.join(rest)} and {last}" if rest else last

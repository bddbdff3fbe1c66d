# SPDX-License-Identifier: Apache-2.0
"""Strict parser for one email address: never two addresses, never an injected header.

``email.utils`` is not used: it is lenient, and what it accepts differs between Python versions
(CVE-2023-27043). This parser implements RFC 5322's ``mailbox`` without comments, folding and obsolete forms,
with UTF-8 (RFC 6532). International domains become A-labels (RFC 5891).
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

_ATEXT: Final = r"[^\x00-\x20\x7f-\x9f\s()<>\[\]:;@\\,.\"]"
_DOT_ATOM: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED: Final = re.compile(r"\"(?:[^\x00-\x1f\x7f-\x9f\"\\]|\\[\x20-\x7e])*\"")
_SEPARATOR: Final = re.compile(r"[,;\s]")
_ESCAPED: Final = re.compile(r"\\(.)")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NAMED: Final = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")
_LOCAL_OCTETS: Final = 64
_ADDRESS_OCTETS: Final = 254


class AddressInvalid(ValueError):
    """The reason why a text is not one email address; it does not repeat the text."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An email address. ``local`` is as written, with quotes; ``domain`` is ASCII."""

    name: str
    """Display name without quotes; empty if there is none."""
    local: str
    domain: str

    @property
    def address(self) -> str:
        """The form in the envelope: ``local@domain``."""
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether the address requires a server with SMTPUTF8 (RFC 6531)."""
        return not self.local.isascii()


@lru_cache(maxsize=256)  # a test reads each address several times
def parse_mailbox(text: str) -> Mailbox:
    """Parse one address with or without a display name.

    Raises:
        AddressInvalid: the reason, without the text.
    """
    text = text.strip(" \t")
    if not text.isprintable():
        raise AddressInvalid("has a line break or another control character")
    found = _NAMED.fullmatch(text)
    if found is None:
        return _parse("", text)
    return _parse(_display_name(found["name"].strip(" \t")), found["address"])


def parse_address(text: str) -> Mailbox:
    """Parse one plain address without a display name.

    Raises:
        AddressInvalid: the reason, without the text.
    """
    mailbox = parse_mailbox(text)
    if mailbox.name or text.strip().endswith(">"):
        raise AddressInvalid("has a display name or angle brackets; write the plain address")
    return mailbox


def _display_name(name: str) -> str:
    if _QUOTED.fullmatch(name):
        return _ESCAPED.sub(r"\1", name[1:-1])
    if "@" in name and "," in name:
        raise AddressInvalid("contains two addresses")
    if any(character in name for character in '",;:\\@()[]'):
        raise AddressInvalid("has a display name with characters that require double quotes")
    return name


def _parse(name: str, address: str) -> Mailbox:
    quoted = _QUOTED.match(address)
    local, at, domain = (
        (quoted[0], address[quoted.end() : quoted.end() + 1], address[quoted.end() + 1 :])
        if quoted
        else address.partition("@")
    )
    if not address:
        raise AddressInvalid("is empty")
    if at != "@":
        raise AddressInvalid("has no @" if not quoted else "has no @ after the closing quote")
    if _SEPARATOR.search(address, address.find("@"), address.rfind("@")):
        raise AddressInvalid("contains two addresses")
    if "@" in domain:
        raise AddressInvalid("has more than one @")
    if not quoted and not _DOT_ATOM.fullmatch(local):
        raise AddressInvalid(
            "has nothing before the @" if not local else "has characters before the @ that require quotes"
        )
    ascii_domain = _domain(domain)
    if len(local.encode()) > _LOCAL_OCTETS or len(local.encode()) + 1 + len(ascii_domain) > _ADDRESS_OCTETS:
        raise AddressInvalid("is too long for an email address (RFC 5321 section 4.5.3.1)")
    return Mailbox(name, local, ascii_domain)


def _domain(domain: str) -> str:
    if not domain:
        raise AddressInvalid("has nothing after the @")
    if domain.startswith("["):
        return _literal(domain)
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise AddressInvalid("has a domain that is not a valid host name") from None
    if len(domain) > 253 or not all(map(_LABEL.fullmatch, domain.split("."))):
        raise AddressInvalid("has a domain that is not a valid host name")
    return domain


def _literal(domain: str) -> str:
    inner = domain[1:-1]
    try:
        if not domain.endswith("]"):
            raise ValueError
        if inner.upper().startswith("IPV6:"):
            ipaddress.IPv6Address(inner[5:])
        else:
            ipaddress.IPv4Address(inner)
    except ValueError:
        raise AddressInvalid("has no IP address in the brackets after the @") from None
    return domain

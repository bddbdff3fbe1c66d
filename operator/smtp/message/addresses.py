# SPDX-License-Identifier: Apache-2.0
"""One mail address out of what a user wrote, strictly: never two, never a header injected.

Not ``email.utils``: what it takes for an address differs by Python version (CVE-2023-27043) and is
lenient in all. Here is RFC 5322's ``mailbox`` without comments, folding and obsolete forms, with
UTF-8 (RFC 6532) and international domains turned into A-labels (RFC 5891).
"""

import ipaddress
import re
from dataclasses import dataclass
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
    """Why a text is not one mail address; the text itself is not repeated in it."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mail address. ``local`` is as written, quotes included; ``domain`` is ASCII."""

    name: str
    """Display name without quotes; empty where there is none."""
    local: str
    domain: str

    @property
    def address(self) -> str:
        """As the envelope has it: ``local@domain``."""
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server with SMTPUTF8 (RFC 6531) can take it."""
        return not self.local.isascii()


def parse_mailbox(text: str) -> Mailbox:
    """One address with or without a display name. AddressInvalid says what is wrong, without the text."""
    text = text.strip(" \t")
    if not text.isprintable():
        raise AddressInvalid("has a line break or another control character")
    found = _NAMED.fullmatch(text)
    if found is None:
        return _parse("", text)
    return _parse(_display_name(found["name"].strip(" \t")), found["address"])


def parse_address(text: str) -> Mailbox:
    """One plain address, no display name. AddressInvalid says what is wrong, without the text."""
    mailbox = parse_mailbox(text)
    if mailbox.name or text.strip().endswith(">"):
        raise AddressInvalid("has a display name or angle brackets; write the plain address")
    return mailbox


def _display_name(name: str) -> str:
    if _QUOTED.fullmatch(name):
        return _ESCAPED.sub(r"\1", name[1:-1])
    if "@" in name and "," in name:
        raise AddressInvalid("is two addresses")
    if any(sign in name for sign in '",;:\\@()[]'):
        raise AddressInvalid("has a display name with signs that need double quotes around it")
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
        raise AddressInvalid("is two addresses")
    if "@" in domain:
        raise AddressInvalid("has more than one @")
    if not quoted and not _DOT_ATOM.fullmatch(local):
        raise AddressInvalid(
            "has nothing before the @" if not local else "has signs before the @ that need quotes"
        )
    ascii_domain = _domain(domain)
    if len(local.encode()) > _LOCAL_OCTETS or len(local.encode()) + 1 + len(ascii_domain) > _ADDRESS_OCTETS:
        raise AddressInvalid("is longer than a mail address may be (RFC 5321 section 4.5.3.1)")
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
            raise AddressInvalid("has a domain that no host name can have") from None
    if len(domain) > 253 or not all(map(_LABEL.fullmatch, domain.split("."))):
        raise AddressInvalid("has a domain that no host name can have")
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
        raise AddressInvalid("has no IP address within the brackets after the @") from None
    return domain

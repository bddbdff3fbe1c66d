# SPDX-License-Identifier: Apache-2.0
"""Find and check the DMARC policy of a domain (RFC 9989, which replaces RFC 7489).

The organizational domain is found by the RFC's tree walk, so no list of public suffixes can be outdated.
"""

import re
from dataclasses import dataclass
from typing import Final

from smtp_operator.sender_authentication.records import DnsFailed, DnsReader, Records, quoted

_MOST_LABELS: Final = 8
_LONGEST: Final = 4096
"""Longest record that is read, in characters."""
_POLICIES: Final = ("none", "quarantine", "reject")
_VERSION: Final = re.compile(r"v[ \t]{0,64}=[ \t]{0,64}DMARC1[ \t]*(?:;|$)")
_POLICY: Final = re.compile(r"\bp[ \t]{0,64}=[ \t]{0,64}(none|quarantine|reject)\b", re.IGNORECASE)
_TAG: Final = re.compile(r"[A-Za-z]{1,32}")
_ROLE: Final = re.compile(r";[ \t]{0,64}psd[ \t]{0,64}=[ \t]{0,64}([yn])[ \t]*(?:;|$)")
"""The tag ``psd``: n marks an organizational domain, y a public suffix; the walk ends at both."""


class DmarcBroken(Exception):
    """Receivers ignore the record, or a part of it. The text is one or two sentences."""


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """The record that applies to a domain."""

    name: str
    """For example ``_dmarc.example.com``."""
    texts: tuple[str, ...]
    """More than one: receivers ignore all of them."""
    misspelled: bool = False
    """Whether it is only meant as a DMARC record."""


async def find(domain: str, dns: DnsReader) -> DmarcRecord | None:
    """Return the record of the domain, else that of its organizational domain; None if there is none.

    Raises:
        DnsFailed
    """
    unusable: DmarcRecord | None = None
    usable: DmarcRecord | None = None
    for name in tree(domain):
        try:
            record = _record_of(f"_dmarc.{name}", await dns.texts(f"_dmarc.{name}"))
        except DnsFailed:
            if "." in name:
                raise
            break  # few top-level domains have a policy
        if record is None:
            continue
        if name == domain:
            return record
        if record.misspelled or len(record.texts) > 1:
            unusable = unusable or record
            continue
        role = _ROLE.search(record.texts[0])
        if role is None or role[1] == "n" or usable is None:  # the policy of a public suffix comes last
            usable = record
        if role is not None:
            break
    return usable or unusable


def tree(domain: str) -> list[str]:
    """Return the names to look at, from the domain to the top-level domain (RFC 9989, section 4.10)."""
    labels = domain.split(".")
    start = max(1, len(labels) - _MOST_LABELS + 1)
    return [domain, *(".".join(labels[at:]) for at in range(start, len(labels)))]


def _record_of(name: str, found: Records) -> DmarcRecord | None:
    valid = tuple(it for it in found.found if _VERSION.match(it))
    if valid:
        return DmarcRecord(name, valid)
    meant = tuple(it for it in found.found if "dmarc1" in it[:64].lower())
    return DmarcRecord(name, meant, misspelled=True) if meant else None


def policy_of(record: DmarcRecord) -> str:
    """Return the policy of a record: none, quarantine or reject.

    Raises:
        DmarcBroken: with the tag that is wrong.
    """
    if record.misspelled:
        raise DmarcBroken(f"It has to begin with v=DMARC1; instead of {quoted(record.texts[0][:40])}.")
    if len(record.texts) > 1:
        raise DmarcBroken("Receivers ignore all of them if there is more than one.")
    if len(record.texts[0]) > _LONGEST:
        raise DmarcBroken(f"It has {len(record.texts[0])} characters; at most {_LONGEST} are read.")
    tags = _tags(record.texts[0])
    if "p" not in tags:
        raise DmarcBroken("It has no policy p.")
    for tag in ("p", "sp", "np"):
        if tag in tags and tags[tag].lower() not in _POLICIES:
            raise DmarcBroken(f"The policy {tag} is {quoted(tags[tag])}, not none, quarantine or reject.")
    for tag in ("rua", "ruf"):
        for address in tags.get(tag, "").split(","):
            if address.strip() and ":" not in address:
                raise DmarcBroken(
                    f"The address {quoted(address.strip())} in {tag} has to begin with mailto:."
                )
    return tags["p"].lower()


def _tags(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = (it.strip(" \t") for it in part.partition("="))
        if not name and not equals:
            continue
        if not equals or _TAG.fullmatch(name) is None:
            raise DmarcBroken(f"The part {quoted(part.strip())} is not of the form tag=value.")
        if name in tags:
            raise DmarcBroken(f"The tag {name} occurs twice.")
        tags[name] = value
    return tags


def corrected(record: DmarcRecord) -> str:
    """Return a record with the valid policy of an invalid one, else with ``p=none``."""
    found = _POLICY.search(record.texts[0])
    return f"v=DMARC1; p={found[1].lower() if found else 'none'}"

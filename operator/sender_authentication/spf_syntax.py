# SPDX-License-Identifier: Apache-2.0
"""Parse SPF records (RFC 7208, sections 4.6, 5, 6, 7 and 12), in time linear in their length."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from smtp_operator.sender_authentication.records import quoted

VERSION: Final = "v=spf1"
LONGEST: Final = 8192
"""Longest record that is read, in characters; the RFC recommends 450."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WITH_DOMAIN: Final = frozenset({"include", "exists"})
_MECHANISMS: Final = frozenset({"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"})
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_MACRO: Final = re.compile(r"%(?:[%_-]|\{[slodiphv]\d{0,3}r?[.\-+,/_=]*\})", re.IGNORECASE)
_MACRO_OF_EXP: Final = re.compile(r"%(?:[%_-]|\{[slodiphvcrt]\d{0,3}r?[.\-+,/_=]*\})", re.IGNORECASE)
_CIDR: Final = re.compile(r"(?P<name>.*?)(?:/(?P<four>\d{1,3}))?(?://(?P<six>\d{1,3}))?")
_TOP_LABEL: Final = re.compile(r"(?!\d+$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f.:]{2,45}(?:/\d{1,3})?")
_MEANT: Final = {
    "exist": "exists",
    "includes": "include",
    "inlcude": "include",
    "ip": "ip4",
    "ipv4": "ip4",
    "ipv6": "ip6",
}
"""Mechanisms that users write for others."""


class SpfSyntaxError(Exception):
    """A record violates the syntax. The text is a sentence about a term."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism with its qualifier."""

    text: str
    qualifier: str
    mechanism: str
    domain: str = ""
    """The domain as written, possibly with macros; empty: the domain of the record."""
    network: Network | None = None

    @property
    def has_macros(self) -> bool:
        """Return whether the domain depends on the email."""
        return "%" in self.domain


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """A parsed record."""

    text: str
    directives: tuple[Directive, ...]
    """In order, up to the first ``all``: receivers ignore those after it."""
    redirect: str | None
    """The domain of ``redirect``; None if there is none, or if ``all`` makes receivers ignore it."""


def is_spf(text: str) -> bool:
    """Return whether a TXT record is an SPF record: a version, then a space or nothing."""
    return text[: len(VERSION)].lower() == VERSION and text[len(VERSION) : len(VERSION) + 1] in ("", " ")


def looks_like_spf(text: str) -> bool:
    """Return whether a TXT record is meant as an SPF record, although receivers ignore it."""
    start = text[:32].lstrip(" \t\"'").lower()
    return not is_spf(text) and start.replace(" ", "").startswith(("v=spf", "spf1", "v=sfp"))


def parse(text: str) -> SpfRecord:
    """Parse a record for which ``is_spf`` is true.

    Raises:
        SpfSyntaxError: receivers treat the whole record as invalid (permerror).
    """
    if len(text) > LONGEST:
        raise SpfSyntaxError(f"It has {len(text)} characters; at most {LONGEST} are read.")
    directives: list[Directive] = []
    modifiers: dict[str, str] = {}
    for term in text[len(VERSION) :].split(" "):
        if not term:
            continue
        if not term.isascii() or not term.isprintable():
            raise SpfSyntaxError(f"The term {quoted(term)} has a character that is not allowed.")
        modifier = _modifier(term)
        if modifier is None:
            directives.append(_directive(term))
            continue
        name, value = modifier
        if name in modifiers:
            raise SpfSyntaxError(f"The modifier {name} occurs twice.")
        if name in ("redirect", "exp"):
            modifiers[name] = value
    ends = next((i for i, it in enumerate(directives) if it.mechanism == "all"), None)
    kept = directives if ends is None else directives[: ends + 1]
    return SpfRecord(text, tuple(kept), modifiers.get("redirect") if ends is None else None)


def _modifier(term: str) -> tuple[str, str] | None:
    """Return name and value if the term is a modifier."""
    name, equals, value = term.partition("=")
    if not equals or _NAME.fullmatch(name) is None:
        return None
    name = name.lower()
    if name in _MECHANISMS - {"all"}:
        raise SpfSyntaxError(f"The term {quoted(term)} has = instead of a colon: {name}:{value[:100]}.")
    if name in ("redirect", "exp"):
        _check_domain(term, value, _MACRO)
    elif "%" in _MACRO_OF_EXP.sub("", value):
        raise SpfSyntaxError(f"The term {quoted(term)} has an invalid macro.")
    return name, value


def _directive(term: str) -> Directive:
    qualifier, rest = (term[0], term[1:]) if term[0] in "+-~?" else ("+", term)
    end = next((i for i, it in enumerate(rest) if it in ":/"), len(rest))
    name, argument = rest[:end].lower(), rest[end:]
    if name not in _MECHANISMS:
        raise SpfSyntaxError(_unknown(term, name, argument))
    if name == "all":
        if argument:
            raise SpfSyntaxError(f"The term {quoted(term)} has text after all.")
        return Directive(term, qualifier, name)
    if name in ("ip4", "ip6"):
        return Directive(term, qualifier, name, network=_network(term, name, argument))
    if name in ("a", "mx"):
        argument = _without_prefixes(term, argument)
    domain = argument.removeprefix(":")
    if name in _WITH_DOMAIN or argument:
        _check_domain(term, domain if argument.startswith(":") else "", _MACRO)
    return Directive(term, qualifier, name, domain)


def _unknown(term: str, name: str, argument: str) -> str:
    """Return why a term is no mechanism, and what was probably meant."""
    if term[-1] in ",;" or name[:-1] in _MECHANISMS:
        return f"The term {quoted(term)} has a character too many at its end: separate terms with spaces."
    if name in _MEANT:
        return f"The term {quoted(term)} has to be {quoted(_MEANT[name] + argument)}."
    if not argument and _ADDRESS.fullmatch(name) and ("." in name or ":" in name):
        return f"The term {quoted(term)} is an address: write ip4:{name} or ip6:{name}."
    if not argument and "." in name:
        return f"The term {quoted(term)} is a domain: write include:{name}, if it has an SPF record."
    return f"The term {quoted(term)} is not a mechanism of SPF."


def _network(term: str, name: str, argument: str) -> Network:
    text = argument.removeprefix(":")
    prefix = text.partition("/")[2]
    try:
        if (
            not argument.startswith(":")
            or _ADDRESS.fullmatch(text) is None
            or (prefix != "0" and prefix[:1] == "0")
        ):
            raise ValueError
        if name == "ip4":
            return ipaddress.IPv4Network(text, strict=False)
        return ipaddress.IPv6Network(text, strict=False)
    except ValueError:
        other = "ip6" if name == "ip4" and ":" in text else "ip4" if name == "ip6" and ":" not in text else ""
        hint = f" Write {other}:{text[:100]}." if other and _ADDRESS.fullmatch(text) else ""
        raise SpfSyntaxError(f"The term {quoted(term)} has no valid address or network.{hint}") from None


def _without_prefixes(term: str, argument: str) -> str:
    """Return the argument of ``a`` or ``mx`` without the lengths of prefixes."""
    found = _CIDR.fullmatch(argument)
    assert found is not None
    for length, most in ((found["four"], 32), (found["six"], 128)):
        if length is not None and (int(length) > most or (length != "0" and length.startswith("0"))):
            raise SpfSyntaxError(f"The term {quoted(term)} has an invalid prefix length.")
    return found["name"]


def _check_domain(term: str, domain: str, macros: re.Pattern[str]) -> None:
    """Check a domain-spec (RFC 7208, section 7.1)."""
    if not domain:
        raise SpfSyntaxError(f"The term {quoted(term)} has no domain; there is no space after the colon.")
    literal = macros.sub("\0", domain)
    if "%" in literal:
        raise SpfSyntaxError(f"The term {quoted(term)} has an invalid macro.")
    if literal.endswith("\0"):
        return
    labels = literal.removesuffix(".").split(".")
    known = [it for it in labels if "\0" not in it]
    if len(labels) < 2 or _TOP_LABEL.fullmatch(labels[-1]) is None:
        raise SpfSyntaxError(f"The term {quoted(term)} does not end with a domain such as example.com.")
    if any(not 0 < len(it) < 64 for it in known) or len(literal) > 253:
        raise SpfSyntaxError(f"The term {quoted(term)} has an invalid domain name.")

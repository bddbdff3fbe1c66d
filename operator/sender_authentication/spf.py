# SPDX-License-Identifier: Apache-2.0
"""Follow an SPF record as a receiver does whose client matches nothing (RFC 7208, section 4.6.4).

All look-ups count, those of included records too. A receiver may need fewer, if an earlier term matches.
"""

from dataclasses import dataclass, field
from typing import Final

from smtp_operator.sender_authentication.records import DnsReader, Records, normalized, quoted
from smtp_operator.sender_authentication.spf_syntax import (
    Directive,
    Network,
    SpfRecord,
    SpfSyntaxError,
    is_spf,
    looks_like_spf,
    parse,
)

MOST_LOOKUPS: Final = 10
_MOST_VOID: Final = 2
_MOST_EXCHANGERS: Final = 10


class SpfBroken(Exception):
    """Receivers treat the record as invalid (permerror). The text is one or two sentences."""


class TooManyLookups(SpfBroken):
    """The record needs more look-ups than receivers make."""


@dataclass(slots=True)
class SpfScope:
    """The clients that may send according to a record."""

    domains: set[str] = field(default_factory=set)
    """The domains whose records are included, in lower case."""
    networks: list[Network] = field(default_factory=list)
    everyone: bool = False
    """Whether ``+all`` permits every client."""
    depends_on_email: bool = False
    """Whether a macro decides, so that the included domains are not known."""
    lookups: int = 0


def spf_records(texts: Records) -> list[str]:
    """Return the SPF records among TXT records."""
    return [it for it in texts.found if is_spf(it)]


def misspelled(texts: Records) -> str | None:
    """Return a TXT record that is meant as an SPF record, although receivers ignore it."""
    return next((it for it in texts.found if looks_like_spf(it)), None)


async def follow(domain: str, text: str, dns: DnsReader) -> SpfScope:
    """Follow the SPF record of a domain.

    Raises:
        SpfBroken: with the term that is wrong.
        DnsFailed
    """
    walk = _Walk(dns)
    await walk.record(normalized(domain), text, permits=True, above=())
    return walk.scope


class _Walk:
    """Evaluation of a record. Its depth is at most ``MOST_LOOKUPS``, since each level costs a look-up."""

    def __init__(self, dns: DnsReader) -> None:
        self.scope = SpfScope()
        self._dns = dns
        self._void: list[str] = []

    async def record(self, domain: str, text: str, *, permits: bool, above: tuple[str, ...]) -> None:
        """Follow one record; ``permits``: a match in it permits the client."""
        try:
            record = parse(text)
        except SpfSyntaxError as error:
            raise SpfBroken(_of(domain, above) + str(error)) from None
        above = (*above, domain)
        for directive in record.directives:
            await self._directive(
                directive, domain, permits=permits and directive.qualifier == "+", above=above
            )
        await self._redirect(record, permits=permits, above=above)

    async def _directive(
        self, directive: Directive, domain: str, *, permits: bool, above: tuple[str, ...]
    ) -> None:
        match directive.mechanism:
            case "all":
                self.scope.everyone |= permits
            case "ip4" | "ip6":
                if permits and directive.network is not None:
                    self.scope.networks.append(directive.network)
            case "include":
                self._count(directive.text)
                await self._nested(directive.text, directive.domain, permits=permits, above=above)
            case _:
                self._count(directive.text)
                await self._look_up(directive, domain, permits=permits)

    async def _redirect(self, record: SpfRecord, *, permits: bool, above: tuple[str, ...]) -> None:
        if record.redirect is not None:
            term = f"redirect={record.redirect}"
            self._count(term)
            await self._nested(term, record.redirect, permits=permits, above=above)

    async def _nested(self, term: str, domain: str, *, permits: bool, above: tuple[str, ...]) -> None:
        if "%" in domain:
            self.scope.depends_on_email |= permits
            return
        name = normalized(domain)
        if name in above:
            raise SpfBroken(
                f"The term {quoted(term)} leads back to the record of {above[above.index(name)]}."
            )
        found = await self._dns.texts(name)
        records = spf_records(found)
        if len(records) != 1:
            what = "has several SPF records" if records else "has no SPF record"
            what = what if found.exists else "does not exist"
            raise SpfBroken(f"The term {quoted(term)} refers to {name}, which {what}.")
        if permits:
            self.scope.domains.add(name)
        await self.record(name, records[0], permits=permits, above=above)

    async def _look_up(self, directive: Directive, domain: str, *, permits: bool) -> None:
        """Look up the name of ``a``, ``mx`` or ``exists``; that of ``ptr`` depends on the client."""
        if directive.mechanism == "ptr":
            return
        if directive.has_macros:
            self.scope.depends_on_email |= permits
            return
        name = normalized(directive.domain or domain)
        if directive.mechanism == "mx":
            found = await self._dns.exchangers(name)
            if len(found.found) > _MOST_EXCHANGERS:
                raise SpfBroken(f"The term {quoted(directive.text)} stands for more than 10 mail exchangers.")
        else:
            found = await self._dns.addresses(name)
        if not found.found:
            self._void.append(directive.text)
            if len(self._void) > _MOST_VOID:
                terms = ", ".join(map(quoted, self._void))
                raise SpfBroken(f"Three terms find no record, and receivers accept two: {terms}.")

    def _count(self, term: str) -> None:
        self.scope.lookups += 1
        if self.scope.lookups > MOST_LOOKUPS:
            raise TooManyLookups(f"It needs more than 10 DNS look-ups; {quoted(term)} is the 11th.")


def _of(domain: str, above: tuple[str, ...]) -> str:
    return f"The included record of {domain} is invalid. " if above else ""


def merged(records: list[str]) -> str | None:
    """Return one record with the terms of several; None if one of them is invalid."""
    terms: dict[str, None] = {}
    ends: list[str] = []
    for text in records:
        try:
            record = parse(text)
        except SpfSyntaxError:
            return None
        for it in record.directives:
            if it.mechanism == "all":
                ends.append(it.qualifier)
            else:
                terms[it.text] = None
        if record.redirect is not None:
            terms[f"include:{record.redirect}"] = None
    end = min(ends, key="-~?+".index, default="~")
    return " ".join(["v=spf1", *terms, f"{'' if end == '+' else end}all"])


def with_include(text: str, domain: str) -> str:
    """Return a record that also includes a domain, as its first term."""
    return f"{text[:6]} include:{domain}{text[6:].rstrip()}"

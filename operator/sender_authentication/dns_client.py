# SPDX-License-Identifier: Apache-2.0
"""Read DNS records with dnspython, from the name servers of ``/etc/resolv.conf``.

dnspython is imported with the first check.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from smtp_operator.sender_authentication.records import DnsFailed, Records

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

_QUESTION_TIME: Final = 4.0
"""Seconds for one question, with all repetitions."""
_SERVER_TIME: Final = 1.5
"""Seconds that one name server gets to answer."""
_PAYLOAD: Final = 1232
"""Largest UDP answer, which needs no fragments; longer ones arrive over TCP."""


def system_resolver() -> "Resolver":
    """Return a resolver for the name servers of ``/etc/resolv.conf``, as the file is now.

    Raises:
        DnsFailed: the file names none.
    """
    import dns.asyncresolver
    import dns.resolver

    try:
        resolver = dns.asyncresolver.Resolver()
    except (dns.resolver.NoResolverConfiguration, OSError):
        raise DnsFailed("/etc/resolv.conf names no name server.") from None
    resolver.timeout = _SERVER_TIME
    resolver.use_edns(0, 0, _PAYLOAD)
    return resolver


class DnsClient:
    """Reads records of one check; each question is asked once."""

    def __init__(self, resolver: "Resolver") -> None:
        self._resolver = resolver
        self._answers: dict[tuple[str, str], asyncio.Future[Records]] = {}

    async def texts(self, name: str) -> Records:
        """See ``DnsReader``."""
        return await self._records(name, "TXT")

    async def exchangers(self, name: str) -> Records:
        """See ``DnsReader``."""
        return await self._records(name, "MX")

    async def addresses(self, name: str) -> Records:
        """See ``DnsReader``."""
        found = await self._records(name, "A")
        return found if found.found or not found.exists else await self._records(name, "AAAA")

    async def _records(self, name: str, kind: str) -> Records:
        key = (name, kind)
        if key not in self._answers:
            self._answers[key] = asyncio.ensure_future(self._ask(name, kind))
        return await self._answers[key]

    async def _ask(self, name: str, kind: str) -> Records:
        import dns.exception
        import dns.name
        import dns.resolver

        try:
            absolute = dns.name.from_text(name, dns.name.root)
        except dns.exception.DNSException:  # too long, or an empty label: no such name can exist
            return Records(exists=False)
        try:
            answer = await self._resolver.resolve(
                absolute, kind, search=False, raise_on_no_answer=False, lifetime=_QUESTION_TIME
            )
        except dns.resolver.NXDOMAIN:
            return Records(exists=False)
        except dns.exception.Timeout:
            raise DnsFailed(f"The name servers did not answer in time: {kind} of {name}.") from None
        except dns.exception.DNSException:
            raise DnsFailed(f"The name servers answered with an error: {kind} of {name}.") from None
        return Records(tuple(_written(it, kind) for it in _in_order(answer.rrset or (), kind)))


def _in_order(found: Any, kind: str) -> list[Any]:
    return sorted(found, key=lambda it: it.preference) if kind == "MX" else list(found)


def _written(record: Any, kind: str) -> str:
    if kind == "TXT":
        return b"".join(record.strings).decode("latin-1")
    if kind == "MX":
        return str(record.exchange.to_text(omit_final_dot=True)).lower().removeprefix(".")
    return str(record.address)

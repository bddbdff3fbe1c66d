# SPDX-License-Identifier: Apache-2.0
"""DNS records in memory, for checks of senders."""

from collections.abc import Mapping, Sequence

from smtp_operator.sender_authentication.records import DnsFailed, Records

Zone = Mapping[str, Mapping[str, Sequence[str]]]
"""Records by name and type, for example ``{"example.com": {"TXT": ["v=spf1 -all"]}}``.

A name with records of another type has none of this type; other names do not exist. MX records are hosts
in order of preference; an empty one is a null MX.
"""


class ZoneReader:
    """Reads the records of a zone; questions are recorded in ``asked``, names in ``failing`` fail."""

    def __init__(self, zone: Zone, *, failing: Sequence[str] = ()) -> None:
        self.asked: list[tuple[str, str]] = []
        self._zone = zone
        self._failing = failing

    async def texts(self, name: str) -> Records:
        """See ``DnsReader``."""
        return self._records(name, "TXT")

    async def exchangers(self, name: str) -> Records:
        """See ``DnsReader``."""
        return self._records(name, "MX")

    async def addresses(self, name: str) -> Records:
        """See ``DnsReader``."""
        found = self._records(name, "A")
        return found if found.found else self._records(name, "AAAA")

    def _records(self, name: str, kind: str) -> Records:
        self.asked.append((name, kind))
        if name in self._failing:
            raise DnsFailed(f"The name servers answered with an error: {kind} of {name}.")
        if name in self._zone:
            return Records(tuple(self._zone[name].get(kind, ())))
        return Records(exists=any(other.endswith(f".{name}") for other in self._zone))

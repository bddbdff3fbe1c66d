# SPDX-License-Identifier: Apache-2.0
"""Limit the emails of each namespace per minute, and the emails to each of its mailboxes per hour.

Every RCPT command counts. Waiting tests get staggered times, so that they do not all retry at once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from smtp_operator.api.objects import Reference
from smtp_operator.reconcile.backoff import HOUR, MINUTE
from smtp_operator.reconcile.limits.rate_windows import UNDER_WAY, RateWindow
from smtp_operator.reconcile.ports import Now
from smtp_operator.smtp.message.addresses import AddressInvalid, parse_address

_WITHOUT_DOTS: Final = frozenset({"gmail.com", "googlemail.com"})
"""Domains in which ``first.last`` and ``firstlast`` are one mailbox."""


@dataclass(frozen=True, slots=True)
class EmailsHeld:
    """Reason why a test's emails have to wait."""

    until: float
    """When to check again, in seconds since the epoch."""
    emails: int
    limit: int
    of_mailbox: bool
    """Whether the limit of a mailbox applies; otherwise, the limit of the namespace applies."""


class EmailLimits:
    """Count emails. For emails that ``hold`` admits, callers must call ``begin`` and ``end``.

    Emails are given by their mailboxes; see ``emails_by_mailbox``.
    """

    def __init__(self, *, per_namespace: int, per_mailbox: int, now: Now) -> None:
        self._now = now
        self._namespaces = RateWindow(per_namespace, MINUTE, now=now)
        self._mailboxes = RateWindow(per_mailbox, HOUR, now=now)
        self._waiting: defaultdict[str, dict[Reference, int]] = defaultdict(dict)
        """Number of emails of each waiting object, by namespace, in order of arrival."""
        self._all_waiting: Counter[str] = Counter()
        """Number of waiting emails in each namespace."""

    def hold(self, key: Reference, mailboxes: Mapping[str, int]) -> EmailsHeld | None:
        """Return why these emails may not be sent now; None if they may."""
        namespace, count = key.namespace, sum(mailboxes.values())
        free_at = self._namespaces.free_at(namespace, count)
        if free_at:
            step = MINUTE if self._namespaces.ended(namespace) else UNDER_WAY
            later = self._ahead_of(key, count) // self._namespaces.limit * step
            return EmailsHeld(min(free_at + later, self._now() + HOUR), count, self._namespaces.limit, False)
        self.withdraw(key)
        times = {it: self._mailboxes.free_at((namespace, it), many) for it, many in mailboxes.items()}
        latest = max(times, key=times.__getitem__, default=None)
        if latest is not None and times[latest]:
            return EmailsHeld(times[latest], mailboxes[latest], self._mailboxes.limit, True)
        return None

    def _ahead_of(self, key: Reference, count: int) -> int:
        """Record an object that waits, and return how many emails came before its own."""
        namespace, waiting = key.namespace, self._waiting[key.namespace]
        if key in waiting:
            return sum(waiting[it] for it in takewhile(lambda it: it != key, waiting))
        ahead = self._all_waiting[namespace]
        if count <= self._namespaces.limit:
            waiting[key] = count
            self._all_waiting[namespace] += count
        return ahead

    def withdraw(self, key: Reference) -> None:
        """Forget an object that no longer waits."""
        waiting = self._waiting.get(key.namespace)
        if waiting is None:
            return
        self._all_waiting[key.namespace] -= waiting.pop(key, 0)
        if not waiting:
            del self._waiting[key.namespace], self._all_waiting[key.namespace]

    def begin(self, key: Reference, mailboxes: Mapping[str, int]) -> None:
        """Count emails that are about to be sent."""
        for it, count in mailboxes.items():
            self._namespaces.begin(key.namespace, count)
            self._mailboxes.begin((key.namespace, it), count)

    def end(self, key: Reference, mailboxes: Mapping[str, int], *, sent: bool) -> None:
        """End emails that have begun; emails that were not offered to a server do not count."""
        for it, count in mailboxes.items():
            self._namespaces.end(key.namespace, count, happened=sent)
            self._mailboxes.end((key.namespace, it), count, happened=sent)


def emails_by_mailbox(addresses: Iterable[str]) -> Mapping[str, int]:
    """Return how many of these emails go to each mailbox."""
    return Counter(map(mailbox, addresses))


def mailbox(address: str) -> str:
    """Return the canonical spelling of an address's mailbox: case-folded, without +tag."""
    try:
        parsed = parse_address(address)
    except AddressInvalid:
        return address.casefold()
    local = parsed.local
    if local.startswith('"'):
        local = local[1:-1].replace("\\", "")
    local = local.partition("+")[0] or local
    domain = parsed.domain.lower()
    if domain in _WITHOUT_DOTS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local.casefold()}@{domain}"

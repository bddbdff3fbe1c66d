# SPDX-License-Identifier: Apache-2.0
"""Findings about a sender in DNS, and the verdict that a condition states."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import cut

CONDITION: Final = "SenderAuthentication"
"""Type of the condition."""

OF_SPF_ALONE: Final = frozenset({Reason.NO_SPF_RECORD, Reason.SPF_LACKS_PROVIDER})
"""Reasons that a receiver refutes if it has seen DMARC pass: DKIM does that too."""

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender whose records are read."""

    domain: str
    """The domain of the From address, in A-labels and lower case."""
    server: str
    """Host name or address of the mail server, as in the spec."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that is missing or wrong. The text says which, and what to publish."""

    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings about one kind of record."""

    problem: Problem | None = None
    found: str = ""
    """The records that are in order, as part of a sentence."""
    unread: str = ""
    """Why the records could not be read, in a sentence."""
    decisive: bool = False
    """Whether the problem makes all other records irrelevant."""


@dataclass(frozen=True, slots=True)
class SenderVerdict:
    """Status, reason and message of the condition."""

    status: Status
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class SenderReport:
    """All findings about a sender."""

    sender: Sender
    findings: tuple[Findings, ...]

    def verdict(self, *, dmarc_passed: bool = False) -> SenderVerdict:
        """Return the verdict; ``dmarc_passed``: a receiver has seen DMARC pass for this sender."""
        problems = [it.problem for it in self.findings if it.problem is not None]
        notes = [it.text for it in problems if dmarc_passed and it.reason in OF_SPF_ALONE]
        problems = [it for it in problems if not dmarc_passed or it.reason not in OF_SPF_ALONE]
        unread = [it.unread for it in self.findings if it.unread]
        if problems:
            return _verdict("False", problems[0].reason, [*(it.text for it in problems), *unread])
        if unread:
            return _verdict("Unknown", Reason.SENDER_DNS_UNAVAILABLE, [*unread, *notes])
        found = [it.found for it in self.findings if it.found]
        if notes:
            notes = ["The receiver says that DMARC passes, so SPF is not needed.", *notes]
        return _verdict("True", Reason.RECORDS_PRESENT, [_present(self.sender.domain, found), *notes])


def unread(sender: Sender, why: str) -> SenderReport:
    """Return a report that says only why DNS could not be read."""
    return SenderReport(sender, (Findings(unread=why),))


def _present(domain: str, found: list[str]) -> str:
    *rest, last = found or ["the records"]
    return f"{domain} has {', '.join(rest)} and {last}." if rest else f"{domain} has {last}."


def _verdict(status: Status, reason: Reason, sentences: Iterable[str]) -> SenderVerdict:
    return SenderVerdict(status, reason, cut(" ".join(sentences)))

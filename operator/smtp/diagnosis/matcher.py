# SPDX-License-Identifier: Apache-2.0
"""A row of the rules, its kind of evidence, and the conditions that rows may add to phase, code and text."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from smtp_operator.api.verdict import Phase
from smtp_operator.smtp.diagnosis.advice import Advice
from smtp_operator.smtp.diagnosis.context import SENDMAIL_REFUSES, DialogueContext
from smtp_operator.smtp.diagnosis.patterns import ADDRESS, BLOCKLISTED
from smtp_operator.smtp.quotation import Span
from smtp_operator.smtp.replies import Reply

_CLIENTS: Final = re.compile(
    rf"(?<![\d.])(?:{ADDRESS})|\b(?:ip|client|host|server|network|subnet|connection|mta)\b", re.IGNORECASE
)
_SENDERS: Final = re.compile(
    r"[^\s<>@]{1,64}@[\w.-]{1,255}|\b(?:sender|mail ?from|envelope|return-path|from address|mail address)\b"
    r"(?! ?(?:ip|host|\[))",
    re.IGNORECASE,
)
_LISTED: Final = re.compile(BLOCKLISTED, re.IGNORECASE)
_BEFORE: Final = 120
"""Characters before "listed" in which its subject is looked for."""
_ABOUT_SENDERS: Final = re.compile(r"\bsend|\bfrom\b|\byour account\b", re.IGNORECASE)
_ABOUT_ADDRESSES: Final = re.compile(
    r"\b(?:address|sender|from|domain|mailbox|user|account)\b", re.IGNORECASE
)
_WORD_END: Final = re.compile(r"[\s<>(),;:]")
_MASKED: Final = re.compile(r"\b(?:to|cc|bcc)\[\d\]")

Condition = Callable[[DialogueContext, Reply], bool]


class Evidence(IntEnum):
    """Kinds of evidence that a row reads. A lower number outranks a higher one."""

    CERTAIN = 0
    """A fact that excludes all other readings, such as a login by token."""
    WORDS = 1
    """Words of the reply name the cause."""
    STATUS = 2
    """An enhanced status code names the cause."""
    FACTS = 3
    """Settings and state of the dialogue indicate the cause; the reply does not name it."""
    FALLBACK = 4
    """Only phase and reply code are known, or an enhanced status code that many causes share."""


_SHARED_BY_MANY_CAUSES: Final = (
    "4.0.0",
    "4.5.0",
    "4.7.0",
    "4.7.1",
    "5.0.0",
    "5.5.0",
    "5.5.1",
    "5.5.2",
    "5.7.0",
    "5.7.1",
)


@dataclass(frozen=True, slots=True)
class ReplyRule:
    """A row: ``advice`` applies if every set criterion fits. Text is searched; codes match as a whole.

    A pattern or condition takes time at most proportional to the text, for any text of a server:
    a repetition has an upper bound, or can start in one place only.
    """

    advice: Advice
    phases: frozenset[Phase]
    code: re.Pattern[str] | None
    enhanced: re.Pattern[str] | None
    text: re.Pattern[str] | None
    provider: str
    when: Condition | None
    unless: re.Pattern[str] | None
    """Text that must not occur. On its own, it is no evidence."""
    evidence: Evidence

    def fits(self, phase: Phase, reply: Reply, provider: str, context: DialogueContext) -> bool:
        """Return whether this row applies to the reply."""
        return (
            (not self.phases or phase in self.phases)
            and (self.code is None or self.code.fullmatch(str(reply.code)) is not None)
            and (self.enhanced is None or self.enhanced.fullmatch(reply.enhanced) is not None)
            and (not self.provider or self.provider == provider)
            and (self.text is None or self.text.search(reply.text) is not None)
            and (self.unless is None or self.unless.search(reply.text) is None)
            and (self.when is None or self.when(context, reply))
        )

    def decisive(self, reply: Reply) -> Span:
        """Return the part of the reply's line by which this row was chosen; empty: by the code alone."""
        found = self.text.search(reply.text) if self.text is not None else None
        if found is not None and found.end() > found.start():
            return reply.span_in_line(*found.span())
        return reply.enhanced_in_line if self.enhanced is not None else (0, 0)


def reply_rule(
    advice: Advice,
    *phases: Phase,
    code: str = "",
    enhanced: str = "",
    text: str | tuple[str, ...] = "",
    provider: str = "",
    when: Condition | None = None,
    unless: str = "",
    certain: bool = False,
) -> ReplyRule:
    """Return a row.

    In ``enhanced``, a dot is a dot and ``x`` is any number. If there are several texts, one must be found.
    The evidence follows from the criteria, unless the row is ``certain``.
    """
    words = text if isinstance(text, str) else "|".join(text)
    numbers = enhanced.replace(".", r"\.").replace("x", r"\d+")
    return ReplyRule(
        advice,
        frozenset(phases),
        re.compile(code) if code else None,
        re.compile(numbers) if enhanced else None,
        re.compile(words, re.IGNORECASE) if words else None,
        provider,
        when,
        re.compile(unless, re.IGNORECASE) if unless else None,
        Evidence.CERTAIN if certain else _evidence(words, numbers, when),
    )


def _evidence(words: str, numbers: str, when: Condition | None) -> Evidence:
    if words:
        return Evidence.WORDS
    if numbers and not any(re.fullmatch(numbers, shared) for shared in _SHARED_BY_MANY_CAUSES):
        return Evidence.STATUS
    return Evidence.FALLBACK if when is None else Evidence.FACTS


def ranked(rules: Iterable[ReplyRule]) -> tuple[ReplyRule, ...]:
    """Return the rows by evidence. Rows with the same evidence keep their order."""
    return tuple(sorted(rules, key=lambda rule: rule.evidence))


def without_login(context: DialogueContext, reply: Reply) -> bool:
    """The client has not logged in."""
    return not context.logged_in


def logged_in(context: DialogueContext, reply: Reply) -> bool:
    """The server accepted the login."""
    return context.logged_in


def login_not_made(context: DialogueContext, reply: Reply) -> bool:
    """The server offers logins, and no username is set."""
    return bool(context.mechanisms) and not context.login


def offers_next_to_nothing(context: DialogueContext, reply: Reply) -> bool:
    """The reply to EHLO lists ENHANCEDSTATUSCODES alone, as sendmail does for clients that it refuses."""
    return context.offered == SENDMAIL_REFUSES


def certificate_is_missing(context: DialogueContext, reply: Reply) -> bool:
    """The server asked for a client certificate, received none, and offers no extensions."""
    return context.certificate_requested and not context.client_certificate and not context.offered


def refused_alike(context: DialogueContext, reply: Reply) -> bool:
    """The server has refused another command with the same words."""
    return any((it.code, it.text) == (reply.code, reply.text) for it in context.refusals)


def sender_is_listed(context: DialogueContext, reply: Reply) -> bool:
    """The subject of "listed" is a sender: the last one that the text names before it."""
    return _subject_of_listed(context, reply) is _SENDERS


def client_is_listed(context: DialogueContext, reply: Reply) -> bool:
    """The subject of "listed" is a client: the last one that the text names before it."""
    return _subject_of_listed(context, reply) is _CLIENTS


def _subject_of_listed(context: DialogueContext, reply: Reply) -> re.Pattern[str] | None:
    found = _LISTED.search(reply.text)
    if found is None:
        return None
    before = reply.text[max(0, found.start() - _BEFORE) : found.start()]
    recipient = context.recipient.rpartition(" ")[2].lower()
    ends = {
        party: max((it.end() for it in party.finditer(before) if it[0].lower() != recipient), default=0)
        for party in (_SENDERS, _CLIENTS)
    }
    last = max(ends, key=lambda party: ends[party])
    return last if ends[last] else None


def with_client_certificate(context: DialogueContext, reply: Reply) -> bool:
    """The client has a certificate."""
    return context.client_certificate


def in_plaintext(context: DialogueContext, reply: Reply) -> bool:
    """The connection does not use TLS."""
    return not context.tls


def by_token(context: DialogueContext, reply: Reply) -> bool:
    """The client logs in with an access token."""
    return context.mechanism in {"XOAUTH2", "OAUTHBEARER"}


def not_of_security(context: DialogueContext, reply: Reply) -> bool:
    """The enhanced code is not one of security and policy, x.7.x."""
    return reply.enhanced[2:3] != "7"


def no_other_subject(context: DialogueContext, reply: Reply) -> bool:
    """There is no enhanced code, or one of security and policy."""
    return reply.enhanced[2:3] in {"", "7"}


def silent_on_recipients(context: DialogueContext, reply: Reply) -> bool:
    """The text does not mention recipients."""
    return "recipient" not in reply.text.lower()


def silent_on_senders(context: DialogueContext, reply: Reply) -> bool:
    """The text mentions neither senders nor the sending account."""
    return _ABOUT_SENDERS.search(reply.text) is None


def silent_on_relaying(context: DialogueContext, reply: Reply) -> bool:
    """The text does not mention relaying."""
    return "relay" not in reply.text.lower()


def silent_on_relaying_without_login(context: DialogueContext, reply: Reply) -> bool:
    """The client has not logged in, and the text does not mention relaying."""
    return not context.logged_in and silent_on_relaying(context, reply)


def speaks_of_addresses(context: DialogueContext, reply: Reply) -> bool:
    """The text mentions an address or an account; in a reply to MAIL, it is the sender's."""
    return _ABOUT_ADDRESSES.search(reply.text) is not None


def names_others_only(context: DialogueContext, reply: Reply) -> bool:
    """The text names addresses, but not the address of the sender."""
    words = _WORD_END.split(reply.text)
    named = [word for word in words if "@" in word[1:-1] or _MASKED.search(word)]
    sender = context.sender.lower()
    return bool(sender and named) and not any(sender in name.lower() for name in named)


def names_sender_only(context: DialogueContext, reply: Reply) -> bool:
    """The text names the address of the sender, and no other address."""
    named = {word.lower() for word in _WORD_END.split(reply.text) if "@" in word[1:-1]}
    return bool(context.sender) and named == {context.sender.lower()}


def greets_as_lmtp(context: DialogueContext, reply: Reply) -> bool:
    """The greeting is from an LMTP server (RFC 2033)."""
    return re.search(r"\blmtpd?\b", context.banner, re.IGNORECASE) is not None


def greets_as_ftp(context: DialogueContext, reply: Reply) -> bool:
    """The greeting is from an FTP server."""
    return "ftp" in context.banner.lower() and "smtp" not in context.banner.lower()

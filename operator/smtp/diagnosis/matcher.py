# SPDX-License-Identifier: Apache-2.0
"""A row of the rules, and the conditions that rows may add to phase, code and text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.verdict import Phase
from smtp_operator.smtp.diagnosis.advice import Advice
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.quotation import Span
from smtp_operator.smtp.replies import Reply

_ABOUT_SENDERS: Final = re.compile(r"\bsend|\bfrom\b|\byour account\b", re.IGNORECASE)
_WORD_END: Final = re.compile(r"[\s<>(),;:]")
_MASKED: Final = re.compile(r"\b(?:to|cc|bcc)\[\d\]")

Condition = Callable[[DialogueContext, Reply], bool]


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

    def fits(self, phase: Phase, reply: Reply, provider: str, context: DialogueContext) -> bool:
        """Return whether this row applies to the reply."""
        return (
            (not self.phases or phase in self.phases)
            and (self.code is None or self.code.fullmatch(str(reply.code)) is not None)
            and (self.enhanced is None or self.enhanced.fullmatch(reply.enhanced) is not None)
            and (not self.provider or self.provider == provider)
            and (self.text is None or self.text.search(reply.text) is not None)
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
) -> ReplyRule:
    """Return a row.

    In ``enhanced``, a dot is a dot and ``x`` is any number. If there are several texts, one must be found.
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
    )


def without_login(context: DialogueContext, reply: Reply) -> bool:
    """The client has not logged in."""
    return not context.logged_in


def logged_in(context: DialogueContext, reply: Reply) -> bool:
    """The server accepted the login."""
    return context.logged_in


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


def names_others_only(context: DialogueContext, reply: Reply) -> bool:
    """The text names addresses, but not the address of the sender."""
    words = _WORD_END.split(reply.text)
    named = [word for word in words if "@" in word[1:-1] or _MASKED.search(word)]
    sender = context.sender.lower()
    return bool(sender and named) and not any(sender in name.lower() for name in named)


def greets_as_ftp(context: DialogueContext, reply: Reply) -> bool:
    """The greeting is from an FTP server."""
    return "ftp" in context.banner.lower() and "smtp" not in context.banner.lower()

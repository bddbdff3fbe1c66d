# SPDX-License-Identifier: Apache-2.0
"""Short names of the phases, and patterns that several rules share."""

from typing import Final

from smtp_operator.api.verdict import Phase

BANNER, EHLO, STARTTLS = Phase.BANNER, Phase.EHLO, Phase.START_TLS
AUTH, MAIL, RCPT, DATA = Phase.AUTH, Phase.MAIL_FROM, Phase.RCPT_TO, Phase.DATA
GREETING: Final = (BANNER, EHLO)
LETTER: Final = (MAIL, RCPT, DATA)
AFTER_EHLO: Final = (AUTH, MAIL, RCPT, DATA)

TRANSIENT: Final = "4.."
LASTING: Final = "5.."
GREYLIST: Final = r"gr[ae]y[- ]?list"
LATER: Final = (
    r"\b(?:again|later|retry|re-?send|re-?submit|come back|deferr?|temporar\w{1,8} (?:reject|refus|block))"
)
SERVER_FAULT: Final = (
    r"local (?:problem|error)|lookup fail|internal|server error|system (?:problem|error|fail)",
    r"database|time ?d? ?-?out|queue file|configuration|backend",
    r"unable to (?:complete|verify|check)|could not complete",
    r"temporar\w{1,8} (?:server |system |service )?(?:error|problem|failure)",
)
RELAYING: Final = (
    r"\brelay(?:ing)?\b(?!\.\w|=)|allowed (?:rcpt)?hosts|rcpthosts|non-?accepted domain"
    r"|delivery is not allowed to this address"
)
NOT_ALLOWED: Final = r"n[o']t (?:allow|permit|accept|authori)"
NOT_WORKING: Final = (
    r"(?:\bn[o']t\b.{0,10}(?:enabled|activ|open|avail|allow|permit|grant|subscri|includ)"
    r"|\b(?:disabled|deactivated|closed|inactive)\b|(?:switched|turned) off|no longer)"
)
NO_RIGHT: Final = (
    r"(?:\bno|n[o']t have|without|lacks?|insufficient|missing)"
    r" (?:\w+ ){,2}(?:permissions?|(?<!copy)rights?|privileges?|licen[cs]e)\b"
)
NO_SUCH_MAILBOX: Final = (
    r"(?:user|mailbox|account|recipient|addressee)\b.{0,60}(?:n[o']t (?:exist|found)|unknown|disabled"
    r"|inactive|unavailable|no longer|discontinued|frozen)",
    r"(?:no such|unknown|invalid|bad) (?:user|mailbox|recipient)|does ?n[o']t have an? .{0,40}account",
)

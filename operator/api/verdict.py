# SPDX-License-Identifier: Apache-2.0
"""What a test found out: one verdict, with its reason, its message and whether a retry can mend it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from smtp_operator.api.reasons import Reason, Retry

MESSAGE_BYTES: Final = 1024
"""Longest condition message, in bytes of UTF-8."""

SUMMARY_CHARACTERS: Final = 80
"""Longest ``status.summary``: what a column of kubectl shows."""


class SmtpType(StrEnum):
    """How a connection is protected."""

    NONE = "None"
    START_TLS = "StartTLS"
    TLS = "TLS"


class Mode(StrEnum):
    """How deep a test goes, from shallow to deep: ``CONNECT < LOGIN < ENVELOPE < SEND_EMAIL``."""

    CONNECT = "Connect"
    LOGIN = "Login"
    ENVELOPE = "Envelope"
    SEND_EMAIL = "SendEmail"

    @property
    def depth(self) -> int:
        """0 for Connect up to 3 for SendEmail."""
        return tuple(Mode).index(self)


class Trigger(StrEnum):
    """Why a test is made."""

    SPEC_CHANGED = "SpecChanged"
    PASSWORD_CHANGED = "PasswordChanged"
    DEPENDENCY_CHANGED = "DependencyChanged"
    REQUESTED = "Requested"
    RECHECK = "Recheck"
    RETRY = "Retry"


class Phase(StrEnum):
    """The steps of a test, in their order; the names stand in ``status.lastTest.phases``."""

    PASSWORD = "Password"
    TOKEN = "Token"
    RESOLVE = "Resolve"
    CONNECT = "Connect"
    BANNER = "Banner"
    EHLO = "Ehlo"
    START_TLS = "StartTls"
    TLS = "Tls"
    AUTH = "Auth"
    MAIL_FROM = "MailFrom"
    RCPT_TO = "RcptTo"
    DATA = "Data"

    @property
    def before_auth(self) -> bool:
        """Whether a test of mode Connect, which sends no password, goes through this phase."""
        return Phase.RESOLVE.order <= self.order < Phase.AUTH.order

    @property
    def order(self) -> int:
        """0 for Password up to 11 for Data."""
        return _POSITIONS[self]


_POSITIONS = {phase: position for position, phase in enumerate(Phase)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Fields of spec that a credential-free probe found to work."""

    smtp_type: SmtpType | None = None
    port: int | None = None
    helo_name: str | None = None
    auth_mechanism: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of a test, or of what went wrong before one.

    ``message`` reads: what happened, where in the dialogue, what the server said, and which field to
    set to which value. It holds no secret and no bcc address, and at most 1,024 bytes.
    """

    reason: Reason
    message: str
    retry: Retry
    phase: Phase | None = None
    reply: str = ""
    """Reply code and enhanced code alone, such as ``535 5.7.8``; empty where no reply was the cause."""
    retry_after: float | None = None
    """Seconds before which a retry is pointless, where the other side said so."""
    suggestion: Suggestion | None = None

    @property
    def passed(self) -> bool:
        """Whether the test succeeded."""
        return self.retry is Retry.PASSED

    @property
    def status(self) -> str:
        """Status of the Ready condition that this verdict asks for: ``True`` or ``False``."""
        return "True" if self.passed else "False"

    @property
    def summary(self) -> str:
        """The verdict in at most 80 characters, such as ``AuthenticationFailed in Auth: 535 5.7.8``."""
        text = str(self.reason)
        if not self.passed and self.phase is not None:
            text += f" in {self.phase}"
        if self.reply:
            text += f": {self.reply}"
        return text[:SUMMARY_CHARACTERS]


class VerdictError(Exception):
    """A test cannot go on; its verdict says why. The exception's own text is the reason alone."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(verdict.reason))
        self.verdict = verdict


class PhaseTiming(NamedTuple):
    """How long one phase took, in seconds."""

    phase: Phase
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The server's certificate. Its times are in seconds since the epoch."""

    subject: str
    issuer: str
    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What was learnt of the server; empty where the dialogue did not get that far."""

    address: str = ""
    """IP address and port, IPv6 in brackets."""
    banner: str = ""
    """The name that the server gives itself in its greeting."""
    tls_version: str = ""
    auth_mechanism: str = ""
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientVerdict:
    """Whether one recipient was accepted. Named by role and index, since a bcc address is never shown."""

    role: str
    """``to``, ``cc`` or ``bcc``."""
    index: int
    """Index in the list of spec.recipients; 0 for a defaulted ``to``."""
    accepted: bool
    response: str = ""
    """The server's words, cleaned and cut, without any bcc address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueReport:
    """All that one dialogue with a mail server brought to light."""

    verdict: Verdict
    mode: Mode
    duration: float
    """Seconds, the time spent waiting for a free connection left out."""
    phases: tuple[PhaseTiming, ...] = ()
    server: ServerFacts = field(default_factory=ServerFacts)
    message_id: str = ""
    response: str = ""
    """The server's last word on the mail, cleaned and cut, such as ``250 2.0.0 queued as 4F1B2``."""
    recipients: tuple[RecipientVerdict, ...] = ()
    dialogue: tuple[str, ...] = ()
    """Redacted lines ``S: …`` and ``C: …``, at most 20."""


def cut(text: str, *, limit: int = MESSAGE_BYTES) -> str:
    """The text in at most ``limit`` bytes of UTF-8, an ellipsis where something was left out."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return raw.decode()
    return raw[: limit - 3].decode("utf-8", "ignore") + "…"

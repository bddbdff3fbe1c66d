# SPDX-License-Identifier: Apache-2.0
"""The result of a test: one verdict with its reason, message and retry class."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from smtp_operator.api.reasons import REASONS, Reason, Retry

MESSAGE_BYTES: Final = 1024
"""Longest condition message, in bytes of UTF-8."""

SUMMARY_CHARACTERS: Final = 80
"""Longest ``status.summary``, which kubectl shows in a column."""


class SmtpType(StrEnum):
    """Protection of a connection."""

    NONE = "None"
    START_TLS = "StartTLS"
    TLS = "TLS"


class Mode(StrEnum):
    """Depth of a test, from shallow to deep: ``CONNECT < LOGIN < ENVELOPE < SEND_EMAIL``."""

    depth: int
    """0 for Connect up to 3 for SendEmail."""

    CONNECT = "Connect"
    LOGIN = "Login"
    ENVELOPE = "Envelope"
    SEND_EMAIL = "SendEmail"

    def __init__(self, _: str) -> None:
        self.depth = len(type(self).__members__)


RECHECK_MODES: Final = (Mode.SEND_EMAIL, Mode.LOGIN, Mode.CONNECT)
"""The modes of ``recheck.mode``."""


class Trigger(StrEnum):
    """The cause of a test."""

    SPEC_CHANGED = "SpecChanged"
    PASSWORD_CHANGED = "PasswordChanged"
    DEPENDENCY_CHANGED = "DependencyChanged"
    REQUESTED = "Requested"
    RECHECK = "Recheck"
    RETRY = "Retry"
    DELIVERY = "Delivery"
    """An email to ``delivery.address`` alone."""


class Phase(StrEnum):
    """The steps of a test, in order; ``status.lastTest.phases`` shows these names."""

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
        """Return whether a test of mode Connect, which sends no password, includes this phase."""
        return Phase.RESOLVE.order <= self.order < Phase.AUTH.order

    @property
    def order(self) -> int:
        """Return 0 for Password up to 11 for Data."""
        return _POSITIONS[self]


_POSITIONS = {phase: position for position, phase in enumerate(Phase)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Values of spec that worked in a probe without credentials."""

    smtp_type: SmtpType | None = None
    port: int | None = None
    helo_name: str | None = None
    auth_mechanism: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of a test, or the error that prevented it.

    ``message`` says what happened, in which phase, what the server said, and which field to set to which
    value. It has no secret and no Bcc address, and at most 1,024 bytes.
    """

    reason: Reason
    message: str
    retry: Retry
    phase: Phase | None = None
    reply: str = ""
    """Only the reply code and enhanced code, such as ``535 5.7.8``; empty if no reply was the cause."""
    retry_after: float | None = None
    """Seconds to wait before a retry, if the server named a time."""
    suggestion: Suggestion | None = None

    @property
    def passed(self) -> bool:
        """Return whether the test succeeded."""
        return self.retry is Retry.PASSED

    @property
    def status(self) -> str:
        """Return the status of the Ready condition for this verdict: ``True`` or ``False``."""
        return "True" if self.passed else "False"

    @property
    def summary(self) -> str:
        """Return the verdict in at most 80 characters: ``AuthenticationFailed in Auth: 535 5.7.8``."""
        text = str(self.reason)
        if not self.passed and self.phase is not None:
            text += f" in {self.phase}"
        if self.reply:
            text += f": {self.reply}"
        return text[:SUMMARY_CHARACTERS]


class VerdictError(Exception):
    """A test cannot continue; the verdict has the cause. The exception's text is only the reason."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(verdict.reason))
        self.verdict = verdict


def failed(
    reason: Reason,
    message: str,
    *,
    phase: Phase | None = Phase.PASSWORD,
    retry: Retry | None = None,
    retry_after: float | None = None,
    reply: str = "",
) -> VerdictError:
    """Return the error of a test that cannot continue; ``retry`` overrides the reason's default.

    ``retry_after`` is in seconds; ``reply`` is a status and code, such as ``403 ForbiddenByRbac``.
    """
    return VerdictError(
        Verdict(
            reason=reason,
            message=cut(message),
            retry=retry or REASONS[reason].retry,
            phase=phase,
            reply=reply,
            retry_after=retry_after,
        )
    )


class PhaseTiming(NamedTuple):
    """Duration of one phase in seconds."""

    phase: Phase
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The server's certificate, with times in seconds since the epoch."""

    subject: str
    issuer: str
    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """Properties of the server; empty if the dialogue ended before they were known."""

    address: str = ""
    """IP address and port, IPv6 in brackets."""
    banner: str = ""
    """The host name in the server's greeting."""
    tls_version: str = ""
    auth_mechanism: str = ""
    certificate: Certificate | None = None
    ca_chain: tuple[bytes, ...] = field(default=(), repr=False)
    """The CA certificates (DER) that verified the server's, only with ``caRef``; never shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientVerdict:
    """Result of one recipient, identified by role and index, since a Bcc address is never shown."""

    role: str
    """``to``, ``cc`` or ``bcc``."""
    index: int
    """Index in the list of spec.recipients; 0 for the default ``to``."""
    accepted: bool
    response: str = ""
    """The server's reply, cleaned and cut, without Bcc addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAddressResult:
    """Reply to ``delivery.address``, if it is an additional recipient: it does not affect the verdict."""

    refusal: Verdict | None = None
    """Why the server refused the address; None: it accepted the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueReport:
    """The full result of one dialogue with a mail server."""

    verdict: Verdict
    mode: Mode
    duration: float
    """Seconds, without the wait for a free connection."""
    phases: tuple[PhaseTiming, ...] = ()
    server: ServerFacts = field(default_factory=ServerFacts)
    message_id: str = ""
    response: str = ""
    """The server's last reply about the email, cleaned and cut, such as ``250 2.0.0 queued as 4F1B2``."""
    recipients: tuple[RecipientVerdict, ...] = ()
    delivery_address: DeliveryAddressResult | None = None
    """None: the server was not asked to take ``delivery.address`` in addition."""
    dialogue: tuple[str, ...] = ()
    """Redacted lines ``S: …`` and ``C: …``, at most 20."""


def cut(text: str, *, limit: int = MESSAGE_BYTES) -> str:
    """Return the text in at most ``limit`` bytes of UTF-8; an ellipsis marks a cut."""
    if text.isascii() and len(text) <= limit:
        return text
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return raw.decode()
    return raw[: limit - 3].decode("utf-8", "ignore") + "…"

# SPDX-License-Identifier: Apache-2.0
"""The SMTP dialogue, phase by phase, from the greeting to the final dot.

A step returns, raises ``DialogueEnded`` with a verdict, or passes on a ``ConnectionFailure``, whose meaning
depends on the phase. If ``smtpType`` is StartTLS, STARTTLS is mandatory. There is exactly one AUTH command.
"""

import re
import ssl
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import (
    Certificate,
    DeliveryAddressResult,
    Mode,
    Phase,
    RecipientVerdict,
    SmtpType,
    Verdict,
)
from smtp_operator.network.destination import Address
from smtp_operator.smtp import auth
from smtp_operator.smtp.certificates import CertificateInfo, certificate_requested, verifying_chain
from smtp_operator.smtp.connection import ConnectionClosed, InvalidReply, SmtpConnection
from smtp_operator.smtp.diagnosis import capabilities as not_offered
from smtp_operator.smtp.diagnosis import no_reply
from smtp_operator.smtp.diagnosis.classify import classify
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.login_advice import is_unusual
from smtp_operator.smtp.diagnosis.outcomes import connected, logged_in
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.message.envelope import Envelope
from smtp_operator.smtp.quotation import Quotation, Span
from smtp_operator.smtp.redaction.redactor import Redactor
from smtp_operator.smtp.replies import Reply
from smtp_operator.smtp.request import SmtpLogin, TestRequest
from smtp_operator.smtp.second_look_race import SecondLook, first_reply
from smtp_operator.smtp.send_permit import SendPermit
from smtp_operator.smtp.timing import Budget, PhaseClock, PhaseLimits
from smtp_operator.smtp.transcript import Transcript

TLS_PORTS: Final = (465, 2465)

_UNKNOWN: Final = re.compile(r"\b(?:syntax|command|unrecogni[sz]ed|unknown|invalid)\b", re.IGNORECASE)
_SYNTAX_ERROR: Final = frozenset({500, 501, 502, 503})
_WAIT_FOR_GREETING: Final = 1.0
"""Seconds after a syntax error in place of the greeting."""
_NO_POLICY: Final = frozenset({Reason.HELO_REJECTED, Reason.COMMAND_REJECTED})
"""Reasons of a refused EHLO after which HELO may work."""


class SendAborted(Exception):
    """The ``SendPermit`` did not allow sending."""


@dataclass(slots=True)
class DialogueFindings:
    """The findings of a dialogue so far; the report shows them after a failure, too."""

    address: str = ""
    """IP address and port, IPv6 in brackets."""
    message_id: str = ""
    banner: str = ""
    tls_version: str = ""
    mechanism: str = ""
    certificate: Certificate | None = None
    ca_chain: tuple[bytes, ...] = ()
    response: str = ""
    recipients: list[RecipientVerdict] = field(default_factory=list)
    delivery_address: DeliveryAddressResult | None = None
    """Reply to ``delivery.address``, if it is an extra recipient."""
    content_sent: bool = False
    """Whether the email was sent, so that the server may have accepted it in any case."""


def extensions(reply: Reply) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the EHLO keywords, in capitals and with parameters, and the AUTH mechanisms."""
    offered: dict[str, str] = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.replace("=", " ", 1).partition(" ")
        keyword = keyword.upper()
        if keyword == "AUTH" and keyword in offered:  # old clients want it repeated as AUTH=PLAIN
            parameters = f"{offered[keyword]} {parameters}"
        offered[keyword] = parameters
    return offered, tuple(dict.fromkeys(offered.get("AUTH", "").upper().split()))


@dataclass(slots=True)
class Dialogue:
    """A dialogue over one connection."""

    settings: TestRequest
    envelope: Envelope
    helo_name: str
    budget: Budget
    limits: PhaseLimits
    clock: PhaseClock
    redactor: Redactor
    transcript: Transcript
    findings: DialogueFindings
    send_permit: SendPermit | None
    permit: LoginPermit | None = None
    address: Address | None = None
    """The address of the connected server."""
    greeting: str = field(default="", repr=False)
    offered: dict[str, str] = field(default_factory=dict)
    """EHLO keywords in capitals, with their parameters."""
    mechanisms: tuple[str, ...] = ()
    logged_in: bool = False
    token_error: str = ""
    refusals: list[Reply] = field(default_factory=list)
    tls: bool = False
    certificate_requested: bool = False
    pipelining: bool = True
    """Whether to send commands in groups, if the server offers it."""
    second_look: SecondLook | None = None
    """Starts after some silence before the greeting."""

    def restart(self) -> None:
        """Forget the connection, for a new one to the same server."""
        self.greeting, self.offered, self.mechanisms = "", {}, ()
        self.logged_in = self.tls = False
        self.token_error = ""
        self.refusals.clear()
        self.findings.recipients.clear()

    async def run(
        self, connection: SmtpConnection, context: ssl.SSLContext | None, server_name: str
    ) -> Verdict | None:
        """Open the session, as deep as the mode wants. ``context`` and ``server_name`` are for STARTTLS.

        Return the verdict; None if the mode also needs a mail transaction.
        """
        await self._greeting(connection)
        await self._ehlo(connection)
        if self.settings.smtp_type is SmtpType.START_TLS:
            assert context is not None
            await self._start_tls(connection, context, server_name)
            await self._ehlo(connection)
        mode, login = self.settings.mode, self.settings.login
        if mode is not Mode.CONNECT and login is not None:
            await self._auth(connection, login)
        return self._passed() if mode in (Mode.CONNECT, Mode.LOGIN) else None

    def _passed(self) -> Verdict:
        login = self.settings.login
        if login is not None and self.logged_in:
            return logged_in(self._server, login.user, self.findings.mechanism)
        return connected(self._server, tls=self.findings.tls_version, login=login is not None)

    @property
    def _server(self) -> str:
        return self.settings.server

    def context(self, *, recipient: str = "", closed: bool = False) -> DialogueContext:
        """Return the current facts for the rules; ``DialogueContext`` describes the parameters."""
        settings = self.settings
        login = settings.login
        return DialogueContext(
            server=settings.server,
            port=settings.port,
            smtp_type=settings.smtp_type,
            login=login is not None,
            logged_in=self.logged_in,
            user=login.user if login else "",
            origin=login.origin if login else "",
            by_token=login is not None and login.by_token,
            token_error=self.token_error,
            client_certificate=settings.tls.client_certificate is not None,
            certificate_requested=self.certificate_requested,
            mechanism=self.findings.mechanism,
            auth_mechanism=settings.auth_mechanism,
            unusual_password=login is not None and not login.by_token and is_unusual(login.password),
            tls=self.tls,
            offered=frozenset(self.offered),
            mechanisms=self.mechanisms,
            sender=self.envelope.sender.address,
            recipient=recipient,
            helo_name=self.helo_name,
            refusals=tuple(self.refusals),
            banner=self.greeting,
            closed=closed,
            shown=self.redactor.shown,
            quote=self._quote,
        )

    def _quote(self, text: str, decisive: Span) -> Quotation:
        self.redactor.keep(text, decisive)
        return self.redactor.quotation(text)

    async def command(
        self, connection: SmtpConnection, *words: bytes, shown: str = "", share: float = 1.0
    ) -> Reply:
        """Send a command, as the transcript shows it, and return the reply.

        ``share`` is the part of the time left that the server may take.
        """
        self.transcript.client(shown or b" ".join(words).decode("utf-8", "replace"))
        reply = await connection.command(*words, limit=self.budget.left * share)
        self.note(reply)
        return reply

    def note(self, reply: Reply) -> None:
        """Record a reply."""
        self.clock.replied()
        self.transcript.server(reply)

    def refused(self, reply: Reply) -> DialogueEnded:
        """Return the end of the dialogue by a refusal of the current phase."""
        assert self.clock.phase is not None
        return DialogueEnded(classify(self.clock.phase, reply, context=self.context()))

    async def _greeting(self, connection: SmtpConnection) -> None:
        if self.clock.phase is not Phase.BANNER:
            self.clock.enter(Phase.BANNER)
        reply = await first_reply(connection.reply, self.second_look, self.look_after, self.budget)
        self.note(reply)
        if reply.code in _SYNTAX_ERROR:
            await self._check_greeting(connection, reply)
        self.greeting = reply.text
        self.findings.banner = self.redactor.shown(reply.text).partition(" ")[0]
        if reply.code < 400 and reply.code != 220:
            raise InvalidReply(reply.line.encode())
        if reply.code != 220:
            raise self.refused(reply)
        early = await connection.unrequested(0)
        if early[:3].isdigit() and int(early[:3]) in _SYNTAX_ERROR:
            raise DialogueEnded(no_reply.proxy_header(self.context(), Phase.BANNER))

    async def _check_greeting(self, connection: SmtpConnection, reply: Reply) -> None:
        """Raise ``DialogueEnded`` if the reply is to a command that this client did not send."""
        early = await connection.unrequested(self.budget.limit(_WAIT_FOR_GREETING))
        if early.startswith(b"220") or reply.enhanced.startswith("5.5.") or _UNKNOWN.search(reply.text):
            raise DialogueEnded(no_reply.proxy_header(self.context(), Phase.BANNER))

    @property
    def _on_tls_port(self) -> bool:
        return self.settings.port in TLS_PORTS and self.settings.smtp_type is not SmtpType.TLS

    @property
    def look_after(self) -> float:
        """The seconds of silence after which the second look starts."""
        limits = self.limits
        seconds = limits.look_after_on_tls_port if self._on_tls_port else limits.look_after
        return min(seconds, self.budget.left / 4)

    @property
    def look_listens(self) -> float:
        """The seconds for which the second look waits for a greeting, before it speaks."""
        limits = self.limits
        seconds = limits.look_listens_on_tls_port if self._on_tls_port else limits.look_listens
        return min(seconds, self.budget.left / 6)

    async def _ehlo(self, connection: SmtpConnection) -> None:
        self.clock.enter(Phase.EHLO)
        name = self.helo_name.encode("ascii")
        reply = await self.command(connection, b"EHLO", name)
        if reply.code == 250:
            self.offered, self.mechanisms = extensions(reply)
            return
        refused = self.refused(reply)
        if (
            reply.code // 100 != 5
            or reply.enhanced.startswith("5.7.")
            or (refused.verdict.reason not in _NO_POLICY)
        ):
            raise refused
        if (await connection.unrequested(0)).startswith(b"250"):
            raise DialogueEnded(no_reply.proxy_header(self.context(), Phase.EHLO))
        self.refusals.append(reply)
        # RFC 5321 section 4.1.4: an old server may know only HELO
        try:
            older = await self.command(connection, b"HELO", name)
        except ConnectionClosed:
            raise refused from None
        if older.code != 250:
            raise refused
        if len(older.lines) > 1:  # the reply to EHLO: the one before was to something else
            raise DialogueEnded(no_reply.proxy_header(self.context(), Phase.EHLO))
        self.offered, self.mechanisms = {}, ()

    async def _start_tls(self, connection: SmtpConnection, context: ssl.SSLContext, server_name: str) -> None:
        self.clock.enter(Phase.START_TLS)
        if "STARTTLS" not in self.offered:
            raise DialogueEnded(not_offered.start_tls(self.context()))
        self.transcript.client("STARTTLS")

        def agreed(reply: Reply) -> None:
            self.note(reply)
            if reply.code == 220:
                self.clock.enter(Phase.TLS)

        reply = await connection.start_tls(
            context, server_name=server_name, limit=self.budget.left, on_reply=agreed
        )
        if reply.code != 220:
            raise self.refused(reply)
        self.secured(connection)

    def secured(self, connection: SmtpConnection) -> None:
        """Record the TLS version and the certificate of the connection."""
        session = connection.tls
        if session is None:
            return
        self.tls = True
        self.certificate_requested = certificate_requested(session)
        self.findings.tls_version = session.version() or "TLS"
        try:
            facts = CertificateInfo.of_session(session)
            if self.settings.tls.ca_pem is not None:
                self.findings.ca_chain = verifying_chain(session)
        except ValueError:  # the server has already ended the session with an alert
            facts = None
        self.findings.certificate = facts.redacted(self.redactor.shown).for_status if facts else None
        self.transcript.note(f"TLS handshake: {self.findings.tls_version}")

    async def _auth(self, connection: SmtpConnection, login: SmtpLogin) -> None:
        self.clock.enter(Phase.AUTH)
        name = auth.choose(self.settings.auth_mechanism, self.mechanisms, by_token=login.by_token)
        if name is None:
            raise DialogueEnded(not_offered.mechanism(self.context(), self.settings.auth_mechanism))
        self.findings.mechanism = name
        if self.permit is not None and self.address is not None:
            with self.budget.paused():
                await self.permit.before_login(self.settings.server, self.address, login)
            reply = None
            try:
                reply = await self._exchange(connection, login, name)
            finally:
                accepted = reply is not None and reply.code == 235
                unknown = (
                    reply is not None
                    and reply.temporary
                    and (self.refused(reply).verdict.retry is not Retry.AUTHENTICATION)
                )
                self.permit.after_login(accepted=accepted, rejected=not accepted and not unknown)
        else:
            reply = await self._exchange(connection, login, name)
        if reply.code != 235:
            raise self.refused(reply)
        self.logged_in = True

    async def _exchange(self, connection: SmtpConnection, login: SmtpLogin, name: str) -> Reply:
        """Return the last reply to AUTH."""
        self.redactor.login_sent()
        steps = auth.MECHANISMS[name](login)
        line = next(steps)
        while True:
            for secret in line.secrets:
                self.redactor.add(secret)
            reply = await self.command(connection, *line.words, shown=line.shown)
            if reply.code != 334:
                return reply
            if login.by_token and not self.token_error:
                self.token_error = auth.token_error(reply)
            try:
                line = steps.send(reply)
            except (StopIteration, auth.ChallengeInvalid):
                return reply

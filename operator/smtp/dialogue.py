# SPDX-License-Identifier: Apache-2.0
"""The SMTP dialogue, phase by phase, from the greeting to the final dot.

A step returns, raises ``DialogueEnded`` with a verdict, or passes on a ``ConnectionFailure``, whose meaning
depends on the phase. If ``smtpType`` is StartTLS, STARTTLS is mandatory. There is exactly one AUTH command.
"""

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.reasons import Retry
from smtp_operator.api.verdict import Certificate, Mode, Phase, RecipientVerdict, SmtpType, Verdict
from smtp_operator.network.destination import Address
from smtp_operator.smtp import auth
from smtp_operator.smtp.certificates import CertificateInfo
from smtp_operator.smtp.connection import ConnectionFailure, InvalidReply, SmtpConnection
from smtp_operator.smtp.diagnosis import capabilities as not_offered
from smtp_operator.smtp.diagnosis.classify import classify
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.login_advice import is_unusual
from smtp_operator.smtp.diagnosis.outcomes import (
    Refusal,
    all_refused,
    connected,
    envelope_accepted,
    logged_in,
    sent,
    some_refused,
)
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.message.envelope import Envelope
from smtp_operator.smtp.message.mime import build_message
from smtp_operator.smtp.quotation import Quotation, Span
from smtp_operator.smtp.redaction.redactor import Redactor
from smtp_operator.smtp.replies import Reply
from smtp_operator.smtp.request import SmtpLogin, TestRequest
from smtp_operator.smtp.send_permit import SendPermit
from smtp_operator.smtp.timing import Budget, PhaseClock, PhaseLimits
from smtp_operator.smtp.transcript import Transcript

TLS_PORTS: Final = (465, 2465)


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
    response: str = ""
    recipients: list[RecipientVerdict] = field(default_factory=list)
    content_sent: bool = False
    """Whether the email was sent, so that the server may have accepted it in any case."""


@contextlib.contextmanager
def _calling_off() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise SendAborted from error


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
    mail: bytes = b""
    logged_in: bool = False
    token_error: str = ""
    refusals: list[Reply] = field(default_factory=list)
    """Permanent refusals of commands other than RCPT."""
    tls: bool = False
    hurried: bool = False
    """Whether the current step got less than its limit because the budget is almost spent."""

    async def run(
        self, connection: SmtpConnection, context: ssl.SSLContext | None, server_name: str
    ) -> Verdict:
        """The dialogue, as deep as the mode wants. ``context`` and ``server_name`` are for STARTTLS."""
        await self._greeting(connection)
        await self._ehlo(connection)
        if self.settings.smtp_type is SmtpType.START_TLS:
            assert context is not None
            await self._start_tls(connection, context, server_name)
            await self._ehlo(connection)
        mode, login = self.settings.mode, self.settings.login
        if mode is not Mode.CONNECT and login is not None:
            await self._auth(connection, login)
        if mode in (Mode.CONNECT, Mode.LOGIN):
            return self._passed()
        await self._mail_from(connection)
        refusals = await self._rcpt_to(connection)
        if mode is Mode.ENVELOPE:
            with contextlib.suppress(ConnectionFailure):  # the verdict is known, and QUIT also resets
                await connection.command(b"RSET", limit=self.limit(self.limits.quit))
        else:
            await self._data(connection)
        accepted = len(self.envelope.addressees) - len(refusals)
        if refusals:
            return some_refused(refusals, accepted=accepted, mailed=mode is Mode.SEND_EMAIL)
        if mode is Mode.ENVELOPE:
            return envelope_accepted(self._server, accepted)
        return sent(self._server, accepted, self.findings.response)

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

    def limit(self, seconds: float, *, probe_after: bool = False) -> float:
        """Return ``seconds``, or less at the end of the budget. ``probe_after`` reserves time for a probe."""
        left = self.budget.left
        if probe_after:
            left -= min(self.limits.probe, self.budget.total / 4)
        self.hurried = left < seconds
        return max(0.0, min(seconds, left))

    @property
    def _banner_limit(self) -> float:
        tls_port = self.settings.port in TLS_PORTS and self.settings.smtp_type is not SmtpType.TLS
        return self.limits.banner_on_tls_port if tls_port else self.limits.banner

    async def _command(self, connection: SmtpConnection, *words: bytes, shown: str = "") -> Reply:
        self.transcript.client(shown or b" ".join(words).decode("utf-8", "replace"))
        reply = await connection.command(*words, limit=self.limit(self.limits.command))
        self._note(reply)
        return reply

    def _note(self, reply: Reply) -> None:
        self.clock.replies += 1
        self.transcript.server(reply)

    def _refused(self, reply: Reply) -> DialogueEnded:
        assert self.clock.phase is not None
        return DialogueEnded(classify(self.clock.phase, reply, context=self.context()))

    async def _greeting(self, connection: SmtpConnection) -> None:
        self.clock.enter(Phase.BANNER)
        probe_after = self.settings.smtp_type is not SmtpType.TLS
        reply = await connection.greeting(self.limit(self._banner_limit, probe_after=probe_after))
        self._note(reply)
        self.greeting = reply.text
        self.findings.banner = self.redactor.shown(reply.text).partition(" ")[0]
        if reply.code < 400 and reply.code != 220:
            raise InvalidReply(reply.line.encode())
        if reply.code != 220:
            raise self._refused(reply)

    async def _ehlo(self, connection: SmtpConnection) -> None:
        self.clock.enter(Phase.EHLO)
        name = self.helo_name.encode("ascii")
        reply = await self._command(connection, b"EHLO", name)
        if reply.code in {500, 502}:  # RFC 5321 section 4.1.4: an old server may know only HELO
            self.refusals.append(reply)
            older = await self._command(connection, b"HELO", name)
            if older.code != 250:
                raise self._refused(reply)
            self.offered, self.mechanisms = {}, ()
            return
        if reply.code != 250:
            raise self._refused(reply)
        self.offered, self.mechanisms = extensions(reply)

    async def _start_tls(self, connection: SmtpConnection, context: ssl.SSLContext, server_name: str) -> None:
        self.clock.enter(Phase.START_TLS)
        if "STARTTLS" not in self.offered:
            raise DialogueEnded(not_offered.start_tls(self.context()))
        self.transcript.client("STARTTLS")

        def agreed(reply: Reply) -> None:
            self._note(reply)
            if reply.code == 220:
                self.clock.enter(Phase.TLS)

        reply = await connection.start_tls(
            context, server_name=server_name, limit=self.limit(self.limits.tls), on_reply=agreed
        )
        if reply.code != 220:
            raise self._refused(reply)
        self.secured(connection)

    def secured(self, connection: SmtpConnection) -> None:
        """Record the TLS version and the certificate of the connection."""
        session = connection.tls
        if session is None:
            return
        self.tls = True
        self.findings.tls_version = session.version() or "TLS"
        facts = CertificateInfo.of_session(session)
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
                unknown = reply is not None and reply.temporary and not self._rejects_password(reply)
                self.permit.after_login(accepted=accepted, rejected=not accepted and not unknown)
        else:
            reply = await self._exchange(connection, login, name)
        if reply.code != 235:
            raise self._refused(reply)
        self.logged_in = True

    def _rejects_password(self, reply: Reply) -> bool:
        return classify(Phase.AUTH, reply, context=self.context()).retry is Retry.AUTHENTICATION

    async def _exchange(self, connection: SmtpConnection, login: SmtpLogin, name: str) -> Reply:
        """Return the last reply to AUTH."""
        self.redactor.login_sent()
        steps = auth.MECHANISMS[name](login)
        line = next(steps)
        while True:
            for secret in line.secrets:
                self.redactor.add(secret)
            reply = await self._command(connection, *line.words, shown=line.shown)
            if reply.code != 334:
                return reply
            if login.by_token and not self.token_error:
                self.token_error = auth.token_error(reply)
            try:
                line = steps.send(reply)
            except (StopIteration, auth.ChallengeInvalid):
                return reply

    async def _mail_from(self, connection: SmtpConnection) -> None:
        self.clock.enter(Phase.MAIL_FROM)
        self._check_smtputf8()
        sender = self.envelope.sender.address
        self.mail = self._mail()
        options = [f"SIZE={len(self.mail)}".encode()] if "SIZE" in self.offered else []
        if self._smtputf8:
            options += [b"BODY=8BITMIME", b"SMTPUTF8"]
        reply = await self._command(connection, b"MAIL", f"FROM:<{sender}>".encode(), *options)
        if not reply.good:
            raise self._refused(reply)

    @property
    def _smtputf8(self) -> bool:
        boxes = [self.envelope.sender, *(entry.mailbox for entry in self.envelope.addressees)]
        return any(box.needs_smtputf8 for box in boxes)

    def _check_smtputf8(self) -> None:
        if "SMTPUTF8" in self.offered:
            return
        boxes = [(f"from {self.envelope.sender.address}", self.envelope.sender)]
        boxes += [(entry.label, entry.mailbox) for entry in self.envelope.addressees]
        for label, mailbox in boxes:
            if mailbox.needs_smtputf8:
                raise DialogueEnded(not_offered.smtputf8(self.context(), label))

    async def _rcpt_to(self, connection: SmtpConnection) -> list[Refusal]:
        self.clock.enter(Phase.RCPT_TO)
        refusals = []
        replies: dict[str, Reply] = {}
        for entry in self.envelope.addressees:
            address = entry.mailbox.address
            if address not in replies:  # an address in two lists gets one email
                place = entry.place if entry.role == "bcc" else address
                words = (b"RCPT", f"TO:<{address}>".encode())
                replies[address] = await self._command(connection, *words, shown=f"RCPT TO:<{place}>")
            reply = replies[address]
            if not reply.good:
                meaning = classify(Phase.RCPT_TO, reply, context=self.context(recipient=entry.label))
                if reply.code == 421:
                    raise DialogueEnded(meaning)
                refusals.append(Refusal(entry, reply, self.redactor.quotation(reply.line), meaning))
            shown = self.redactor.shown(reply.line)
            self.findings.recipients.append(
                RecipientVerdict(role=entry.role, index=entry.index, accepted=reply.good, response=shown)
            )
        if len(refusals) == len(self.envelope.addressees):
            raise DialogueEnded(all_refused(refusals))
        return refusals

    async def _data(self, connection: SmtpConnection) -> None:
        self.clock.enter(Phase.DATA)
        if self.send_permit is not None:
            with self.budget.paused(), _calling_off():
                await self.send_permit.acquire((self.address, self.settings.port))
        reply = await self._command(connection, b"DATA")
        if reply.code != 354:
            raise self._refused(reply)
        if self.send_permit is not None:
            with _calling_off():
                self.send_permit.check()
        self.findings.content_sent = True
        self.transcript.client("(the mail)")
        reply = await connection.content(self.mail, limit=self.limit(self.limits.data))
        self._note(reply)
        refused = None if reply.good else self._refused(reply)
        self.findings.response = self.redactor.shown(reply.line)
        if refused is not None:
            raise refused

    def _mail(self) -> bytes:
        envelope = self.envelope
        return build_message(
            sender=envelope.sender,
            to=envelope.of_role("to"),
            cc=envelope.of_role("cc"),
            subject=self.settings.subject,
            body=self.settings.body,
            headers=self.settings.headers,
            message_id=self.findings.message_id,
            smtputf8=self._smtputf8,
        )

# SPDX-License-Identifier: Apache-2.0
"""Analysis of a broken connection, if necessary with a second connection.

A client that sends plaintext to a TLS port gets no reply; a client that sends TLS to a plaintext port gets
invalid data. After such failures, and during a long silence before the greeting, more connections without
credentials find out which protocol the server uses, and the verdict names the field to change.
"""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase, SmtpType, Suggestion, Verdict
from smtp_operator.network.trust import UNTRUSTED
from smtp_operator.smtp.connection import (
    ConnectionClosed,
    ConnectionFailure,
    InvalidReply,
    ReplyTimeout,
    TlsHandshakeFailed,
)
from smtp_operator.smtp.diagnosis import no_reply
from smtp_operator.smtp.diagnosis import tls_failures as tlsfailures
from smtp_operator.smtp.diagnosis.classify import classify
from smtp_operator.smtp.diagnosis.verdicts import verdict
from smtp_operator.smtp.dialogue import Dialogue
from smtp_operator.smtp.preflight import PreparedTest
from smtp_operator.smtp.probe import (
    ProbeResult,
    Protocol,
    identify,
    probe_certificate,
    probe_old_tls,
    probe_plaintext,
    probe_proxy,
    probe_tls,
)
from smtp_operator.smtp.quotation import Quotation

_NOT_SMTP: Final = frozenset(
    {Protocol.IMAP, Protocol.POP3, Protocol.SSH, Protocol.HTTP, Protocol.FTP, Protocol.NNTP}
)
_WAITS_FOR_HEADER: Final = 1.0
"""Seconds after which a server that waits for a PROXY header may close the connection."""


@dataclass(frozen=True, slots=True)
class FailureAnalyzer:
    """Analyzes why one dialogue broke; ``connect`` opens one more connection to the same address."""

    dialogue: Dialogue
    prepared: PreparedTest
    connect: Callable[[float], Awaitable[socket.socket]]

    async def analyze(self, error: ConnectionFailure) -> Verdict:
        """Return the verdict on ``error`` in the current phase of the dialogue."""
        phase = self.dialogue.clock.phase
        assert phase is not None
        self.dialogue.clock.stop()
        match error:
            case ReplyTimeout():
                return self._silent(phase)
            case ConnectionClosed():
                return await self._closed(phase, error)
            case TlsHandshakeFailed():
                return await self._tls_failed(error)
            case InvalidReply():
                return await self._invalid_reply(phase, error.raw)
            case _:
                raise AssertionError("unknown connection failure")

    def _silent(self, phase: Phase) -> Verdict:
        dialogue = self.dialogue
        clock, budget = dialogue.clock, dialogue.budget
        content_sent = dialogue.findings.content_sent
        waited = clock.waited
        slow = no_reply.Waiting(phase, waited, budget.spent, budget.total, content_sent=content_sent)
        if clock.replies and waited < budget.total / 2 and not content_sent:
            return no_reply.too_slow(slow, clock.replies)
        return no_reply.silent(dialogue.context(), slow)

    async def _closed(self, phase: Phase, error: ConnectionClosed) -> Verdict:
        dialogue = self.dialogue
        if tlsfailures.wants_client_certificate(error.alert) or (
            dialogue.settings.tls.client_certificate is not None
            and tlsfailures.refuses_client_certificate(error.alert)
        ):
            return tlsfailures.failed(dialogue.context(), error.alert, 0, name=self.prepared.server_name)
        if error.said is not None:
            return classify(phase, error.said, context=dialogue.context(closed=True))
        found = await self._closed_around_tls(phase) or await self._mismatch_after_failure(phase)
        return found or no_reply.closed(
            dialogue.context(),
            phase,
            dialogue.transcript.last_words,
            content_sent=dialogue.findings.content_sent,
        )

    async def _closed_around_tls(self, phase: Phase) -> Verdict | None:
        """Return the verdict on a connection that was closed during the handshake, or right after it."""
        dialogue = self.dialogue
        if phase is Phase.TLS:
            old = await self._probe_old_tls()
            if old:
                return tlsfailures.old_tls(dialogue.context())
        elif phase not in (Phase.BANNER, Phase.EHLO) or not dialogue.tls:
            return None
        elif dialogue.certificate_requested:
            return tlsfailures.client_certificate(dialogue.context(), Phase.TLS)
        probe = await self._probe_certificate(read_alert=True)
        if phase is Phase.TLS and (probe is None or not (probe.server_hello or probe.alert)):
            weak = await self._probe_old_tls(ciphers=True)
            return tlsfailures.weak_ciphers(dialogue.context()) if weak else None
        if probe is None:
            return None
        if tlsfailures.wants_client_certificate(probe.alert):
            return tlsfailures.failed(dialogue.context(), probe.alert, 0, name=self.prepared.server_name)
        if probe.certificate_requested:
            return tlsfailures.client_certificate(dialogue.context(), Phase.TLS)
        return None

    async def _invalid_reply(self, phase: Phase, raw: bytes) -> Verdict:
        if phase is not Phase.BANNER:
            return no_reply.invalid_reply(self.dialogue.context(), phase)
        kind = identify(raw)
        if kind is Protocol.SMTP:  # a greeting that never ends
            return no_reply.invalid_reply(self.dialogue.context(), phase)
        if kind is Protocol.TLS:
            found = await self._mismatch_after_failure(phase)
            if found:
                return found
        return no_reply.not_smtp(self.dialogue.context(), phase, kind)

    async def _tls_failed(self, error: TlsHandshakeFailed) -> Verdict:
        settings = self.dialogue.settings
        if error.reason in tlsfailures.NOT_TLS and settings.smtp_type is SmtpType.TLS:
            found = await self._mismatch_after_failure(Phase.TLS) or await self._answer_to_client_hello()
            return found or no_reply.closed(
                self.dialogue.context(), Phase.TLS, Quotation(), content_sent=False
            )
        probe = None
        if error.verify_code or error.reason == tlsfailures.AMBIGUOUS:
            probe = await self._probe_certificate()
        facts = (
            probe.certificate.redacted(self.dialogue.redactor.shown) if probe and probe.certificate else None
        )
        if facts is not None:
            self.dialogue.findings.certificate = facts.for_status
        if settings.tls.not_admitted is not None and error.verify_code in UNTRUSTED:
            return tlsfailures.not_admitted(self.dialogue.context(), settings.tls.not_admitted)
        return tlsfailures.failed(
            self.dialogue.context(),
            error.reason,
            error.verify_code,
            name=self.prepared.server_name,
            facts=facts,
            server_hello=probe is not None and probe.server_hello,
            ca_pem=settings.tls.ca_pem,
        )

    async def _answer_to_client_hello(self) -> Verdict | None:
        """Return a verdict if the server answers a ClientHello in another protocol, as HTTP servers do."""
        probe = await self._probe_tls(0.0, self._limit)
        if probe.kind in _NOT_SMTP:
            return no_reply.not_smtp(self.dialogue.context(), Phase.TLS, probe.kind)
        return None

    async def look(self) -> Verdict | None:
        """Return a verdict if the silence before the greeting has a provable cause; else None."""
        dialogue = self.dialogue
        return await self._mismatch(
            dialogue.clock.phase, listen=dialogue.look_listens, limit=dialogue.budget.left / 2, silent=True
        )

    async def _mismatch(
        self, phase: Phase | None, *, listen: float, limit: float, silent: bool = False
    ) -> Verdict | None:
        """Return a verdict if another ``smtpType`` or protocol works on this port; else None."""
        smtp_type = self.dialogue.settings.smtp_type
        if phase is Phase.TLS and smtp_type is SmtpType.TLS:
            probe = await self._probe_plaintext(limit)
            if probe.kind is Protocol.SMTP:
                return self._plaintext(probe)
        elif phase is Phase.BANNER:
            listen = 0.0 if smtp_type is SmtpType.TLS else listen
            probe = await self._probe_tls(listen, limit)
            if probe.kind is Protocol.CLOSED and not probe.spoke:
                probe = await self._probe_tls(0.0, limit)
            if smtp_type is not SmtpType.TLS and _speaks_tls(probe):
                return self._tls_expected(smtp_type)
        else:
            return None
        other = phase is Phase.TLS and probe.kind is Protocol.OTHER and probe.in_plaintext
        if probe.kind in _NOT_SMTP or other:
            return no_reply.not_smtp(self.dialogue.context(), phase, probe.kind)
        # A ClientHello is an invalid header, after which such a server closes the connection at once.
        waits = silent or phase is Phase.TLS or self.dialogue.clock.waited >= _WAITS_FOR_HEADER
        if waits and await self._probe_proxy():
            return no_reply.proxy_expected(self.dialogue.context(), phase, silent=silent)
        return None

    def _tls_expected(self, smtp_type: SmtpType) -> Verdict:
        settings = self.dialogue.settings
        return verdict(
            Reason.TLS_EXPECTED_BY_SERVER,
            f"{settings.server}:{settings.port} expects TLS from the first byte, but smtpType is {smtp_type}",
            phase=Phase.BANNER,
            why="A second connection, without the password, found this",
            fix="Set smtpType: TLS",
            suggestion=Suggestion(smtp_type=SmtpType.TLS),
        )

    def _plaintext(self, probe: ProbeResult) -> Verdict:
        settings = self.dialogue.settings
        other = "" if settings.port == 465 else " (or port: 465 for TLS from the first byte)"
        fix = f"Set smtpType: StartTLS{other}"
        suggestion = Suggestion(smtp_type=SmtpType.START_TLS) if probe.start_tls else None
        if not probe.start_tls:
            fix = "Set smtpType: None"
            if settings.port != 465:
                fix = "Set port: 465 if the server supports TLS there, otherwise smtpType: None"
            if settings.login is None:
                suggestion = Suggestion(smtp_type=SmtpType.NONE)
        return verdict(
            Reason.PLAINTEXT_SERVER,
            f"{settings.server}:{settings.port} answers in plaintext, but smtpType is TLS",
            phase=Phase.TLS,
            why="A second connection, without the password, found this",
            fix=fix,
            suggestion=suggestion,
        )

    async def _mismatch_after_failure(self, phase: Phase) -> Verdict | None:
        limits = self.dialogue.limits
        listen = min(limits.look_listens_on_tls_port, self.dialogue.budget.left / 4)
        return await self._mismatch(phase, listen=listen, limit=listen + self._limit)

    async def _probe_tls(self, listen: float, limit: float) -> ProbeResult:
        prepared = self.prepared
        try:
            sock = await self.connect(self._limit)
            return await probe_tls(sock, prepared.server_name, prepared.helo_name, listen=listen, limit=limit)
        except OSError:
            return ProbeResult(Protocol.CLOSED)

    async def _probe_plaintext(self, limit: float) -> ProbeResult:
        try:
            return await probe_plaintext(
                await self.connect(self._limit), self.prepared.helo_name, limit=limit
            )
        except OSError:
            return ProbeResult(Protocol.CLOSED)

    async def _probe_proxy(self) -> bool:
        tls = self.dialogue.settings.smtp_type is SmtpType.TLS
        limit = self._limit
        try:
            return await probe_proxy(
                await self.connect(limit), self.prepared.server_name, tls=tls, limit=limit
            )
        except OSError:
            return False

    async def _probe_old_tls(self, *, ciphers: bool = False) -> bool:
        limit = self._limit
        try:
            return await probe_old_tls(
                await self.connect(limit),
                self.prepared.helo_name,
                start_tls=self.dialogue.settings.smtp_type is SmtpType.START_TLS,
                limit=limit,
                ciphers=ciphers,
            )
        except OSError:
            return False

    async def _probe_certificate(self, *, read_alert: bool = False) -> ProbeResult | None:
        limit = self._limit
        try:
            return await probe_certificate(
                await self.connect(limit),
                self.prepared.server_name,
                self.prepared.helo_name,
                start_tls=self.dialogue.settings.smtp_type is SmtpType.START_TLS,
                limit=limit,
                read_alert=read_alert,
            )
        except OSError:
            return None

    @property
    def _limit(self) -> float:
        """The seconds for a connection, and for a probe; a slow server gets the time that it took before."""
        budget = self.dialogue.budget
        return budget.limit(max(self.dialogue.limits.probe, 2 * budget.spent)) / 2


def _speaks_tls(probe: ProbeResult) -> bool:
    """Return whether the server speaks TLS from the first byte, and no other protocol than SMTP over it."""
    if probe.kind is Protocol.SMTP:
        return not probe.in_plaintext
    silent = probe.kind in {Protocol.SILENT, Protocol.CLOSED}
    return probe.kind is Protocol.TLS or (silent and probe.server_hello)

# SPDX-License-Identifier: Apache-2.0
"""Mail servers with scripted results, which record what they receive."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import (
    DeliveryAddressResult,
    DialogueReport,
    Mode,
    Phase,
    PhaseTiming,
    RecipientVerdict,
    ServerFacts,
    SmtpType,
    Suggestion,
    Verdict,
)
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.request import TestRequest
from smtp_operator.smtp.send_permit import SendPermit

_SUCCESS: Final = {
    Mode.SEND_EMAIL: Reason.TEST_EMAIL_SENT,
    Mode.ENVELOPE: Reason.ENVELOPE_ACCEPTED,
    Mode.LOGIN: Reason.LOGIN_SUCCEEDED,
    Mode.CONNECT: Reason.CONNECTED,
}
_LAST: Final = {
    Mode.SEND_EMAIL: Phase.DATA,
    Mode.ENVELOPE: Phase.RCPT_TO,
    Mode.LOGIN: Phase.AUTH,
    Mode.CONNECT: Phase.TLS,
}
_PHASE_OF: Final = {
    Reason.HOST_NOT_FOUND: Phase.RESOLVE,
    Reason.DNS_UNAVAILABLE: Phase.RESOLVE,
    Reason.CONNECTION_REFUSED: Phase.CONNECT,
    Reason.CONNECT_TIMEOUT: Phase.CONNECT,
    Reason.BANNER_TIMEOUT: Phase.BANNER,
    Reason.TLS_EXPECTED_BY_SERVER: Phase.BANNER,
    Reason.START_TLS_NOT_OFFERED: Phase.START_TLS,
    Reason.CERTIFICATE_UNTRUSTED: Phase.TLS,
    Reason.CERTIFICATE_EXPIRED: Phase.TLS,
    Reason.AUTHENTICATION_FAILED: Phase.AUTH,
    Reason.AUTH_DISABLED_BY_PROVIDER: Phase.AUTH,
    Reason.APP_PASSWORD_REQUIRED: Phase.AUTH,
    Reason.AUTH_CONNECTION_DROPPED: Phase.AUTH,
    Reason.TOO_MANY_LOGINS: Phase.AUTH,
    Reason.FROM_ADDRESS_REJECTED: Phase.MAIL_FROM,
    Reason.GREYLISTED: Phase.RCPT_TO,
    Reason.RECIPIENTS_REFUSED: Phase.RCPT_TO,
    Reason.RECIPIENTS_PARTIALLY_REFUSED: Phase.DATA,
    Reason.MESSAGE_REJECTED: Phase.DATA,
    Reason.DATA_TIMEOUT: Phase.DATA,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of one test. It takes ``seconds``, most of them in its last phase."""

    reason: Reason | None = None
    """The reason of the failure; None: the test passes."""
    phase: Phase | None = None
    seconds: float = 0.2
    message: str = ""
    reply: str = ""
    retry: Retry | None = None
    retry_after: float | None = None
    suggestion: Suggestion | None = None
    recipients: tuple[RecipientVerdict, ...] = ()
    address_refused: Verdict | None = None
    """Why the server refuses ``delivery.address``, if that is an additional recipient."""
    report: DialogueReport | None = None
    """The whole verdict, for cases that the other fields cannot express."""


def passes(*, seconds: float = 0.2) -> Answer:
    """Return the result of a server that accepts everything."""
    return Answer(seconds=seconds)


def fails(
    reason: Reason,
    *,
    phase: Phase | None = None,
    seconds: float = 0.2,
    message: str = "",
    reply: str = "",
    retry: Retry | None = None,
    retry_after: float | None = None,
    suggestion: Suggestion | None = None,
) -> Answer:
    """Return a failure with this reason, in its usual phase."""
    return Answer(
        reason=reason,
        phase=phase or _PHASE_OF.get(reason, Phase.BANNER),
        seconds=seconds,
        message=message,
        reply=reply,
        retry=retry,
        retry_after=retry_after,
        suggestion=suggestion,
    )


@dataclass(slots=True)
class Run:
    """A test. Times are in seconds since the epoch."""

    settings: TestRequest
    name: str
    """The namespace/name of the SmtpConfig."""
    started: float
    ended: float | None = None
    """None: it was canceled, or is still running."""

    @property
    def mode(self) -> Mode:
        """The mode of the test."""
        return self.settings.mode


@dataclass(frozen=True, slots=True)
class Mail:
    """An email that a server accepted."""

    at: float
    message_id: str
    settings: TestRequest

    @property
    def to(self) -> list[str]:
        """All recipients."""
        return [recipient.address for recipient in self.settings.recipients]


@dataclass(slots=True)
class _Server:
    answers: deque[Answer] = field(default_factory=deque)
    """The results of the next tests, one per test."""
    then: Answer | Callable[[TestRequest], Answer] = Answer()


class ScriptedEngine:
    """``reconcile.ports.SmtpEngine`` without a network."""

    def __init__(self, now: Callable[[], float], connections: int = 5) -> None:
        self._now = now
        self._connections = ConnectionLimits(connections)
        self._servers: defaultdict[str, _Server] = defaultdict(_Server)
        self.slow_phases = 0.01
        """Minimum duration of each phase, in seconds."""
        self.runs: list[Run] = []
        self.mails: list[Mail] = []
        self.all_mails: list[Mail] = []
        """Also those that were forgotten."""
        self.logins: list[tuple[float, str]] = []
        self.addresses: dict[str, str] = {}
        """Addresses by server; default: 192.0.2.10."""
        """The time and password of each login."""
        self.ca_chain: tuple[bytes, ...] = ()
        """The CA certificates (DER) that verify each server, with a caRef."""
        self.under_way: list[str] = []
        """SmtpConfigs with a running test."""
        self.overlaps: list[str] = []
        """SmtpConfigs with two tests at the same time."""
        self.most_at_once: defaultdict[str, int] = defaultdict(int)
        """Results by server."""
        self._busy: defaultdict[str, int] = defaultdict(int)

    def script(self, *answers: Answer, server: str = "smtp.example.com") -> None:
        """Set the results of the next tests of this server."""
        self._servers[server].answers.extend(answers)

    def always(
        self, answer: Answer | Callable[[TestRequest], Answer], *, server: str = "smtp.example.com"
    ) -> None:
        """Set the result of all tests of this server after its scripted ones."""
        self._servers[server].then = answer

    async def run(
        self,
        settings: TestRequest,
        *,
        on_phase: Callable[[Phase], None] = lambda phase: None,
        send_permit: SendPermit | None = None,
        permit: LoginPermit | None = None,
    ) -> DialogueReport:
        """Run one test."""
        name = dict(settings.headers)["X-Smtp-Operator"]
        if name in self.under_way:
            self.overlaps.append(name)
        self.under_way.append(name)
        try:
            async with self._connections.place((settings.server.lower(), settings.port)):
                return await self._connected(name, settings, on_phase, send_permit, permit)
        finally:
            self.under_way.remove(name)

    async def _connected(
        self,
        name: str,
        settings: TestRequest,
        on_phase: Callable[[Phase], None],
        send_permit: SendPermit | None,
        permit: LoginPermit | None,
    ) -> DialogueReport:
        run = Run(settings, name, self._now())
        self.runs.append(run)
        self._busy[settings.server] += 1
        self.most_at_once[settings.server] = max(
            self.most_at_once[settings.server], self._busy[settings.server]
        )
        try:
            report = await self._dialogue(settings, self._answer(settings), on_phase, send_permit, permit)
        finally:
            self._busy[settings.server] -= 1
        run.ended = self._now()
        return report

    def _answer(self, settings: TestRequest) -> Answer:
        server = self._servers[settings.server]
        if server.answers:
            return server.answers.popleft()
        return server.then if isinstance(server.then, Answer) else server.then(settings)

    async def _dialogue(
        self,
        settings: TestRequest,
        answer: Answer,
        on_phase: Callable[[Phase], None],
        send_permit: SendPermit | None,
        permit: LoginPermit | None,
    ) -> DialogueReport:
        phases = _phases(settings)
        last = _LAST[settings.mode] if answer.phase is None else answer.phase
        through = [phase for phase in phases if phase.order <= last.order]
        reached = answer.reason is not None and last in phases
        timings = []
        for phase in through:
            seconds = self.slow_phases
            if phase is through[-1]:
                seconds = max(seconds, answer.seconds - 0.01 * (len(through) - 1))
            on_phase(phase)
            if phase is Phase.DATA and send_permit is not None:
                await send_permit.acquire((settings.server.lower(), settings.port))
                send_permit.check()
            if phase is Phase.AUTH and settings.login is not None:
                if permit is not None:
                    address = ip_address(self.addresses.get(settings.server, "192.0.2.10"))
                    try:
                        await permit.before_login(settings.server, address, settings.login)
                    except DialogueEnded as ended:
                        timings.append(PhaseTiming(phase, 0.0))
                        return DialogueReport(
                            verdict=ended.verdict, mode=settings.mode, duration=0.0, phases=tuple(timings)
                        )
                self.logins.append((self._now(), settings.login.password))
            if phase is Phase.DATA and (not reached or answer.reason is not Reason.MESSAGE_REJECTED):
                self.mails.append(Mail(self._now(), settings.message_id, settings))
                self.all_mails.append(self.mails[-1])
            await asyncio.sleep(seconds)
            timings.append(PhaseTiming(phase, seconds))
            if phase is Phase.AUTH and settings.login is not None and permit is not None:
                refused = reached and last is Phase.AUTH
                unknown = answer.reply.startswith("4")
                permit.after_login(accepted=not refused, rejected=refused and not unknown)
        if answer.report is not None:
            return answer.report
        verdict = _failed(answer) if reached else _passed(settings)
        return DialogueReport(
            verdict=verdict,
            mode=settings.mode,
            duration=answer.seconds,
            phases=tuple(timings),
            server=ServerFacts(
                address="192.0.2.10:587",
                banner=settings.server,
                auth_mechanism="" if settings.login is None else "PLAIN",
                ca_chain=self.ca_chain if settings.tls.ca_pem is not None else (),
            ),
            message_id=settings.message_id,
            response="250 2.0.0 queued as 4F1B2" if Phase.DATA in through else "",
            recipients=answer.recipients,
            delivery_address=DeliveryAddressResult(refusal=answer.address_refused)
            if {it.role == "delivery" for it in settings.recipients} == {True, False}
            else None,
            dialogue=("S: 220 mx.example.com ESMTP", "C: EHLO example.com"),
        )


def _phases(settings: TestRequest) -> list[Phase]:
    tls = {
        SmtpType.NONE: {Phase.START_TLS, Phase.TLS},
        SmtpType.TLS: {Phase.START_TLS},
        SmtpType.START_TLS: set(),
    }[settings.smtp_type]
    left_out = tls | {Phase.PASSWORD, Phase.TOKEN} | ({Phase.AUTH} if settings.login is None else set())
    last = _LAST[settings.mode]
    return [phase for phase in Phase if phase not in left_out and phase.order <= last.order]


def _failed(answer: Answer) -> Verdict:
    assert answer.reason is not None
    return Verdict(
        reason=answer.reason,
        message=answer.message or f"{answer.reason}, said the script.",
        retry=answer.retry or REASONS[answer.reason].retry,
        phase=answer.phase,
        reply=answer.reply,
        retry_after=answer.retry_after,
        suggestion=answer.suggestion,
    )


def _passed(settings: TestRequest) -> Verdict:
    reason = _SUCCESS[settings.mode]
    return Verdict(reason=reason, message=f"{reason}, said the script.", retry=Retry.PASSED)

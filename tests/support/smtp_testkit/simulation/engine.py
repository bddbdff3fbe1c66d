# SPDX-License-Identifier: Apache-2.0
"""Mail servers that answer as they are told, and remember what was sent to them."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import (
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
    """How one test goes. It takes ``seconds``, most of them in its last phase."""

    reason: Reason | None = None
    """Why it fails; None: it passes."""
    phase: Phase | None = None
    seconds: float = 0.2
    message: str = ""
    reply: str = ""
    retry: Retry | None = None
    retry_after: float | None = None
    suggestion: Suggestion | None = None
    recipients: tuple[RecipientVerdict, ...] = ()
    report: DialogueReport | None = None
    """All of it, where the rest is not enough."""


def passes(*, seconds: float = 0.2) -> Answer:
    """A server that takes whatever it is given."""
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
    """A test that fails for this reason, in the phase where that is usual."""
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
    """One test that was asked for. Times are in seconds since the epoch."""

    settings: TestRequest
    name: str
    """namespace/name of the SmtpConfig."""
    started: float
    ended: float | None = None
    """None: it was cancelled, or still runs."""

    @property
    def mode(self) -> Mode:
        """How deep it goes."""
        return self.settings.mode


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that a server took."""

    at: float
    message_id: str
    settings: TestRequest

    @property
    def to(self) -> list[str]:
        """Everybody who gets it."""
        return [recipient.address for recipient in self.settings.recipients]


@dataclass(slots=True)
class _Server:
    answers: deque[Answer] = field(default_factory=deque)
    """Of the next tests, one each."""
    then: Answer | Callable[[TestRequest], Answer] = Answer()


class ScriptedEngine:
    """``reconcile.interfaces.Engine`` without a network."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._servers: defaultdict[str, _Server] = defaultdict(_Server)
        self.slow_phases = 0.01
        """Seconds that each phase takes at least."""
        self.runs: list[Run] = []
        self.mails: list[Mail] = []
        self.logins: list[tuple[float, str]] = []
        self.addresses: dict[str, str] = {}
        """By server; any other has 192.0.2.10."""
        """When which password was sent."""
        self.under_way: list[str] = []
        """SmtpConfigs whose test runs now."""
        self.overlaps: list[str] = []
        """SmtpConfigs that were tested twice at a time."""
        self.most_at_once: defaultdict[str, int] = defaultdict(int)
        """By server."""
        self._busy: defaultdict[str, int] = defaultdict(int)

    def script(self, *answers: Answer, server: str = "smtp.example.com") -> None:
        """How the next tests of that server go, one answer each."""
        self._servers[server].answers.extend(answers)

    def always(
        self, answer: Answer | Callable[[TestRequest], Answer], *, server: str = "smtp.example.com"
    ) -> None:
        """How the tests of that server go from now on, once its script is through."""
        self._servers[server].then = answer

    async def run(
        self,
        settings: TestRequest,
        *,
        on_phase: Callable[[Phase], None] = lambda phase: None,
        leave: SendPermit | None = None,
        permit: LoginPermit | None = None,
    ) -> DialogueReport:
        """One test."""
        name = dict(settings.headers)["X-Smtp-Operator"]
        run = Run(settings, name, self._now())
        self.runs.append(run)
        if name in self.under_way:
            self.overlaps.append(name)
        self.under_way.append(name)
        self._busy[settings.server] += 1
        self.most_at_once[settings.server] = max(
            self.most_at_once[settings.server], self._busy[settings.server]
        )
        try:
            report = await self._dialogue(settings, self._answer(settings), on_phase, leave, permit)
        finally:
            self.under_way.remove(name)
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
        leave: SendPermit | None,
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
            if phase is Phase.DATA and leave is not None:
                await leave.acquire()
                leave.check()
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
            server=ServerFacts(address="192.0.2.10:587", banner=settings.server),
            message_id=settings.message_id,
            response="250 2.0.0 queued as 4F1B2" if Phase.DATA in through else "",
            recipients=answer.recipients,
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

# SPDX-License-Identifier: Apache-2.0
"""One test from name resolution to the verdict: which address, whether it is allowed, what failed."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import make_msgid

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import DialogueReport, Mode, Phase, ServerFacts, SmtpType, Verdict
from smtp_operator.smtp import failures
from smtp_operator.smtp.budget import Budget, Limits, PhaseClock
from smtp_operator.smtp.destination import Address, DestinationPolicy, is_loopback
from smtp_operator.smtp.dialogue import Dialogue, Findings
from smtp_operator.smtp.envelope import Envelope
from smtp_operator.smtp.limits import ConnectionLimits
from smtp_operator.smtp.redaction import Redactor
from smtp_operator.smtp.replies import Reply
from smtp_operator.smtp.resolver import NameInvalid, NameNotFound, NameServersFailed, Resolver, host_to_ascii
from smtp_operator.smtp.rules import classify
from smtp_operator.smtp.settings import MailSettings
from smtp_operator.smtp.tls import CaBundleInvalid, TlsContexts
from smtp_operator.smtp.transcript import Transcript
from smtp_operator.smtp.verdicts import Ended, verdict
from smtp_operator.smtp.wire import Closed, Garbled, Silent, TlsFailed, Wire, WireError


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all tests share."""

    policy: DestinationPolicy
    resolver: Resolver
    connections: ConnectionLimits
    limits: Limits
    contexts: TlsContexts


async def connect(address: Address, port: int, *, limit: float) -> socket.socket:
    """A connected socket; OSError or TimeoutError where there is none to be had."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        async with asyncio.timeout(limit):
            await asyncio.get_running_loop().sock_connect(sock, (str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock


class Session:
    """One test. ``run`` gives the verdict; ``report`` all that came to light."""

    def __init__(
        self,
        settings: MailSettings,
        surroundings: Surroundings,
        on_phase: Callable[[Phase], None],
        before_data: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self.settings = settings
        self.with_ = surroundings
        self.before_data = before_data
        self.budget = Budget(settings.timeout)
        self.clock = PhaseClock(self.budget, on_phase)
        self.findings = Findings()
        self.transcript = Transcript(Redactor())

    def report(self, outcome: Verdict) -> DialogueReport:
        """All that the test found out, with its verdict."""
        self.clock.stop()
        found = self.findings
        return DialogueReport(
            verdict=outcome,
            mode=self.settings.mode,
            duration=self.budget.spent,
            phases=self.clock.timings,
            server=ServerFacts(
                address=found.address,
                banner=found.banner,
                tls_version=found.tls_version,
                auth_mechanism=found.mechanism,
                certificate=found.certificate,
            ),
            message_id=found.message_id,
            response=found.response,
            recipients=tuple(found.recipients),
            dialogue=() if outcome.passed else self.transcript.lines,
        )

    async def run(self) -> Verdict:
        """The test. Every failure that was foreseen is a verdict."""
        try:
            return await self._run()
        except Ended as ended:
            return ended.verdict

    async def _run(self) -> Verdict:
        settings = self.settings
        envelope = Envelope.of(settings)
        login = settings.login
        redactor = Redactor(
            secrets=[login.password] if login else [],
            username=login.username if login else "",
            hidden=envelope.hidden,
        )
        self.transcript = Transcript(redactor)
        self.findings.message_id = settings.message_id or make_msgid(domain=envelope.sender.domain)
        try:
            host = host_to_ascii(settings.server)
        except NameInvalid:
            raise Ended(self._invalid_host()) from None
        try:
            context = (
                None
                if settings.smtp_type is SmtpType.NONE
                else self.with_.contexts.get(settings.tls.ca_pem, verify=settings.tls.verify)
            )
        except CaBundleInvalid:
            raise Ended(
                verdict(Reason.CA_BUNDLE_INVALID, "What tls.caRef names holds no valid PEM certificate")
            ) from None
        if not self.with_.policy.allows_port(settings.port):
            raise Ended(verdict(Reason.DESTINATION_NOT_ALLOWED, f"port {settings.port} is not allowed"))
        addresses = self._allowed(await self._resolve(host))
        self._check_secrecy(addresses)
        dialogue = Dialogue(
            settings,
            envelope,
            host_to_ascii(settings.helo_name or envelope.sender.domain),
            self.budget,
            self.with_.limits,
            self.clock,
            redactor,
            self.transcript,
            self.findings,
            self.before_data,
        )
        return await self._try_each(addresses, dialogue, context, host)

    def _invalid_host(self) -> Verdict:
        return verdict(Reason.INVALID_SPEC, f'server "{self.settings.server}" is not a host name')

    async def _resolve(self, host: str) -> tuple[Address, ...]:
        self.clock.enter(Phase.RESOLVE)
        try:
            return await self.with_.resolver.addresses(
                host, limit=self.budget.limit(self.with_.limits.resolve)
            )
        except NameNotFound:
            outcome = verdict(
                Reason.HOST_NOT_FOUND, f'"{self.settings.server}" does not exist in DNS', phase=Phase.RESOLVE
            )
        except NameServersFailed:
            outcome = verdict(Reason.DNS_UNAVAILABLE, "DNS failed", phase=Phase.RESOLVE)
        except NameInvalid:
            outcome = self._invalid_host()
        except TimeoutError:
            outcome = verdict(Reason.DNS_TIMEOUT, "DNS did not answer", phase=Phase.RESOLVE)
        raise Ended(outcome)

    def _allowed(self, addresses: tuple[Address, ...]) -> tuple[Address, ...]:
        allowed = tuple(filter(self.with_.policy.allows, addresses))
        if not allowed:
            raise Ended(
                verdict(
                    Reason.DESTINATION_NOT_ALLOWED,
                    f"{addresses[0]} is in a range the cluster admin has not allowed",
                    phase=Phase.RESOLVE,
                )
            )
        return allowed

    def _check_secrecy(self, addresses: tuple[Address, ...]) -> None:
        settings = self.settings
        if settings.login is None or settings.mode is Mode.CONNECT or settings.allow_insecure_auth:
            return
        if settings.smtp_type is SmtpType.NONE and not all(map(is_loopback, addresses)):
            raise Ended(
                verdict(
                    Reason.INSECURE_AUTH_REFUSED,
                    "refusing to send the password in clear (smtpType: None)",
                    fix="set smtpType: StartTLS or smtpType: TLS; on a trusted network, "
                    "set allowInsecureAuth: true",
                )
            )
        if settings.smtp_type is not SmtpType.NONE and not settings.tls.verify:
            raise Ended(
                verdict(
                    Reason.INSECURE_AUTH_REFUSED,
                    "refusing to send the password to a server whose certificate is not checked",
                    fix="set tls.insecureSkipVerify: false and name the CA in tls.caRef; on a trusted network, "
                    "set allowInsecureAuth: true",
                )
            )

    async def _try_each(
        self, addresses: tuple[Address, ...], dialogue: Dialogue, context: ssl.SSLContext | None, host: str
    ) -> Verdict:
        errors: dict[Address, OSError] = {}
        for address in addresses:
            self.clock.enter(Phase.CONNECT)
            async with contextlib.AsyncExitStack() as stack:
                with self.budget.paused():
                    await stack.enter_async_context(
                        self.with_.connections.place((address, self.settings.port))
                    )
                try:
                    limit = self.budget.limit(self.with_.limits.connect)
                    sock = await connect(address, self.settings.port, limit=limit)
                except OSError as error:
                    errors[address] = error
                    continue
                return await self._over(sock, dialogue, context, host, address)
        return self._unreachable(errors)

    def _unreachable(self, errors: dict[Address, OSError]) -> Verdict:
        kinds = {error.errno for error in errors.values()}
        reason = Reason.CONNECTION_REFUSED if errno.ECONNREFUSED in kinds else Reason.CONNECT_TIMEOUT
        return verdict(reason, "no connection", phase=Phase.CONNECT)

    async def _over(
        self,
        sock: socket.socket,
        dialogue: Dialogue,
        context: ssl.SSLContext | None,
        host: str,
        address: Address,
    ) -> Verdict:
        port = self.settings.port
        self.findings.address = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
        server_name = (self.settings.tls.server_name or host).rstrip(".")
        implicit = self.settings.smtp_type is SmtpType.TLS
        wire: Wire | None = None
        try:
            if implicit:
                self.clock.enter(Phase.TLS)
            wire = await Wire.open(
                sock,
                context=context if implicit else None,
                server_name=server_name,
                limit=self.budget.limit(self.with_.limits.tls),
            )
            dialogue.secured(wire)
            return await dialogue.run(wire, context, server_name)
        except WireError as error:
            return self._explain(error, dialogue)
        finally:
            self.clock.stop()
            if wire is not None:
                await self._leave(wire)

    async def _leave(self, wire: Wire) -> None:
        try:
            await wire.command(b"QUIT", limit=self.with_.limits.quit)
            await wire.close()
        except WireError:
            wire.abort()

    def _explain(self, error: WireError, dialogue: Dialogue) -> Verdict:
        phase = self.clock.phase
        assert phase is not None
        facts = dialogue.context()
        sent = self.findings.content_sent
        match error:
            case Silent():
                return failures.silent(facts, phase, content_sent=sent)
            case Closed(said=Reply() as said):
                return classify(phase, said, context=dialogue.context(closed=True))
            case Closed():
                return failures.closed(facts, phase, content_sent=sent)
            case TlsFailed():
                return failures.tls(facts, error.reason, error.verify_code)
            case _:
                assert isinstance(error, Garbled)
                return failures.garbled(facts, phase)

# SPDX-License-Identifier: Apache-2.0
"""A test from name resolution to the verdict."""

import asyncio
import errno
import functools
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import make_msgid
from typing import Final, Protocol

from smtp_operator.api.verdict import DialogueReport, Phase, ServerFacts, SmtpType, Verdict
from smtp_operator.network.destination import Address, DestinationPolicy
from smtp_operator.network.resolver import NameInvalid, NameNotFound, NameServersFailed, Resolver
from smtp_operator.smtp.certificates import TlsContexts
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.connection import ConnectionFailure, SmtpConnection
from smtp_operator.smtp.diagnosis import no_reply
from smtp_operator.smtp.diagnosis.slow_steps import with_slow_steps
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded
from smtp_operator.smtp.dialogue import Dialogue, DialogueFindings
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.mail_transaction import ExtraRecipientFailed, MailTransaction, PipeliningFailed
from smtp_operator.smtp.preflight import PreparedTest, check_secrecy, invalid_host, prepare
from smtp_operator.smtp.redaction.redactor import Redactor
from smtp_operator.smtp.request import TestRequest
from smtp_operator.smtp.second_look import FailureAnalyzer
from smtp_operator.smtp.second_look_race import first_handshake
from smtp_operator.smtp.send_permit import SendPermit
from smtp_operator.smtp.timing import Budget, PhaseClock, PhaseLimits
from smtp_operator.smtp.transcript import Transcript

_CONNECTING: Final = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, errno.EALREADY})


class Connect(Protocol):
    """Opens a connection to an address."""

    async def __call__(self, address: Address, port: int, *, limit: float) -> socket.socket:
        """Return a connected socket.

        Raises:
            OSError, TimeoutError: the address does not accept a connection.
        """
        ...


async def connect(address: Address, port: int, *, limit: float) -> socket.socket:
    """Open a connection; see ``Connect``."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        # sock_connect of uvloop's loop would look up the address in a thread, although it is not a name.
        failed = sock.connect_ex((str(address), port))
        if failed in _CONNECTING:
            await _writable(sock, limit)
            failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            raise OSError(failed, os.strerror(failed))
    except BaseException:
        sock.close()
        raise
    return sock


async def _writable(sock: socket.socket, limit: float) -> None:
    if limit <= 0:
        raise TimeoutError
    loop = asyncio.get_running_loop()
    in_time: asyncio.Future[bool] = loop.create_future()

    def settle(result: bool) -> None:
        if not in_time.done():
            in_time.set_result(result)

    timer = loop.call_later(limit, settle, False)
    loop.add_writer(sock, settle, True)
    try:
        if not await in_time:
            raise TimeoutError
    finally:
        loop.remove_writer(sock)
        timer.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedResources:
    """Resources that all tests share."""

    policy: DestinationPolicy
    resolver: Resolver
    connections: ConnectionLimits
    limits: PhaseLimits
    contexts: TlsContexts
    connect: Connect


class TestSession:
    """A test. ``run`` returns the verdict, ``report`` returns all findings."""

    def __init__(
        self,
        settings: TestRequest,
        resources: SharedResources,
        on_phase: Callable[[Phase], None],
        send_permit: SendPermit | None,
        permit: LoginPermit | None = None,
    ) -> None:
        self.settings = settings
        self.resources = resources
        self.limits = resources.limits
        self.send_permit = send_permit
        self.permit = permit
        self.budget = Budget(settings.timeout)
        self.clock = PhaseClock(self.budget, on_phase)
        self.findings = DialogueFindings()
        self.transcript: Transcript | None = None

    def report(self, outcome: Verdict) -> DialogueReport:
        """Return all findings of the test, with its verdict."""
        found = self.findings
        return DialogueReport(
            verdict=outcome,
            mode=self.settings.mode,
            duration=self.clock.end(),
            phases=self.clock.timings,
            server=ServerFacts(
                address=found.address,
                banner=found.banner,
                tls_version=found.tls_version,
                auth_mechanism=found.mechanism,
                certificate=found.certificate,
                ca_chain=found.ca_chain,
            ),
            message_id=found.message_id,
            response=found.response,
            recipients=tuple(found.recipients),
            delivery_address=found.delivery_address,
            dialogue=self.transcript.lines if self.transcript and not outcome.passed else (),
        )

    async def run(self) -> Verdict:
        """Run the test. Every expected failure is a verdict; other exceptions are defects."""
        try:
            prepared = await prepare(self.settings, self.resources.policy, self.resources.contexts)
            addresses = await self._addresses(prepared.host)
            check_secrecy(self.settings, addresses)
            return await self._try_each(addresses, prepared)
        except DialogueEnded as ended:
            return ended.verdict

    async def _addresses(self, host: str) -> tuple[Address, ...]:
        self.clock.enter(Phase.RESOLVE)
        limit = self.budget.limit(self.limits.resolve)
        try:
            found = await self.resources.resolver.addresses(
                host, limit=limit, absolute=self.settings.absolute_name
            )
        except NameNotFound:
            raise DialogueEnded(
                no_reply.host_not_found(self.settings.server, bound=self.settings.absolute_name)
            ) from None
        except NameServersFailed:
            raise DialogueEnded(no_reply.dns_failed(self.settings.server)) from None
        except NameInvalid:
            raise DialogueEnded(invalid_host("server", self.settings.server)) from None
        except TimeoutError:
            raise DialogueEnded(no_reply.dns_silent(self.settings.server, limit)) from None
        allowed = tuple(filter(self.resources.policy.allows, found))
        if not allowed:
            raise DialogueEnded(no_reply.address_not_allowed(found[0]))
        return allowed

    def _dialogue(self, prepared: PreparedTest) -> Dialogue:
        login = self.settings.login
        redactor = Redactor(
            secrets=[login.password] if login else (),
            username=login.username if login else "",
            secret_user=login is not None and bool(login.username_origin),
            hidden=prepared.envelope.hidden,
            public=[
                self.settings.server,
                prepared.server_name,
                prepared.helo_name,
                *prepared.envelope.public,
            ],
        )
        self.transcript = transcript = Transcript(redactor)
        domain = prepared.envelope.sender.domain
        self.findings.message_id = self.settings.message_id or make_msgid(domain=domain)
        return Dialogue(
            settings=self.settings,
            envelope=prepared.envelope,
            helo_name=prepared.helo_name,
            budget=self.budget,
            limits=self.limits,
            clock=self.clock,
            redactor=redactor,
            transcript=transcript,
            findings=self.findings,
            send_permit=self.send_permit,
            permit=self.permit,
        )

    async def _try_each(self, addresses: tuple[Address, ...], prepared: PreparedTest) -> Verdict:
        dialogue = self._dialogue(prepared)
        errors: dict[Address, OSError] = {}
        limit = self.limits.connect
        for address in addresses:
            self.clock.enter(Phase.CONNECT)
            destination = (address, self.settings.port)
            async with self.resources.connections.place(destination, waiting=self.budget.paused()):
                # at most half of the time left: an address that does not answer leaves time for the next
                limit = self.budget.limit(self.limits.connect)
                if address != addresses[-1]:
                    limit = min(self.limits.connect_before_others, self.budget.left / 2)
                try:
                    sock = await self.resources.connect(address, self.settings.port, limit=limit)
                except OSError as error:
                    errors[address] = error
                    continue
                return await self._run_over(sock, address, dialogue, prepared)
        return no_reply.unreachable(dialogue.context(), errors, limit)

    async def _run_over(
        self, sock: socket.socket, address: Address, dialogue: Dialogue, prepared: PreparedTest
    ) -> Verdict:
        port = self.settings.port
        dialogue.address = address
        self.findings.address = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
        analyzer = FailureAnalyzer(dialogue, prepared, functools.partial(self._connect_again, address))
        dialogue.second_look = analyzer.look
        try:
            while True:
                try:
                    return await self._run_dialogue(sock, dialogue, prepared)
                except ExtraRecipientFailed:
                    dialogue.transcript.note("new connection, without delivery.address")
                except PipeliningFailed:
                    dialogue.pipelining = False
                    dialogue.transcript.note("new connection, one command at a time")
                dialogue.restart()
                limit = self.budget.limit(self.limits.connect)
                try:
                    sock = await self._connect_again(address, limit)
                except OSError as error:
                    return no_reply.unreachable(dialogue.context(), {address: error}, limit)
        except ConnectionFailure as error:
            return await analyzer.analyze(error)
        finally:
            dialogue.second_look = None  # else the password stays in a cycle until the garbage collection

    async def _connect_again(self, address: Address, limit: float) -> socket.socket:
        return await self.resources.connect(address, self.settings.port, limit=limit)

    async def _run_dialogue(self, sock: socket.socket, dialogue: Dialogue, prepared: PreparedTest) -> Verdict:
        connection = await self._open(sock, dialogue, prepared)
        try:
            dialogue.secured(connection)
            outcome = await dialogue.run(connection, prepared.context, prepared.server_name)
            if outcome is None:
                outcome = await MailTransaction(dialogue, connection).run()
        except DialogueEnded as ended:
            outcome = ended.verdict
        except (ConnectionFailure, ExtraRecipientFailed, PipeliningFailed):
            self.clock.stop()
            await connection.close(self.budget.limit(self.limits.close))
            raise
        except BaseException:
            connection.abort()
            raise
        self.clock.end()
        await self._quit(connection)
        return with_slow_steps(outcome, self.clock.seconds) if outcome.passed else outcome

    async def _open(self, sock: socket.socket, dialogue: Dialogue, prepared: PreparedTest) -> SmtpConnection:
        implicit = self.settings.smtp_type is SmtpType.TLS
        self.clock.enter(Phase.TLS if implicit else Phase.BANNER)
        opening = SmtpConnection.open(
            sock,
            context=prepared.context if implicit else None,
            server_name=prepared.server_name,
            limit=self.budget.left,
        )
        if implicit and dialogue.second_look is not None:
            return await first_handshake(opening, dialogue.second_look, dialogue.look_after)
        return await opening

    async def _quit(self, connection: SmtpConnection) -> None:
        """Send QUIT, unless the server still owes a reply, and close the connection."""
        try:
            if not connection.unanswered:
                await connection.command(b"QUIT", limit=self.limits.quit)
            await connection.close()
        except ConnectionFailure:
            pass  # the verdict is known; the reply to QUIT does not change it
        finally:
            connection.abort()

# SPDX-License-Identifier: Apache-2.0
"""Looks into mailboxes: name, destination policy and connection as for mail servers, then a thread each.

IMAPClient blocks, so each look has a thread of a bounded pool. A free thread goes to the namespace with the
fewest looks.
"""

import asyncio
import logging
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from smtp_operator.api.errors import origin
from smtp_operator.api.reasons import Reason
from smtp_operator.fair_slots import NAMESPACE, FairSlots
from smtp_operator.imap import failures
from smtp_operator.imap.request import MailboxReport, MailboxRequest
from smtp_operator.imap.session import MailboxFailed, MailboxSession
from smtp_operator.network.destination import Address, DestinationPolicy
from smtp_operator.network.resolver import (
    NameInvalid,
    NameNotFound,
    NameServersFailed,
    Resolver,
    host_to_ascii,
)
from smtp_operator.network.tls import CaBundleInvalid
from smtp_operator.smtp.certificates import TlsContexts
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.diagnosis import no_reply
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded, verdict
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.session import Connect, connect
from smtp_operator.smtp.timing import PhaseLimits

_THREADS: Final = 16
_PER_NAMESPACE: Final = 8

_log: Final = logging.getLogger(__name__)


class MailboxEngine:
    """Reads mailboxes. One engine runs any number of looks; some of them wait for a thread."""

    def __init__(
        self,
        *,
        policy: DestinationPolicy,
        resolver: Resolver,
        connections: ConnectionLimits,
        ca_file: str | None = None,
        limits: PhaseLimits | None = None,
        connect: Connect = connect,
    ) -> None:
        """Keep what all looks share. ``ca_file`` is the PEM text of ``--ca-file``."""
        self._policy = policy
        self._resolver = resolver
        self._connections = connections
        self._contexts = TlsContexts(ca_file)
        self._limits = limits or PhaseLimits()
        self._connect = connect
        self._slots = FairSlots(_THREADS, _PER_NAMESPACE)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="imap")

    async def look(self, request: MailboxRequest, *, permit: LoginPermit | None = None) -> MailboxReport:
        """Look once for the email; raise only ``CancelledError``. ``permit`` is asked before the login."""
        slot = await self._slots.take(NAMESPACE.get())
        try:
            return await self._look(request, permit)
        except MailboxFailed as failed:
            return MailboxReport(failure=failed.verdict)
        except DialogueEnded as ended:
            return MailboxReport(failure=failures.of_mailbox(ended.verdict))
        except Exception as error:
            _log.error("unexpected error while a mailbox was read: %s", origin(error))
            text = "The operator had an unexpected error while it read the mailbox. Its log has the details"
            return MailboxReport(failure=verdict(Reason.INTERNAL_ERROR, text))
        finally:
            slot.release()

    def close(self) -> None:
        """Start no more looks; the caller cancels running ones."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look(self, request: MailboxRequest, permit: LoginPermit | None) -> MailboxReport:
        if not self._policy.allows_port(request.port):
            raise MailboxFailed(failures.port_not_allowed(request.port, self._policy.ports))
        try:
            host = host_to_ascii(request.server)
            name = host_to_ascii(request.tls.server_name or request.server).rstrip(".")
        except NameInvalid:
            raise MailboxFailed(failures.invalid_server(request)) from None
        context = await self._context(request)
        addresses = await self._addresses(request, host)
        errors: dict[Address, OSError] = {}
        limit = self._limits.connect
        for address in addresses:
            async with self._connections.place((address, request.port)):
                if address != addresses[-1]:
                    limit = self._limits.connect_before_others
                try:
                    sock = await self._connect(address, request.port, limit=limit)
                except OSError as error:
                    errors[address] = error
                    continue
                return await self._dialogue(request, sock, address, (context, name), permit)
        raise MailboxFailed(failures.unreachable(request, errors, limit))

    async def _context(self, request: MailboxRequest) -> ssl.SSLContext:
        tls = request.tls
        try:
            return await self._contexts.load(
                tls.ca_pem, verify=True, with_system=tls.not_admitted is not None
            )
        except CaBundleInvalid:
            raise MailboxFailed(
                verdict(
                    Reason.CA_BUNDLE_INVALID,
                    f"The object in {failures.MAILBOX}.tls.caRef contains no valid PEM certificate",
                    fix="Store the CA certificate in it, with its BEGIN and END lines",
                )
            ) from None

    async def _addresses(self, request: MailboxRequest, host: str) -> tuple[Address, ...]:
        limit = self._limits.resolve
        try:
            found = await self._resolver.addresses(host, limit=limit, absolute=request.absolute_name)
        except NameNotFound:
            raise MailboxFailed(failures.host_not_found(request)) from None
        except NameServersFailed:
            raise MailboxFailed(no_reply.dns_failed(request.server)) from None
        except NameInvalid:
            raise MailboxFailed(failures.invalid_server(request)) from None
        except TimeoutError:
            raise MailboxFailed(no_reply.dns_silent(request.server, limit)) from None
        allowed = tuple(filter(self._policy.allows, found))
        if not allowed:
            raise MailboxFailed(no_reply.address_not_allowed(found[0]))
        return allowed

    async def _dialogue(
        self,
        request: MailboxRequest,
        sock: socket.socket,
        address: Address,
        tls: tuple[ssl.SSLContext, str],
        permit: LoginPermit | None,
    ) -> MailboxReport:
        """Read the mailbox in a thread. ``tls`` has the context and the name in the certificate."""
        loop, stop = asyncio.get_running_loop(), threading.Event()
        login = _LoginResult(permit, loop)
        try:
            if permit is not None:
                await permit.before_login(request.server, address, request.login)
        except BaseException:
            sock.close()
            raise
        session = MailboxSession(request, on_login=login.report)
        try:
            return await loop.run_in_executor(self._threads, session.run, sock, *tls, stop)
        except BaseException:
            stop.set()
            raise
        finally:
            login.ended(accepted=False, rejected=False)


class _LoginResult:
    """Reports the result of a login once, from its thread."""

    def __init__(self, permit: LoginPermit | None, loop: asyncio.AbstractEventLoop) -> None:
        self._permit = permit
        self._loop = loop

    def report(self, accepted: bool, rejected: bool) -> None:
        """Report the result from the thread."""
        self._loop.call_soon_threadsafe(lambda: self.ended(accepted=accepted, rejected=rejected))

    def ended(self, *, accepted: bool, rejected: bool) -> None:
        """Report the result, unless it was reported before."""
        permit, self._permit = self._permit, None
        if permit is not None:
            permit.after_login(accepted=accepted, rejected=rejected)

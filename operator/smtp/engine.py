# SPDX-License-Identifier: Apache-2.0
"""The SMTP test engine. It takes settings and returns a verdict, and does not depend on Kubernetes."""

import logging
from collections.abc import Callable
from typing import Final

from smtp_operator.api.errors import origin
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import DialogueReport, Phase, Verdict
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.resolver import Resolver
from smtp_operator.smtp.certificates import TlsContexts
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.diagnosis.verdicts import verdict
from smtp_operator.smtp.dialogue import SendAborted
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.request import TestRequest
from smtp_operator.smtp.send_permit import SendPermit
from smtp_operator.smtp.session import Connect, SharedResources, TestSession, connect
from smtp_operator.smtp.timing import PhaseLimits

_log: Final = logging.getLogger(__name__)


def _ignore_phase(phase: Phase) -> None:
    """Do nothing; the default of ``on_phase``."""


class Engine:
    """Tests SMTP settings with a real dialogue. One engine runs any number of tests at a time."""

    def __init__(
        self,
        *,
        policy: DestinationPolicy,
        resolver: Resolver,
        connections: ConnectionLimits,
        limits: PhaseLimits | None = None,
        connect: Connect = connect,
        ca_file: str | None = None,
    ) -> None:
        """Keep what all tests share. ``connect`` opens connections; only tests replace it.

        ``ca_file`` is the PEM text of ``--ca-file``.
        """
        self._resolver = resolver
        self._resources = SharedResources(
            policy=policy,
            resolver=resolver,
            connections=connections,
            limits=limits or PhaseLimits(),
            contexts=TlsContexts(ca_file),
            connect=connect,
        )

    async def run(
        self,
        settings: TestRequest,
        *,
        on_phase: Callable[[Phase], None] = _ignore_phase,
        send_permit: SendPermit | None = None,
        permit: LoginPermit | None = None,
    ) -> DialogueReport:
        """Run one test within ``settings.timeout`` seconds; raise only ``CancelledError``.

        ``on_phase`` is called at the start of each phase. ``send_permit`` is called right before DATA and
        before the message content; if it raises, the email is not sent. ``permit`` is called right before
        AUTH.
        """
        session = TestSession(settings, self._resources, on_phase, send_permit, permit)
        try:
            outcome = await session.run()
        except SendAborted:
            outcome = _canceled(session.clock.phase)
        except Exception as error:
            outcome = _internal_error(error, session.clock.phase)
        return session.report(outcome)

    def close(self) -> None:
        """Start no more name lookups. The caller cancels running tests."""
        self._resolver.close()


def _canceled(phase: Phase | None) -> Verdict:
    return verdict(
        Reason.INTERNAL_ERROR, "The operator canceled the test before it sent the email", phase=phase
    )


def _internal_error(error: Exception, phase: Phase | None) -> Verdict:
    """Log the place of the error, never its text: an exception may contain a password."""
    _log.error("unexpected error in a test in phase %s: %s", phase, origin(error))
    return verdict(
        Reason.INTERNAL_ERROR,
        "The operator had an unexpected error. Its log has the details",
        phase=phase,
    )

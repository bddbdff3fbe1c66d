# SPDX-License-Identifier: Apache-2.0
"""The engine: settings in, verdict out. It knows nothing of Kubernetes."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

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


def _nobody_listens(phase: Phase) -> None:
    """Called with every new phase where the caller wants to know of none."""


class Engine:
    """Tests mail settings by a real dialogue. One engine serves any number of tests at a time."""

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
        """``connect`` opens connections; another one than the default is for tests.

        ``ca_file`` is the PEM text of ``--ca-file``.
        """
        self._resolver = resolver
        self._surroundings = SharedResources(
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
        on_phase: Callable[[Phase], None] = _nobody_listens,
        leave: SendPermit | None = None,
        permit: LoginPermit | None = None,
    ) -> DialogueReport:
        """One test within ``settings.timeout`` seconds; raises nothing but ``CancelledError``.

        ``on_phase`` is called as each phase begins. ``leave`` is asked right before DATA and before the
        mail's text; if it raises, the mail is not sent. ``permit`` is asked right before AUTH.
        """
        session = TestSession(settings, self._surroundings, on_phase, leave, permit)
        try:
            outcome = await session.run()
        except SendAborted:
            outcome = _called_off(session.clock.phase)
        except Exception as error:
            outcome = _defect(error, session.clock.phase)
        return session.report(outcome)

    def close(self) -> None:
        """Start no name lookup any more. Tests under way are the caller's to cancel."""
        self._resolver.close()


def _called_off(phase: Phase | None) -> Verdict:
    return verdict(
        Reason.INTERNAL_ERROR, "The operator called the test off before the mail was sent", phase=phase
    )


def _defect(error: Exception, phase: Phase | None) -> Verdict:
    """Log where it happened, never with what: an exception's text may hold a password."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )
    _log.error("a test failed unforeseen in phase %s: %s at %s", phase, type(error).__qualname__, where)
    return verdict(
        Reason.INTERNAL_ERROR,
        "The operator failed in a way nobody foresaw; its log has the details",
        phase=phase,
    )

# SPDX-License-Identifier: Apache-2.0
"""Result of one test of a SmtpConfig: dialogue and password."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.api.smtpconfig import Notification
from smtp_operator.api.verdict import DialogueReport, Mode, Trigger, Verdict
from smtp_operator.reconcile.references.changes import ReferenceBaseline
from smtp_operator.reconcile.smtpconfig.delivery.state import Attempt
from smtp_operator.smtp.request import SmtpLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordResult:
    """Publishable facts about the password, whether it could be read or not."""

    source: str
    reference: str
    resolved: bool
    reason: Reason
    message: str
    version: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestInputs:
    """The values of one test that ``spec.publish`` may publish. Dropped with the result."""

    login: SmtpLogin | None
    holders: tuple[JsonObject, ...] = field(repr=False)
    """The objects that hold username and password, and those on the way to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """Result of a test that has ended. Times are in seconds since the epoch."""

    trigger: Trigger
    mode: Mode
    started: float
    ended: float
    report: DialogueReport
    password: PasswordResult | None = None
    read: Mapping[Reference, ReferenceBaseline] = field(default_factory=dict)
    """All objects that were read or found missing."""
    request: str | None = None
    """The request that this test answers."""
    notified: frozenset[Notification] = frozenset()
    """The kinds that the test's email reported, if it was accepted."""
    inputs: TestInputs | None = None
    """None: the test could not be prepared, or nothing is to be published."""
    delivery: Attempt | None = None
    """The email to ``delivery.address``; None: the test sent no email to it."""

    @property
    def verdict(self) -> Verdict:
        """Return the verdict of the whole test."""
        return self.report.verdict

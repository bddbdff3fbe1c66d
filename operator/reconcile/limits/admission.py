# SPDX-License-Identifier: Apache-2.0
"""Admit tests: each waits for a slot, and until its namespace may send its emails."""

from collections.abc import Callable, Collection
from types import TracebackType
from typing import Protocol, Self

from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.fair_slots import FairSlots, Slot
from smtp_operator.reconcile.limits.emails import EmailLimits, EmailsHeld, emails_by_mailbox
from smtp_operator.reconcile.limits.hold import Hold
from smtp_operator.reconcile.limits.logins import LoginLimits
from smtp_operator.reconcile.limits.starts import StartLimits
from smtp_operator.reconcile.ports import Now, ReconcilePolicy, TestObserver


class Admission:
    """Hold a test that may start, or the reason why not. Its emails count unless ``sent`` becomes False."""

    def __init__(self, hold: Hold | None, end: Callable[[bool], None] | None = None) -> None:
        """Create an admission; ``end`` is called with ``sent`` when the test has ended."""
        self.hold = hold
        self.sent = True
        self._end = end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._end is not None:
            self._end(self.sent)


class TestState(Protocol):
    """The part of an object's state that the limits use."""

    test_slot: Slot | None
    """Slot of its running test, or of one that waits."""


class Limits:
    """Limits of tests, emails and logins of one process, shared by all kinds that test."""

    def __init__(
        self, policy: ReconcilePolicy, *, now: Now, observer: TestObserver, wake: Callable[[Reference], None]
    ) -> None:
        """Create limits; ``wake`` receives the key of an object whose test has got the slot it waited for."""
        self._policy = policy
        self._wake = wake
        self._slots = FairSlots(policy.max_tests, policy.max_tests_per_namespace)
        self._emails = EmailLimits(
            per_namespace=policy.emails_per_namespace, per_mailbox=policy.emails_per_mailbox, now=now
        )
        self.starts = StartLimits(policy.smtp_tests_per_namespace, now=now)
        self.logins = LoginLimits(policy.rejected_logins, now=now, observer=observer)

    def admit(self, key: Reference, state: TestState, addresses: Collection[str]) -> Admission:
        """Let a test of this object, with an email to these addresses, start, or say why it has to wait."""
        mailboxes = emails_by_mailbox(addresses)
        held = self._emails.hold(key, mailboxes)
        if held is not None:
            _release_slot(state)
            return Admission(_emails_held(held, key.namespace))
        if state.test_slot is None:
            state.test_slot = self._slots.ask(key.namespace, lambda: self._wake(key))
        if not state.test_slot.granted:
            return Admission(self._no_slot(key.namespace))
        self._emails.begin(key, mailboxes)
        return Admission(None, lambda sent: self._emails.end(key, mailboxes, sent=sent))

    def withdraw(self, key: Reference, state: TestState) -> None:
        """Give back what an object holds or waits for."""
        self.starts.withdraw(key)
        self._emails.withdraw(key)
        _release_slot(state)

    def _no_slot(self, namespace: str) -> Hold:
        most = self._policy.max_tests_per_namespace
        if most and self._slots.held(namespace) >= most:
            scope, flag = f"of namespace {namespace}", "--max-tests-per-namespace"
        else:
            scope, flag, most = "of this operator", "--max-tests", self._policy.max_tests
        return Hold(
            Reason.TESTS_LIMITED,
            f"This test waits for others to end: {most} tests {scope} are running, and {flag} allows no more."
            " No action needed; the operator starts it automatically.",
            f"{most} tests at a time allowed",
        )


def _release_slot(state: TestState) -> None:
    slot, state.test_slot = state.test_slot, None
    if slot is not None:
        slot.release()


def _emails(count: int) -> str:
    return f"{count} email" if count == 1 else f"{count} emails"


def _emails_held(held: EmailsHeld, namespace: str) -> Hold:
    if held.of_mailbox:
        rate, flag = f"{_emails(held.limit)} an hour", "--max-emails-per-mailbox"
        sender = f"namespace {namespace} may send one mailbox"
    else:
        rate, flag = f"{_emails(held.limit)} a minute", "--max-emails-per-namespace"
        sender = f"namespace {namespace} may send"
    if held.emails > held.limit:
        fix = (
            f"It never starts. List at most {held.limit} recipients, or ask a cluster admin to raise the"
            " flag."
        )
    else:
        fix = "No action needed; the operator starts it automatically, and status.nextTestTime says when."
    return Hold(
        Reason.EMAILS_LIMITED,
        f"This test waits: it sends {_emails(held.emails)}, and {sender} at most {rate} ({flag}). {fix}",
        f"{rate} allowed",
        held.until,
    )

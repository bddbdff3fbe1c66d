# SPDX-License-Identifier: Apache-2.0
"""Declare what the controller needs from outside: a cluster, an SMTP engine and the time."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol

from smtp_operator.api.defaults import TEST_DEFAULTS, TestDefaults
from smtp_operator.api.objects import EventRecord, JsonObject, ObjectVersion, Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.api.server_fields import OAuth2
from smtp_operator.api.verdict import DialogueReport, Mode, Phase, Trigger
from smtp_operator.imap.request import MailboxReport, MailboxRequest
from smtp_operator.secrets.oauth2.client import ResolvedToken
from smtp_operator.secrets.secret_reader import SecretReader
from smtp_operator.sender_authentication.report import Sender, SenderReport
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.request import TestRequest
from smtp_operator.smtp.send_permit import SendPermit

Now = Callable[[], float]
"""Returns seconds since the epoch; unit tests pass a fake clock."""


class ClusterPort(Protocol):
    """Access to the cluster."""

    async def get_object(self, reference: Reference) -> JsonObject:
        """Return an object of ours, or a referenced object with its data.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
        """
        ...

    async def write_status(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        """Write the whole status if the object is still the tested one; return its new resourceVersion.

        Return None, and write nothing, if the object was deleted, re-created or given another spec meanwhile.

        Raises:
            AccessDenied, ApiUnavailable
            RequestRefused: the API server will never accept this status.
        """
        ...

    async def claim(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        """Write the whole status only over the resourceVersion of ``tested``; return the new one.

        Return None, and write nothing, if the object was changed or deleted meanwhile, by anyone.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused
        """
        ...

    async def delete(self, version: ObjectVersion) -> bool:
        """Delete a SmtpTest if it still is this version; return whether it no longer exists.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused
        """
        ...

    async def publish(self, event: EventRecord) -> None:
        """Record an Event; never fails."""
        ...


class SecretPort(Protocol):
    """Access to the Secrets that ``spec.publish`` names."""

    async def read_secret(self, reference: Reference) -> JsonObject | None:
        """Return a published Secret with its data; None if it does not exist.

        Raises:
            AccessDenied, ApiUnavailable
        """
        ...

    async def write_secret(self, reference: Reference, secret: JsonObject) -> JsonObject | None:
        """Create a published Secret, or replace the version that its metadata names; return its metadata.

        Return None, and write nothing, if it was changed, deleted or created meanwhile.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused
        """
        ...

    async def delete_secret(self, reference: Reference, secret: JsonObject) -> bool:
        """Delete a published Secret if it still is this version; return whether it no longer exists.

        Raises:
            AccessDenied, ApiUnavailable, RequestRefused
        """
        ...


class ControllerPort(ClusterPort, SecretPort, Protocol):
    """All access of the controller to the cluster."""


class SmtpEngine(Protocol):
    """Runner of dialogues with mail servers."""

    async def run(
        self,
        settings: TestRequest,
        *,
        on_phase: Callable[[Phase], None] = ...,
        send_permit: SendPermit | None = None,
        permit: LoginPermit | None = None,
    ) -> DialogueReport:
        """Run one test. Every failure is a verdict; only cancellation is raised."""
        ...


class MailboxReader(Protocol):
    """Reader of mailboxes."""

    async def look(self, request: MailboxRequest, *, permit: LoginPermit | None = None) -> MailboxReport:
        """Look once for an email. Every failure is a verdict; only cancellation is raised."""
        ...


class TokenProvider(Protocol):
    """Source of access tokens, which replace passwords."""

    async def resolve(self, oauth2: OAuth2, namespace: str, values: SecretReader) -> ResolvedToken:
        """Return an access token for these settings.

        Raises:
            VerdictError: no token was obtained; the verdict says why and what to do.
            ApiUnavailable
        """
        ...

    def drop(self, key: Hashable) -> None:
        """Drop the token of that key, which the mail server rejected; the next call requests another one."""
        ...


class SenderChecker(Protocol):
    """Reader of the DNS records of senders."""

    def request(self, sender: Sender, namespace: str, done: Callable[[SenderReport], None]) -> None:
        """Read the records in the background, and call ``done`` with the report; never fails."""
        ...


class TestObserver(Protocol):
    """Counter of tests. Its methods neither wait nor fail."""

    def tested(self, *, trigger: Trigger, mode: Mode, report: DialogueReport) -> None:
        """Count a test that ended with a verdict."""
        ...

    def held(self, reason: Reason) -> None:
        """Count a test or notification that has to wait for a limit."""
        ...

    def login_rejected(self) -> None:
        """Count a login that a mail server rejected."""
        ...

    def delivered(self, latency: float, folder: str) -> None:
        """Count an email that arrived in a mailbox after so many seconds."""
        ...


class NoTestObserver:
    """Implementation that counts nothing."""

    def tested(self, *, trigger: Trigger, mode: Mode, report: DialogueReport) -> None:
        """Do nothing."""

    def held(self, reason: Reason) -> None:
        """Do nothing."""

    def login_rejected(self) -> None:
        """Do nothing."""

    def delivered(self, latency: float, folder: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilePolicy:
    """The operator's flags that concern tests."""

    helo_name: str | None = None
    cluster_name: str = ""
    recipient_domains: tuple[str, ...] = ()
    """Domains to which emails may be sent; empty: all."""
    require_allowed_servers: bool = False
    defaults: TestDefaults = TEST_DEFAULTS
    connections_per_destination: int = 5
    max_tests: int = 400
    max_tests_per_namespace: int = 100
    emails_per_namespace: int = 120
    """Per minute. For this limit and the next two, 0 means no limit."""
    emails_per_mailbox: int = 600
    """Per hour and namespace."""
    rejected_logins: int = 5
    """Per hour, namespace, server and user."""
    smtp_tests_per_namespace: int = 10
    """SmtpTests that start within a minute; 0 means no limit."""
    tests_smtp_configs: bool = False
    """Whether SmtpTests may name a SmtpConfig (``--smtp-tests``), because the policies are installed."""
    publishes: bool = False
    """Whether ``spec.publish`` may write Secrets (``--publish``)."""
    watches_references: bool = True
    """False: each recheck reads the Secrets to find changes (``--secret-watch none``)."""
    watches_cluster_vaults: bool = True
    """False: each test reads the ClusterSmtpVault, because it is not watched (``--namespace``)."""

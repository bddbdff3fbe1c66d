# SPDX-License-Identifier: Apache-2.0
"""What the core needs of the world: a cluster, a mail engine, the time."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol

from smtp_operator.api.objects import EventRecord, JsonObject, ObjectKey, ObjectVersion, Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.api.smtpconfig import OAuth2
from smtp_operator.api.verdict import DialogueReport, Mode, Phase, Trigger
from smtp_operator.secrets.oauth2.client import ResolvedToken
from smtp_operator.secrets.secret_reader import SecretReader
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.request import TestRequest
from smtp_operator.smtp.send_permit import SendPermit

Now = Callable[[], float]
"""Seconds since the epoch; a test gives a clock of its own."""


class ClusterPort(Protocol):
    """The Kubernetes side."""

    async def get_smtp_config(self, key: ObjectKey) -> JsonObject | None:
        """The object as it is now; None: there is none.

        Raises:
            AccessDenied, ApiUnavailable
        """
        ...

    async def get_object(self, reference: Reference) -> JsonObject:
        """A Secret or ConfigMap with its data.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
        """
        ...

    async def write_status(self, tested: ObjectVersion, status: JsonObject) -> str | None:
        """Writes the whole status, if the object still is the one tested; its new resourceVersion.

        None: the object was deleted, re-created or given another spec meanwhile, and nothing was written.

        Raises:
            AccessDenied, ApiUnavailable
            RequestRefused: the API server will never take this status.
        """
        ...

    async def publish(self, event: EventRecord) -> None:
        """Record an Event; never fails."""
        ...


class SmtpEngine(Protocol):
    """The dialogue with a mail server."""

    async def run(
        self,
        settings: TestRequest,
        *,
        on_phase: Callable[[Phase], None] = ...,
        leave: SendPermit | None = None,
        permit: LoginPermit | None = None,
    ) -> DialogueReport:
        """One test. Every failure is a verdict; nothing is raised but cancellation."""
        ...


class TokenProvider(Protocol):
    """Access tokens in place of passwords."""

    async def resolve(self, oauth2: OAuth2, namespace: str, values: SecretReader) -> ResolvedToken:
        """An access token for what the block says.

        Raises:
            VerdictError: there is none to be had; the verdict says why and what to do.
            ApiUnavailable
        """
        ...

    def drop(self, key: Hashable) -> None:
        """The mail server did not take the token of that key: ask for another one next time."""
        ...


class TestObserver(Protocol):
    """Who counts what happens. It neither waits nor fails."""

    def tested(self, *, trigger: Trigger, mode: Mode, report: DialogueReport) -> None:
        """A test ended with a verdict."""
        ...

    def held(self, reason: Reason) -> None:
        """A test or notification has to wait for a limit."""
        ...

    def login_rejected(self) -> None:
        """A mail server rejected a login."""
        ...


class NoTestObserver:
    """The Observer where nobody counts."""

    def tested(self, *, trigger: Trigger, mode: Mode, report: DialogueReport) -> None:
        """Takes no note."""

    def held(self, reason: Reason) -> None:
        """Takes no note."""

    def login_rejected(self) -> None:
        """Takes no note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilePolicy:
    """What the operator's flags say of tests."""

    helo_name: str | None = None
    cluster_name: str = ""
    recipient_domains: tuple[str, ...] = ()
    """Domains to which mail may go; empty: all."""
    require_allowed_servers: bool = False
    connections_per_destination: int = 5
    max_tests: int = 400
    max_tests_per_namespace: int = 100
    emails_per_namespace: int = 120
    """A minute; this and the following: 0 means no limit."""
    emails_per_mailbox: int = 600
    """An hour, for each namespace."""
    rejected_logins: int = 5
    """An hour, for each namespace, server and user."""
    watches_references: bool = True
    """False: a changed Secret is found by asking at each recheck (``--secret-watch none``)."""
    watches_cluster_vaults: bool = True
    """False: a ClusterSmtpVault is looked at with each test, no watch tells of it (``--namespace``)."""

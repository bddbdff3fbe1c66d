# SPDX-License-Identifier: Apache-2.0
"""The interface of vault providers, and their dependencies.

A provider implements one product's protocol and does not access Kubernetes. The objects that its block names
(Secrets, certificates, ServiceAccounts, CAs) are read for it, each credential only for one destination.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from smtp_operator.api.fields import SecretKeyReference, ServiceAccountReference
from smtp_operator.api.reasons import Reason
from smtp_operator.network.https import HttpsSender
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.network.trust import ServerTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSecret:
    """A password from a vault, kept only for the duration of one test."""

    value: str = field(repr=False)
    version: str | None = None
    expires: datetime | None = None
    """The expiry time, with time zone; None: unknown."""
    reason: Reason = Reason.PASSWORD_READ
    """Reason of the condition PasswordResolved=True; not PasswordRead if there is a warning."""
    message: str = ""
    """The message for a reason other than PasswordRead."""


class Credentials(Protocol):
    """The credentials of a vault object, read on each call and kept only for the login.

    Each method raises:
        VerdictError: missing, unusable, or not allowed for this destination; the verdict has the fix.
        ApiUnavailable: the API server failed; this says nothing about the vault.
    """

    async def secret(self, named: SecretKeyReference, *, goes_to: str, field_path: str) -> str:
        """Return the line of a Secret. ``goes_to`` is the destination URL; ``field_path`` is below spec."""
        ...

    async def client_certificate(self, name: str, *, goes_to: str, field_path: str) -> ClientCertificate:
        """Return certificate and key of a Secret of type kubernetes.io/tls."""
        ...

    async def service_account_token(
        self, named: ServiceAccountReference, *, goes_to: str, field_path: str
    ) -> str:
        """Return a token of a ServiceAccount that allows its audience, valid for some minutes."""
        ...

    async def trust(self) -> ServerTrust:
        """Return how to verify the servers of these credentials, by spec.caRef and their bindings."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedHosts:
    """Additional hosts to which the cluster admin lets the operator send credentials or tokens."""

    authorities: frozenset[str] = frozenset()
    """Alternatives to Entra ID (``--allow-authority-host``)."""
    key_vaults: frozenset[str] = frozenset()
    """Alternatives to the hosts of Azure Key Vault (``--allow-key-vault-host``)."""
    metadata: bool = True
    """Whether the operator may use the machine's metadata service; the network flags can deny it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultContext:
    """The dependencies of a provider, whose constructor takes its block of the spec and this context."""

    name: str
    """The vault object as text for messages: ``SmtpVault team-a/corp-kv``."""
    namespace: str = ""
    """The namespace of the vault object; empty for a ClusterSmtpVault."""
    credentials: Credentials
    https: HttpsSender
    monotonic: Callable[[], float]
    """Seconds of a monotonic clock, for cache durations."""
    now: Callable[[], float]
    """Seconds since the epoch, for expiry times."""
    allowed_hosts: AllowedHosts = AllowedHosts()


class VaultProvider(Protocol):
    """Provider for one version of a vault object, shared by all tests that read through it.

    A provider keeps its login (token, session) in memory while it is valid, shares one login between
    concurrent callers, and never sends more requests after failures than after successes.
    """

    async def read(self, item: object) -> VaultSecret:
        """Return the password that ``item`` names: this provider's block of ``spec.password``.

        Raises:
            LoginError: every read would fail.
            VerdictError, ApiUnavailable
        """
        ...

    async def check(self) -> str:
        """Log in without cached token, read nothing, and return a sentence that says where and as whom.

        Raises:
            VerdictError, ApiUnavailable
        """
        ...

    async def close(self) -> None:
        """Drop the login; no requests follow."""
        ...

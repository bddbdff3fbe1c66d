# SPDX-License-Identifier: Apache-2.0
"""What every kind of vault gives, and what it is given.

A provider knows one product's protocol and nothing of Kubernetes: what its block names (Secrets,
certificates, ServiceAccounts, CAs) is read for it, and each credential only with the place it goes to.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from smtp_operator.api.fields import SecretKeyReference, ServiceAccountReference
from smtp_operator.api.reasons import Reason
from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.network.trust import ServerTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSecret:
    """A password as a vault gave it, held no longer than the test that it is for."""

    value: str = field(repr=False)
    version: str | None = None
    expires: datetime | None = None
    """When it ends, with time zone; None: the vault does not say."""
    reason: Reason = Reason.PASSWORD_READ
    """Reason of the condition PasswordResolved=True; another one where the user should know something."""
    message: str = ""
    """The sentence for another reason than PasswordRead."""


class Credentials(Protocol):
    """What a vault object names, read when asked for, and never kept longer than a login needs it.

    Each method raises:
        VerdictError: it is missing, unusable, or may not be sent to that place; the verdict says what to do.
        ApiUnavailable: the API server did not give what it takes; no fact about the vault.
    """

    async def secret(self, named: SecretKeyReference, *, goes_to: str, field_path: str) -> str:
        """One line of a Secret. ``goes_to`` is the URL it will be sent to; ``field_path`` is below spec."""
        ...

    async def client_certificate(self, name: str, *, goes_to: str, field_path: str) -> ClientCertificate:
        """Certificate and key of a Secret of type kubernetes.io/tls."""
        ...

    async def service_account_token(
        self, named: ServiceAccountReference, *, goes_to: str, field_path: str
    ) -> str:
        """A token of a ServiceAccount that allows its audience, good for some minutes."""
        ...

    async def trust(self) -> ServerTrust:
        """What verifies the servers to which these credentials go, by spec.caRef and what binds them."""
        ...


class VaultSender(Protocol):
    """Sends HTTPS requests within the bounds and the policy of destinations."""

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """The answer, whatever its status; HttpsError where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedHosts:
    """Hosts beside the products' own that a cluster admin lets credentials or tokens be given to."""

    authorities: frozenset[str] = frozenset()
    """In place of Entra ID (``--allow-authority-host``)."""
    key_vaults: frozenset[str] = frozenset()
    """In place of Azure Key Vault's (``--allow-key-vault-host``)."""
    metadata: bool = True
    """Whether the machine's metadata service may be asked; not where network flags rule it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultContext:
    """What a vault's provider works with. A provider is a class made of its block of the spec and of this."""

    name: str
    """The vault object in words, for messages: ``SmtpVault team-a/corp-kv``."""
    credentials: Credentials
    https: VaultSender
    monotonic: Callable[[], float]
    """Seconds, from whenever on: for what is kept for a while."""
    now: Callable[[], float]
    """Seconds since the epoch: for what expires."""
    allowed_hosts: AllowedHosts = AllowedHosts()


class VaultProvider(Protocol):
    """One vault object in its present version, shared by every test that reads through it.

    It keeps its login (token, session) in memory for as long as that is good, logs in once however many
    ask at the same time, and never calls the vault more often where it fails than where it succeeds.
    """

    async def read(self, item: object) -> VaultSecret:
        """The password that ``item`` names: the block of ``spec.password`` of this provider.

        Raises:
            VerdictError, ApiUnavailable
        """
        ...

    async def check(self) -> str:
        """Really logs in, with no kept token, and reads nothing; a sentence that says where and as whom.

        Raises:
            VerdictError, ApiUnavailable
        """
        ...

    async def close(self) -> None:
        """Forgets what is kept; nothing is asked after that."""
        ...

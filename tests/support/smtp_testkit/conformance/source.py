# SPDX-License-Identifier: Apache-2.0
"""The interface between a password source and the conformance suite."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import MESSAGE_BYTES, Verdict, VerdictError
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https, HttpsLimits
from smtp_operator.secrets.vaults.provider import AllowedHosts, VaultContext, VaultProvider
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.mailpeers.trial import LOOPBACK, Names
from smtp_testkit.openbao.trial import Named, RecordingHttps

POLICY = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])
NAME = "SmtpVault team-a/corp"
PASSWORD = "c4nary-Pa55w0rd"


class ReadPassword(Protocol):
    """A password as a source returns it."""

    @property
    def value(self) -> str:
        """The password."""
        ...

    @property
    def version(self) -> str | None:
        """The version of the value."""
        ...

    @property
    def reason(self) -> Reason:
        """The reason of the condition PasswordResolved=True."""
        ...


class Source(ABC):
    """A place with one password. A source declares what it cannot do in ``unlike``."""

    column: ClassVar[str]
    """The value of ``status.password.source``."""
    unlike: ClassVar[Mapping[str, str]] = {}
    """Tests that do not apply, and why; the documentation shows the sentence."""
    reasons: ClassVar[Mapping[str, Reason]] = {}
    """Tests of failures, and the expected reason of each."""
    secrets: tuple[str, ...] = ()
    """Texts that must not leak, in addition to the password."""

    def __init__(self) -> None:
        self.names = Names()
        self.line = RecordingHttps(Https(policy=POLICY, resolver=self.names))
        self.time = 1000.0

    @classmethod
    @contextmanager
    def opened(cls, fixture: Callable[[str], Any]) -> Iterator["Source"]:
        """Return a source for one test; `fixture` returns shared fixtures by name, such as `bao`."""
        source = cls()
        yield source
        source.line.https.close()

    @abstractmethod
    async def read(self) -> ReadPassword:
        """Return the password. Raises VerdictError."""

    async def verdict(self) -> Verdict:
        """Return the verdict of a failed read."""
        verdict = None
        try:
            await self.read()
        except VerdictError as error:
            verdict = error.verdict
        assert verdict is not None, "the password was read"
        assert len(verdict.message.encode()) <= MESSAGE_BYTES
        return verdict

    @abstractmethod
    def write(self, value: str) -> None:
        """Replace the password by another value."""

    def remove(self) -> None:
        """Remove the password."""
        raise NotImplementedError

    def forbid(self) -> None:
        """Revoke the permission to read the password; the login still works."""
        raise NotImplementedError

    def spoil(self) -> None:
        """Make the credentials invalid."""
        raise NotImplementedError

    def bind(self, error: Exception) -> None:
        """Make the owner of the credentials forbid sending them to this server."""
        raise NotImplementedError

    def lead_to(self, url: str, ca_pem: str) -> None:
        """Replace the server by another one."""
        raise NotImplementedError

    def remove_ca_ref(self) -> str:
        """Remove `caRef`; return the CA of the server."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """The URL of the server."""
        raise NotImplementedError

    @property
    def logins(self) -> int:
        """Return the number of logins so far."""
        raise NotImplementedError

    async def check(self) -> str:
        """Check the source with a real login."""
        raise NotImplementedError

    async def end(self) -> None:
        """Close the source, as when its object changes or is deleted."""
        raise NotImplementedError

    def over(
        self,
        *,
        policy: DestinationPolicy = POLICY,
        limits: HttpsLimits | None = None,
        ca_file: str | None = None,
    ) -> None:
        """Use another ``Https``, with these arguments instead of the usual ones."""
        self.line.https.close()
        self.line.https = Https(policy=policy, resolver=self.names, limits=limits, ca_file=ca_file)


class VaultSource(Source):
    """A source with a vault object and a server."""

    reasons: ClassVar[Mapping[str, Reason]] = {
        "test_a_missing_password": Reason.VAULT_SECRET_NOT_FOUND,
        "test_a_password_that_may_not_be_read": Reason.VAULT_ACCESS_DENIED,
        "test_a_wrong_credential": Reason.VAULT_AUTH_FAILED,
        "test_an_empty_value": Reason.VAULT_SECRET_UNUSABLE,
        "test_a_value_of_several_lines": Reason.VAULT_SECRET_UNUSABLE,
        "test_a_value_that_is_too_long": Reason.VAULT_SECRET_UNUSABLE,
        "test_a_host_that_dns_does_not_know": Reason.VAULT_HOST_UNRESOLVED,
        "test_a_port_without_listener": Reason.VAULT_UNREACHABLE,
        "test_an_address_that_is_not_allowed": Reason.VAULT_URL_NOT_ALLOWED,
        "test_a_port_that_is_not_allowed": Reason.VAULT_URL_NOT_ALLOWED,
        "test_a_certificate_of_an_unknown_authority": Reason.VAULT_TLS_FAILED,
        "test_no_ca": Reason.VAULT_TLS_FAILED,
        "test_a_certificate_for_another_name": Reason.VAULT_TLS_FAILED,
        "test_a_server_that_never_answers": Reason.VAULT_UNREACHABLE,
        "test_a_server_that_answers_byte_by_byte": Reason.VAULT_UNREACHABLE,
        "test_a_server_that_closes_the_connection": Reason.VAULT_UNREACHABLE,
        "test_an_answer_that_is_too_large": Reason.VAULT_RESPONSE_INVALID,
        "test_an_answer_that_is_broken": Reason.VAULT_RESPONSE_INVALID,
        "test_a_page_for_people": Reason.VAULT_ENDPOINT_INVALID,
        "test_a_redirect": Reason.VAULT_ENDPOINT_INVALID,
        "test_a_server_in_trouble": Reason.VAULT_UNAVAILABLE,
        "test_a_server_that_is_asked_too_often": Reason.VAULT_RATE_LIMITED,
    }

    def __init__(self, url: str, ca_pem: str) -> None:
        super().__init__()
        self.named = Named(ca=ca_pem)
        self._url = url
        self._vault: VaultProvider | None = None

    @abstractmethod
    def make(self, url: str, context: VaultContext) -> VaultProvider:
        """Return the provider."""

    @abstractmethod
    def item(self) -> object:
        """Return the block of ``spec.password``."""

    async def read(self) -> ReadPassword:
        """See ``Source``."""
        return await self.vault.read(self.item())

    @property
    def vault(self) -> VaultProvider:
        """The vault object; the same one until `lead_to` replaces it."""
        if self._vault is None:
            context = VaultContext(
                name=NAME,
                credentials=self.named,
                https=self.line,
                monotonic=lambda: self.time,
                now=time.time,
                allowed_hosts=self.allowed_hosts,
            )
            self._vault = self.make(self._url, context)
        return self._vault

    @property
    def allowed_hosts(self) -> AllowedHosts:
        """Hosts that the operator's flags allow, in addition to those of the vault product."""
        return AllowedHosts()

    def bind(self, error: Exception) -> None:
        """See ``Source``."""
        self.named.fails_with = error

    def lead_to(self, url: str, ca_pem: str) -> None:
        """See ``Source``."""
        self._url, self.named.ca, self._vault = url, ca_pem, None

    def remove_ca_ref(self) -> str:
        """See ``Source``."""
        ca_pem = self.named.ca
        assert ca_pem is not None
        self.named.ca = self._vault = None
        return ca_pem

    @property
    def url(self) -> str:
        """See ``Source``."""
        return self._url

    async def check(self) -> str:
        """See ``Source``."""
        return await self.vault.check()

    async def end(self) -> None:
        """See ``Source``."""
        await self.vault.close()

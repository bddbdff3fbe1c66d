# SPDX-License-Identifier: Apache-2.0
"""The two CyberArk sources, with fake servers that clients of other authors verify."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from smtp_operator.api.password import CyberArkPassword
from smtp_operator.api.reasons import Reason
from smtp_operator.api.vault_blocks import ClusterCyberArkCcp, CyberArkConjur
from smtp_operator.secrets.vaults.cyberark.ccp import CyberArkCcpVault
from smtp_operator.secrets.vaults.cyberark.conjur import CyberArkConjurVault
from smtp_operator.secrets.vaults.provider import VaultContext, VaultProvider
from smtp_testkit.conformance.source import Source, VaultSource
from smtp_testkit.cyberark.ccp import Account, Application, CcpServer
from smtp_testkit.cyberark.conjur import ConjurServer

_APP = "smtp-operator"
_NO_LOGIN = "There is no login: each request is authenticated."
_LOGIN = "host/mail/operator"
_VARIABLE = "prod/smtp/password"
_API_KEY = "2x5c4nary-Api-Key"


class CyberArkCcpSource(VaultSource):
    """An account that one application may read; the application is identified by its address."""

    column = "CyberArkCCP"
    unlike: ClassVar[Mapping[str, str]] = {
        "test_a_version": "CCP returns no version.",
        "test_a_credential_that_may_not_go_there": "An AppID is not a credential; client certificates are.",
        "test_a_kept_login": _NO_LOGIN,
        "test_many_reads_at_a_time": _NO_LOGIN,
        "test_many_refused_logins_at_a_time": _NO_LOGIN,
        "test_a_check_that_fails": _NO_LOGIN,
        "test_its_end": _NO_LOGIN,
    }
    reasons: ClassVar[Mapping[str, Reason]] = {
        **VaultSource.reasons,
        "test_a_wrong_credential": Reason.VAULT_ACCESS_DENIED,
    }

    def __init__(self, server: CcpServer) -> None:
        super().__init__(server.url, server.ca_pem)
        self._server = server
        server.accounts.append(Account(safe="Mail", object="smtp-relay", content=""))
        server.applications[_APP] = Application(safes=frozenset({"Mail"}))

    @classmethod
    @contextmanager
    def opened(cls, fixture: Callable[[str], Any]) -> Iterator[Source]:
        """See ``Source``."""
        with CcpServer.running() as server:
            source = cls(server)
            yield source
            source.line.https.close()

    def make(self, url: str, context: VaultContext) -> VaultProvider:
        """See ``VaultSource``."""
        return CyberArkCcpVault(ClusterCyberArkCcp.model_validate({"url": url, "appId": _APP}), context)

    def item(self) -> object:
        """See ``VaultSource``."""
        return CyberArkPassword.model_validate(
            {"vaultRef": {"name": "corp"}, "safe": "Mail", "object": "smtp-relay"}
        )

    def write(self, value: str) -> None:
        """See ``Source``."""
        self._server.accounts[0] = replace(self._server.accounts[0], content=value)

    def remove(self) -> None:
        """See ``Source``."""
        self._server.accounts.clear()

    def forbid(self) -> None:
        """See ``Source``."""
        self._server.applications.clear()

    def spoil(self) -> None:
        """See ``Source``."""
        self._server.applications.clear()


class CyberArkConjurSource(VaultSource):
    """A variable that one host may read; the host logs in with its API key."""

    column = "CyberArkConjur"
    unlike: ClassVar[Mapping[str, str]] = {
        "test_a_version": "Conjur returns no version, unless the request names one."
    }
    reasons: ClassVar[Mapping[str, Reason]] = {
        **VaultSource.reasons,
        "test_an_answer_that_is_broken": Reason.VAULT_ENDPOINT_INVALID,
    }
    secrets = (_API_KEY,)

    def __init__(self, server: ConjurServer) -> None:
        super().__init__(server.url, server.ca_pem)
        self._server = server
        self.named.secrets["conjur/api-key"] = _API_KEY
        server.api_keys[_LOGIN] = _API_KEY
        server.readers[_VARIABLE] = {_LOGIN}

    @classmethod
    @contextmanager
    def opened(cls, fixture: Callable[[str], Any]) -> Iterator[Source]:
        """See ``Source``."""
        with ConjurServer.running() as server:
            source = cls(server)
            yield source
            source.line.https.close()

    def make(self, url: str, context: VaultContext) -> VaultProvider:
        """See ``VaultSource``."""
        auth = {"apiKey": {"login": _LOGIN, "apiKeyRef": {"name": "conjur", "key": "api-key"}}}
        block = {"url": url, "account": "corp", "auth": auth}
        return CyberArkConjurVault(CyberArkConjur.model_validate(block), context)

    def item(self) -> object:
        """See ``VaultSource``."""
        return CyberArkPassword.model_validate({"vaultRef": {"name": "corp"}, "variable": _VARIABLE})

    def write(self, value: str) -> None:
        """See ``Source``."""
        self._server.variables.setdefault(_VARIABLE, []).append(value.encode())

    def remove(self) -> None:
        """See ``Source``."""
        self._server.variables.clear()
        self._server.readers.clear()

    def forbid(self) -> None:
        """See ``Source``."""
        self._server.readers.clear()
        self._server.viewers[_VARIABLE] = {_LOGIN}

    def spoil(self) -> None:
        """See ``Source``."""
        self._server.api_keys[_LOGIN] = "another"

    @property
    def logins(self) -> int:
        """See ``Source``."""
        return sum(call.endswith("/authenticate") for call in self.line.calls)

# SPDX-License-Identifier: Apache-2.0
"""The HashiCorp source, with a real OpenBao server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from smtp_operator.api.password import HashiCorpVaultPassword
from smtp_operator.api.vault_blocks import HashiCorpVault
from smtp_operator.secrets.vaults.hashicorp.provider import HashiCorpKv
from smtp_operator.secrets.vaults.provider import VaultContext, VaultProvider
from smtp_testkit.conformance.source import Source, VaultSource
from smtp_testkit.openbao import OpenBao

_numbers = count(1)
_ROLE = "conformance"


class HashiCorpSource(VaultSource):
    """A separate secret and AppRole on a shared server."""

    column = "HashiCorpVault"

    def __init__(self, bao: OpenBao) -> None:
        super().__init__(bao.url, bao.ca_pem)
        self._bao = bao
        self._name = f"{_ROLE}-{next(_numbers)}"
        self._permit("read")
        self._role_id, secret_id = bao.app_role(self._name, self._name)
        self.named.secrets["bao/secret-id"] = secret_id
        self.secrets = (secret_id,)

    @classmethod
    @contextmanager
    def opened(cls, fixture: Callable[[str], Any]) -> Iterator[Source]:
        """See ``Source``."""
        source = cls(fixture("bao"))
        yield source
        source.line.https.close()

    def make(self, url: str, context: VaultContext) -> VaultProvider:
        """See ``VaultSource``."""
        reference = {"name": "bao", "key": "secret-id"}
        auth: dict[str, Any] = {"appRole": {"roleId": self._role_id, "secretIdRef": reference}}
        return HashiCorpKv(HashiCorpVault.model_validate({"url": url, "auth": auth}), context)

    def item(self) -> object:
        """See ``VaultSource``."""
        return HashiCorpVaultPassword.model_validate({"vaultRef": {"name": "corp"}, "path": self._name})

    def write(self, value: str) -> None:
        """See ``Source``."""
        self._bao.put(self._name, password=value)

    def remove(self) -> None:
        """See ``Source``."""
        self._bao.call("DELETE", f"secret/metadata/{self._name}")

    def forbid(self) -> None:
        """See ``Source``."""
        self._permit("deny")

    def spoil(self) -> None:
        """See ``Source``."""
        self._bao.call("DELETE", f"auth/approle/role/{self._name}")

    @property
    def logins(self) -> int:
        """See ``Source``."""
        return self.line.calls.count("POST /v1/auth/approle/login")

    def _permit(self, capability: str) -> None:
        path = f"secret/data/{self._name}"
        self._bao.policy(self._name, f'path "{path}" {{ capabilities = ["{capability}"] }}')

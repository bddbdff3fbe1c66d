# SPDX-License-Identifier: Apache-2.0
"""Azure Key Vault, with Microsoft's SDK over our HTTPS.

The SDK implements Key Vault's challenge, Entra ID's protocols and the secret's format. This package decides
about destinations, time limits, logins and verdicts.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from smtp_operator.api.password import AzureKeyVaultPassword
from smtp_operator.api.reasons import Reason
from smtp_operator.api.vault_blocks import AzureKeyVault, ClusterAzureKeyVault
from smtp_operator.api.verdict import VerdictError
from smtp_operator.network.https import HttpsResponse
from smtp_operator.network.https_errors import HttpsError
from smtp_operator.network.tls import CaBundleInvalid
from smtp_operator.secrets.login_cache import CachedLogin, LoginCache
from smtp_operator.secrets.vaults.azure import responses as answers
from smtp_operator.secrets.vaults.azure.endpoints import URL_FIELD, check_endpoints
from smtp_operator.secrets.vaults.azure.imds import MetadataService
from smtp_operator.secrets.vaults.azure.password import password_of
from smtp_operator.secrets.vaults.errors import LoginError, bundle_invalid, unreachable
from smtp_operator.secrets.vaults.provider import VaultContext, VaultSecret
from smtp_operator.secrets.vaults.request_context import RequestContext

if TYPE_CHECKING:
    from azure.keyvault.secrets import KeyVaultSecret
    from azure.keyvault.secrets.aio import SecretClient

    from smtp_operator.secrets.vaults.azure.identity import Identity

_EARLY: Final = 330.0
"""Seconds before its expiry when a token is no longer used; the SDK would renew it from 300 on."""
_NO_SECRET: Final = ("smtp-operator-login-check", "0" * 32)
"""Name and version of a secret that no vault has: reading it shows whether the login is valid."""


class _LoginEnded(Exception):
    """The vault does not accept the login's token, or no longer."""

    def __init__(self, answer: HttpsResponse | None) -> None:
        super().__init__()
        self._answer = answer

    def why(self, reader: RequestContext, now: float) -> VerdictError:
        """Return the verdict if a new login does not help."""
        if self._answer is not None:
            return answers.refused(self._answer, reader, now)
        return reader.failed(
            Reason.VAULT_AUTH_FAILED,
            f"{reader.server} does not accept the token of {reader.client}, not even a new one. A Conditional"
            " Access policy of the tenant may block the cluster's address: check Entra ID's sign-in logs.",
        )


@dataclass(frozen=True, slots=True)
class _Session:
    client: "SecretClient"
    identity: "Identity"
    reader: RequestContext


class KeyVault:
    """Provider for a Key Vault object. See ``VaultProvider``."""

    def __init__(
        self,
        block: AzureKeyVault | ClusterAzureKeyVault,
        context: VaultContext,
        *,
        metadata: MetadataService | None = None,
    ) -> None:
        self._block = block
        self._context = context
        self._metadata = metadata or MetadataService()
        self._host = urlsplit(block.vault_url).netloc
        self._logins: LoginCache[_Session] = LoginCache(self._log_in, context)

    async def read(self, item: object) -> VaultSecret:
        """See ``VaultProvider``; ``item`` is an ``AzureKeyVaultPassword``."""
        assert isinstance(item, AzureKeyVaultPassword)
        login, _ = await self._logins.current()
        try:
            return await self._read(login.session, item)
        except _LoginEnded:
            self._logins.forget(login)
        login, _ = await self._logins.current()
        try:
            return await self._read(login.session, item)
        except _LoginEnded as ended:
            why = ended.why(_reader_of(login.session, item), self._context.now())
            raise LoginError(why.verdict) from None

    async def check(self) -> str:
        """See ``VaultProvider``."""
        login = await self._logins.refresh()
        return f"{self._host} lets {login.session.reader.client} in."

    async def close(self) -> None:
        """See ``VaultProvider``. Requests in progress end within their limits."""
        self._logins.close()

    async def _log_in(self) -> CachedLogin[_Session]:
        context = self._context
        check_endpoints(self._block, context.allowed_hosts, context.name)
        await asyncio.to_thread(_load)
        from azure.keyvault.secrets._shared import HttpChallengeCache
        from azure.keyvault.secrets.aio import SecretClient

        from smtp_operator.secrets.vaults.azure.identity import identity_of
        from smtp_operator.secrets.vaults.azure.transport import Transport

        identity, asked, trust = await identity_of(self._block, context, metadata=self._metadata)
        reader = replace(asked, server=self._host)
        client = SecretClient(
            self._block.vault_url.rstrip("/"),
            identity,
            transport=Transport(context.https, trust=trust, accepts=_is_for_the_sdk),
            retry_total=0,
            permit_redirects=False,
        )
        # The SDK caches challenges forever in the process: a vault that moved would stay unreachable.
        HttpChallengeCache.remove_challenge_for_url(self._block.vault_url)
        try:
            await self._probe(client, identity, reader)
        finally:
            await identity.forget()
        assert identity.token is not None
        lasts = identity.token.expires_on - context.now() - _EARLY
        return CachedLogin(_Session(client, identity, reader), context.monotonic() + lasts)

    async def _probe(self, client: "SecretClient", identity: "Identity", reader: RequestContext) -> None:
        """Read a secret that does not exist; raise VerdictError if the identity is refused."""
        from smtp_operator.secrets.vaults.azure.transport import ResponseRejected

        try:
            await self._call(client, *_NO_SECRET)
        except ResponseRejected as error:
            let_in = answers.is_unknown_version(error.answer) or answers.is_not_permitted(error.answer)
            if identity.token is not None and let_in:
                return
            raise answers.refused(error.answer, reader, self._context.now()) from None
        except _LoginEnded as ended:
            if identity.token is not None:
                raise ended.why(reader, self._context.now()) from None
        except _NoChallenge:
            pass
        raise _no_challenge(reader)

    async def _read(self, session: _Session, item: AzureKeyVaultPassword) -> VaultSecret:
        from smtp_operator.secrets.vaults.azure.transport import ResponseRejected

        reader = _reader_of(session, item)
        try:
            found = await self._call(session.client, item.secret_name, item.version or "")
        except ResponseRejected as error:
            raise answers.refused(error.answer, reader, self._context.now()) from None
        except _NoChallenge:
            raise _no_challenge(reader) from None
        return password_of(found, reader, self._context.now())

    async def _call(self, client: "SecretClient", name: str, version: str) -> "KeyVaultSecret":
        from azure.core.exceptions import ClientAuthenticationError, DecodeError

        from smtp_operator.secrets.vaults.azure.identity import TokenOutdated
        from smtp_operator.secrets.vaults.azure.transport import Response

        try:
            return await client.get_secret(name, version)
        except HttpsError as error:
            raise unreachable(error, vault=self._context.name, field=URL_FIELD) from None
        except CaBundleInvalid:
            raise bundle_invalid(self._context.name) from None
        except TokenOutdated:
            raise _LoginEnded(None) from None
        except ClientAuthenticationError as error:
            response = error.response
            raise _LoginEnded(response.answer if isinstance(response, Response) else None) from None
        except (ValueError, DecodeError):  # such as the login page of a proxy
            raise _NoChallenge from None


class _NoChallenge(Exception):
    """The vault's challenge is unreadable or for another host."""


def _no_challenge(reader: RequestContext) -> VerdictError:
    return reader.failed(
        Reason.VAULT_ENDPOINT_INVALID,
        f"{reader.server} does not ask for a login as a Key Vault of that name does, so the operator sent no"
        " token. Set azureKeyVault.vaultUrl: https://NAME.vault.azure.net",
    )


def _reader_of(session: _Session, item: AzureKeyVaultPassword) -> RequestContext:
    return replace(session.reader, item=item.secret_name, version=item.version or "")


def _is_for_the_sdk(answer: HttpsResponse) -> bool:
    return answer.status == 401 or answers.is_secret(answer)


def _load() -> None:
    """Import the SDK, outside of the event loop because it takes half a second."""
    import azure.identity.aio
    import azure.keyvault.secrets.aio

    assert azure

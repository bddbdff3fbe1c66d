# SPDX-License-Identifier: Apache-2.0
"""Log in to Entra ID with azure-identity, by the method that the vault object names.

Imported only if an Azure vault is used, since azure-identity is large. A credential, including its secrets,
exists only for one login.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.exceptions import AzureError
from azure.identity.aio import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)

from smtp_operator.api.reasons import Reason
from smtp_operator.api.vault_blocks import (
    AzureKeyVault,
    ClusterAzureKeyVault,
    ManagedIdentity,
    ServicePrincipal,
    WorkloadIdentity,
)
from smtp_operator.api.verdict import VerdictError
from smtp_operator.network.https import HttpsSender
from smtp_operator.network.https_errors import HttpsError
from smtp_operator.network.tls import CaBundleInvalid
from smtp_operator.network.trust import ServerTrust
from smtp_operator.secrets.oauth2.token_response import granted
from smtp_operator.secrets.vaults.azure import identity_errors as refusals
from smtp_operator.secrets.vaults.azure.imds import MetadataService
from smtp_operator.secrets.vaults.azure.responses import other_tenant
from smtp_operator.secrets.vaults.azure.transport import PlainHttpRefused, ResponseRejected, Transport
from smtp_operator.secrets.vaults.errors import bundle_invalid
from smtp_operator.secrets.vaults.provider import Credentials, VaultContext
from smtp_operator.secrets.vaults.request_context import RequestContext, TokenClaims

_TENANT: Final = re.compile(r"[0-9A-Za-z.-]{1,128}")
_DEPTH: Final = 8


class TokenOutdated(Exception):
    """The vault requires a token other than that of this login."""


class TokenSource(Protocol):
    """A credential of azure-identity."""

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        """Return a token."""
        ...

    async def close(self) -> None:
        """Close the credential; no requests follow."""
        ...


Make = Callable[..., TokenSource]


class Identity:
    """Provides one token to the vault's client: requests it during the login, caches it afterwards."""

    def __init__(
        self, source: TokenSource, asked: RequestContext, *, key_vault: str, now: Callable[[], float]
    ) -> None:
        """``asked`` describes the request for a token; ``key_vault`` is the host that the token is for."""
        self._source: TokenSource | None = source
        self._asked = asked
        self._key_vault = key_vault
        self._now = now
        self.token: AccessTokenInfo | None = None

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        """Return the token for the SDK's vault client.

        Raises:
            VerdictError: no token was issued; the verdict has the cause.
            TokenOutdated: the login has ended, and its token is not sufficient.
        """
        asked: TokenRequestOptions = options or {}
        if self._source is None:
            if asked.get("claims") or self.token is None:
                raise TokenOutdated
            return self.token
        self._check_tenant(asked.get("tenant_id") or "")
        wanted: TokenRequestOptions = {"enable_cae": True}
        if claims := asked.get("claims"):
            wanted["claims"] = claims
        try:
            found = await self._source.get_token_info(*scopes, options=wanted)
        except (
            AzureError,
            ResponseRejected,
            HttpsError,
            CaBundleInvalid,
            PlainHttpRefused,
            ValueError,
        ) as error:
            raise self._why(error) from None
        # Without refresh time: the next login requests a new token, shared by all readers.
        self.token = AccessTokenInfo(found.token, found.expires_on)
        return self.token

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return the token for older clients."""
        wanted: TokenRequestOptions = {}
        if tenant := options.get("tenant_id"):
            wanted["tenant_id"] = tenant
        if claims := options.get("claims"):
            wanted["claims"] = claims
        found = await self.get_token_info(*scopes, options=wanted)
        return AccessToken(found.token, found.expires_on)

    async def forget(self) -> None:
        """End the login: drop its credential, keep its token."""
        if self._source is not None:
            source, self._source = self._source, None
            await source.close()

    async def close(self) -> None:
        """Drop the credential and the token."""
        await self.forget()
        self.token = None

    async def __aenter__(self) -> "Identity":
        """Return self."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Do nothing: the creator of this object closes it."""

    def _check_tenant(self, tenant: str) -> None:
        asked = self._asked
        if asked.namespace and tenant and tenant.casefold() != asked.namespace.casefold():
            raise other_tenant(replace(asked, server=self._key_vault), tenant)

    def _why(self, error: BaseException) -> VerdictError:
        asked = self._asked
        managed = not asked.namespace
        for cause in _causes(error):
            if isinstance(cause, ResponseRejected):
                if managed:
                    return refusals.metadata_refused(cause.answer, asked, self._now())
                return refusals.refused(cause.answer, asked, self._now())
            if isinstance(cause, HttpsError):
                return refusals.no_metadata(asked) if managed else refusals.unreachable(cause, asked)
            if isinstance(cause, CaBundleInvalid):
                return bundle_invalid(asked.vault)
            if isinstance(cause, PlainHttpRefused):
                return refusals.no_metadata(asked)
        return asked.temporary(Reason.VAULT_RESPONSE_INVALID, f"{asked.server} answered without a token")


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    here: BaseException | None = error
    while here is not None and len(found) < _DEPTH:
        found.append(here)
        here = here.__cause__ or here.__context__
    return found


async def identity_of(
    block: AzureKeyVault | ClusterAzureKeyVault,
    context: VaultContext,
    *,
    metadata: MetadataService,
) -> tuple[Identity, RequestContext, ServerTrust]:
    """Return the vault object's identity, its context for messages, and how to verify its servers.

    Raises:
        VerdictError, ApiUnavailable: a credential is missing, unusable, or not allowed for this host.
    """
    auth, authority = block.auth, block.authority_host.rstrip("/")
    asked = RequestContext(
        vault=context.name,
        server=urlsplit(authority).netloc,
    )
    if auth.service_principal is not None:
        make, asked = await _service_principal(auth.service_principal, asked, context.credentials, authority)
    elif auth.workload_identity is not None:
        make, asked = await _workload(auth.workload_identity, asked, context.credentials, authority)
    else:
        assert auth.managed_identity is not None  # guaranteed by validation: exactly one
        if not context.allowed_hosts.metadata:
            raise refusals.metadata_denied(asked)
        make, asked = _managed(auth.managed_identity, asked)
    if asked.namespace and not _TENANT.fullmatch(asked.namespace):
        raise asked.failed(
            Reason.VAULT_REQUEST_INVALID,
            f"tenantId is not valid. Set {asked.auth}.tenantId to the Directory (tenant) ID or a domain of"
            " the tenant.",
        )
    trust = await context.credentials.trust()
    transport = _transport(context.https, trust, None if asked.namespace else metadata)
    source, key_vault = _made(make, asked, authority, transport), urlsplit(block.vault_url).netloc
    return Identity(source, asked, key_vault=key_vault, now=context.now), asked, trust


def _made(make: Make, asked: RequestContext, authority: str, transport: Transport) -> TokenSource:
    try:
        return make(
            authority=authority,
            disable_instance_discovery=True,
            transport=transport,
            retry_total=0,
            permit_redirects=False,
        )
    except ValueError:  # everything else that they check was checked before
        raise asked.failed(
            Reason.CLIENT_CERTIFICATE_INVALID,
            f"the key in {asked.credential} is not an RSA key, but Entra ID accepts only RSA keys. Store an"
            " RSA key and its certificate there.",
        ) from None


def _transport(sender: HttpsSender, trust: ServerTrust, metadata: MetadataService | None) -> Transport:
    get: Callable[..., Awaitable[Any]] | None = metadata.get if metadata is not None else None
    return Transport(sender, trust=trust, accepts=lambda it: granted(it)[1] > 0, metadata=get)


async def _service_principal(
    principal: ServicePrincipal, asked: RequestContext, credentials: Credentials, authority: str
) -> tuple[Make, RequestContext]:
    asked = replace(
        asked,
        auth="azureKeyVault.auth.servicePrincipal",
        client=f"client {principal.client_id}",
        namespace=principal.tenant_id,
    )
    if principal.client_secret_ref is not None:
        named = principal.client_secret_ref
        secret = await credentials.secret(
            named, goes_to=authority, field_path=f"{asked.auth}.clientSecretRef"
        )
        asked = replace(asked, credential=f"Secret {named.name}, key {named.key}")
        return _bound(ClientSecretCredential, principal.tenant_id, principal.client_id, secret), asked
    assert principal.certificate_ref is not None  # guaranteed by validation: exactly one
    name = principal.certificate_ref.name
    certificate = await credentials.client_certificate(
        name, goes_to=authority, field_path=f"{asked.auth}.certificateRef"
    )
    asked = replace(asked, credential=f"Secret {name}")
    make = _bound(
        CertificateCredential, principal.tenant_id, principal.client_id, certificate_data=certificate.pem
    )
    return make, asked


async def _workload(
    workload: WorkloadIdentity, asked: RequestContext, credentials: Credentials, authority: str
) -> tuple[Make, RequestContext]:
    asked = replace(
        asked,
        auth="azureKeyVault.auth.workloadIdentity",
        client=f"client {workload.client_id}",
        namespace=workload.tenant_id,
    )
    named = workload.service_account_ref
    token = await credentials.service_account_token(
        named, goes_to=authority, field_path=f"{asked.auth}.serviceAccountRef"
    )
    asked = replace(
        asked,
        credential=f"ServiceAccount {named.name}",
        claims=TokenClaims.of(token, audience=named.audience),
    )
    return _bound(ClientAssertionCredential, workload.tenant_id, workload.client_id, lambda: token), asked


def _managed(identity: ManagedIdentity, asked: RequestContext) -> tuple[Make, RequestContext]:
    # An identity federated to the operator's Pod requires workloadIdentity, explicitly.
    options: dict[str, Any] = {"_exclude_workload_identity_credential": True}
    asked = replace(
        asked, auth="azureKeyVault.auth.managedIdentity", client="the operator's managed identity"
    )
    if identity.client_id is not None:
        options["client_id"] = identity.client_id
        asked = replace(
            asked,
            client=f"{asked.client} {identity.client_id}",
            credential=f"the identity {identity.client_id}",
        )
    return _bound(ManagedIdentityCredential, **options), asked


def _bound(kind: Callable[..., TokenSource], *positional: Any, **named: Any) -> Make:
    return lambda **options: kind(*positional, **named, **options)

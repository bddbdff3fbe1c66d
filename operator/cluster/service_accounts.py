# SPDX-License-Identifier: Apache-2.0
"""Read ServiceAccounts and request their tokens. Permissions are granted for named ones, by resourceNames."""

import ssl
from typing import Final

import aiohttp

from smtp_operator.api.errors import ApiUnavailable, RequestRefused
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.secrets.interfaces import GetObject

_LIFETIME: Final = 600
"""Seconds; the shortest lifetime that the API server grants."""
_PATIENCE: Final = aiohttp.ClientTimeout(total=30, sock_connect=10)


class ServiceAccountTokens:
    """Read ServiceAccounts and request their tokens with the operator's own client."""

    def __init__(self, client: KubernetesClient, get_object: GetObject) -> None:
        """Create the object; ``get_object`` reads a ServiceAccount and records its version for comparison."""
        self._client = client
        self._get_object = get_object

    async def get_service_account(self, namespace: str, name: str) -> JsonObject:
        """Return the ServiceAccount.
        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
        """
        found = await self._get_object(Reference("ServiceAccount", namespace, name))
        return {"kind": "ServiceAccount", **found}

    async def request_token(self, namespace: str, name: str, audience: str) -> str:
        """Return a token of the ServiceAccount for that audience, valid for 10 minutes.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
            RequestRefused: the API server does not issue such a token.
        """
        answer = await self._client.request(
            "POST",
            f"{paths.service_account(namespace, name)}/token",
            body={
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"audiences": [audience], "expirationSeconds": _LIFETIME},
            },
        )
        token = answer.get("status", {}).get("token")
        if not isinstance(token, str) or not token:
            raise RequestRefused(f"the response has no token for ServiceAccount {namespace}/{name}")
        return token

    async def opens_api_server(self, token: str) -> bool:
        """Return whether the API server accepts that token. The request carries no other credentials.

        Raises:
            ApiUnavailable
        """
        configuration = self._client.access.configuration
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if not configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            async with (
                aiohttp.ClientSession(trust_env=False, timeout=_PATIENCE) as session,
                session.post(
                    f"{self._client.server}{paths.SELF_SUBJECT_REVIEWS}",
                    json=body,
                    headers={"Authorization": f"Bearer {token}"},
                    proxy=configuration.proxy or None,
                    ssl=context,
                    allow_redirects=False,
                ) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise ApiUnavailable(
                "the API server did not say whether it accepts a ServiceAccount's token"
            ) from None
        if status == 429 or status >= 500:
            raise ApiUnavailable("the API server did not say whether it accepts a ServiceAccount's token")
        return status != 401

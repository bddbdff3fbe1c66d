# SPDX-License-Identifier: Apache-2.0
"""hvac over our own HTTPS: hvac builds the requests; we send them within our bounds and destination policy.

An hvac adapter decides what the client's methods return. Ours returns an awaitable of the plain answer. So
no thread waits for it, hvac raises nothing, and no exception contains an answer's body.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import hvac
from hvac.adapters import Adapter

from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.network.trust import ServerTrust

Ask = Callable[[HttpsRequest], Awaitable[HttpsResponse]]


if TYPE_CHECKING:
    _Adapter = Adapter[Awaitable[HttpsResponse]]
else:
    _Adapter = Adapter  # generic only in its stubs


class _BoundedAdapter(_Adapter):
    """Sends hvac's requests with ``ask``; hvac's session, TLS, proxies and environment are not used."""

    def __init__(
        self, base_uri: str, token: str, namespace: str | None, *, ask: Ask, trust: ServerTrust, **_: Any
    ) -> None:
        # The base class would create a session of ``requests``, which this adapter does not use.
        self.base_uri = base_uri
        self.token = token
        self.namespace = namespace
        self._ask = ask
        self._trust = trust

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        raise_exception: bool = True,
        **options: Any,
    ) -> Awaitable[HttpsResponse]:
        """Return an awaitable of the answer, of any status."""
        query = urlencode(options.get("params") or {})
        content = options.get("json")
        sent = {"X-Vault-Request": "true", **(headers or {})}
        sent |= {"X-Vault-Token": self.token} if self.token else {}
        sent |= {"X-Vault-Namespace": self.namespace} if self.namespace else {}
        sent |= {} if content is None else {"Content-Type": "application/json"}
        request = HttpsRequest(
            method=method.upper(),
            url=self.urljoin(self.base_uri, url) + (f"?{query}" if query else ""),
            headers=sent,
            body=None if content is None else json.dumps(content).encode(),
            trust=self._trust,
        )
        return self._ask(request)

    def get_login_token(self, response: Awaitable[HttpsResponse]) -> str:
        """Not supported: logins use ``use_token=False``."""
        raise NotImplementedError


def client(*, url: str, namespace: str | None, ask: Ask, trust: ServerTrust, token: str = "") -> hvac.Client:
    """Return a client whose methods return awaitables of ``HttpsResponse``.

    ``ask`` sends a request; its errors are raised when the answer is awaited.
    """
    # An empty token stops hvac from reading one from the environment or ~/.vault-token.
    return hvac.Client(
        url=url,
        token=token,
        namespace=namespace,
        verify=True,
        adapter=_BoundedAdapter,
        ask=ask,
        trust=trust,
    )

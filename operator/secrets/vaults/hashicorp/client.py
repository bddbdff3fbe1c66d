# SPDX-License-Identifier: Apache-2.0
"""hvac over our own HTTPS: it says what to ask; we ask it, within our bounds and the policy of destinations.

An adapter of hvac may give whatever its client is to return. Ours gives an awaitable of the plain answer, so
no thread waits for it, hvac raises nothing, and no exception holds an answer's body.
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
    _Adapter = Adapter  # generic in its stubs alone


class _BoundedAdapter(_Adapter):
    """What hvac asks for, sent by ``ask``. Nothing of hvac's own session, TLS, proxies or environment"
    " counts."""

    def __init__(
        self, base_uri: str, token: str, namespace: str | None, *, ask: Ask, trust: ServerTrust, **_: Any
    ) -> None:
        # The base class would make a session of requests, which is for its own requests alone.
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
        """The answer, whatever its status."""
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
        """Of no use before the answer is there: logins are made with ``use_token=False``."""
        raise NotImplementedError


def client(*, url: str, namespace: str | None, ask: Ask, trust: ServerTrust, token: str = "") -> hvac.Client:
    """A client whose methods return awaitables of ``Answer``.

    ``ask`` sends a request; what it raises is raised where the answer is awaited.
    """
    # An empty token keeps hvac from looking for one in the environment and in ~/.vault-token.
    return hvac.Client(
        url=url,
        token=token,
        namespace=namespace,
        verify=True,
        adapter=_BoundedAdapter,
        ask=ask,
        trust=trust,
    )

# SPDX-License-Identifier: Apache-2.0
"""HTTPS requests to vaults without a client library: below its URL, with its CA, with safe path segments."""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import cut
from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.secrets.vaults.errors import ask, retry_after
from smtp_operator.secrets.vaults.provider import VaultContext
from smtp_operator.secrets.vaults.request_context import RequestContext

_SEPARATOR: Final = re.compile(r"[/\\]")
_PAUSE: Final = 30.0
"""Seconds to wait if a vault asks for a pause without a duration."""


class VaultHttps:
    """The server of one vault object."""

    def __init__(self, context: VaultContext, url: str, *, field: str) -> None:
        """``field`` is the field of ``url`` below the vault's spec."""
        self._context = context
        self._field = field
        self.base = url.rstrip("/")
        """The URL to which paths are appended."""
        # Cut, so that the message has space for the fix.
        self.asked = RequestContext(vault=context.name, server=cut(self.base, limit=200))
        """The server in messages, without a client and an item."""

    async def send(
        self,
        method: str,
        segments: Sequence[str],
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        client_certificate: ClientCertificate | None = None,
    ) -> HttpsResponse:
        """Send a request and return the answer, except for redirects, 429, and 503 with Retry-After.

        This method escapes ``query`` and each of the path's ``segments``.

        Raises:
            VerdictError: there is no usable answer.
        """
        request = HttpsRequest(
            method=method,
            url=self._url(segments, query or {}),
            headers=headers or {},
            body=body,
            trust=await self._context.credentials.trust(),
            client_certificate=client_certificate,
        )
        answer = await ask(self._context.https, request, vault=self._context.name, field=self._field)
        if 300 <= answer.status < 400:
            raise self.asked.failed(
                Reason.VAULT_ENDPOINT_INVALID,
                f"{self.asked.server} answers with a redirect ({answer.status}), which the"
                f" operator does not follow. Correct {self._field}: it must lead to the vault itself, not"
                " to a login page or a load balancer's default page.",
                reply=str(answer.status),
            )
        self._raise_while_paused(answer)
        return answer

    def _url(self, segments: Sequence[str], query: Mapping[str, str]) -> str:
        for segment in segments:
            if {".", ".."} & set(_SEPARATOR.split(segment)):
                # Clients and proxies treat these as the parent path, some even with escaped slashes.
                raise self.asked.failed(
                    Reason.VAULT_REQUEST_INVALID,
                    f'"{segment}" is not a valid name in a vault. Correct the name,'
                    " in the vault object or in spec.password.",
                )
        path = "/".join(quote(segment, safe="") for segment in segments)
        return f"{self.base}/{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")

    def _raise_while_paused(self, answer: HttpsResponse) -> None:
        wait = retry_after(answer.headers, self._context.now())
        if answer.status == 429:
            raise self.asked.rate_limited("(429)", reply="429", retry_after=_PAUSE if wait is None else wait)
        if answer.status == 503 and wait is not None:
            what = "the vault returned an internal error (503) and asks to retry later"
            raise self.asked.temporary(Reason.VAULT_UNAVAILABLE, what, reply="503", retry_after=wait)

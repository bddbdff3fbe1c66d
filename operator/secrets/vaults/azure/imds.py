# SPDX-License-Identifier: Apache-2.0
"""The metadata service of an Azure machine (IMDS), which issues the tokens of managed identities.

It uses HTTP without TLS on a link-local address; these requests never leave the machine. No environment
variable or object can redirect them to another address.
"""

import asyncio
import http.client
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from smtp_operator.network.destination import Address
from smtp_operator.network.https import HttpsResponse
from smtp_operator.network.https_connection import BoundedResponse
from smtp_operator.network.https_errors import ErrorKind, HttpsError

HOST: Final = "169.254.169.254"
_PATH: Final = "/metadata/identity/oauth2/token"
_SIZE: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataService:
    """Client of the metadata service; only tests change ``address`` and ``port``."""

    address: str = HOST
    port: int = 80
    limit: float = 10.0
    """Seconds for connection and answer."""

    async def get(self, url: str, headers: Mapping[str, str]) -> HttpsResponse | None:
        """Return the answer to a token request; None: the URL does not belong to the service.

        Raises:
            HttpsError: there is no answer.
        """
        parts = urlsplit(url)
        if (parts.scheme, parts.netloc, parts.path) != ("http", HOST, _PATH):
            return None
        try:
            async with asyncio.timeout(self.limit):
                raw = await self._exchange(f"{parts.path}?{parts.query}", headers)
            return _parsed(raw)
        except TimeoutError:
            raise self._failed(ErrorKind.TOO_SLOW) from None
        except (OSError, http.client.HTTPException, ValueError):
            raise self._failed(ErrorKind.DROPPED) from None

    async def _exchange(self, target: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"GET {target} HTTP/1.1", f"Host: {HOST}", "Connection: close", "Accept: application/json"]
        lines += [f"{name}: {value}" for name, value in headers.items() if name.lower() == "metadata"]
        reader, writer = await asyncio.open_connection(self.address, self.port)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode("ascii"))
            raw = bytearray()
            while piece := await reader.read(8192):
                raw += piece
                if len(raw) > _SIZE:
                    raise self._failed(ErrorKind.TOO_LARGE)
            return bytes(raw)
        finally:
            writer.transport.abort()

    def _failed(self, kind: ErrorKind) -> HttpsError:
        nowhere: tuple[Address, ...] = ()
        return HttpsError(kind, HOST, 80, addresses=nowhere, seconds=self.limit, size=_SIZE)


class _BufferedSocket:
    """A socket substitute for ``http.client``."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, mode: str) -> io.BytesIO:
        """Return the data as a file."""
        return io.BytesIO(self._raw)


def _parsed(raw: bytes) -> HttpsResponse:
    connection: Any = _BufferedSocket(raw)
    response = BoundedResponse(connection, method="GET")
    response.begin()
    body = response.read()
    return HttpsResponse(
        response.status, {name.lower(): value for name, value in response.getheaders()}, body
    )

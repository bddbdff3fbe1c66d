# SPDX-License-Identifier: Apache-2.0
"""The metadata service (IMDS) of an Azure machine: only the tokens of managed identities."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from smtp_testkit.azurepeers.listener import listening
from smtp_testkit.mailpeers.tokenserver import TokenServer

Answer = tuple[int, bytes, Mapping[str, str]]


@dataclass
class MetadataServer:
    """The service; its attributes can be changed while it runs."""

    entra: TokenServer
    identities: set[str] = field(default_factory=set)
    """Client IDs of the user-assigned identities; an empty one is the system-assigned identity."""
    answers: list[Answer] = field(default_factory=list)
    requests: list[str] = field(default_factory=list, init=False)
    port: int = field(default=0, init=False)

    @classmethod
    @contextlib.contextmanager
    def running(cls, entra: TokenServer, **options: Any) -> Iterator["MetadataServer"]:
        """Start a server on a free port, whose tokens are as valid as those of ``entra``."""
        server = cls(entra, **options)
        with listening(server) as server.port:
            yield server

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """See ``Answers``."""
        self.requests.append(target)
        if self.answers:
            return self.answers.pop(0)
        query = parse_qs(urlsplit(target).query)
        if headers.get("metadata") != "true":
            return _refused("invalid_request", "Required metadata header not specified")
        if urlsplit(target).path != "/metadata/identity/oauth2/token" or "resource" not in query:
            return _refused("invalid_request", "Required query variable 'resource' is missing")
        if query.get("client_id", [""])[0] not in self.identities:
            return _refused("invalid_request", "Identity not found")
        token = f"eyJ0eXAi.imds-{len(self.requests)}-{time.monotonic_ns()}.sig"
        self.entra.issued.add(token)
        now = int(time.time())
        told = {
            "access_token": token,
            "client_id": query.get("client_id", ["c0ffee00-0000-4000-8000-000000000000"])[0],
            "expires_in": "86399",
            "expires_on": str(now + 86399),
            "ext_expires_in": "86399",
            "not_before": str(now),
            "resource": query["resource"][0],
            "token_type": "Bearer",
        }
        return 200, json.dumps(told).encode(), {}


def _refused(error: str, text: str) -> Answer:
    return 400, json.dumps({"error": error, "error_description": text}).encode(), {}

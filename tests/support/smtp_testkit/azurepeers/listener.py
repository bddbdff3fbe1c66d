# SPDX-License-Identifier: Apache-2.0
"""The listener of the Azure servers; they respond with status, headers and a body in JSON."""

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from typing import Protocol

from smtp_testkit import http_listener
from smtp_testkit.http_listener import JSON, HttpRequest, Reply


class Answers(Protocol):
    """Answers requests."""

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Return status, body and headers; the request's headers have names in lower case."""
        ...


@contextlib.contextmanager
def listening(answers: Answers, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve until the block ends; yield the port. With a context, serve TLS."""

    def answer(call: HttpRequest) -> Reply:
        status, body, headers = answers.answer(call.method, call.target, call.headers, call.body)
        return Reply(status, body, {**JSON, **headers})

    with http_listener.listening(answer, name="azurepeers", context=context) as port:
        yield port

# SPDX-License-Identifier: Apache-2.0
"""Attacks by what a vault, a token endpoint or a proxy answers: none takes more than one answer's bytes.

Each server sends for as long as somebody reads. Memory is that which Python's objects take at their peak.
"""

import asyncio
import gzip
import itertools
import logging
import socketserver
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest

from smtp_operator.network import https as https_module
from smtp_operator.network import tls
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https, HttpsLimits, HttpsRequest, HttpsResponse
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.network.proxy import HttpsProxy
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.http_listener import HttpRequest, serving
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names

RequestOf = Callable[..., HttpsRequest]
Sent = Callable[[], Iterable[bytes]]

SIZE = HttpsLimits().size
PATIENT = HttpsLimits(connect=60.0, read=60.0, total=60.0)
LONG = b"x" * 60_000
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: https://vault.example/\r\n"


def forever(start: bytes, again: bytes) -> Sent:
    return lambda: itertools.chain([start], itertools.repeat(again))


ENDLESS: dict[str, Sent] = {
    "status line": forever(b"HTTP/1.1 200 ", LONG),
    "header line": forever(b"HTTP/1.1 200 OK\r\nX-Long: ", LONG),
    "headers": forever(b"HTTP/1.1 200 OK\r\n", b"X-Long: " + LONG + b"\r\n"),
    "short headers": forever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 90 + b"X-Long: " + LONG + b"\r\n"),
    "100 Continue": forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "100 Continue with headers": forever(b"", b"HTTP/1.1 100 Continue\r\nX: " + LONG + b"\r\n\r\n"),
    "103 Early Hints": forever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 1000),
    "body": forever(b"HTTP/1.1 200 OK\r\n\r\n", LONG),
    "chunks": forever(CHUNKED, b"1\r\nx\r\n" * 1000),
    "chunk extensions": forever(CHUNKED, b"1;" + LONG + b"\r\nx\r\n"),
    "one chunk extension": forever(CHUNKED + b"1;", LONG),
    "digits of a chunk's length": forever(CHUNKED, b"0" * 60_000),
    "trailers": forever(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-Long: " + LONG + b"\r\n"),
    "one trailer": forever(CHUNKED + b"2\r\n{}\r\n0\r\nX-Long: ", LONG),
    "body of a redirect": forever(REDIRECT + b"\r\n", LONG),
    "body of an error": forever(b"HTTP/1.1 500 No\r\n\r\n", LONG),
    "cookies": forever(b"HTTP/1.1 200 OK\r\n", b"Set-Cookie: a=" + LONG + b"\r\n"),
}


@pytest.fixture
def patient(names: Names) -> Iterator[Https]:
    """With the size limit of the operator, and time enough on a busy machine."""
    policy = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])
    helper = Https(policy=policy, resolver=names, limits=PATIENT)
    yield helper
    helper.close()


@pytest.fixture
def says(endpoint: TokenServer) -> Callable[[Sent], None]:
    """Have the endpoint send these pieces to each who asks, until they hang up."""

    def say(sent: Sent) -> None:
        def answer(call: HttpRequest) -> bool:
            try:
                for piece in sent():
                    call.connection.sendall(piece)
            except OSError:
                pass  # the client hung up
            return False

        endpoint.before_answer = answer

    return say


async def trouble_of(helper: Https, request: HttpsRequest) -> HttpsError:
    with pytest.raises(HttpsError) as failed:
        await helper.send(request)
    return failed.value


Results = list[HttpsResponse | BaseException]


async def peak_of(helper: Https, request: HttpsRequest, times: int = 1) -> tuple[Results, int]:
    """Return the results of concurrent requests, and the peak bytes of Python's objects."""
    await asyncio.gather(*(helper.send(request) for _ in range(times)), return_exceptions=True)  # imports
    tracemalloc.start()
    try:
        sending = (helper.send(request) for _ in range(times))
        results = await asyncio.gather(*sending, return_exceptions=True)
        return results, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("part", ENDLESS)
async def test_an_endless_part_of_an_answer_ends_at_the_size_limit(
    part: str, patient: Https, request_of: RequestOf, says: Callable[[Sent], None]
) -> None:
    says(ENDLESS[part])

    error = await trouble_of(patient, request_of())

    assert (error.kind, error.size) == (ErrorKind.TOO_LARGE, SIZE)


@pytest.mark.parametrize("part", ["headers", "body of a redirect", "trailers"])
async def test_twelve_servers_with_endless_answers_take_no_more_memory_than_twelve_answers(
    part: str, patient: Https, request_of: RequestOf, says: Callable[[Sent], None]
) -> None:
    says(ENDLESS[part])

    results, peak = await peak_of(patient, request_of(), times=12)

    assert {str(it) for it in results} == {str(ErrorKind.TOO_LARGE)}
    assert peak < 12 * 12 * SIZE


async def test_a_redirect_with_a_decompression_bomb_is_not_unpacked(
    patient: Https, request_of: RequestOf, says: Callable[[Sent], None]
) -> None:
    """requests reads and unpacks a redirect's body, also where it follows none."""
    bomb = gzip.compress(bytes(30_000_000))
    assert len(bomb) < SIZE
    head = REDIRECT + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    says(lambda: [head, bomb])

    results, peak = await peak_of(patient, request_of())

    assert [it.body for it in results if isinstance(it, HttpsResponse)] == [bomb]
    assert peak < 12 * SIZE


async def test_one_header_line_is_not_taken_for_thousands(
    patient: Https, request_of: RequestOf, says: Callable[[Sent], None]
) -> None:
    """Python ends a line at a lone CR and at other signs too, after http.client has counted the headers."""
    for separator in (b"\r", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x85"):
        line = b"X: y" + separator
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + line * 12_000 + b"\r\n\r\n{}"
        says(partial(list, [head]))

        results, peak = await peak_of(patient, request_of())

        assert [str(it) for it in results] == [str(ErrorKind.DROPPED)]
        assert peak < 12 * SIZE


async def test_more_than_a_hundred_headers_are_refused(
    patient: Https, request_of: RequestOf, says: Callable[[Sent], None]
) -> None:
    says(lambda: [b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 101, b"Content-Length: 2\r\n\r\n{}"])

    assert (await trouble_of(patient, request_of())).kind is ErrorKind.DROPPED


async def test_headers_that_are_none_are_not_written_into_the_log(
    patient: Https, request_of: RequestOf, says: Callable[[Sent], None], caplog: pytest.LogCaptureFixture
) -> None:
    says(lambda: [b"HTTP/1.1 200 OK\r\nthe server's own words\r\nContent-Length: 2\r\n\r\n{}"])

    with caplog.at_level(logging.DEBUG):
        await trouble_of(patient, request_of())

    assert "own words" not in caplog.text


async def test_an_answer_in_single_bytes_is_given_up_after_two_thousand_reads(
    patient: Https, request_of: RequestOf, says: Callable[[Sent], None]
) -> None:
    """Each byte is a separate TLS record, and each record a read: 65,536 of them cost a second."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"
    says(lambda: itertools.chain([head], itertools.repeat(b"x", 60_000)))

    assert (await trouble_of(patient, request_of())).kind is ErrorKind.TOO_LARGE


async def test_an_answer_after_interim_answers_is_taken(
    patient: Https, request_of: RequestOf, says: Callable[[Sent], None]
) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    says(lambda: [early, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kind: last\r\n\r\n{}"])

    answer = await patient.send(request_of())

    assert (answer.status, answer.body, answer.headers["x-kind"]) == (200, b"{}", "last")
    assert "link" not in answer.headers


async def test_headers_of_other_languages_are_taken(
    patient: Https, request_of: RequestOf, says: Callable[[Sent], None]
) -> None:
    words = "Zürich À 東京".encode()
    says(lambda: [b"HTTP/1.1 200 OK\r\nX-Place: " + words + b"\r\nContent-Length: 2\r\n\r\n{}"])

    answer = await patient.send(request_of())

    assert answer.headers["x-place"].encode("latin-1") == words


async def test_chunks_with_extensions_and_trailers_are_taken(
    patient: Https, request_of: RequestOf, says: Callable[[Sent], None]
) -> None:
    says(lambda: [CHUNKED, b"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX-Sum: 1\r\n\r\n"])

    assert (await patient.send(request_of())).body == b"{}"


class _EndlessProxy(socketserver.StreamRequestHandler):
    """Answers CONNECT with headers without an end."""

    def handle(self) -> None:
        self.rfile.readline()
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                self.wfile.write(b"X-Long: " + LONG + b"\r\n")
        except OSError:
            pass  # the client hung up


async def test_an_endless_answer_of_a_proxy_ends_at_the_size_limit(
    names: Names, endpoint: TokenServer, request_of: RequestOf
) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _EndlessProxy) as server:
        server.daemon_threads = True
        with serving(server, "endless proxy"):
            proxy = HttpsProxy(f"http://127.0.0.1:{server.server_address[1]}")
            policy = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])
            helper = Https(policy=policy, resolver=names, proxy=proxy, limits=PATIENT)
            try:
                error = await trouble_of(helper, request_of())
            finally:
                helper.close()
    assert error.kind is ErrorKind.PROXY_FAILED


async def test_silent_servers_do_not_cost_the_systems_cas_each(
    patient: Https,
    endpoint: TokenServer,
    request_of: RequestOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A context with the system's CAs takes a megabyte, for as long as a server says nothing."""
    made = []

    def counted(ca_pem: str | None, **options: Any) -> ssl.SSLContext:
        made.append(ca_pem)
        return tls.client_context(ca_pem, **options)

    monkeypatch.setattr(https_module, "client_context", counted)
    together = threading.Barrier(8)

    def wait_for_the_others(call: HttpRequest) -> bool:
        together.wait()
        return True

    endpoint.answers += [(200, b"{}", {})] * 9
    await patient.send(request_of())  # so that eight at a time may ask
    endpoint.before_answer = wait_for_the_others
    made.clear()

    await asyncio.gather(*(patient.send(request_of()) for _ in range(8)))

    assert len(made) == 1

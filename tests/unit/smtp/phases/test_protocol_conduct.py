# SPDX-License-Identifier: Apache-2.0
"""The client ends TLS and the dialogue as servers expect, and never speaks before the greeting."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trustme
import uvloop

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import DialogueReport, SmtpType
from smtp_operator.smtp.timing import PhaseLimits
from smtp_testkit.mailpeers.faultserver import FaultServer, ScriptedConnection, after, reply, silence
from smtp_testkit.mailpeers.trial import Trial

CA = trustme.CA()
CA_PEM = CA.cert_pem.bytes().decode()


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("localhost").configure_cert(context)
    return context


@contextlib.contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Yield the port of a server that runs ``talk`` for each connection, and logs errors as servers do."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                talk(connection)

        def accept() -> None:
            with contextlib.suppress(OSError), ThreadPoolExecutor() as connections:
                while True:
                    connections.submit(serve, listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def start_tls(connection: socket.socket) -> None:
    """Speak SMTP up to the reply to STARTTLS."""
    for said in (b"220 mail.test ESMTP\r\n", b"250-mail.test\r\n250 STARTTLS\r\n", b"220 go ahead\r\n"):
        connection.sendall(said)
        if not said.startswith(b"220 go"):
            connection.recv(1024)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("smtp_type", [SmtpType.TLS, SmtpType.START_TLS])
def test_a_refused_certificate_ends_with_an_alert(
    trial: Trial,
    smtp_type: SmtpType,
    version: ssl.TLSVersion,
    run: Callable[[Coroutine[Any, Any, DialogueReport]], DialogueReport],
) -> None:
    errors: list[str] = []
    context = server_context()
    context.maximum_version = version

    def talk(connection: socket.socket) -> None:
        if smtp_type is SmtpType.START_TLS:
            start_tls(connection)
        try:
            with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False) as tls:
                if smtp_type is SmtpType.TLS:
                    tls.sendall(b"220 mail.test ESMTP\r\n")
                while line := tls.recv(1024):
                    errors.append(line.decode().strip())
                    tls.sendall(b"221 bye\r\n")
        except ssl.SSLError as error:
            errors.append(error.reason or "")

    with serving(talk) as port:
        report = run(trial(port, smtp_type=smtp_type))

    assert report.verdict.reason is Reason.CERTIFICATE_UNTRUSTED
    assert "TLSV1_ALERT_UNKNOWN_CA" in errors
    assert errors[1:] == ["QUIT"]  # of the connection that reads the certificate


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("smtp_type", [SmtpType.TLS, SmtpType.START_TLS])
def test_a_server_can_answer_the_alert(
    trial: Trial,
    smtp_type: SmtpType,
    run: Callable[[Coroutine[Any, Any, DialogueReport]], DialogueReport],
) -> None:
    ends: list[bytes | str] = []

    def talk(connection: socket.socket) -> None:
        if smtp_type is SmtpType.START_TLS:
            start_tls(connection)
        try:
            with server_context().wrap_socket(connection.dup(), server_side=True) as tls:
                tls.recv(1024)  # of the connection that reads the certificate
        except ssl.SSLError:
            try:
                ends.append(connection.recv(1024))
                connection.sendall(b"554 5.7.3 TLS failed\r\n")
                ends.append(connection.recv(1024))
            except OSError as error:
                ends.append(repr(error))

    with serving(talk) as port:
        report = run(trial(port, smtp_type=smtp_type))

    assert report.verdict.reason is Reason.CERTIFICATE_UNTRUSTED
    assert ends == [b"", b""]  # no reset


async def test_a_test_that_ends_early_ends_tls_with_close_notify(trial: Trial) -> None:
    ends: list[str] = []
    context = server_context()

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False) as tls:
            tls.sendall(b"220 mail.test ESMTP\r\n")
            try:
                while tls.recv(1024):
                    pass
                ends.append("close_notify")
            except (ssl.SSLError, ConnectionError) as error:
                ends.append(repr(error))

    with serving(talk) as port:
        report = await trial(port, smtp_type=SmtpType.TLS, ca_pem=CA_PEM, timeout=5)

    assert report.verdict.reason is Reason.REPLY_TIMEOUT
    assert ends == ["close_notify"]


@pytest.mark.looptime
@pytest.mark.parametrize("smtp_type", [SmtpType.NONE, SmtpType.START_TLS])
async def test_the_second_look_waits_for_a_greeting_before_it_speaks(
    trial: Trial, smtp_type: SmtpType
) -> None:
    early: list[bytes] = []

    async def greet(talk: ScriptedConnection) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(14):
                early.append(await talk.reader.read(100))
        await reply("220 slow.test ESMTP")(talk)

    async with FaultServer({"banner": greet}, tls="starttls") as server:
        report = await trial(server, smtp_type=smtp_type, ca_pem=server.ca_pem)

    assert report.verdict.passed
    assert [data for data in early if data] == []
    assert server.connections == 2


@pytest.mark.looptime
@pytest.mark.parametrize(("port", "seconds"), [(465, 3), (587, 15)])
async def test_a_wrong_smtp_type_is_named_during_the_silence(trial: Trial, port: int, seconds: float) -> None:
    async with FaultServer(tls="implicit") as server:
        trial.connect = server.connect
        report = await trial(port, smtp_type=SmtpType.START_TLS)

    assert report.verdict.reason is Reason.TLS_EXPECTED_BY_SERVER
    assert report.duration == pytest.approx(seconds, abs=0.5)


@pytest.mark.looptime
async def test_a_slow_greeting_ends_the_second_look(trial: Trial) -> None:
    async with FaultServer({"banner": [after(12, reply("220 slow.test")), silence()]}) as server:
        report = await trial(server)

    assert report.verdict.passed
    assert report.duration == pytest.approx(12, abs=0.5)


@pytest.mark.looptime
@pytest.mark.parametrize("smtp_type", [SmtpType.NONE, SmtpType.START_TLS])
async def test_a_server_that_waits_for_a_proxy_header_is_named(trial: Trial, smtp_type: SmtpType) -> None:
    async def greet(talk: ScriptedConnection) -> None:
        line = await talk.reader.readline()
        if not line.startswith(b"PROXY "):
            await silence()(talk)
        await reply("220 mail.test ESMTP")(talk)

    async with FaultServer({"banner": greet}) as server:
        report = await trial(server, smtp_type=smtp_type)

    assert report.verdict.reason is Reason.BANNER_TIMEOUT
    assert "greets only after a header of the PROXY protocol" in report.verdict.message


@pytest.mark.parametrize("patient", [True, False], ids=["ignores TLS", "closes at once"])
def test_a_server_that_waits_for_a_proxy_header_before_tls_is_named(trial: Trial, patient: bool) -> None:
    context = server_context()

    def talk(connection: socket.socket) -> None:
        header = b""
        while not header.endswith(b"\n") and (byte := connection.recv(1)):  # not the ClientHello behind it
            header += byte
            if not patient and not b"PROXY".startswith(header[:5]):
                return
        if header.startswith(b"PROXY "):
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.sendall(b"220 mail.test ESMTP\r\n")
                while line := tls.recv(1024):
                    tls.sendall(b"221 bye\r\n" if line.startswith(b"QUIT") else b"500 what?\r\n")
        while connection.recv(1024):
            pass

    trial.limits = PhaseLimits(look_after=0.1, look_listens=0.1)
    with serving(talk) as port:
        report = asyncio.run(trial(port, smtp_type=SmtpType.TLS, ca_pem=CA_PEM))

    assert "greets only after a header of the PROXY protocol" in report.verdict.message, report.verdict

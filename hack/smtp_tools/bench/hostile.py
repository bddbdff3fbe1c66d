# SPDX-License-Identifier: Apache-2.0
"""Servers that send what no server should, and parts of hostile objects."""

import contextlib
import json
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LINE = b"X-Long: " + b"x" * 65_000 + b"\r\n"
_HARD = (b"5.7.1 <a@" + b"a." * 200 + b" 'x' (" + b"blocked " * 20 + b")") * 60


def certificates(size: int) -> str:
    """Return about so many characters of different CA certificates, all with the same subject."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    now = datetime.now(UTC)
    found = ""
    while len(found) < size:
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
        certificate = builder.sign(key, hashes.SHA256())
        found += certificate.public_bytes(serialization.Encoding.PEM).decode()
    return found


def connection(port: int) -> socket.socket:
    """Return an idle connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=5)


class _Handler(Protocol):
    """Serves one client."""

    def __call__(self, client: socket.socket, over: threading.Event, /) -> None:
        """Return when the client is served; at the latest soon after ``over`` is set."""
        ...


class _Server:
    """Passes each connection to a handler in a thread; a context."""

    def __init__(self, serve: _Handler) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            self._serve(client, self._over)


class LongHeaders(_Server):
    """HTTPS with interim responses and headers of 6 MB each."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.ca_pem = authority.cert_pem.bytes().decode()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        super().__init__(self._send)

    def _send(self, client: socket.socket, _: threading.Event) -> None:
        """Send many interim responses, then endless headers."""
        with self._context.wrap_socket(client, server_side=True) as connection_:
            connection_.recv(65536)
            for status in (*[b"100 Continue"] * 5, b"200 OK"):
                connection_.sendall(b"HTTP/1.1 " + status + b"\r\n" + _LINE * 95 + b"\r\n")
            connection_.sendall(b"x" * 1024)


class HardReplies(_Server):
    """SMTP with replies that regular expressions need long for."""

    def __init__(self) -> None:
        super().__init__(_send_hard_reply)


def _send_hard_reply(client: socket.socket, over: threading.Event) -> None:
    """Send a refusal of many lines."""
    lines = [_HARD[start : start + 500] for start in range(0, len(_HARD), 500)]
    client.sendall(b"".join(b"554-" + line + b"\r\n" for line in lines) + b"554 end\r\n")
    over.wait(1)


class Segments(_Server):
    """SMTP with a greeting that arrives byte by byte."""

    def __init__(self) -> None:
        super().__init__(_send_segments)


def _send_segments(client: socket.socket, over: threading.Event) -> None:
    """Send one long greeting."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while not over.is_set():
        for byte in b"220-" + b"x" * 400 + b"\r\n":
            client.sendall(bytes([byte]))


class Vault(_Server):
    """HashiCorp Vault for every token; only the item ``mail/good`` can be read, the others fail."""

    def __init__(self, password: str) -> None:
        authority = trustme.CA()
        self.ca_pem = authority.cert_pem.bytes().decode()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        item = {"data": {"password": password}, "metadata": {"version": 1}}
        good = json.dumps({"data": item}).encode()
        super().__init__(lambda client, over: _answer_as_vault(client, context, good))


def _answer_as_vault(client: socket.socket, context: ssl.SSLContext, good: bytes) -> None:
    """Answer one request."""
    with context.wrap_socket(client, server_side=True) as connection_:
        asked = connection_.recv(65536)
        status, body = b"500 Internal Server Error", b'{"errors": ["storage failed"]}'
        if b"/lookup-self" in asked:
            status, body = b"200 OK", b'{"data": {"ttl": 0, "display_name": "token"}}'
        elif b"/mail/good" in asked:
            status, body = b"200 OK", good
        head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nConnection: close\r\n"
        connection_.sendall(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)

# SPDX-License-Identifier: Apache-2.0
"""A name server on a UDP port of this machine, whose answers a test scripts with dnspython's messages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Respond = Callable[[dns.message.Message], None]
"""Completes a response; its question is that of the query."""


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Answers each query; by default, no name exists. ``None`` in ``answers``: no answer at all."""

    answers: dict[tuple[str, str], Respond | None] = field(default_factory=dict)
    """By name with a final dot, and type."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    _transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a query."""
        query = dns.message.from_wire(data)
        question = query.question[0]
        key = (question.name.to_text(), question.rdtype.name)
        self.asked.append(key)
        if key in self.answers and self.answers[key] is None:
            return
        response = dns.message.make_response(query)
        respond = self.answers.get(key, fails(dns.rcode.NXDOMAIN))
        assert respond is not None
        respond(response)
        assert self._transport is not None
        self._transport.sendto(response.to_wire(), addr)

    def resolver(self) -> dns.asyncresolver.Resolver:
        """Return a resolver that asks this server."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.port
        return resolver


def has(kind: str, *records: str) -> Respond:
    """Answer with these records, written as in a zone file; without any: the name has none of this type."""

    def respond(response: dns.message.Message) -> None:
        if records:
            name = response.question[0].name
            response.answer.append(dns.rrset.from_text_list(name, 300, "IN", kind, list(records)))

    return respond


def fails(code: dns.rcode.Rcode) -> Respond:
    """Answer with an error."""
    return lambda response: response.set_rcode(code)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """Run a name server for the block."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()

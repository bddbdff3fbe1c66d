# SPDX-License-Identifier: Apache-2.0
"""The engine with settings of which a test sets only what it tests."""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from smtp_operator.api.verdict import DialogueReport, Phase, SmtpType
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.resolver import Address, NameNotFound, Resolver, address_of
from smtp_operator.setting_parsers import PortRange
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.engine import Engine
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.request import Recipient, Role, SmtpLogin, TestRequest, TlsSettings
from smtp_operator.smtp.send_permit import SendPermit
from smtp_operator.smtp.session import Connect, connect
from smtp_operator.smtp.timing import PhaseLimits
from smtp_testkit.mailpeers.faultserver import FaultServer

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass
class Names:
    """A resolver that knows ``localhost`` and names that a test adds; it never uses DNS."""

    known: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"localhost": ("127.0.0.1",)})
    unknown: set[str] = field(default_factory=set)
    fails_with: Exception | None = None
    asked: list[str] = field(default_factory=list)

    absolute: list[str] = field(default_factory=list)
    """Names that were resolved without search domains."""

    async def addresses(self, host: str, *, limit: float, absolute: bool = False) -> tuple[Address, ...]:
        """See ``Resolver``."""
        self.asked.append(host)
        if absolute:
            self.absolute.append(host)
        if self.fails_with is not None:
            raise self.fails_with
        if host in self.unknown:
            raise NameNotFound
        literal = address_of(host)
        return (literal,) if literal else tuple(map(ipaddress.ip_address, self.known[host]))

    def close(self) -> None:
        """Do nothing."""


@dataclass
class Trial:
    """Runs one test of mail settings; by default in plaintext, without a login, to one recipient."""

    names: Names = field(default_factory=Names)
    limits: PhaseLimits = field(default_factory=PhaseLimits)
    connections: ConnectionLimits = field(default_factory=lambda: ConnectionLimits(5))
    connect: Connect = connect
    policy: DestinationPolicy = field(
        default_factory=lambda: DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])
    )

    def settings(self, port: int, **changes: Any) -> TestRequest:
        """Return a ``TestRequest`` with these fields, or with the short forms ``password`` and ``ca_pem``.

        With ``password`` also ``username`` (default: bob) and ``username_origin``.
        """
        defaults: dict[str, Any] = {
            "server": "localhost",
            "port": port,
            "smtp_type": SmtpType.NONE,
            "sender": "Ops Team <ops@example.com>",
            "recipients": (Recipient(role="to", index=0, address="dev@example.com"),),
            "body": "It works.\n",
        }
        if "ca_pem" in changes:
            changes["tls"] = TlsSettings(ca_pem=changes.pop("ca_pem"))
        if "password" in changes:
            origin = "Secret smtp-password, key password"
            changes["login"] = SmtpLogin(
                username=changes.pop("username", "bob"),
                password=changes.pop("password"),
                origin=origin,
                username_origin=changes.pop("username_origin", ""),
            )
        return TestRequest(**(defaults | changes))

    def engine(self, resolver: Resolver | None = None) -> Engine:
        """Return a new engine."""
        return Engine(
            policy=self.policy,
            resolver=resolver or self.names,
            connections=self.connections,
            limits=self.limits,
            connect=self.connect,
        )

    async def __call__(
        self,
        target: int | FaultServer,
        /,
        *,
        on_phase: Callable[[Phase], None] = lambda phase: None,
        send_permit: SendPermit | None = None,
        permit: LoginPermit | None = None,
        **changes: Any,
    ) -> DialogueReport:
        """Run one test of a port, or of a FaultServer without a network; ``changes`` as for ``settings``."""
        if isinstance(target, FaultServer):
            self.connect = target.connect
        port = target.port if isinstance(target, FaultServer) else target
        settings = self.settings(port, **changes)
        return await self.engine().run(settings, on_phase=on_phase, send_permit=send_permit, permit=permit)


def recipients(
    *, to: Sequence[str] = (), cc: Sequence[str] = (), bcc: Sequence[str] = ()
) -> tuple[Recipient, ...]:
    """Return recipients with these addresses."""
    lists: tuple[tuple[Role, Sequence[str]], ...] = (("to", to), ("cc", cc), ("bcc", bcc))
    return tuple(
        Recipient(role=role, index=index, address=address)
        for role, addresses in lists
        for index, address in enumerate(addresses)
    )

# SPDX-License-Identifier: Apache-2.0
"""Where the operator may connect to: networks and ports, judged after name resolution."""

import ipaddress
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_SMTP_PORTS: Final = (25, 465, 587, 2465, 2525, 2587)

_DENIED_BY_DEFAULT: Final[tuple[Network, ...]] = tuple(
    map(
        ipaddress.ip_network,
        (
            "127.0.0.0/8",
            "::1/128",
            "169.254.0.0/16",
            "fe80::/10",
            "224.0.0.0/4",
            "ff00::/8",
            "0.0.0.0/32",
            "::/128",
            # metadata services outside of the link-local range: Azure, Alibaba, Oracle, AWS
            "168.63.129.16/32",
            "100.100.100.200/32",
            "192.0.0.192/32",
            "fd00:ec2::254/128",
        ),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports from ``first`` to ``last``, both included."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> "PortRange":
        """Of ``587`` or ``2500-2599``. ValueError where it is neither."""
        first, dash, last = text.strip().partition("-")
        ports = cls(int(first), int(last if dash else first))
        if not 1 <= ports.first <= ports.last <= 65535:
            raise ValueError(f"{text} is no range of ports from 1 to 65535")
        return ports

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def seen_as(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address it stands for: IPv4-mapped (RFC 4291), NAT64 (RFC 6052)."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            yield address.ipv4_mapped
        elif address in _NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def is_loopback(address: Address) -> bool:
    """Whether what is sent there never leaves this machine."""
    return any(form.is_loopback for form in seen_as(address))


class DestinationPolicy:
    """Which addresses and ports may be connected to.

    With any ``allow_networks`` nothing else is allowed, and what they name is, even what is denied by
    default; ``deny_networks`` always win. Denied by default are loopback, link-local, multicast,
    unspecified, metadata services and ``api_server``: the addresses of the Kubernetes API server.
    """

    def __init__(
        self,
        *,
        allow_networks: Iterable[Network] = (),
        deny_networks: Iterable[Network] = (),
        ports: Iterable[PortRange] = (),
        api_server: Iterable[Address] = (),
    ) -> None:
        self._allow = tuple(allow_networks)
        self._deny = tuple(deny_networks)
        self.ports = tuple(ports) or tuple(PortRange(port, port) for port in DEFAULT_SMTP_PORTS)
        self._default = (*_DENIED_BY_DEFAULT, *map(ipaddress.ip_network, api_server))

    def allows_port(self, port: int) -> bool:
        """Whether this port may be connected to."""
        return any(port in ports for ports in self.ports)

    def rules_out(self, address: Address) -> bool:
        """Whether ``deny_networks`` names this address, or there are ``allow_networks`` and none does."""
        forms = tuple(seen_as(address))
        return _within(forms, self._deny) or bool(self._allow and not _within(forms, self._allow))

    def allows(self, address: Address) -> bool:
        """Whether this address may be connected to."""
        if self.rules_out(address):
            return False
        return bool(self._allow) or not _within(tuple(seen_as(address)), self._default)


def _within(forms: Collection[Address], networks: Iterable[Network]) -> bool:
    return any(form in network for network in networks for form in forms)

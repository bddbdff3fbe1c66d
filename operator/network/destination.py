# SPDX-License-Identifier: Apache-2.0
"""Decide where the operator may connect to: networks and ports, checked after name resolution."""

import ipaddress
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from smtp_operator.setting_parsers import DEFAULT_SMTP_PORTS, PortRange

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

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
            "0.0.0.0/8",  # Linux treats 0.0.0.0 as this machine
            "240.0.0.0/4",  # reserved and broadcast
            "::/96",  # unspecified, and IPv4-compatible (RFC 4291)
            "fec0::/10",  # site-local (RFC 3879)
            # addresses that gateways translate or tunnel to an embedded IPv4 address
            "64:ff9b:1::/48",  # NAT64 of this network (RFC 8215)
            "::ffff:0:0:0/96",  # SIIT (RFC 2765)
            "2002::/16",  # 6to4 (RFC 3056)
            "2001::/32",  # Teredo (RFC 4380)
            # metadata services outside the link-local range: Azure, Alibaba, Oracle, AWS, Google
            "168.63.129.16/32",
            "100.100.100.200/32",
            "192.0.0.192/32",
            "fd00:ec2::254/128",
            "fd00:ec2::23/128",
            "fd20:ce::254/128",
        ),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_IN_THE_LAST_BITS: Final = tuple(
    map(
        ipaddress.IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "::ffff:0:0/96", "64:ff9b::/96")
    )
)


def embedded_addresses(address: Address) -> Iterator[Address]:
    """Yield the address and the IPv4 address that it maps: IPv4-mapped (RFC 4291), NAT64 (RFC 6052)."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            yield address.ipv4_mapped
        elif address in _NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def embedded_in(address: Address) -> Iterator[Address]:
    """Yield the IPv4 addresses that gateways may extract from an IPv6 address (translation, 6to4, Teredo)."""
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _IN_THE_LAST_BITS):
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.sixtofour is not None:
            yield address.sixtofour
        if address.teredo is not None:
            yield from address.teredo


def is_loopback(address: Address) -> bool:
    """Return whether traffic to this address never leaves this machine."""
    return any(form.is_loopback for form in embedded_addresses(address))


class DestinationPolicy:
    """Decides which addresses and ports the operator may connect to.

    If ``allow_networks`` is set, only these networks are allowed, including those denied by default.
    ``deny_networks`` always win, also over an IPv4 address embedded in an IPv6 address. Denied by default
    are loopback, link-local, multicast, unspecified, reserved, translated and tunneled addresses, metadata
    services, and ``api_server``: the addresses of the Kubernetes API server.
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
        self.ports = tuple(ports) or DEFAULT_SMTP_PORTS
        self._api_server: set[Network] = set()
        self.deny_api_server(api_server)

    def deny_api_server(self, addresses: Iterable[Address]) -> None:
        """Also deny these addresses by default; those added earlier stay denied."""
        self._api_server |= set(map(ipaddress.ip_network, addresses))

    def allows_port(self, port: int) -> bool:
        """Return whether the operator may connect to this port."""
        return any(port in ports for ports in self.ports)

    def denies_host(self, address: Address) -> bool:
        """Return whether ``deny_networks`` contains this address, or ``allow_networks`` is set without it."""
        forms = tuple(embedded_addresses(address))
        return _within((*forms, *embedded_in(address)), self._deny) or bool(
            self._allow and not _within(forms, self._allow)
        )

    def allows(self, address: Address) -> bool:
        """Return whether the operator may connect to this address."""
        if self.denies_host(address):
            return False
        return bool(self._allow) or not _within(
            (*embedded_addresses(address), *embedded_in(address)), (*_DENIED_BY_DEFAULT, *self._api_server)
        )


def _within(forms: Collection[Address], networks: Iterable[Network]) -> bool:
    return any(form in network for network in networks for form in forms)

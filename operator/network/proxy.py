# SPDX-License-Identifier: Apache-2.0
"""The proxy for vaults and token endpoints, and the hosts that bypass it."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpsProxy:
    """An HTTP proxy with CONNECT tunnels (RFC 9110 section 9.3.6).

    ``excepted``: hosts with direct connections, from ``--no-proxy``: a host name (including its subdomains,
    with or without a leading dot), an IP address, a network in CIDR notation, or ``*`` for all.
    """

    url: str
    """For example, ``http://proxy.example.com:3128``."""
    excepted: Sequence[str] = ()

    def is_for(self, host: str) -> bool:
        """Return whether connections to this host use the proxy."""
        name = host.lower().removesuffix(".")
        return not any(_covers(entry.lower(), name) for entry in self.excepted)


def _covers(entry: str, host: str) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry)
    except ValueError:
        domain = entry.removeprefix(".").removesuffix(".")
        return host == domain or host.endswith(f".{domain}")

# SPDX-License-Identifier: Apache-2.0
"""The proxy by which vaults and token endpoints are reached, and which of them are not."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpsProxy:
    """An HTTP proxy that is asked for a tunnel (CONNECT, RFC 9110 section 9.3.6).

    ``excepted``: hosts that are connected to directly, as ``--no-proxy`` names them: a host name (and all
    below it, a leading dot or not), an IP address, a network in CIDR notation, or ``*`` for all.
    """

    url: str
    """Such as ``http://proxy.example.com:3128``."""
    excepted: Sequence[str] = ()

    def is_for(self, host: str) -> bool:
        """Whether this host is reached by the proxy."""
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

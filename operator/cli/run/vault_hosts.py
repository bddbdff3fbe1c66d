# SPDX-License-Identifier: Apache-2.0
"""What the flags say of the hosts of vaults, and by which way they are reached."""

import ipaddress

from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.proxy import HttpsProxy
from smtp_operator.secrets.vaults.azure import imds as azure_metadata
from smtp_operator.secrets.vaults.provider import AllowedHosts
from smtp_operator.settings import Settings


def allowed_hosts(settings: Settings, policy: DestinationPolicy) -> AllowedHosts:
    """The hosts of ``settings``; ``policy`` is that of vaults."""
    return AllowedHosts(
        authorities=frozenset(settings.allow_authority_host),
        key_vaults=frozenset(settings.allow_key_vault_host),
        # Link-local, it is denied to all URLs by default, and asked as a metadata service alone. But what the
        # admin's own flags rule out is asked by nobody.
        metadata=not policy.denies_host(ipaddress.ip_address(azure_metadata.HOST)),
    )


def proxy_of(settings: Settings) -> HttpsProxy | None:
    """The proxy of vaults and token endpoints; the environment's is none."""
    return HttpsProxy(settings.https_proxy, settings.no_proxy) if settings.https_proxy else None

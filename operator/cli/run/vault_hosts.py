# SPDX-License-Identifier: Apache-2.0
"""The allowed hosts of vaults, and their proxy, by the flags."""

import ipaddress

from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.proxy import HttpsProxy
from smtp_operator.secrets.vaults.azure import imds as azure_metadata
from smtp_operator.secrets.vaults.provider import AllowedHosts
from smtp_operator.settings import Settings


def allowed_hosts(settings: Settings, policy: DestinationPolicy) -> AllowedHosts:
    """Return the allowed hosts by the settings; ``policy`` is the destination policy of vaults."""
    return AllowedHosts(
        authorities=frozenset(settings.allow_authority_host),
        key_vaults=frozenset(settings.allow_key_vault_host),
        # The metadata service is link-local, so URLs cannot reach it by default. The operator queries it as a
        # metadata service only, unless the admin's flags deny it.
        metadata=not policy.denies_host(ipaddress.ip_address(azure_metadata.HOST)),
    )


def proxy_of(settings: Settings) -> HttpsProxy | None:
    """Return the proxy for vaults and token endpoints; proxies of the environment are ignored."""
    return HttpsProxy(settings.https_proxy, settings.no_proxy) if settings.https_proxy else None

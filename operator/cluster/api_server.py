# SPDX-License-Identifier: Apache-2.0
"""Keep objects from making the operator connect to the API server: learn and deny its addresses."""

import asyncio
import ipaddress
import logging
from collections.abc import Collection
from typing import Final

from smtp_operator.api.errors import AccessDenied, ClusterError, ObjectNotFound
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.network.destination import Address, DestinationPolicy

_log: Final = logging.getLogger(__name__)

_SLICE: Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
_INTERVAL: Final = 60.0
"""Seconds between two reads of the EndpointSlice; a new API server is denied within that time."""


class ApiServerAddresses:
    """Keep policies up to date with the addresses of the API server.

    These are the address that the operator connects to and, if the role allows it, those in the EndpointSlice
    ``kubernetes`` of namespace ``default``: all API servers that share that address.
    """

    def __init__(
        self, client: KubernetesClient, policies: Collection[DestinationPolicy], *, clusterwide: bool = True
    ) -> None:
        """Create the object; without ``clusterwide`` it reads nothing in namespace ``default``."""
        self._clusterwide = clusterwide
        self._client = client
        self._policies = policies
        self._logged = False

    async def refresh(self) -> None:
        """Read the addresses and deny them. Earlier addresses stay denied."""
        found = {ipaddress.ip_address(it) for it in await self._client.addresses()}
        try:
            found |= await self._endpoints() if self._clusterwide else set()
        except ObjectNotFound:
            pass  # a control plane that publishes no addresses has none to deny
        except ClusterError as error:
            if not self._logged:
                self._logged = True
                level = logging.INFO if isinstance(error, AccessDenied) else logging.WARNING
                _log.log(level, "only the API server address in use is denied to objects: %s", error)
        for policy in self._policies:
            policy.deny_api_server(found)

    async def follow(self) -> None:
        """Refresh once a minute, forever."""
        while True:
            await asyncio.sleep(_INTERVAL)
            await self.refresh()

    async def _endpoints(self) -> set[Address]:
        answer = await self._client.request("GET", _SLICE)
        found = set()
        for endpoint in answer.get("endpoints") or ():
            for address in endpoint.get("addresses") or ():
                try:
                    found.add(ipaddress.ip_address(address))
                except ValueError:
                    continue
        return found

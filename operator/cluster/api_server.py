# SPDX-License-Identifier: Apache-2.0
"""The addresses of the API server, so that no object has the operator connect to them."""

import asyncio
import ipaddress
import logging
from collections.abc import Collection
from typing import Final

from smtp_operator.api.objects import AccessDenied, ClusterError, ObjectNotFound
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.network.destination import Address, DestinationPolicy

_log: Final = logging.getLogger(__name__)

_SLICE: Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
_INTERVAL: Final = 60.0
"""Seconds between two reads of the EndpointSlice: a new API server is denied within that time."""


class ApiServerAddresses:
    """Keeps policies up to date with the addresses of the API server.

    These are the address by which the operator reaches it and, where the role allows to read it, those of
    the EndpointSlice ``kubernetes`` in namespace ``default``: every API server behind that address.
    """

    def __init__(
        self, client: KubernetesClient, policies: Collection[DestinationPolicy], *, clusterwide: bool = True
    ) -> None:
        """Without ``clusterwide`` it asks for nothing of namespace ``default``."""
        self._clusterwide = clusterwide
        self._client = client
        self._policies = policies
        self._told = False

    async def refresh(self) -> None:
        """Read the addresses and deny them. Those of before stay denied."""
        found = {ipaddress.ip_address(it) for it in await self._client.addresses()}
        try:
            found |= await self._endpoints() if self._clusterwide else set()
        except ObjectNotFound:
            pass  # a control plane that publishes no addresses has none to deny
        except ClusterError as error:
            if not self._told:
                self._told = True
                level = logging.INFO if isinstance(error, AccessDenied) else logging.WARNING
                _log.log(level, "only the address in use of the API server is denied to objects: %s", error)
        for policy in self._policies:
            policy.deny_api_server(found)

    async def follow(self) -> None:
        """Refresh once a minute, for ever."""
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

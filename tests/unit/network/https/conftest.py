# SPDX-License-Identifier: Apache-2.0
"""A server that answers over TLS, and a helper that may connect to this machine."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https, HttpsLimits, HttpsRequest
from smtp_operator.network.trust import ServerTrust
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names

POLICY = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])
QUICK = HttpsLimits(connect=60.0, read=0.5, total=1.0)
SMALL = HttpsLimits(connect=60.0, read=60.0, total=60.0, size=1000)


@pytest.fixture
def endpoint() -> Iterator[TokenServer]:
    with TokenServer.running() as server:
        yield server


@pytest.fixture
def request_of(endpoint: TokenServer) -> Callable[..., HttpsRequest]:
    """Build requests to the endpoint that trust its CA; arguments replace fields or ``ca_pem``."""

    def build(ca_pem: str | None = endpoint.ca_pem, **changes: Any) -> HttpsRequest:
        own: dict[str, Any] = {
            "method": "POST",
            "url": endpoint.url("/token"),
            "trust": ServerTrust(ca_pem=ca_pem),
        }
        return HttpsRequest(**(own | changes))

    return build


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def https(names: Names) -> Iterator[Https]:
    helper = Https(policy=POLICY, resolver=names)
    yield helper
    helper.close()


@pytest.fixture
def impatient(names: Names) -> Iterator[Https]:
    """Waits for a second at most."""
    helper = Https(policy=POLICY, resolver=names, limits=QUICK)
    yield helper
    helper.close()


@pytest.fixture
def frugal(names: Names) -> Iterator[Https]:
    """Takes 1000 bytes at most."""
    helper = Https(policy=POLICY, resolver=names, limits=SMALL)
    yield helper
    helper.close()

# SPDX-License-Identifier: Apache-2.0
"""`--https-proxy` and `--no-proxy`: which requests go by the proxy, and what still holds for them."""

import asyncio
import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator

import pytest

from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https, HttpsLimits, HttpsRequest
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.network.proxy import HttpsProxy
from smtp_operator.network.resolver import NameNotFound
from smtp_operator.secrets.oauth2.errors import unreachable
from smtp_operator.secrets.vaults.errors import unreachable as vault_unreachable
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.mailpeers.proxyserver import ProxyServer
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names
from smtp_tools.localcluster.ports import free_ports

RequestOf = Callable[..., HttpsRequest]
ByProxy = Callable[..., Https]

EVERYWHERE = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyServer]:
    with ProxyServer.running(tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture
def by_proxy(names: Names, proxy: ProxyServer) -> Iterator[ByProxy]:
    """Helpers that go by the proxy, or by another one."""
    helpers: list[Https] = []

    def build(
        *excepted: str,
        policy: DestinationPolicy = EVERYWHERE,
        url: str = "",
        names: Names = names,
        limits: HttpsLimits | None = None,
    ) -> Https:
        by = HttpsProxy(url or proxy.url, excepted)
        it = Https(policy=policy, resolver=names, proxy=by, limits=limits)
        helpers.append(it)
        return it

    yield build
    for helper in helpers:
        helper.close()


async def failure_of(helper: Https, request: HttpsRequest) -> HttpsError:
    with pytest.raises(HttpsError) as failed:
        await helper.send(request)
    return failed.value


async def test_a_request_goes_through_the_proxy(
    by_proxy: ByProxy, proxy: ProxyServer, endpoint: TokenServer, request_of: RequestOf
) -> None:
    endpoint.answers.append((418, b"short and stout", {}))

    answer = await by_proxy().send(request_of(body=b"a=b"))

    assert (answer.status, answer.body) == (418, b"short and stout")
    assert endpoint.forms == [{"a": "b"}]
    proxy.wait_for_tunnel(f"127.0.0.1:{endpoint.port}")


async def test_an_excepted_host_is_connected_to_directly(
    by_proxy: ByProxy, proxy: ProxyServer, endpoint: TokenServer, request_of: RequestOf
) -> None:
    await by_proxy("localhost").send(request_of())

    assert proxy.tunnels(f"127.0.0.1:{endpoint.port}") == 0


async def test_the_certificate_is_checked_through_the_proxy(by_proxy: ByProxy, request_of: RequestOf) -> None:
    error = await failure_of(by_proxy(), request_of(ca_pem=None))

    assert (error.kind, error.verify_code) == (ErrorKind.TLS_FAILED, 20)


async def test_a_proxy_is_never_given_a_name_that_could_mean_another_address_to_it(
    by_proxy: ByProxy, proxy: ProxyServer, endpoint: TokenServer, request_of: RequestOf
) -> None:
    """Nor one that DNS here does not know: a name server can answer the proxy in another way."""
    error = await failure_of(by_proxy(names=Names(fails_with=NameNotFound())), request_of())

    assert error.kind is ErrorKind.HOST_NOT_FOUND
    assert proxy.tunnels(f"localhost:{endpoint.port}") == 0


async def test_an_address_that_is_denied_is_denied_by_the_proxy_too(
    by_proxy: ByProxy, request_of: RequestOf
) -> None:
    denying = DestinationPolicy(deny_networks=LOOPBACK, ports=[PortRange(1, 65535)])

    error = await failure_of(by_proxy(policy=denying), request_of())

    assert error.kind is ErrorKind.ADDRESS_NOT_ALLOWED


async def test_so_is_a_port(by_proxy: ByProxy, request_of: RequestOf) -> None:
    narrow = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(443, 443)])

    error = await failure_of(by_proxy(policy=narrow), request_of())

    assert error.kind is ErrorKind.PORT_NOT_ALLOWED


async def test_a_server_that_the_proxy_cannot_reach(by_proxy: ByProxy, request_of: RequestOf) -> None:
    (port,) = free_ports(1)

    error = await failure_of(by_proxy(), request_of(url=f"https://localhost:{port}/token"))

    assert error.kind is ErrorKind.PROXY_FAILED


async def test_a_proxy_that_is_not_there_is_named(by_proxy: ByProxy, request_of: RequestOf) -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"

    error = await failure_of(by_proxy(url=url), request_of(url="https://localhost:8200/token"))

    assert unreachable(error).verdict.message == (
        f"The proxy {url} of the operator (--https-proxy) did not connect to localhost:8200 [in Token]."
        " Allow this destination in the proxy, or ask the cluster admin to add the host to the operator's"
        " --no-proxy."
    )
    told = vault_unreachable(error, vault="SmtpVault team-a/bao", field="hashiCorpVault.url").verdict
    assert (told.reason, told.message) == (
        "VaultUnreachable",
        f"SmtpVault team-a/bao: the proxy {url} of the operator (--https-proxy) did not connect to"
        " localhost:8200. Allow this destination in the proxy, or ask the cluster admin to add the host to"
        " the operator's --no-proxy.",
    )


@pytest.fixture
def dripping() -> Iterator[str]:
    """URL of a proxy whose answer has no end."""
    over = threading.Event()

    class Drip(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while not over.wait(0.1):
                    self.wfile.write(b"x")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drip) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        over.set()
        server.shutdown()
        thread.join()


async def test_a_proxy_whose_answer_has_no_end_is_given_up_at_the_deadline(
    by_proxy: ByProxy, dripping: str, request_of: RequestOf
) -> None:
    helper = by_proxy(url=dripping, limits=HttpsLimits(connect=60.0, read=60.0, total=1.0))

    async with asyncio.timeout(60):
        error = await failure_of(helper, request_of())

    assert error.kind is ErrorKind.TOO_SLOW


@pytest.mark.parametrize(
    ("excepted", "host", "by_it"),
    [
        ("vault.example.com", "vault.example.com", False),
        ("vault.example.com", "VAULT.example.com.", False),
        ("example.com", "vault.example.com", False),
        (".example.com", "vault.example.com", False),
        (".example.com", "example.com", False),
        ("example.com", "notexample.com", True),
        ("192.0.2.0/24", "192.0.2.7", False),
        ("192.0.2.0/24", "198.51.100.7", True),
        ("2001:db8::/32", "2001:db8::7", False),
        ("192.0.2.0/24", "vault.example.com", True),
        ("*", "vault.example.com", False),
    ],
)
def test_exceptions_are_hosts_and_what_is_below_them_and_networks(
    excepted: str, host: str, by_it: bool
) -> None:
    assert HttpsProxy("http://proxy.example.com:3128", [excepted]).is_for(host) is by_it

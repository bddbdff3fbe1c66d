# SPDX-License-Identifier: Apache-2.0
"""Requests to vaults and token endpoints: what is sent, whom is trusted, where they may go."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https, HttpsRequest
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.network.resolver import NameNotFound, NameServersFailed
from smtp_operator.network.tls import CaBundleInvalid, ClientCertificate, client_context
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names

RequestOf = Callable[..., HttpsRequest]


async def failure_of(helper: Https, request: HttpsRequest) -> HttpsError:
    with pytest.raises(HttpsError) as failed:
        await helper.send(request)
    return failed.value


async def test_an_answer_comes_with_status_headers_and_body(
    https: Https, endpoint: TokenServer, request_of: RequestOf
) -> None:
    endpoint.answers.append((418, b"short and stout", {"X-Kind": "teapot"}))

    answer = await https.send(request_of(body=b"a=b"))

    assert (answer.status, answer.body, answer.headers["x-kind"]) == (418, b"short and stout", "teapot")
    assert endpoint.forms == [{"a": "b"}]


async def test_the_host_is_named_although_its_address_is_connected_to(
    https: Https, endpoint: TokenServer, request_of: RequestOf
) -> None:
    await https.send(request_of())

    assert endpoint.headers[0]["host"] == f"localhost:{endpoint.port}"
    assert endpoint.paths == ["/token"]


async def test_a_query_is_sent_as_it_is_escaped(
    https: Https, endpoint: TokenServer, request_of: RequestOf
) -> None:
    await https.send(request_of(method="GET", url=endpoint.url("/a%2Fb/?Safe=My%20Safe&api-version=7.6")))

    assert endpoint.paths == ["/a%2Fb/?Safe=My%20Safe&api-version=7.6"]


async def test_neither_proxy_nor_netrc_of_the_environment_counts(
    https: Https,
    endpoint: TokenServer,
    request_of: RequestOf,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(
        "machine localhost login evil password evil\nmachine 127.0.0.1 login evil password evil\n"
    )
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    await https.send(request_of(headers={"Authorization": "Token ours"}))

    assert endpoint.headers[0]["authorization"] == "Token ours"


async def test_a_redirect_is_an_answer_and_not_followed(
    https: Https, endpoint: TokenServer, request_of: RequestOf
) -> None:
    endpoint.answers.append((302, b"", {"Location": endpoint.url("/elsewhere")}))

    assert (await https.send(request_of())).status == 302
    assert endpoint.paths == ["/token"]


# trust


async def test_only_the_ca_that_is_named_is_trusted(
    https: Https,
    endpoint: TokenServer,
    request_of: RequestOf,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    public = tmp_path / "public.pem"
    public.write_text(endpoint.ca_pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(public))

    failed = await failure_of(https, request_of(ca_pem=trustme.CA().cert_pem.bytes().decode()))

    assert (failed.kind, failed.verify_code) == (ErrorKind.TLS_FAILED, 20)


async def test_a_ca_of_the_operators_file_verifies_a_server_unless_a_ca_ref_stands_alone(
    endpoint: TokenServer, request_of: RequestOf, names: Names
) -> None:
    policy = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])
    helper = Https(policy=policy, resolver=names, ca_file=endpoint.ca_pem)

    assert (await helper.send(request_of(ca_pem=None))).status
    failed = await failure_of(helper, request_of(ca_pem=trustme.CA().cert_pem.bytes().decode()))

    assert (failed.kind, failed.verify_code) == (ErrorKind.TLS_FAILED, 20)
    helper.close()


async def test_no_library_adds_a_ca_to_the_one_that_is_named(
    https: Https, request_of: RequestOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ssl.SSLContext] = []

    def remembered(*words: Any, **options: Any) -> ssl.SSLContext:
        made.append(client_context(*words, **options))
        return made[-1]

    monkeypatch.setattr("smtp_operator.network.https.client_context", remembered)

    await https.send(request_of())

    (context,) = made
    assert context.cert_store_stats()["x509_ca"] == 1
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.post_handshake_auth


@pytest.mark.parametrize("bundle", ["", " \n", "no PEM", "-----BEGIN CERTIFICATE-----\n", "sch\u00f6n"])
async def test_a_bundle_that_is_none_is_not_taken_for_all(
    https: Https, endpoint: TokenServer, request_of: RequestOf, bundle: str
) -> None:
    with pytest.raises(CaBundleInvalid):
        await https.send(request_of(ca_pem=bundle))
    assert endpoint.paths == []


async def test_a_certificate_for_another_name_is_refused(
    https: Https, endpoint: TokenServer, request_of: RequestOf, names: Names
) -> None:
    names.known["other.example"] = ("127.0.0.1",)

    failed = await failure_of(https, request_of(url=f"https://other.example:{endpoint.port}/token"))

    assert (failed.kind, failed.verify_code) == (ErrorKind.TLS_FAILED, 62)


async def test_a_client_certificate_is_shown(
    https: Https, endpoint: TokenServer, request_of: RequestOf
) -> None:
    endpoint.context.verify_mode = ssl.CERT_REQUIRED
    endpoint.ca.configure_trust(endpoint.context)
    pair = endpoint.ca.issue_cert("client.example")
    certificate = ClientCertificate.of(
        b"".join(it.bytes() for it in pair.cert_chain_pems), pair.private_key_pem.bytes()
    )

    await https.send(request_of(client_certificate=certificate))

    assert endpoint.peers[0]["subjectAltName"] == (("DNS", "client.example"),)


async def test_a_server_that_wants_a_client_certificate_and_gets_none_fails_in_tls(
    https: Https, endpoint: TokenServer, request_of: RequestOf
) -> None:
    endpoint.context.maximum_version = (
        ssl.TLSVersion.TLSv1_2
    )  # 1.3 tells it later, if the client still listens
    endpoint.context.verify_mode = ssl.CERT_REQUIRED

    assert (await failure_of(https, request_of())).kind is ErrorKind.TLS_FAILED


# destinations


async def test_a_port_that_is_not_allowed_is_never_connected_to(names: Names, request_of: RequestOf) -> None:
    policy = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(443, 443)])
    helper = Https(policy=policy, resolver=names)

    assert (await failure_of(helper, request_of())).kind is ErrorKind.PORT_NOT_ALLOWED
    assert names.asked == []
    helper.close()


async def test_an_address_that_is_not_allowed_is_never_connected_to(
    names: Names, endpoint: TokenServer, request_of: RequestOf
) -> None:
    helper = Https(policy=DestinationPolicy(ports=[PortRange(1, 65535)]), resolver=names)

    assert (await failure_of(helper, request_of())).kind is ErrorKind.ADDRESS_NOT_ALLOWED
    assert endpoint.paths == []
    helper.close()


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (NameNotFound(), ErrorKind.HOST_NOT_FOUND),
        (NameServersFailed(), ErrorKind.DNS_FAILED),
        (TimeoutError(), ErrorKind.DNS_SILENT),
    ],
)
async def test_a_name_without_an_address(
    https: Https, names: Names, request_of: RequestOf, error: Exception, trouble: ErrorKind
) -> None:
    names.fails_with = error

    assert (await failure_of(https, request_of())).kind is trouble


async def test_a_dead_address_is_passed_over(https: Https, names: Names, request_of: RequestOf) -> None:
    names.known["localhost"] = ("127.0.0.9", "127.0.0.1")

    assert (await https.send(request_of())).status == 400


async def test_no_server_listens(https: Https, names: Names, request_of: RequestOf) -> None:
    names.known["localhost"] = ("127.0.0.9",)

    assert (await failure_of(https, request_of())).kind is ErrorKind.REFUSED


async def test_a_request_shows_nothing_of_what_it_sends() -> None:
    request = HttpsRequest(
        method="POST",
        url="https://vault.example/",
        headers={"Authorization": "c4nary"},
        body=b"c4nary",
        client_certificate=ClientCertificate(b"c4nary"),
    )

    assert "c4nary" not in repr(request)

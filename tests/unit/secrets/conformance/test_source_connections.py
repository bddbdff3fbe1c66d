# SPDX-License-Identifier: Apache-2.0
"""Connections."""

from pathlib import Path

import pytest
import trustme

from smtp_operator.api.reasons import Reason
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.resolver import NameNotFound
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.conformance import Source
from smtp_testkit.conformance.misbehaving import Misbehaving
from smtp_testkit.conformance.source import PASSWORD


async def test_a_host_that_dns_does_not_know(source: Source, expected: Reason) -> None:
    """The host does not exist in DNS."""
    source.names.fails_with = NameNotFound()

    assert (await source.verdict()).reason is expected


async def test_a_port_without_listener(source: Source, expected: Reason) -> None:
    """No server listens on the port."""
    source.names.known |= dict.fromkeys(source.names.known, ("127.0.0.9",))

    assert (await source.verdict()).reason is expected


async def test_an_address_that_is_not_allowed(source: Source, expected: Reason) -> None:
    """The operator's flags do not allow the address: nothing is sent."""
    source.over(policy=DestinationPolicy(ports=[PortRange(1, 65535)]))

    assert (await source.verdict()).reason is expected


async def test_a_port_that_is_not_allowed(source: Source, expected: Reason) -> None:
    """The operator's flags do not allow the port: nothing is sent."""
    source.over(policy=DestinationPolicy(ports=[PortRange(443, 443)]))

    assert (await source.verdict()).reason is expected
    assert source.names.asked == []


async def test_a_certificate_of_an_unknown_authority(
    source: Source, odd: Misbehaving, expected: Reason
) -> None:
    """The certificate is signed by an authority that `caRef` does not name: nothing is sent."""
    source.lead_to(odd.url, trustme.CA().cert_pem.bytes().decode())

    assert (await source.verdict()).reason is expected
    assert odd.requests == 0


async def test_no_ca(source: Source, expected: Reason) -> None:
    """Neither the system nor `caRef` has the authority of the certificate."""
    source.remove_ca_ref()

    assert (await source.verdict()).reason is expected


async def test_a_ca_of_the_operator(source: Source) -> None:
    """Without `caRef`, the CAs of `--ca-file` count in addition to the system's."""
    source.over(ca_file=source.remove_ca_ref())

    assert (await source.read()).value == PASSWORD


async def test_a_certificate_for_another_name(source: Source, odd: Misbehaving, expected: Reason) -> None:
    """The certificate is for another name: nothing is sent."""
    source.names.known["other.example"] = ("127.0.0.1",)
    source.lead_to(f"https://other.example:{odd.port}", odd.ca_pem)

    assert (await source.verdict()).reason is expected
    assert odd.requests == 0


async def test_nothing_of_the_environment_counts(
    source: Source, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Proxies, CAs and passwords of the environment, such as `.netrc`, are ignored."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login evil password evil\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(netrc))

    assert (await source.read()).value == PASSWORD

# SPDX-License-Identifier: Apache-2.0
"""Answers of a name server, read with dnspython."""

import asyncio
import subprocess
import sys

import dns.asyncresolver
import dns.rcode
import dns.resolver
import pytest

from smtp_operator.sender_authentication import dns_client
from smtp_operator.sender_authentication.dns_client import DnsClient, system_resolver
from smtp_operator.sender_authentication.records import DnsFailed, Records
from smtp_operator.sender_authentication.report import Sender
from smtp_operator.sender_authentication.service import SenderAuthentication
from smtp_testkit.name_server import fails, has, name_server


async def test_strings_of_a_record_are_joined_and_bytes_are_kept() -> None:
    async with name_server() as server:
        server.answers["example.com.", "TXT"] = has("TXT", '"v=spf1 " "-all"', r'"\195\188"')
        found = await DnsClient(server.resolver()).texts("example.com")
    assert sorted(found.found) == ["v=spf1 -all", "\xc3\xbc"]


async def test_mail_exchangers_by_preference_and_a_null_mx() -> None:
    async with name_server() as server:
        server.answers["example.com.", "MX"] = has("MX", "20 B.example.com.", "10 a.example.com.")
        server.answers["null.example.com.", "MX"] = has("MX", "0 .")
        client = DnsClient(server.resolver())
        assert (await client.exchangers("example.com.")).found == ("a.example.com", "b.example.com")
        assert (await client.exchangers("null.example.com")).found == ("",)


async def test_an_ipv6_address_is_read_only_without_an_ipv4_address() -> None:
    async with name_server() as server:
        server.answers["four.example.com.", "A"] = has("A", "192.0.2.1")
        server.answers["six.example.com.", "A"] = has("A")
        server.answers["six.example.com.", "AAAA"] = has("AAAA", "2001:db8::1")
        client = DnsClient(server.resolver())
        assert await client.addresses("four.example.com") == Records(("192.0.2.1",))
        assert await client.addresses("six.example.com") == Records(("2001:db8::1",))
    assert [kind for _, kind in server.asked] == ["A", "A", "AAAA"]


async def test_no_record_is_not_the_same_as_no_name() -> None:
    async with name_server() as server:
        server.answers["example.com.", "TXT"] = has("TXT")
        client = DnsClient(server.resolver())
        assert await client.texts("example.com") == Records(exists=True)
        assert await client.texts("missing.example.com") == Records(exists=False)


async def test_an_alias_is_followed() -> None:
    async with name_server() as server:
        server.answers["spf.example.com.", "TXT"] = lambda response: response.answer.extend(
            [
                dns.rrset.from_text("spf.example.com.", 300, "IN", "CNAME", "spf.example.org."),
                dns.rrset.from_text("spf.example.org.", 300, "IN", "TXT", '"v=spf1 -all"'),
            ]
        )
        assert (await DnsClient(server.resolver()).texts("spf.example.com")).found == ("v=spf1 -all",)


async def test_a_question_is_asked_once() -> None:
    async with name_server() as server:
        server.answers["example.com.", "TXT"] = has("TXT", '"a"')
        client = DnsClient(server.resolver())
        assert (await asyncio.gather(client.texts("example.com"), client.texts("example.com")))[1].found == (
            "a",
        )
        await client.texts("example.com")
    assert server.asked == [("example.com.", "TXT")]


@pytest.mark.parametrize("code", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.FORMERR])
async def test_an_error_of_the_name_server(code: dns.rcode.Rcode) -> None:
    async with name_server() as server:
        server.answers["example.com.", "TXT"] = fails(code)
        with pytest.raises(DnsFailed) as error:
            await DnsClient(server.resolver()).texts("example.com")
    assert str(error.value) == "The name servers answered with an error: TXT of example.com."


async def test_a_silent_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_client, "_QUESTION_TIME", 0.05)
    async with name_server() as server:
        server.answers["example.com.", "TXT"] = None
        with pytest.raises(DnsFailed) as error:
            await DnsClient(server.resolver()).texts("example.com")
    assert str(error.value) == "The name servers did not answer in time: TXT of example.com."


@pytest.mark.parametrize(
    "name", ["a" * 64 + ".example.com", "a..example.com", ".".join(["abcdefg"] * 40), r"a\30.example"]
)
async def test_an_impossible_name_does_not_exist(name: str) -> None:
    async with name_server() as server:
        assert await DnsClient(server.resolver()).texts(name) == Records(exists=False)
    assert server.asked == []


async def test_the_name_servers_are_those_of_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(
        dns.asyncresolver.Resolver, "read_resolv_conf", lambda self, file: read.append(file), raising=False
    )
    system_resolver()
    assert read == ["/etc/resolv.conf"]


async def test_no_name_server_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.asyncresolver.Resolver, "read_resolv_conf", none, raising=False)
    report = await SenderAuthentication().check(Sender("example.com", "smtp.example.com"))
    assert report.verdict().message == "/etc/resolv.conf names no name server."
    assert report.verdict().status == "Unknown"


async def test_the_whole_check_over_udp() -> None:
    async with name_server() as server:
        server.answers["example.com.", "TXT"] = has("TXT", '"v=spf1 mx -all"')
        server.answers["example.com.", "MX"] = has("MX", "10 mx.example.com.")
        server.answers["_dmarc.example.com.", "TXT"] = has("TXT", '"v=DMARC1; p=reject"')
        senders = SenderAuthentication(lambda: DnsClient(server.resolver()))
        report = await senders.check(Sender("example.com", "smtp.example.com"))
    assert report.verdict().message == (
        "example.com has an SPF record, a DMARC policy (p=reject) and a mail exchanger."
    )


def test_dnspython_is_imported_with_the_first_check() -> None:
    modules = "sys, smtp_operator.cli.run.command, smtp_operator.cli.check.command"
    code = f"import {modules}; print('dns' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

# SPDX-License-Identifier: Apache-2.0
"""Good and bad records of an authoritative name server, read over the network."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dns.asyncresolver
import pytest

from smtp_operator.sender_authentication.dns_client import DnsClient
from smtp_operator.sender_authentication.report import Sender, SenderVerdict
from smtp_operator.sender_authentication.service import SenderAuthentication
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.realpeers.authoritative import nsd
from smtp_testkit.realpeers.name_servers import silent_name_server, using_name_server
from smtp_tools.paths import PYTHONPATH

OFFICE = "smtp.office365.com"
LONG = " ".join(f'"ip4:198.51.100.{it}/32 "' for it in range(200))
RECORDS = f"""\
good             TXT "v=spf1 include:spf.protection.outlook.com" " -all"
good             TXT "google-site-verification=abc"
good             MX  10 mx
_dmarc.good      TXT "v=DMARC1; p=reject"
mx               A   192.0.2.1
sub.good         TXT "v=spf1 redirect=good.example.net"
sub.good         A   192.0.2.1
none             A   192.0.2.1
two              TXT "v=spf1 -all"
two              TXT "v=spf1 mx -all"
two              MX  10 mx
lacks            TXT "v=spf1 mx -all"
lacks            MX  10 mx
deep             TXT "v=spf1 include:deep.example.net -all"
eleven           TXT "v=spf1 {"a:mx.example.net " * 11}-all"
void             TXT "v=spf1 a:x.example.net a:y.example.net exists:z.example.net -all"
long             TXT "v=spf1 " {LONG} "-all"
long             MX  10 mx
sendsonly        TXT "v=spf1 include:spf.protection.outlook.com -all"
sendsonly        MX  0 .
textonly         TXT "v=spf1 include:spf.protection.outlook.com -all"
baddmarc         TXT "v=spf1 include:spf.protection.outlook.com -all"
baddmarc         MX  10 mx
_dmarc.baddmarc  TXT "v=DMARC1; p=rejct"
alias            CNAME good
_dmarc           TXT "v=DMARC1; p=quarantine"
"""
OUTLOOK = 'spf.protection TXT "v=spf1 ip4:40.92.0.0/15 -all"\n'


@pytest.fixture(scope="module")
def name_server() -> Iterator[int]:
    """The port of NSD with these zones."""
    with nsd({"example.net": RECORDS, "outlook.com": OUTLOOK}) as port:
        yield port


def verdict(domain: str, port: int) -> SenderVerdict:
    def reader() -> DnsClient:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], port
        return DnsClient(resolver)

    return asyncio.run(SenderAuthentication(reader).check(Sender(domain, OFFICE))).verdict()


@pytest.mark.parametrize(
    ("domain", "status", "reason"),
    [
        ("good", "True", "RecordsPresent"),
        ("sub.good", "True", "RecordsPresent"),
        ("alias", "True", "RecordsPresent"),
        ("missing", "False", "SenderDomainNotFound"),
        ("none", "False", "NoSpfRecord"),
        ("two", "False", "SpfInvalid"),
        ("deep", "False", "SpfInvalid"),
        ("eleven", "False", "SpfInvalid"),
        ("void", "False", "SpfInvalid"),
        ("lacks", "False", "SpfLacksProvider"),
        ("long", "False", "SpfLacksProvider"),
        ("baddmarc", "False", "DmarcInvalid"),
        ("sendsonly", "False", "NoMailExchanger"),
        ("textonly", "False", "NoMailExchanger"),
    ],
)
def test_the_reason_for_each_kind_of_records(domain: str, status: str, reason: str, name_server: int) -> None:
    found = verdict(f"{domain}.example.net", name_server)
    assert (found.status, str(found.reason)) == (status, reason), found.message


def test_a_domain_without_dmarc_record(name_server: int) -> None:
    assert verdict("spf.protection.outlook.com", name_server).message == (
        "spf.protection.outlook.com has no DMARC record, and neither has a parent domain. Publish in DNS:"
        " name"
        ' "_dmarc.spf.protection.outlook.com", type TXT, value "v=DMARC1; p=none".'
        " spf.protection.outlook.com has neither an MX nor an address record, so bounces cannot come"
        " back, and"
        ' some receivers refuse its emails. Publish in DNS: name "spf.protection.outlook.com", type MX, value'
        ' "10 HOST". HOST is the server that receives email for this domain.'
    )


def test_a_name_server_that_is_not_responsible(name_server: int) -> None:
    found = verdict("example.org", name_server)
    assert (found.status, found.message) == (
        "Unknown",
        "The name servers answered with an error: TXT of example.org.",
    )


def check(within: Sequence[str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `smtp-operator check` with the name server of this prefix."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": PYTHONPATH, "HOME": str(folder)}
    with MailServer.in_thread() as server:
        where = ("--server", "127.0.0.1", "--port", str(server.plain_port), "--smtp-type", "None")
        return subprocess.run(
            (*within, sys.executable, "-m", "smtp_operator", "check", *where, "--mode", "Connect", *words),
            cwd=Path(__file__).parents[3],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.mark.parametrize(
    ("domain", "reason"),
    [("sub.good", "RecordsPresent"), ("none", "NoSpfRecord"), ("sendsonly", "NoMailExchanger")],
)
def test_check_uses_the_name_server_of_the_resolver_configuration(
    domain: str, reason: str, tmp_path: Path
) -> None:
    address = "127.0.0.78"
    with nsd({"example.net": RECORDS, "outlook.com": OUTLOOK}, address=address, port=53):
        within = using_name_server(tmp_path, address, "ndots:5")
        words = ("--from", f"noreply@{domain}.example.net", "--output", "json")
        done = check(within, tmp_path, *words)
    shown: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, shown["reason"], shown["senderAuthentication"]["reason"]) == (
        0,
        "Connected",
        reason,
    )


def test_a_silent_name_server_does_not_change_the_verdict(tmp_path: Path) -> None:
    with silent_name_server(tmp_path) as (_, within):
        done = check(within, tmp_path, "--from", "noreply@example.net")
    assert done.returncode == 0
    first, *rest = done.stdout.splitlines()
    assert "Connected" in first
    assert " ".join(" ".join(rest).split()).endswith(
        "Sender authentication (DnsUnavailable): The name servers did not answer in time: TXT of example.net."
    )

# SPDX-License-Identifier: Apache-2.0
"""The records of a domain, and the whole message of the condition."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from smtp_operator.sender_authentication.checks import check_sender
from smtp_operator.sender_authentication.report import Sender, SenderVerdict
from smtp_testkit.zones import Zone, ZoneReader

RELAY, OFFICE, SES = "relay.example.net", "smtp.office365.com", "email-smtp.eu-central-1.amazonaws.com"
DMARC = {"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]}}
OUTLOOK = {"spf.protection.outlook.com": {"TXT": ["v=spf1 ip4:40.92.0.0/15 -all"]}}


def zone(*texts: str, mx: tuple[str, ...] = ("mx.example.com",), **others: Any) -> Zone:
    """Return a zone whose domain has these TXT records, and all else that it needs."""
    return {"example.com": {"TXT": texts, "MX": mx}, **DMARC, **OUTLOOK, **others.get("zone", {})}


async def verdict(
    records: Zone, *, server: str = RELAY, domain: str = "example.com", **options: Any
) -> SenderVerdict:
    report = await check_sender(
        Sender(domain, server), ZoneReader(records, failing=options.pop("failing", ()))
    )
    return report.verdict(**options)


@dataclass(frozen=True)
class Case:
    records: Zone
    reason: str
    message: str
    server: str = RELAY
    domain: str = "example.com"
    options: dict[str, Any] = field(default_factory=dict)


TEN = [f"ip{number}.example.org" for number in range(10)]
FULL = {name: {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]} for name in TEN}
FEWER = (
    " This record needs more than 10 DNS look-ups. Remove or replace terms until 10 look-ups suffice: ip4 and"
    " ip6 need none."
)
PUBLISH = 'Publish in DNS: name "example.com", type TXT, value'
CASES = {
    "all in order": Case(
        zone("v=spf1 a:relay.example.net -all", zone={RELAY: {"A": ["192.0.2.1"]}}),
        "RecordsPresent",
        "example.com has an SPF record, a DMARC policy (p=reject) and a mail exchanger.",
    ),
    "other TXT records do not matter": Case(
        zone("google-site-verification=abc", "v=spf1 -all", "spf2.0/pra -all", "V=DKIM1"),
        "RecordsPresent",
        "example.com has an SPF record, a DMARC policy (p=reject) and a mail exchanger.",
    ),
    "no such domain": Case(
        OUTLOOK,
        "SenderDomainNotFound",
        "The domain example.com of the From address does not exist in DNS, so receivers refuse its emails."
        " Correct from. If the domain is yours, publish its records, first of all SPF."
        f' {PUBLISH} "v=spf1 a:relay.example.net ~all".',
    ),
    "no SPF, relay by name": Case(
        zone("other"),
        "NoSpfRecord",
        f'example.com has no SPF record. {PUBLISH} "v=spf1 a:relay.example.net ~all".',
    ),
    "no SPF, relay by public address": Case(
        zone(),
        "NoSpfRecord",
        f'example.com has no SPF record. {PUBLISH} "v=spf1 ip4:9.9.9.9 ~all".',
        server="9.9.9.9",
    ),
    "no SPF, relay by public IPv6 address": Case(
        zone(),
        "NoSpfRecord",
        f'example.com has no SPF record. {PUBLISH} "v=spf1 ip6:2620:fe::fe ~all".',
        server="2620:fe::fe",
    ),
    "no SPF, relay inside the cluster": Case(
        zone(),
        "NoSpfRecord",
        f'example.com has no SPF record. {PUBLISH} "v=spf1 ip4:ADDRESS ~all".'
        " ADDRESS is the public address from which postfix.mail.svc sends to the internet.",
        server="postfix.mail.svc",
    ),
    "no SPF, known provider": Case(
        zone(),
        "NoSpfRecord",
        f'example.com has no SPF record. {PUBLISH} "v=spf1 include:spf.protection.outlook.com ~all".',
        server=OFFICE,
    ),
    "no SPF, provider that needs none": Case(
        zone(),
        "NoSpfRecord",
        f'example.com has no SPF record. {PUBLISH} "v=spf1 mx ~all".',
        server="smtp.postmarkapp.com",
    ),
    "two SPF records": Case(
        zone("v=spf1 mx -all", "v=spf1 include:spf.protection.outlook.com mx ~all"),
        "SpfInvalid",
        "example.com has 2 SPF records, so receivers treat them as invalid. Delete them."
        f' {PUBLISH} "v=spf1 mx include:spf.protection.outlook.com -all".',
    ),
    "two SPF records, one invalid": Case(
        zone("v=spf1 mx -all", "v=spf1 mxx ~all"),
        "SpfInvalid",
        'example.com has 2 SPF records, so receivers treat them as invalid. They begin with "v=spf1 mx -all"'
        ' and "v=spf1 mxx ~all". Delete them, and publish one record with all terms.',
    ),
    "misspelled version": Case(
        zone("v=spf1; include:spf.protection.outlook.com -all"),
        "SpfInvalid",
        'Receivers ignore the TXT record "v=spf1; include:spf.protection.outlook.com -all" of example.com.'
        ' An SPF record begins with "v=spf1" and a space.'
        ' Correct this record in DNS: name "example.com", type TXT.',
    ),
    "misspelled mechanism": Case(
        zone("v=spf1 ipv4:192.0.2.1 -all"),
        "SpfInvalid",
        'Receivers treat the SPF record of example.com as invalid: "v=spf1 ipv4:192.0.2.1 -all".'
        ' The term "ipv4:192.0.2.1" has to be "ip4:192.0.2.1".'
        ' Correct this record in DNS: name "example.com", type TXT.',
    ),
    "provider not included": Case(
        zone("v=spf1 mx -all"),
        "SpfLacksProvider",
        "The SPF record of example.com does not permit Microsoft 365, through which these emails are sent."
        f' {PUBLISH} "v=spf1 include:spf.protection.outlook.com mx -all".',
        server=OFFICE,
    ),
    "no look-up is left for the provider": Case(
        zone(f"v=spf1 {' '.join(f'include:{it}' for it in TEN)} -all", zone=FULL),
        "SpfLacksProvider",
        "The SPF record of example.com does not permit Microsoft 365, through which these emails are sent."
        f' {PUBLISH} "v=spf1 include:spf.protection.outlook.com'
        f' {" ".join(f"include:{it}" for it in TEN)} -all".{FEWER}',
        server=OFFICE,
    ),
    "two SPF records that are too many look-ups together": Case(
        zone(
            f"v=spf1 {' '.join(f'include:{it}' for it in TEN)} -all",
            "v=spf1 include:spf.protection.outlook.com ~all",
            zone=FULL,
        ),
        "SpfInvalid",
        "example.com has 2 SPF records, so receivers treat them as invalid. Delete them."
        f' {PUBLISH} "v=spf1 {" ".join(f"include:{it}" for it in TEN)}'
        f' include:spf.protection.outlook.com -all".{FEWER}',
    ),
    "provider included after all": Case(
        zone("v=spf1 mx -all include:spf.protection.outlook.com"),
        "SpfLacksProvider",
        "The SPF record of example.com does not permit Microsoft 365, through which these emails are sent."
        f' {PUBLISH} "v=spf1 include:spf.protection.outlook.com mx -all include:spf.protection.outlook.com".',
        server="SMTP.Office365.com.",
    ),
    "provider with an envelope sender of its own": Case(
        zone("v=spf1 mx -all"),
        "SpfLacksProvider",
        "The SPF record of example.com does not permit Amazon SES, through which these emails are sent."
        f' {PUBLISH} "v=spf1 include:amazonses.com mx -all". Amazon SES needs no SPF record as long as'
        f" its MAIL"
        " FROM domain is not in your domain; then DKIM is needed.",
        server=SES,
    ),
    "no DMARC": Case(
        {"example.com": {"TXT": ["v=spf1 -all"], "MX": ["mx.example.com"]}},
        "NoDmarcRecord",
        "example.com has no DMARC record, and neither has a parent domain."
        ' Publish in DNS: name "_dmarc.example.com", type TXT, value "v=DMARC1; p=none".',
    ),
    "DMARC without policy": Case(
        zone("v=spf1 -all", zone={"_dmarc.example.com": {"TXT": ["v=DMARC1; rua=mailto:a@example.com"]}}),
        "DmarcInvalid",
        'The DMARC record at _dmarc.example.com is invalid: "v=DMARC1; rua=mailto:a@example.com". It has no'
        ' policy p. Replace it. Publish in DNS: name "_dmarc.example.com", type TXT, value "v=DMARC1;'
        ' p=none".',
    ),
    "two DMARC records": Case(
        zone("v=spf1 -all", zone={"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}}),
        "DmarcInvalid",
        "There are 2 DMARC records at _dmarc.example.com. Receivers ignore all of them if there is more"
        " than one."
        ' Replace them. Publish in DNS: name "_dmarc.example.com", type TXT, value "v=DMARC1; p=reject".',
    ),
    "DMARC of the organizational domain": Case(
        {"mail.example.com": {"TXT": ["v=spf1 -all"], "A": ["192.0.2.1"]}, **DMARC},
        "RecordsPresent",
        "mail.example.com has an SPF record, a DMARC policy (p=reject at _dmarc.example.com) and an"
        " address that"
        " receives bounces.",
        domain="mail.example.com",
    ),
    "null MX": Case(
        zone("v=spf1 -all", mx=("",)),
        "NoMailExchanger",
        "example.com has a null MX record, so bounces cannot come back, and some receivers refuse its emails."
        ' Publish in DNS: name "example.com", type MX, value "10 HOST".'
        " HOST is the server that receives email for this domain.",
    ),
    "neither MX nor address": Case(
        zone("v=spf1 -all", mx=()),
        "NoMailExchanger",
        "example.com has neither an MX nor an address record, so bounces cannot come back, and some receivers"
        ' refuse its emails. Publish in DNS: name "example.com", type MX, value "10 HOST".'
        " HOST is the server that receives email for this domain.",
    ),
    "an IPv6 address is enough": Case(
        {"example.com": {"TXT": ["v=spf1 -all"], "AAAA": ["2001:db8::1"]}, **DMARC},
        "RecordsPresent",
        "example.com has an SPF record, a DMARC policy (p=reject) and an address that receives bounces.",
    ),
    "everything is missing": Case(
        {"example.com": {}},
        "NoSpfRecord",
        f'example.com has no SPF record. {PUBLISH} "v=spf1 a:relay.example.net ~all".'
        " example.com has no DMARC record, and neither has a parent domain."
        ' Publish in DNS: name "_dmarc.example.com", type TXT, value "v=DMARC1; p=none".'
        " example.com has neither an MX nor an address record, so bounces cannot come back, and some"
        " receivers"
        ' refuse its emails. Publish in DNS: name "example.com", type MX, value "10 HOST".'
        " HOST is the server that receives email for this domain.",
    ),
    "DNS fails": Case(
        zone("v=spf1 -all"),
        "DnsUnavailable",
        "The name servers answered with an error: TXT of example.com.",
        options={"failing": ["example.com"]},
    ),
    "DNS fails for DMARC only": Case(
        zone("v=spf1 -all"),
        "DnsUnavailable",
        "The name servers answered with an error: TXT of _dmarc.example.com.",
        options={"failing": ["_dmarc.example.com"]},
    ),
    "DNS fails for an included record": Case(
        zone("v=spf1 include:spf.example.org -all"),
        "DnsUnavailable",
        "The name servers answered with an error: TXT of spf.example.org.",
        options={"failing": ["spf.example.org"]},
    ),
    "a missing record is certain, whatever fails": Case(
        zone("other"),
        "NoSpfRecord",
        f'example.com has no SPF record. {PUBLISH} "v=spf1 a:relay.example.net ~all".'
        " The name servers answered with an error: TXT of _dmarc.example.com.",
        options={"failing": ["_dmarc.example.com"]},
    ),
    "a receiver has seen DMARC pass": Case(
        zone("other"),
        "RecordsPresent",
        "example.com has a DMARC policy (p=reject) and a mail exchanger. The receiver says that DMARC"
        " passes, so"
        f' SPF is not needed. example.com has no SPF record. {PUBLISH} "v=spf1 a:relay.example.net ~all".',
        options={"dmarc_passed": True},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_records_and_the_whole_message(case: Case) -> None:
    found = await verdict(case.records, server=case.server, domain=case.domain, **case.options)
    assert (str(found.reason), found.message) == (case.reason, case.message)
    expected = {"RecordsPresent": "True", "DnsUnavailable": "Unknown"}.get(case.reason, "False")
    assert found.status == expected


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 include:spf.protection.outlook.com -all",
        "V=SPF1 +INCLUDE:SPF.Protection.Outlook.COM. ~ALL",
        "v=spf1 include:nested.example.org -all",
        "v=spf1 redirect=nested.example.org",
        "v=spf1 mx +all",
        "v=spf1 exists:%{i}._spf.example.org -all",
        "v=spf1 include:%{d}._spf.example.org -all",
        "v=spf1 ip4:40.92.0.0/15 -all",
        "v=spf1 ip4:40.0.0.0/8 -all",
    ],
)
async def test_a_provider_can_be_permitted_in_many_ways(record: str) -> None:
    nested = {"nested.example.org": {"TXT": ["v=spf1 include:spf.protection.outlook.com ?all"]}}
    assert (await verdict(zone(record, zone=nested), server=OFFICE)).reason == "RecordsPresent"


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 -all",
        "v=spf1",
        "v=spf1 ?include:spf.protection.outlook.com -all",
        "v=spf1 -include:spf.protection.outlook.com -all",
        "v=spf1 ?include:nested.example.org -all",
        "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ?all",
        "v=spf1 exp=%{i}.example.org -all",
    ],
)
async def test_what_does_not_permit_a_provider(record: str) -> None:
    nested = {"nested.example.org": {"TXT": ["v=spf1 include:spf.protection.outlook.com +all"]}}
    assert (await verdict(zone(record, zone=nested), server=OFFICE)).reason == "SpfLacksProvider"


async def test_a_relay_that_is_not_known_is_not_mentioned() -> None:
    assert (await verdict(zone("v=spf1 -all"), server="smtp.unknown.example.net")).reason == "RecordsPresent"


async def test_a_long_record_is_not_repeated() -> None:
    record = f"v=spf1 {' '.join(f'ip4:192.0.2.{it}' for it in range(50))} -all"
    found = await verdict(zone(record), server=OFFICE)
    assert found.message.endswith(
        'Add include:spf.protection.outlook.com to this record in DNS: name "example.com", type TXT.'
    )


async def test_control_characters_of_records_are_not_repeated() -> None:
    found = await verdict(zone("v=spf1 \x1b[31m\x00\x7f -all"))
    assert found.message.isprintable()
    assert '"v=spf1 ?[31m?? -all"' in found.message

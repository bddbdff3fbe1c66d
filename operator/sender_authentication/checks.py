# SPDX-License-Identifier: Apache-2.0
"""Check the records of one sender: SPF, DMARC and mail exchangers."""

import asyncio
import ipaddress
from collections.abc import Coroutine
from typing import Any, Final

from smtp_operator.api.reasons import Reason
from smtp_operator.sender_authentication import dmarc, spf
from smtp_operator.sender_authentication.names import is_public
from smtp_operator.sender_authentication.providers import Provider, provider_of
from smtp_operator.sender_authentication.records import DnsFailed, DnsReader, normalized, quoted, to_publish
from smtp_operator.sender_authentication.report import Findings, Problem, Sender, SenderReport

_FEWER: Final = "Remove or replace terms until 10 look-ups suffice: ip4 and ip6 need none."
_SHOWN: Final = 450
"""Longest value to publish that a message repeats, in characters."""


async def check_sender(sender: Sender, dns: DnsReader) -> SenderReport:
    """Return what DNS says about a sender; failed look-ups are part of the report."""
    try:
        texts = await dns.texts(sender.domain)
    except DnsFailed as error:
        # Name servers that fail for this question fail for the others, too.
        return SenderReport(sender, (Findings(unread=str(error)),))
    if not texts.exists:
        return SenderReport(sender, (_missing_domain(sender),))
    found = await asyncio.gather(
        _read(_spf(sender, dns)), _read(_dmarc(sender.domain, dns)), _read(_exchangers(sender.domain, dns))
    )
    return SenderReport(sender, tuple(found))


async def _read(check: Coroutine[Any, Any, Findings]) -> Findings:
    try:
        return await check
    except DnsFailed as error:
        return Findings(unread=str(error))


def _problem(reason: Reason, *sentences: str) -> Findings:
    return Findings(problem=Problem(reason, " ".join(it for it in sentences if it)))


def _missing_domain(sender: Sender) -> Findings:
    return _problem(
        Reason.SENDER_DOMAIN_NOT_FOUND,
        f"The domain {sender.domain} of the From address does not exist in DNS, so receivers refuse its"
        " emails.",
        "Correct from. If the domain is yours, publish its records, first of all SPF.",
        _suggested_spf(sender, provider_of(sender.server)),
    )


async def _spf(sender: Sender, dns: DnsReader) -> Findings:
    domain, provider = sender.domain, provider_of(sender.server)
    texts = await dns.texts(domain)
    records = spf.spf_records(texts)
    if not records:
        return _no_spf(sender, provider, spf.misspelled(texts))
    if len(records) > 1:
        return await _several_spf(domain, records, dns)
    record = records[0]
    try:
        scope = await spf.follow(domain, record, dns)
    except spf.SpfBroken as error:
        return _problem(
            Reason.SPF_INVALID,
            f"Receivers treat the SPF record of {domain} as invalid: {quoted(record)}.",
            str(error),
            _FEWER if isinstance(error, spf.TooManyLookups) else "",
            f'Correct this record in DNS: name "{domain}", type TXT.',
        )
    if provider is not None and not await _permits(scope, provider, dns):
        return _problem(
            Reason.SPF_LACKS_PROVIDER,
            f"The SPF record of {domain} does not permit {provider.name}, through which these emails are"
            " sent.",
            _publish_spf(domain, wanted := spf.with_include(record, provider.include[0])),
            await _too_many(domain, wanted, dns),
            provider.returns,
        )
    return Findings(found="an SPF record")


def _no_spf(sender: Sender, provider: Provider | None, meant: str | None) -> Findings:
    if meant is None:
        return _problem(
            Reason.NO_SPF_RECORD,
            f"{sender.domain} has no SPF record.",
            _suggested_spf(sender, provider),
            provider.returns if provider is not None else "",
        )
    return _problem(
        Reason.SPF_INVALID,
        f"Receivers ignore the TXT record {quoted(meant)} of {sender.domain}.",
        'An SPF record begins with "v=spf1" and a space.',
        f'Correct this record in DNS: name "{sender.domain}", type TXT.',
    )


async def _too_many(domain: str, record: str, dns: DnsReader) -> str:
    """Return a warning if a record to publish needs more look-ups than receivers make, else an empty text."""
    try:
        await spf.follow(domain, record, dns)
    except spf.TooManyLookups:
        return f"This record needs more than 10 DNS look-ups. {_FEWER}"
    except (DnsFailed, spf.SpfBroken):
        return ""
    return ""


async def _several_spf(domain: str, records: list[str], dns: DnsReader) -> Findings:
    one = spf.merged(records)
    return _problem(
        Reason.SPF_INVALID,
        f"{domain} has {len(records)} SPF records, so receivers treat them as invalid.",
        f"They begin with {quoted(records[0][:60])} and {quoted(records[1][:60])}." if one is None else "",
        "Delete them, and publish one record with all terms."
        if one is None
        else f"Delete them. {_publish_spf(domain, one)}",
        "" if one is None else await _too_many(domain, one, dns),
    )


def _suggested_spf(sender: Sender, provider: Provider | None) -> str:
    """Return the record to publish, which permits the mail server of the settings."""
    explained = ""
    address = _address_of(sender.server)
    if provider is not None and provider.include:
        term = f"include:{provider.include[0]}"
    elif provider is not None:
        term = "mx"
    elif address is not None and address.is_global:
        term = f"ip{address.version}:{address}"
    elif address is None and is_public(sender.server):
        term = f"a:{normalized(sender.server)}"
    else:
        term = "ip4:ADDRESS"
        explained = f" ADDRESS is the public address from which {sender.server} sends to the internet."
    return to_publish(sender.domain, "TXT", f"v=spf1 {term} ~all") + explained


def _publish_spf(domain: str, value: str) -> str:
    if len(value) <= _SHOWN:
        return to_publish(domain, "TXT", value)
    terms = value.split(" ")
    return f'Add {terms[1]} to this record in DNS: name "{domain}", type TXT.'


def _address_of(server: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(server)
    except ValueError:
        return None


async def _permits(scope: spf.SpfScope, provider: Provider, dns: DnsReader) -> bool:
    """Return whether a record permits the provider, or may do so."""
    if not provider.include or scope.everyone or scope.depends_on_email:
        return True
    if scope.domains & set(provider.include):
        return True
    return bool(scope.networks) and await _has_networks(scope, provider.include[0], dns)


async def _has_networks(scope: spf.SpfScope, include: str, dns: DnsReader) -> bool:
    """Return whether a record lists networks of a domain instead of including it."""
    try:
        records = spf.spf_records(await dns.texts(include))
        theirs = await spf.follow(include, records[0], dns) if records else spf.SpfScope()
    except (DnsFailed, spf.SpfBroken):
        return False
    ours = scope.networks
    return any(
        left.version == right.version and left.overlaps(right) for left in theirs.networks for right in ours
    )


async def _dmarc(domain: str, dns: DnsReader) -> Findings:
    record = await dmarc.find(domain, dns)
    if record is None:
        return _problem(
            Reason.NO_DMARC_RECORD,
            f"{domain} has no DMARC record, and neither has a parent domain.",
            to_publish(f"_dmarc.{domain}", "TXT", "v=DMARC1; p=none"),
        )
    try:
        policy = dmarc.policy_of(record)
    except dmarc.DmarcBroken as error:
        several = len(record.texts) > 1
        them = "them" if several else "it"
        what = (
            f"There are {len(record.texts)} DMARC records at {record.name}."
            if several
            else (f"The DMARC record at {record.name} is invalid: {quoted(record.texts[0])}.")
        )
        return _problem(
            Reason.DMARC_INVALID,
            what,
            str(error),
            f"Replace {them}. {to_publish(record.name, 'TXT', dmarc.corrected(record))}",
        )
    where = "" if record.name == f"_dmarc.{domain}" else f" at {record.name}"
    return Findings(found=f"a DMARC policy (p={policy}{where})")


async def _exchangers(domain: str, dns: DnsReader) -> Findings:
    hosts = (await dns.exchangers(domain)).found
    if any(hosts):
        return Findings(found="a mail exchanger")
    if not hosts and (await dns.addresses(domain)).found:
        return Findings(found="an address that receives bounces")
    why = "a null MX record" if hosts else "neither an MX nor an address record"
    return _problem(
        Reason.NO_MAIL_EXCHANGER,
        f"{domain} has {why}, so bounces cannot come back, and some receivers refuse its emails.",
        to_publish(domain, "MX", "10 HOST"),
        "HOST is the server that receives email for this domain.",
    )

# SPDX-License-Identifier: Apache-2.0
"""Domains that are looked up, and the needs of known relays."""

import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from smtp_operator.sender_authentication import providers
from smtp_operator.sender_authentication.names import is_public
from smtp_operator.sender_authentication.providers import provider_of
from smtp_operator.sender_authentication.spf_syntax import parse


@pytest.mark.parametrize(
    "domain",
    [
        "example.com",
        "a.b.example.co.uk",
        "EXAMPLE.ORG.",
        "xn--mnchen-3ya.de",
        "corp.example.com",
        "example.xn--p1ai",
    ],
)
def test_public(domain: str) -> None:
    assert is_public(domain)


@pytest.mark.parametrize(
    "domain",
    [
        "localhost",
        "mail",
        "printer.local",
        "db.internal",
        "mail.test",
        "x.invalid",
        "corp.example",
        "CORP.EXAMPLE.",
        "router.lan",
        "ad.corp",
        "nas.home",
        "nas.home.arpa",
        "host.localdomain",
        "postfix.mail.svc",
        "postfix.mail.svc.cluster.local",
        "abc.onion",
        "192.0.2.1",
        "[192.0.2.1]",
        "[IPv6:2001:db8::1]",
        "a..com",
        "",
        ".",
    ],
)
def test_not_public(domain: str) -> None:
    assert not is_public(domain)


@pytest.mark.parametrize(
    ("server", "include"),
    [
        ("smtp.office365.com", "spf.protection.outlook.com"),
        ("smtp-hve.office365.com", "spf.protection.outlook.com"),
        ("example-com.mail.protection.outlook.com", "spf.protection.outlook.com"),
        ("smtp.gmail.com", "_spf.google.com"),
        ("smtp-relay.gmail.com", "_spf.google.com"),
        ("smtp.sendgrid.net", "sendgrid.net"),
        ("email-smtp.us-east-1.amazonaws.com", "amazonses.com"),
        ("email-smtp-fips.us-gov-west-1.amazonaws.com", "amazonses.com"),
        ("vpce-0a1b.email-smtp.eu-west-1.vpce.amazonaws.com", "amazonses.com"),
        ("smtp.eu.mailgun.org", "mailgun.org"),
        ("in-v3.mailjet.com", "spf.mailjet.com"),
        ("smtp.zoho.eu", "zohomail.eu"),
        ("smtp.fastmail.com", "spf.messagingengine.com"),
        ("smtp.mandrillapp.com", "spf.mandrillapp.com"),
    ],
)
def test_what_a_relay_needs(server: str, include: str) -> None:
    provider = provider_of(server)
    assert provider is not None
    assert provider.include[0] == include


@pytest.mark.parametrize("server", ["smtp.postmarkapp.com", "smtp-relay.brevo.com", "smtp.sparkpostmail.com"])
def test_relays_that_need_nothing(server: str) -> None:
    provider = provider_of(server)
    assert provider is not None
    assert provider.include == ()


@pytest.mark.parametrize(
    "server", ["smtp.example.com", "sendgrid.net.example.com", "office365.com", "192.0.2.1", ""]
)
def test_other_relays_are_not_known(server: str) -> None:
    assert provider_of(server) is None


def test_the_data_file_is_dated_and_has_its_sources() -> None:
    file = Path(providers.__file__).with_name("providers.yaml")
    assert isinstance(yaml.safe_load(file.read_text(encoding="utf-8"))["checked"], date)
    names = [it.name for it in providers.providers()]
    assert len(names) == len(set(names))
    for it in providers.providers():
        assert it.source.startswith("https://")
        assert not it.replaces_message_id or it.replaces_message_id.startswith("https://")
        assert not it.returns or it.returns.endswith(".")
        assert all(host == host.lower() for host in it.servers)
        assert not re.search(r"\*\.[a-z]+$", " ".join(it.servers))
        parse(" ".join(["v=spf1", *(f"include:{domain}" for domain in it.include)]))

# SPDX-License-Identifier: Apache-2.0
"""The value of each field of ``publish.keys``; a key without a value is left out."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from smtp_operator.api.publish import PublishedField
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.reconcile.smtpconfig.publish.secret import ProvenSettings, secret_of
from smtp_operator.reconcile.smtpconfig.snapshot import snapshot_of
from smtp_operator.smtp.request import SmtpLogin

PASSWORD = "p/ä@:?#[]% &+"
LOGIN = SmtpLogin(username="mailer@example.com", password=PASSWORD, origin="Secret smtp-password")
BY_REFERENCE = {"username": "mailer@example.com", "password": {"secretRef": {"name": "smtp-password"}}}
FROM = '"Ünal, Ops" <no+reply@mail.example.com>'
KEYS = [{"name": str(it), "field": str(it)} for it in PublishedField]


def fields(
    spec: Mapping[str, Any] | None = None,
    *,
    login: SmtpLogin | None = LOGIN,
    ca_chain: tuple[bytes, ...] = (),
    helo_name: str | None = None,
) -> dict[str, str]:
    """Return the values of all fields; ``spec`` replaces fields of the example."""
    sound = {"server": "smtp.example.com", "port": 587, "from": "noreply@example.com"}
    named = {} if login is None else BY_REFERENCE
    body = {**sound, **named, "publish": {"secretName": "proven", "keys": KEYS}, **(spec or {})}
    metadata = {"namespace": "team-a", "name": "mail", "uid": "u", "generation": 1, "resourceVersion": "1"}
    snapshot = snapshot_of({"metadata": metadata, "spec": body, "status": SmtpConfigStatus().model_dump()})
    assert snapshot.spec.publish is not None
    proven = ProvenSettings(
        login=login, holders=(), references=(), ca_chain=ca_chain, mechanism="PLAIN", proven_at=0.0
    )
    made = secret_of(snapshot, snapshot.spec.publish, proven, helo_name=helo_name, annotations={})
    return {key: base64.b64decode(value).decode() for key, value in made["data"].items()}


def test_every_field_of_a_login_with_starttls() -> None:
    found = fields({"from": FROM, "heloName": "client.example.com"})
    assert found == {
        "Host": "smtp.example.com",
        "Port": "587",
        "HostPort": "smtp.example.com:587",
        "Username": "mailer@example.com",
        "Password": PASSWORD,
        "Uri": "smtp://mailer%40example.com:p%2F%C3%A4%40%3A%3F%23%5B%5D%25%20%26%2B@smtp.example.com:587",
        "From": FROM,
        "FromAddress": "no+reply@mail.example.com",
        "FromName": "Ünal, Ops",
        "FromLocalPart": "no+reply",
        "FromDomain": "mail.example.com",
        "SmtpType": "StartTLS",
        "StartTls": "true",
        "ImplicitTls": "false",
        "InsecureSkipVerify": "false",
        "HeloName": "client.example.com",
        "AuthMechanism": "PLAIN",
    }
    uri = urlsplit(found["Uri"])
    assert (uri.hostname, uri.port) == ("smtp.example.com", 587)
    assert unquote(uri.password or "") == PASSWORD


def test_without_a_login_its_fields_are_left_out() -> None:
    found = fields(login=None)
    assert not {"Username", "Password", "AuthMechanism", "FromName", "CaBundle"} & found.keys()
    assert found["Uri"] == "smtp://smtp.example.com:587"


@pytest.mark.parametrize(
    ("smtp_type", "starttls", "implicit", "scheme"),
    [
        ("None", "false", "false", "smtp"),
        ("StartTLS", "true", "false", "smtp"),
        ("TLS", "false", "true", "smtps"),
    ],
)
def test_the_security_of_the_connection(smtp_type: str, starttls: str, implicit: str, scheme: str) -> None:
    found = fields({"smtpType": smtp_type}, login=None)
    assert (found["SmtpType"], found["StartTls"], found["ImplicitTls"]) == (smtp_type, starttls, implicit)
    assert found["Uri"].startswith(f"{scheme}://")


def test_an_ipv6_address_has_brackets_next_to_a_port() -> None:
    found = fields({"server": "2001:db8::25"}, login=None)
    assert (found["Host"], found["HostPort"]) == ("2001:db8::25", "[2001:db8::25]:587")
    assert urlsplit(found["Uri"]).hostname == "2001:db8::25"


def test_an_unverified_certificate_is_named_so() -> None:
    assert fields({"tls": {"insecureSkipVerify": True}}, login=None)["InsecureSkipVerify"] == "true"


@pytest.mark.parametrize(
    ("own", "operators", "expected"),
    [
        ("own.example.com", "operator.example.com", "own.example.com"),
        (None, "operator.example.com", "operator.example.com"),
        (None, None, "example.com"),
    ],
)
def test_the_name_in_ehlo(own: str | None, operators: str | None, expected: str) -> None:
    spec = {} if own is None else {"heloName": own}
    assert fields(spec, helo_name=operators)["HeloName"] == expected


def test_certificates_are_published_only_with_a_ca() -> None:
    assert "CaBundle" not in fields(ca_chain=(b"der",))
    bundle = fields({"tls": {"caRef": {"name": "ca"}}}, ca_chain=(b"one", b"two"))["CaBundle"]
    assert bundle.count("-----BEGIN CERTIFICATE-----") == 2

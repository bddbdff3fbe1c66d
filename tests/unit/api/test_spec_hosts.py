# SPDX-License-Identifier: Apache-2.0
"""`server`, `tls.serverName` and `heloName`: a host name or an IP address, and nothing around it."""

from collections.abc import Callable
from typing import Any

import pytest

Judge = Callable[[dict[str, Any]], str]

HOSTS = {
    "host name": "smtp.example.com",
    "one label": "localhost",
    "one letter": "a",
    "capitals": "SMTP.Example.COM",
    "trailing dot": "smtp.example.com.",
    "hyphens": "mail-1.my--site.example.com",
    "underscores": "_smtp.my_relay.example.com",
    "digits first": "3com.example",
    "digits-only label": "123.example.com",
    "digits in the last label": "mail.example.c0m",
    "IDN, Latin": "bücher.example",
    "IDN, Cyrillic": "почта.рф",
    "IDN, Japanese": "例え.テスト",
    "IDN, as DNS has it": "xn--bcher-kva.example",
    "253 characters": ".".join(["x" * 62] * 4) + "y",
    "253 characters of two bytes": "é" * 253,
    "IPv4": "192.0.2.10",
    "IPv6": "2001:db8::25",
    "IPv6, all groups": "2001:db8:0:0:0:0:0:25",
    "IPv6, capitals": "2001:DB8::AB",
    "IPv6 loopback": "::1",
    "IPv6 with IPv4 at its end": "64:ff9b::192.0.2.1",
}

NO_HOSTS = {
    "scheme smtp": "smtp://smtp.example.com",
    "scheme https": "https://smtp.example.com",
    "port": "smtp.example.com:587",
    "port of IPv4": "192.0.2.10:587",
    "brackets": "[2001:db8::25]",
    "brackets and port": "[2001:db8::25]:587",
    "brackets around a name": "[smtp.example.com]",
    "path": "smtp.example.com/",
    "user": "mailer@smtp.example.com",
    "wildcard": "*.example.com",
    "two of them": "smtp.example.com,smtp.example.net",
    "blank before": " smtp.example.com",
    "blank behind": "smtp.example.com ",
    "blank inside": "smtp.exam ple.com",
    "only a blank": " ",
    "tab": "smtp.example.com\t",
    "LF behind": "smtp.example.com\n",
    "CRLF behind": "smtp.example.com\r\n",
    "CR behind": "smtp.example.com\r",
    "LF inside": "smtp\n.example.com",
    "a command on a second line": "smtp.example.com\r\nRCPT TO:<victim@example.com>",
    "LF behind an IP address": "192.0.2.10\n",
    "NUL": "smtp.example.com\x00",
    "no-break blank": "smtp.example.com\u00a0",
    "zero-width blank": "smtp.exa\u200bmple.com",
    "line separator": "smtp.example.com\u2028",
    "emoji": "💌.example",
    "hyphen first": "-smtp.example.com",
    "hyphen last": "smtp-.example.com",
    "hyphen last of all": "smtp.example.com-",
    "dot first": ".smtp.example.com",
    "two dots inside": "smtp..example.com",
    "two dots behind": "smtp.example.com..",
    "only a dot": ".",
    "digits-only last label": "smtp.example.123",
    "digits-only last label and dot": "smtp.example.123.",
    "digits only": "587",
    "IPv4 of three parts": "192.0.2",
    "IPv4 out of range": "192.0.2.256",
    "IPv4 with leading zeros": "192.0.2.010",
    "IPv4 with a dot behind": "192.0.2.10.",
    "IPv4 in hexadecimal": "0x7f.0.0.1",
    "IPv6 with a zone": "fe80::1%eth0",
    "IPv6 with two gaps": "2001:db8::1::2",
    "IPv6 with too many groups": "1:2:3:4:5:6:7:8:9",
    "IPv6 with a gap of nothing": "1:2:3:4:5:6:7::8",
    "IPv6 with a long group": "2001:0db88::1",
    "IPv4 written as IPv6": "::ffff:192.0.2.10",
    "IPv4 written as hexadecimal IPv6": "::ffff:c000:20a",
    "network": "192.0.2.0/24",
}

FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "server": lambda host: {"server": host},
    "tls.serverName": lambda host: {"tls": {"serverName": host}},
    "heloName": lambda host: {"heloName": host},
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_host_is_accepted(judge: Judge, field: str, host: str) -> None:
    assert judge(FIELDS[field](host)) == ""


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("host", NO_HOSTS.values(), ids=NO_HOSTS)
def test_what_is_no_host_is_refused(judge: Judge, field: str, host: str) -> None:
    name = field.removeprefix("tls.")
    assert judge(FIELDS[field](host)) == (
        f"spec.{field}: {name} must be a host name or an IP address, without scheme, port, brackets or spaces"
    )

# SPDX-License-Identifier: Apache-2.0
"""`check` prints what DNS says about the sender after the verdict, and with the same exit code."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from smtp_operator.cli.check import command
from smtp_operator.sender_authentication import service
from smtp_operator.sender_authentication.records import Records
from smtp_testkit.zones import ZoneReader

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]

ON = {"SMTP_OPERATOR_SENDER_AUTHENTICATION": "true"}
GOOD = {
    "example.com": {"TXT": ["v=spf1 mx -all"], "MX": ["mx.example.com"]},
    "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
}
NO_SPF = {**GOOD, "example.com": {"MX": ["mx.example.com"]}}


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Callable[[ZoneReader], None]:
    """Sets the records that are read."""

    def answer(reader: ZoneReader) -> None:
        monkeypatch.setattr(
            command,
            "SenderAuthentication",
            lambda **options: service.SenderAuthentication(lambda: reader, **options),
        )

    return answer


def test_text(check: Check, write: Write, anonymous: Document, dns: Callable[[ZoneReader], None]) -> None:
    dns(ZoneReader(NO_SPF))
    ended = check("-f", write(anonymous), "--mode", "Connect", **ON)
    assert ended.code == 0
    assert ended.text == (
        "✓ Connected  default/relay\n"
        "  localhost answers as an SMTP server in plaintext. No username is set, so the test did not"
        " log in.\n"
        "  Sender authentication (NoSpfRecord): example.com has no SPF record. Publish in DNS: name\n"
        '  "example.com", type TXT, value "v=spf1 ip4:ADDRESS ~all". ADDRESS is the public address from'
        " which\n"
        "  localhost sends to the internet.\n"
    )


def test_json(check: Check, write: Write, anonymous: Document, dns: Callable[[ZoneReader], None]) -> None:
    dns(ZoneReader(GOOD))
    words = ("-f", write(anonymous), "--mode", "Connect", "--output", "json")
    assert check(*words, "--sender-authentication").json["senderAuthentication"] == {
        "status": "True",
        "reason": "RecordsPresent",
        "message": "example.com has an SPF record, a DMARC policy (p=reject) and a mail exchanger.",
    }


@pytest.mark.parametrize("flag", ["--sender-authentication=false", "--sender-authentication=no"])
def test_it_can_be_turned_off(
    check: Check, write: Write, anonymous: Document, dns: Callable[[ZoneReader], None], flag: str
) -> None:
    reader = ZoneReader(NO_SPF)
    dns(reader)
    ended = check("-f", write(anonymous), "--mode", "Connect", flag, **ON)
    assert (ended.code, "Sender authentication" in ended.text, reader.asked) == (0, False, [])


def test_a_private_domain_is_not_looked_up(
    check: Check, write: Write, anonymous: Document, dns: Callable[[ZoneReader], None]
) -> None:
    reader = ZoneReader({})
    dns(reader)
    anonymous["spec"]["from"] = "noreply@mail.internal"
    ended = check("-f", write(anonymous), "--mode", "Connect", "--output", "json", **ON)
    assert (ended.json["senderAuthentication"], reader.asked) == (None, [])


def test_silent_name_servers_come_after_the_verdict(
    check: Check,
    write: Write,
    anonymous: Document,
    dns: Callable[[ZoneReader], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Silent(ZoneReader):
        async def texts(self, name: str) -> Records:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(command, "_SENDER_TIME", 0.2)
    dns(Silent({}))
    ended = check("-f", write(anonymous), "--mode", "Connect", **ON)
    assert ended.code == 0
    assert ended.text.endswith(
        "  Sender authentication (DnsUnavailable): The name servers did not answer within 0.2 s.\n"
    )


def test_a_wrong_value_of_the_flag(check: Check, write: Write, anonymous: Document) -> None:
    ended = check("-f", write(anonymous), "--sender-authentication=maybe")
    assert ended.code == 2
    assert ended.err == "smtp-operator: --sender-authentication: 'maybe' is neither true nor false\n"

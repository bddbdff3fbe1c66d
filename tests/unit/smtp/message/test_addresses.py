# SPDX-License-Identifier: Apache-2.0
"""The parser returns one email address, or a sentence with the reason why the text is invalid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_operator.api.reasons import Reason
from smtp_operator.smtp.message.addresses import AddressInvalid, Mailbox, parse_address, parse_mailbox
from smtp_testkit.mailpeers.trial import Trial, recipients


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("ops@example.com", Mailbox("", "ops", "example.com")),
        ("<ops@example.com>", Mailbox("", "ops", "example.com")),
        ("Ops <ops@example.com>", Mailbox("Ops", "ops", "example.com")),
        ("Ops<ops@example.com>", Mailbox("Ops", "ops", "example.com")),
        ("Platform Team <ops@example.com>", Mailbox("Platform Team", "ops", "example.com")),
        ('"Team, Platform" <ops@example.com>', Mailbox("Team, Platform", "ops", "example.com")),
        (r'"a \"b\" \\c" <ops@example.com>', Mailbox(r'a "b" \c', "ops", "example.com")),
        ("Jürgen Müller <ops@example.com>", Mailbox("Jürgen Müller", "ops", "example.com")),
        ("O'Brien & Co. <ops@example.com>", Mailbox("O'Brien & Co.", "ops", "example.com")),
        ("ops+test.tag@mail.example.com", Mailbox("", "ops+test.tag", "mail.example.com")),
        ('"a b"@example.com', Mailbox("", '"a b"', "example.com")),
        ('"a@b"@example.com', Mailbox("", '"a@b"', "example.com")),
        ("ops@bücher.example", Mailbox("", "ops", "xn--bcher-kva.example")),
        ("ops@BÜCHER.example", Mailbox("", "ops", "xn--bcher-kva.example")),
        ("jürgen@example.com", Mailbox("", "jürgen", "example.com")),
        ("root@localhost", Mailbox("", "root", "localhost")),
        ("ops@[192.0.2.1]", Mailbox("", "ops", "[192.0.2.1]")),
        ("ops@[IPv6:2001:db8::1]", Mailbox("", "ops", "[IPv6:2001:db8::1]")),
        ("  ops@example.com ", Mailbox("", "ops", "example.com")),
    ],
)
def test_one_address(text: str, mailbox: Mailbox) -> None:
    assert parse_mailbox(text) == mailbox


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("ops", "has no @"),
        ("@example.com", "has nothing before the @"),
        ("ops@", "has nothing after the @"),
        ("a@x, b@y", "contains two addresses"),
        ("a@x,b@y", "contains two addresses"),
        ("a@x; b@y", "contains two addresses"),
        ("a@x b@y", "contains two addresses"),
        ("A <a@x>, B <b@y>", "contains two addresses"),
        ('"a@x, b@y" <c@z', "has no @ after the closing quote"),
        ("a@b@c", "has more than one @"),
        ("a..b@example.com", "has characters before the @ that require quotes"),
        (".a@example.com", "has characters before the @ that require quotes"),
        ("a b@example.com", "has characters before the @ that require quotes"),
        ("ops@exa mple.com", "has a domain that is not a valid host name"),
        ("ops@-example.com", "has a domain that is not a valid host name"),
        ("ops@example..com", "has a domain that is not a valid host name"),
        ("ops@exam_ple.com", "has a domain that is not a valid host name"),
        ("ops@[300.1.1.1]", "has no IP address in the brackets after the @"),
        ("ops@[192.0.2.1", "has no IP address in the brackets after the @"),
        ("ops\r\nBcc: x@example.com", "has a line break or another control character"),
        ("ops@example.com\n", "has a line break or another control character"),
        ("a\x00b@example.com", "has a line break or another control character"),
        ("Ops\u2028 <ops@example.com>", "has a line break or another control character"),
        (
            "Team, Platform <ops@example.com>",
            "has a display name with characters that require double quotes",
        ),
        (f"{'a' * 65}@example.com", "is too long for an email address (RFC 5321 section 4.5.3.1)"),
        (
            f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 20}",
            "has a domain that is not a valid host name",
        ),
    ],
)
def test_invalid_addresses(text: str, why: str) -> None:
    with pytest.raises(AddressInvalid) as caught:
        parse_mailbox(text)

    assert str(caught.value) == why


def test_a_recipient_is_a_plain_address() -> None:
    assert parse_address("ops@example.com").address == "ops@example.com"
    for text in ("Ops <ops@example.com>", "<ops@example.com>"):
        with pytest.raises(AddressInvalid, match="write the plain address"):
            parse_address(text)


@given(st.text())
def test_any_text_becomes_one_line_or_is_rejected(text: str) -> None:
    try:
        mailbox = parse_mailbox(text)
    except AddressInvalid:
        return
    assert mailbox.address.isprintable()
    assert mailbox.name.isprintable()
    assert mailbox.domain.isascii()
    assert not set("<>\r\n") & set(mailbox.address) or mailbox.local.startswith('"')


@pytest.mark.parametrize(
    ("sender", "message"),
    [
        (
            "a@x, b@y",
            'from "a@x, b@y" contains two addresses. '
            "Set from: one address, such as Platform Team <noreply@example.com>.",
        ),
        (
            "not an address",
            'from "not an address" has no @. '
            "Set from: one address, such as Platform Team <noreply@example.com>.",
        ),
    ],
)
async def test_messages_about_from(trial: Trial, sender: str, message: str) -> None:
    report = await trial(587, sender=sender)

    assert report.verdict.reason is Reason.INVALID_FROM_ADDRESS
    assert report.verdict.message == message


async def test_messages_about_a_recipient(trial: Trial) -> None:
    report = await trial(587, recipients=recipients(to=["ops@example.com"], cc=["x@y.z", "a@x, b@y"]))

    assert report.verdict.reason is Reason.INVALID_RECIPIENT_ADDRESS
    assert (
        report.verdict.message == 'recipients.cc[1] "a@x, b@y" contains two addresses. List them separately.'
    )


async def test_a_bcc_is_not_repeated(trial: Trial) -> None:
    report = await trial(587, recipients=recipients(bcc=["audit@secret.example, b@y"]))

    assert report.verdict.reason is Reason.INVALID_RECIPIENT_ADDRESS
    assert report.verdict.message == (
        "recipients.bcc[0] is not one email address. List each address separately under recipients.bcc."
    )

# SPDX-License-Identifier: Apache-2.0
"""The standard library's parser reads the test email."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_operator.smtp.message.addresses import Mailbox, parse_mailbox
from smtp_operator.smtp.message.mime import build_message, encode_words

OPS = parse_mailbox("Ops Team <ops@example.com>")
DEV = parse_mailbox("dev@example.com")
ONE_LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=200)


def build(
    *,
    sender: Mailbox = OPS,
    to: tuple[Mailbox, ...] = (DEV,),
    cc: tuple[Mailbox, ...] = (),
    subject: str = "Test mail",
    body: str = "It works.\n",
    headers: tuple[tuple[str, str], ...] = (),
    message_id: str = "<abc@example.com>",
    smtputf8: bool = False,
) -> bytes:
    return build_message(
        sender=sender,
        to=to,
        cc=cc,
        subject=subject,
        body=body,
        headers=headers,
        message_id=message_id,
        now=1_767_787_872,
        smtputf8=smtputf8,
    )


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert not message.defects
    return message


def test_the_whole_mail() -> None:
    assert build(cc=(DEV,), headers=(("X-Smtp-Operator", "team-a/corporate-mail"),)) == (
        b"Date: Wed, 07 Jan 2026 12:11:12 -0000\r\n"
        b"From: Ops Team <ops@example.com>\r\n"
        b"To: dev@example.com\r\n"
        b"Cc: dev@example.com\r\n"
        b"Message-ID: <abc@example.com>\r\n"
        b"Subject: Test mail\r\n"
        b"Auto-Submitted: auto-generated\r\n"
        b"X-Smtp-Operator: team-a/corporate-mail\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"It works.\r\n"
    )


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("ops@example.com", ""),
        ("Ops Team <ops@example.com>", "Ops Team"),
        ('"Team, Platform" <ops@example.com>', "Team, Platform"),
        (r'"a \"b\" \\c" <ops@example.com>', r'a "b" \c'),
        ("Jürgen Müller <ops@example.com>", "Jürgen Müller"),
        (f"{'長い名前を持つ' * 5} <ops@example.com>", "長い名前を持つ" * 5),
    ],
)
def test_the_display_name(sender: str, name: str) -> None:
    message = parsed(build(sender=parse_mailbox(sender)))

    (address,) = message["From"].addresses
    assert address.addr_spec == "ops@example.com"
    assert address.display_name.replace(" ", "") == name.replace(" ", "")  # bpo-35547: spaces between words


def test_an_email_without_to_has_undisclosed_recipients() -> None:
    assert parsed(build(to=()))["To"] == "undisclosed-recipients:;"


def test_ten_long_recipients_keep_lines_short() -> None:
    people = tuple(parse_mailbox(f"{'a' * 60}{number}@{'b' * 60}.{'c' * 60}.example") for number in range(10))

    raw = build(to=people, cc=people)

    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert [entry.addr_spec for entry in parsed(raw)["To"].addresses] == [entry.address for entry in people]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        ("plain\n", "7bit"),
        ("", "7bit"),
        ("Grüße\n", "quoted-printable"),
        ("x" * 2000, "quoted-printable"),
        ("a\x00b", "quoted-printable"),
        ("= equals and tab\t \n", "7bit"),
    ],
)
def test_the_body_has_the_plainest_possible_encoding(body: str, encoding: str) -> None:
    raw = build(body=body)

    message = parsed(raw)
    assert message["Content-Transfer-Encoding"] == encoding
    assert message.get_content().replace("\r\n", "\n").rstrip("\n") == body.rstrip("\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("evil", ["a\r\nBcc: x@example.com", "a\nb", "a\rb", "a\x00b"])
def test_a_line_break_in_a_header_is_refused(evil: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        build(subject=evil)
    with pytest.raises(ValueError, match="control character"):
        build(headers=(("X-Smtp-Operator", evil),))
    with pytest.raises(ValueError, match="control character"):
        build(message_id=evil)
    with pytest.raises(ValueError, match="control character"):
        build(sender=Mailbox(evil, "ops", "example.com"))


def test_utf8_in_an_address_only_with_smtputf8() -> None:
    juergen = parse_mailbox("jürgen@example.com")

    assert "\r\nTo: jürgen@example.com\r\n".encode() in build(to=(juergen,), smtputf8=True)
    with pytest.raises(UnicodeEncodeError):
        build(to=(juergen,))


@given(subject=ONE_LINE, body=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])))
def test_any_subject_and_body_arrive(subject: str, body: str) -> None:
    raw = build(subject=subject, body=body)

    message = parsed(raw)
    assert raw.isascii()
    assert message["Subject"].strip() == " ".join(subject.split(" ")).strip()
    assert message.get_content().replace("\r\n", "\n").rstrip("\n") == body.rstrip("\n")
    assert message["Bcc"] is None
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@given(name=ONE_LINE.filter(str.strip))
def test_any_display_name_arrives_and_adds_no_address(name: str) -> None:
    message = parsed(build(sender=Mailbox(name, "ops", "example.com")))

    assert [entry.addr_spec for entry in message["From"].addresses] == ["ops@example.com"]


def test_a_text_that_looks_like_an_encoded_word_is_encoded() -> None:
    assert encode_words("=?utf-8?q?evil?=") != "=?utf-8?q?evil?="
    assert parsed(build(subject="=?utf-8?q?evil?="))["Subject"] == "=?utf-8?q?evil?="

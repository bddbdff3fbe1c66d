# SPDX-License-Identifier: Apache-2.0
"""Secrets and bcc addresses are masked in every form in which a server echoes them."""

import base64
import binascii
import html
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from smtp_operator.smtp.quotation import SERVER_TEXT
from smtp_operator.smtp.redaction.redactor import MASK, Redactor

PASSWORD = "s3cr3t/pass+word&x"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(
        secrets=[PASSWORD],
        username="bob",
        hidden={"audit@secret.example": "bcc[0]", "b.c@x.example": "bcc[1]"},
    )


@pytest.mark.parametrize(
    "echo",
    [
        PASSWORD,
        PASSWORD.upper(),
        f"pass={PASSWORD}!",
        f"x{PASSWORD}x",
        PASSWORD[:9] + " " + PASSWORD[9:],
        PASSWORD[:9] + "\r\n" + PASSWORD[9:],
        "\x1b[1m" + PASSWORD[:5] + "\x1b[0m" + PASSWORD[5:],
        b64(PASSWORD),
        b64(PASSWORD).rstrip("="),
        base64.urlsafe_b64encode(PASSWORD.encode()).decode(),
        b64(f"\0bob\0{PASSWORD}"),
        b64(f"bob\0bob\0{PASSWORD}"),
        b64(f"\0bob\0{PASSWORD}")[:20],
        b64(f"user=bob\1auth=Bearer {PASSWORD}\1\1"),
        b64(f"x{PASSWORD}"),
        b64(f"xy{PASSWORD}"),
        quote(PASSWORD),
        quote(PASSWORD, safe=""),
        quote_plus(PASSWORD),
        html.escape(PASSWORD),
        binascii.hexlify(PASSWORD.encode()).decode(),
        f"AUTH PLAIN {b64(f'{chr(0)}bob{chr(0)}{PASSWORD}')} is not understood",
    ],
)
def test_a_secret_in_any_usual_spelling(redactor: Redactor, echo: str) -> None:
    shown = redactor.shown(f"bad command: {echo} (refused)")

    assert MASK in shown
    assert shown.startswith("bad command: ")
    for form in (PASSWORD, b64(PASSWORD).rstrip("="), quote(PASSWORD, safe="")):
        assert form.casefold()[:12] not in shown.casefold()


def test_a_secret_cut_off_by_the_server(redactor: Redactor) -> None:
    long = "correct-horse-battery-staple-" * 4
    shown = Redactor(secrets=[long]).shown(f"bad: {long[:60]}")

    assert shown == f"bad: {MASK}"


@pytest.mark.parametrize("secret", ["a", "42", "pw1"])
def test_a_short_password_is_masked_as_a_word(secret: str) -> None:
    redactor = Redactor(secrets=[secret], username="bob")

    assert redactor.shown(f"wrong password '{secret}' for bob") == f"wrong password '{MASK}' for bob"
    assert redactor.shown("authentication failed") == "authentication failed"
    assert b64(f"\0bob\0{secret}")[:10] not in redactor.shown(
        f"AUTH PLAIN {b64(f'{chr(0)}bob{chr(0)}{secret}')}"
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<audit@secret.example>: unknown", "<bcc[0]>: unknown"),
        ("AUDIT@Secret.Example unknown", "bcc[0] unknown"),
        ("audit%40secret.example unknown", "bcc[0] unknown"),
        ("audit @ secret.example unknown", "bcc[0] unknown"),
        ("audit(at)secret.example unknown", "bcc[0] unknown"),
        ("bounce+audit=secret.example@list.example", "bounce+bcc[0]@list.example"),
        ("b.c@x.example and audit@secret.example", "bcc[1] and bcc[0]"),
        ("user 'audit' does not exist", "user 'bcc[0]' does not exist"),
        ("<audit>: no such user", "<bcc[0]>: no such user"),
        ("no auditors here, no preaudit", "no auditors here, no preaudit"),
    ],
)
def test_a_bcc_address_is_its_place(redactor: Redactor, said: str, shown: str) -> None:
    assert redactor.shown(said) == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("two\r\nlines\tand  blanks", "two lines and blanks"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("bell\x07null\x00c1\x9b", "bell null c1"),
        ("\u202eevil\u2066 zero\u200bwidth \ufeffbom", "evil zerowidth bom"),
        ("line\u2028separator", "line separator"),
        ("latin-1 \udce9 byte", "latin-1 \ufffd byte"),
        ("non\u00a0breaking", "non breaking"),
    ],
)
def test_a_servers_text_is_one_harmless_line(said: str, shown: str) -> None:
    assert Redactor().shown(said) == shown


def test_long_texts_are_cut() -> None:
    shown = Redactor().shown("word " * 100)

    assert len(shown) <= SERVER_TEXT
    assert shown.endswith("…")


def test_the_redactor_prints_no_secret(redactor: Redactor) -> None:
    assert repr(redactor) == "Redactor()"


@given(
    secret=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=4, max_size=80),
    before=st.text(max_size=60),
    after=st.text(max_size=60),
)
@example(secret="0000", before="", after="0")
@example(secret="ß" * 4, before="S", after="")
def test_any_secret_in_any_text(secret: str, before: str, after: str) -> None:
    assume(secret.strip() and len("".join(secret.split())) >= 4)
    redactor = Redactor(secrets=[secret], username="bob")

    for echo in (secret, b64(secret), b64(f"\0bob\0{secret}"), quote(secret, safe="")):
        shown = redactor.shown(before + echo + after)

        assert shown.isprintable()
        assert len(shown) <= SERVER_TEXT
        assert secret not in shown
        assert len(echo) < 8 or echo not in shown

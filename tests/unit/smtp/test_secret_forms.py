# SPDX-License-Identifier: Apache-2.0
"""An echo of a secret is masked in any form, alignment, letter case and text."""

import base64
import html
import json
import quopri
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from smtp_operator.smtp.redaction.redactor import MASK, Redactor

PASSWORD = 'c4naRy/Pass+w0rd&"x\\9=8é%'
TOKEN = base64.urlsafe_b64encode(bytes(range(7, 251)) * 8).decode()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def octets(text: str, form: str) -> str:
    return "".join(form.format(octet) for octet in text.encode())


def signs(text: str, form: str) -> str:
    return "".join(form.format(ord(sign)) for sign in text)


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper case": str.upper,
    "base64": lambda text: b64(text.encode()),
    "base64 without padding": lambda text: b64(text.encode()).rstrip("="),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in lower case": lambda text: b64(text.encode()).lower(),
    "base64 in upper case": lambda text: b64(text.encode()).upper(),
    "base64 in swapped case": lambda text: b64(text.encode()).swapcase(),
    "base64 after one octet": lambda text: b64(b"\0" + text.encode()),
    "base64 after two octets": lambda text: b64(b"u\0" + text.encode()),
    "base64 between others": lambda text: b64(b"user=bob\1auth=" + text.encode() + b"\1\1"),
    "base64 between others in lower case": lambda text: b64(b"xuser\0" + text.encode() + b"\1").lower(),
    "base64 of UTF-16 LE": lambda text: b64(text.encode("utf-16-le")),
    "base64 of UTF-16 BE": lambda text: b64(text.encode("utf-16-be")),
    "base64 of UTF-16 in lower case": lambda text: b64(b"x" + text.encode("utf-16-le")).lower(),
    "base64 with a percent sign": lambda text: quote(b64(text.encode()), safe=""),
    "base64 of JSON": lambda text: b64(json.dumps({"password": text}).encode()),
    "URL": lambda text: quote(text, safe=""),
    "path of a URL": quote,
    "form": quote_plus,
    "form in a form": lambda text: quote(quote(text, safe=""), safe=""),
    "%XX": lambda text: octets(text, "%{:02X}"),
    "%xx": lambda text: octets(text, "%{:02x}"),
    "%uXXXX": lambda text: signs(text, "%u{:04X}"),
    "=XX": lambda text: octets(text, "={:02X}"),
    "quoted-printable": lambda text: quopri.encodestring(text.encode(), quotetabs=True).decode(),
    "\\xNN": lambda text: octets(text, "\\x{:02x}"),
    "\\XNN": lambda text: octets(text, "\\X{:02X}"),
    "\\NNN": lambda text: octets(text, "\\{:03o}"),
    "\\uNNNN": lambda text: signs(text, "\\u{:04x}"),
    "\\UNNNNNNNN": lambda text: signs(text, "\\U{:08x}"),
    "\\u{N}": lambda text: signs(text, "\\u{{{:x}}}"),
    "&#N;": lambda text: signs(text, "&#{};"),
    "&#0N;": lambda text: signs(text, "&#{:07};"),
    "&#xN;": lambda text: signs(text, "&#x{:x};"),
    "&#N": lambda text: signs(text, "&#{:04}"),
    "HTML": html.escape,
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "UTF-8 JSON": lambda text: json.dumps(text, ensure_ascii=False),
    "repr": repr,
    "bytes repr": lambda text: repr(text.encode()),
    "octets as characters": lambda text: text.encode().decode("latin-1"),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex with hyphens": lambda text: text.encode().hex("-"),
    "hex with blanks": lambda text: text.encode().hex(" "),
    "hex with prefixes": lambda text: octets(text, "0x{:02x}, ").rstrip(", "),
    "hex of UTF-16": lambda text: text.encode("utf-16-le").hex(),
    "decimal octets": lambda text: str(list(text.encode())),
}

CASES: list[Callable[[str], str]] = [str, str.lower, str.upper, str.swapcase]
SECRETS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x24F), min_size=4, max_size=60).filter(
    lambda text: len("".join(text.split())) > 3 and text.isprintable()
)
WORDS = st.sampled_from(
    ["", "bad command:", "5.7.8 user unknown,", "x=", "(", "AUTH PLAIN ", "é€", "=3D", "%", "&"]
)


def leaks(shown: str, echo: str, size: int) -> bool:
    """Return whether a piece of the echo is shown."""
    pieces = {echo[at : at + size].casefold() for at in range(len(echo) - size + 1)}
    return any(piece in shown.casefold() for piece in pieces if piece.strip("*"))


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_in_every_form(form: str) -> None:
    shown = Redactor(secrets=[PASSWORD], username="bob").shown(f"bad command {FORMS[form](PASSWORD)} refused")

    marks = str.maketrans("", "", "\"'\\[]")
    assert re.sub(r"\b(?:b|0x)(?=\*)", "", shown.translate(marks)) == f"bad command {MASK} refused"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("begin", [0, 1, 5, 11])
def test_twelve_characters_of_a_secret_in_every_form(form: str, begin: int) -> None:
    run = PASSWORD[begin : begin + 12]
    shown = Redactor(secrets=[PASSWORD], username="bob").shown(f"cut: {FORMS[form](run)}, see?", limit=500)

    assert MASK in shown
    assert not leaks(shown.removeprefix("cut: ").removesuffix(", see?"), FORMS[form](run), 6)


@pytest.mark.parametrize("form", [form for form in FORMS if "UTF-16" not in form])
def test_a_piece_of_an_access_token_in_every_form(form: str) -> None:
    changed = "er case" in form or "swapped" in form  # base64 needs a longer piece
    run = TOKEN[901:1001] if changed else TOKEN[901:921]
    shown = Redactor(secrets=[TOKEN], username="bob").shown(f"cut: {FORMS[form](run)}, see?", limit=2000)

    assert MASK in shown
    assert not leaks(shown.removeprefix("cut: ").removesuffix(", see?"), FORMS[form](run), 12)


@pytest.mark.parametrize("form", FORMS)
@given(secret=SECRETS, before=WORDS, after=WORDS)
@example(secret="0000", before="", after="")
@example(secret="a b c d", before="x=", after="")
@example(secret="ßßßß", before="", after="")
@example(secret="=00¡", before="", after="")  # looks like quoted-printable beside an escape of JSON
def test_any_secret_in_every_form_in_any_text(form: str, secret: str, before: str, after: str) -> None:
    echo = FORMS[form](secret)
    assume(not (form == "upper case" and secret.upper().casefold() != secret.casefold()))
    assume(not ("er case" in form and len(secret.encode()) < 6))  # such short base64 looks like a word
    assume(not ("UTF-16 in lower" in form and len(secret) < 5))
    text = f"{before} {echo} {after}"

    shown = Redactor(secrets=[secret], username="bob").shown(text, limit=2000)

    assert MASK in shown
    assert not leaks(shown, echo, max(8, len(echo) * 3 // 4))


@given(secret=SECRETS, before=st.binary(max_size=7), after=st.binary(max_size=7), data=st.data())
def test_base64_of_a_secret_within_other_text(
    secret: str, before: bytes, after: bytes, data: st.DataObject
) -> None:
    assume(len(secret.encode()) >= 6)
    encoded = b64(before + secret.encode() + after)
    fold = data.draw(st.sampled_from(CASES))

    shown = Redactor(secrets=[secret], username="bob").shown(f"no: {fold(encoded)} here")

    assert shown == f"no: {MASK} here"


@pytest.mark.parametrize("cut", range(1156, 1216, 3))
@pytest.mark.parametrize("form", ["plain", "base64", "%XX", "&#0N;", "hex with prefixes"])
def test_a_cut_leaves_no_piece_of_a_secret(form: str, cut: int) -> None:
    """Cut at each position. Masks are shorter than secrets, so a cut may fall inside the shown text."""
    echo = FORMS[form](PASSWORD)
    text = (f"{echo} " * 300)[:cut] + echo
    redactor = Redactor(secrets=[PASSWORD], username="bob")

    shown = redactor.shown(text, limit=4000)

    assert set(shown) <= set(f"{MASK}0x&#;, …")


def test_ordinary_words_stay() -> None:
    redactor = Redactor(secrets=["correct-horse-battery"], username="bob", public=["smtp.example.com"])
    for text in (
        "535-5.7.8 Username and Password not accepted. For more information, go to",
        "https://support.google.com/mail/?p=BadCredentials p9-20020a05600c358900b0040c46719966sm12w - gsmtp",
        "535 5.7.3 Authentication unsuccessful [AM0PR04CA0012.eurprd04.prod.outlook.com 2023-10-31T08:38Z]",
        "550 5.1.1 <x@example.com>: a correct horse, a battery",
    ):
        redactor.login_sent()
        assert redactor.shown(text, limit=500) == text


@pytest.mark.parametrize(
    "said",
    [
        "535 5.7.8 bad: rd-Hor",  # a run that is too short for a mask, and not a word
        "535 5.7.8 bad: staplebo",
        f"535 5.7.8 bad: {b64(b'something unknown')}",
        "535 5.7.8 bad: %73%6f%6d%65%78",
        "535 5.7.8 bad: 736f6d657468696e6720656c7365",
    ],
)
def test_after_auth_a_doubtful_reply_is_its_code_alone(said: str) -> None:
    redactor = Redactor(secrets=["c0rrect-W0rd-Horse-9-stapleboard"], username="bob")
    assert redactor.shown(said) == said

    redactor.login_sent()

    assert redactor.shown(said) == "535 5.7.8"
    assert redactor.shown(said.removeprefix("535 5.7.8 ")) == MASK


def test_a_challenge_is_base64_by_the_protocol() -> None:
    redactor = Redactor(secrets=["c0rrect-W0rd-Horse-9-stapleboard"], username="bob")
    redactor.login_sent()

    assert redactor.shown("334 UGFzc3dvcmQ6") == "334 UGFzc3dvcmQ6"


@pytest.mark.parametrize(
    "unit",
    [
        "A",
        "%41",
        "&#65;",
        "%2541&amp;#65;\\\\x41=3D41",
        "41 ",
        "65, ",
        "YWJj ",
        "0x",
        "=",
        "&",
        "\\",
        "a1",
        "secret ",
    ],
)
@pytest.mark.parametrize("secret", ["A" * 190, "A1" * 2048, "secret", "41" * 90])
def test_redaction_takes_linear_time(unit: str, secret: str) -> None:
    """Check that the time is linear in the length of the text, which is limited."""
    hidden = {f"{'a' * size}@secret.example": f"bcc[{size}]" for size in range(1, 11)}
    redactor = Redactor(secrets=[secret], username=secret, secret_user=True, hidden=hidden)
    redactor.login_sent()
    redactor.shown("535 5.7.8 ready")
    before = time.process_time()

    redactor.shown(unit * (1_000_000 // len(unit)))

    assert time.process_time() - before < 0.25


REAL = Path(__file__).parents[3] / "tests" / "unit" / "smtp" / "diagnosis" / "real_replies.txt"


@pytest.mark.parametrize("secret", ["Password1-Mailbox2", "username-rejected", "Summer2024!credentials"])
def test_real_replies_stay_whole_whatever_words_the_password_is_made_of(secret: str) -> None:
    redactor = Redactor(secrets=[secret], username="bob")
    redactor.login_sent()
    lines = [line.split(" | ") for line in REAL.read_text().splitlines() if not line.startswith("#")]
    replies = [
        " ".join(parts[1].split()) for parts in lines if len(parts) > 2 and b64(b"Password:") not in parts[1]
    ]

    assert len(replies) > 100
    assert [redactor.shown(said, limit=1000) for said in replies] == replies

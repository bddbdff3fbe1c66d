# SPDX-License-Identifier: Apache-2.0
"""The place in the spec replaces a bcc recipient in every form in which a server names it."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from smtp_operator.smtp.redaction.redactor import Redactor

HIDDEN = "j.secretary+board@secret.example"
PUBLIC = ["smtp.example.com", "ops@example.com", "info@example.com"]


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(
        secrets=["s3cret-pa55"],
        username="bob",
        hidden={HIDDEN: "bcc[0]", "info@secret.example": "bcc[1]", '"the boss"@secret.example': "bcc[2]"},
        public=PUBLIC,
    )


@pytest.mark.parametrize(
    "said",
    [
        "550 5.1.1 <j.secretary+board@secret.example>: Recipient address rejected: User unknown",
        "550 5.1.1 User j.secretary+board unknown",
        "550 5.1.1 j.secretary+board: no such mailbox here",
        "550 5.1.1 j.secretary+board... User unknown",
        "550 mailbox j.secretary does not exist",
        "550 No such user - j.secretary",
        "550 5.1.1 The account jsecretary is disabled",
        "550 5.1.1 J.SECRETARY@mx2.secret.internal is over quota",
        "550 5.1.1 /var/mail/j.secretary: no such file",
        "550 5.1.1 J-Secretary's mailbox is full, j_secretary is disabled",
        "550 5.1.1 unknown: uid=j.secretary,ou=people,dc=secret",
        "550 5.1.1 SRS0=HHH=TT=secret.example=j.secretary+board@relay.example unknown",
        "550 5.1.1 rfc822;j.secretary+board@secret.example",
        "550 5.1.1 j.secretary+board at secret.example is unknown",
        "550 5.1.1 j.secretary%2Bboard%40secret.example is unknown",
        "550 5.1.1 j=2Esecretary=2Bboard=40secret.example is unknown",
        r"550 5.1.1 \u006a.secretary\u002bboard\u0040secret.example is unknown",
        "550 5.1.1 &#106;.secretary&#43;board&#64;secret.example is unknown",
        f"550 5.1.1 {base64.b64encode(HIDDEN.encode()).decode()} is unknown",
        f"550 5.1.1 =?utf-8?B?{base64.b64encode(b'<' + HIDDEN.encode() + b'>').decode()}?= is unknown",
        f"550 5.1.1 {HIDDEN.encode().hex()} is unknown",
        f"550 5.1.1 unknown: {b'j.secretary+board'!r}",
        f"550 5.1.1 {json.dumps({'user': 'j.secretary+board'})}",
        f"550 5.1.1 https://mail.example/why?to={quote(HIDDEN)}&x=1",
    ],
)
def test_a_refusal_of_a_hidden_recipient(redactor: Redactor, said: str) -> None:
    shown = redactor.shown(said)

    assert "bcc[0]" in shown
    assert "secretary" not in shown.casefold()
    assert HIDDEN.encode().hex()[:20] not in shown
    assert base64.b64encode(HIDDEN.encode()).decode()[:8] not in shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("user info unknown", "user bcc[1] unknown"),
        ("user info@mx.example.com unknown", "user bcc[1]@mx.example.com unknown"),
        ("<info@example.com> is known", "<info@example.com> is known"),
        ("information for informers", "information for informers"),
        ("user the boss unknown", "user bcc[2] unknown"),
        ('<"the boss"@secret.example> unknown', "<bcc[2]> unknown"),
    ],
)
def test_a_local_part_is_a_word_and_what_the_spec_shows_stays(
    redactor: Redactor, said: str, shown: str
) -> None:
    assert redactor.shown(said) == shown


WRITTEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFG0123456789.-_+äé", min_size=1, max_size=20).filter(
    lambda text: ".." not in text and text[0] not in ".+" and text[-1] not in ".+"
)


@given(
    local=WRITTEN,
    before=st.sampled_from(
        ["", " ", "<", "'", "user=", "to:", "(", "/", "mailto:", "SRS0=x=", "%3C", "&lt;"]
    ),
    after=st.sampled_from(
        ["", " ", ">", "'", ",", ":", ")", "@mx.internal", "@secret.example", "%40x", "&gt;"]
    ),
    change=st.sampled_from([str, str.upper, str.swapcase, lambda it: quote(it, safe="")]),
)
def test_any_local_part_as_a_word(local: str, before: str, after: str, change: object) -> None:
    assert callable(change)
    redactor = Redactor(hidden={f"{local}@secret.example": "bcc[0]"})
    assume(local.casefold() not in before.casefold() + after.casefold() + "550 bcc[0]")

    shown = redactor.shown(f"550 {before}{change(local)}{after}")

    assert "bcc[0]" in shown
    assert local.casefold() not in shown.casefold().replace("bcc[0]", "")


@pytest.mark.parametrize("said", ["550 5.1.1 no such user", "550 =41=42 %20 refused"])
def test_a_local_part_that_begins_with_plus_changes_no_other_text(said: str) -> None:
    redactor = Redactor(hidden={"+alerts@secret.example": "bcc[0]"})

    assert redactor.shown(said) == said
    assert redactor.shown(f"{said} <+alerts@secret.example>") == f"{said} <bcc[0]>"

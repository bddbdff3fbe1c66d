# SPDX-License-Identifier: Apache-2.0
"""The models judge any host or address exactly as the API server does."""

import unicodedata
from collections.abc import Callable
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smtp_operator.api.smtpconfig import SmtpConfigSpec

FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "server": lambda text: {"server": text},
    "tls.serverName": lambda text: {"tls": {"serverName": text}},
    "heloName": lambda text: {"heloName": text},
    "username": lambda text: {"username": text, "password": {"secretRef": {"name": "smtp"}}},
    "oauth2.tokenUrl": lambda text: {
        "username": "mailer",
        "oauth2": {
            "tokenUrl": text,
            "clientId": "mailer",
            "clientSecretRef": {"name": "smtp", "key": "secret"},
        },
    },
    "from": lambda text: {"from": text},
    "recipients.to": lambda text: {"recipients": {"to": [text]}},
    "recipients.bcc": lambda text: {"recipients": {"bcc": [text]}},
    "test.timeout": lambda text: {"test": {"timeout": text}},
    "recheck.interval": lambda text: {"recheck": {"interval": text}},
}


PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SAME_EACH_TIME = settings(PATIENT, max_examples=200, derandomize=True, database=None)


class SpecCheck(Protocol):
    def says(self, fragment: dict[str, Any]) -> str: ...


def _settled(character: str) -> bool:
    # Python and Go each know another version of Unicode; of what has not changed since 3.2 they agree.
    return unicodedata.ucd_3_2_0.category(character) == unicodedata.category(character)


CHARACTERS = st.characters(codec="utf-8").filter(_settled)
HARD_ONES = st.sampled_from(
    [*'.-_@<>"\\ ,;:[]()%/0189aZß٣²Ⅷ中', *"\t\n\r\v\f\0\x1c\x7f\x85\xa0\u2028\u3000\u200b"]
)
LINE_ENDS = st.sampled_from(["\r", "\n", "\r\n", "\0", "\x0b", "\x1c", "\x85", "\u2028", "\u2029"])
TEXTS = st.text(CHARACTERS | HARD_ONES, min_size=1, max_size=20)
LABELS = st.text("ab1é中٣", min_size=1, max_size=4)
ODD_LABELS = st.text(st.sampled_from("ab-_é") | HARD_ONES, min_size=1, max_size=4)
NAMES = st.lists(LABELS | LABELS | LABELS | ODD_LABELS, min_size=1, max_size=4).map(".".join)
GROUPS = st.sampled_from(["", "0", "1", "ffff", "FFFF", "02001", "g", "64", "192.0.2.1", "192.0.2.01", "%1"])
IPS = st.ip_addresses().map(str) | st.lists(GROUPS, min_size=2, max_size=9).map(":".join)
HOSTS = NAMES | IPS | TEXTS
ADDRESSES = st.tuples(LABELS | ODD_LABELS, st.sampled_from("@@@ "), NAMES).map("".join)
NAMED = st.tuples(LABELS | TEXTS, st.sampled_from([" <", "<", "< "]), ADDRESSES, st.just(">")).map("".join)
QUOTES = st.tuples(st.just('"'), LABELS | TEXTS, st.sampled_from(['" ', '"', " "])).map("".join)
QUOTED = st.tuples(QUOTES, st.just("<"), ADDRESSES, st.just(">")).map("".join)
URLS = (
    st.tuples(
        st.sampled_from(["https://"] * 8 + ["http://", "HTTPS://", "https:", "//", ""]),
        HOSTS | st.just("login.example.com"),
        st.sampled_from(["", ":443", ":", ":x", ":123456", "@h", "\\h"]),
        st.sampled_from(["", "/token", "/a%20b", "/a b", "/%zz", "?a=b", "#c", "/é", "/{id}"]),
    ).map("".join)
    | TEXTS
)
NUMBERS = (
    st.integers(0, 12).map(str) | st.integers(0, 9_999_999).map(str) | st.floats(0, 99, width=16).map(str)
)
PARTS = st.tuples(NUMBERS, st.sampled_from(["h", "m", "s", "m", "s", "ms", "us", ""])).map("".join)
DURATIONS = st.lists(PARTS, min_size=1, max_size=3).map("".join) | TEXTS

GENERATED = {
    "server": HOSTS,
    "tls.serverName": HOSTS,
    "heloName": HOSTS,
    "username": TEXTS,
    "oauth2.tokenUrl": URLS,
    "from": ADDRESSES | NAMED | QUOTED | TEXTS,
    "recipients.to": ADDRESSES | TEXTS,
    "recipients.bcc": ADDRESSES | NAMED,
    "test.timeout": DURATIONS,
    "recheck.interval": DURATIONS,
}


def accepted(fragment: dict[str, Any]) -> bool:
    try:
        SmtpConfigSpec.model_validate(
            {"server": "smtp.example.com", "port": 587, "from": "noreply@example.com", **fragment}
        )
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("field", FIELDS)
@PATIENT
@given(data=st.data())
def test_what_the_models_accept_stays_on_one_line(field: str, data: st.DataObject) -> None:
    text = data.draw(GENERATED[field] | st.text())
    if accepted(FIELDS[field](text)):
        assert text.splitlines() == [text]
        assert "\0" not in text


@pytest.mark.parametrize("field", FIELDS)
@PATIENT
@given(data=st.data())
def test_no_line_end_gets_in_anywhere(field: str, data: st.DataObject) -> None:
    text = data.draw(GENERATED[field])
    end = data.draw(LINE_ENDS)
    place = data.draw(st.integers(0, len(text)))
    assert not accepted(FIELDS[field](text[:place] + end + text[place:]))


@PATIENT
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(list(SmtpConfigSpec.model_json_schema()["properties"])), inner)
        ),
    )
)
@example({"password": {"value": object()}})
def test_models_refuse_any_nonsense_without_falling_over(nonsense: object) -> None:
    with pytest.raises(ValidationError):
        SmtpConfigSpec.model_validate(nonsense)


@pytest.mark.parametrize("field", FIELDS)
@SAME_EACH_TIME
@given(data=st.data())
def test_api_server_agrees(server_judge: SpecCheck, field: str, data: st.DataObject) -> None:
    fragment = FIELDS[field](data.draw(GENERATED[field]))
    assert (server_judge.says(fragment) == "") == accepted(fragment)

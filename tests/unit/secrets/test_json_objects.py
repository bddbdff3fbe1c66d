# SPDX-License-Identifier: Apache-2.0
"""JSON of others is an object or as good as nothing, and no text of theirs makes it fail."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_operator.secrets.untrusted_json import claims_of, json_object, json_object_or_none

NO_OBJECTS = [b"", b"[]", b"null", b'"text"', b"7", b"{", b"\xff{}", b"[" * 100_000]


def jwt(payload: bytes) -> str:
    return f"head.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.signature"


def test_an_object_is_given_as_it_is() -> None:
    assert json_object(b'{"a": [1]}') == json_object_or_none(b'{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("raw", NO_OBJECTS, ids=lambda raw: repr(raw[:10]))
def test_anything_else_is_nothing(raw: bytes) -> None:
    assert json_object(raw) == {}
    assert json_object_or_none(raw) is None


def test_an_empty_object_is_an_object() -> None:
    assert json_object_or_none(b"{}") == {}


@given(claims=st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers(), max_size=3))
def test_the_claims_of_a_token_are_read_whatever_its_padding(claims: dict[str, str | int]) -> None:
    assert claims_of(jwt(json.dumps(claims).encode())) == claims


@pytest.mark.parametrize("token", ["", "opaque", "a.b", "a.ä.c", "a.!!.c", *(jwt(it) for it in NO_OBJECTS)])
def test_a_token_that_is_none_has_no_claims(token: str) -> None:
    assert claims_of(token) == {}


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    assert isinstance(claims_of(text), dict)
    assert isinstance(json_object(text.encode(errors="surrogatepass")), dict)

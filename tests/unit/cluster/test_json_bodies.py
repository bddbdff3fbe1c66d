# SPDX-License-Identifier: Apache-2.0
"""JSON to and from the API server means what Python's own means; no value of an answer is kept."""

import json
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from smtp_operator.cluster.json_bodies import decoded, encoded

TEXTS = st.text(alphabet=st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)
BODIES = st.dictionaries(TEXTS, VALUES, max_size=5)


@given(BODIES)
def test_any_body_comes_back(body: dict[str, object]) -> None:
    assert json.loads(encoded(body)) == body
    assert decoded(encoded(body)) == body


@given(TEXTS)
def test_any_text_is_the_same_in_yaml(text: str) -> None:
    assert yaml.safe_load(encoded({"text": text})) == {"text": text}


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain", b'{"text":"plain"}'),
        ("é \U0001f4e7", b'{"text":"\xc3\xa9 \xf0\x9f\x93\xa7"}'),
        ("\x7f\x85\x00", b'{"text":"\\u007f\\u0085\\u0000"}'),
        ("é\u2028\ufeff\uffff", b'{"text":"\xc3\xa9\\u2028\\ufeff\\uffff"}'),
        ("half \ud83d and \x7f", b'{"text":"half ? and \\u007f"}'),
    ],
)
def test_what_is_sent_for_a_text(text: str, sent: bytes) -> None:
    assert encoded({"text": text}) == sent


def test_what_is_not_json_is_not_sent() -> None:
    with pytest.raises(TypeError):
        encoded({"text": object()})


@given(BODIES)
def test_what_pythons_own_sends_is_understood(body: dict[str, object]) -> None:
    assert decoded(json.dumps(body, ensure_ascii=False, indent=2).encode()) == body


@given(st.binary())
def test_any_bytes_are_a_value_or_a_value_error(content: bytes) -> None:
    with suppress(ValueError):
        decoded(content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "EOF"),
        (b"{} {}", "trailing characters"),
        (b'{"a": 1', "EOF"),
        (b'"\xff"', "invalid unicode"),
        (b'"\xed\xa0\xbd"', "invalid unicode"),
        (b'"\\ud83d"', "hex escape"),
        (b"[" * 100_000, "recursion limit"),
        (b"1" * 5_000, "out of range"),
    ],
)
def test_what_is_no_json_is_a_value_error(content: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        decoded(content)


def test_of_two_values_of_the_same_name_the_last_holds() -> None:
    assert decoded(b'{"a": 1, "a": 2}') == {"a": 2}


def test_no_value_is_kept_when_its_answer_is_gone() -> None:
    answer = b'{"password": "Y29ycmVjdCBob3JzZQ=="}'
    first, second = decoded(answer), decoded(answer)
    assert first["password"] is not second["password"]
    assert next(iter(first)) is next(iter(second))  # as a value would be, if values were kept

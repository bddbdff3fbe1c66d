# SPDX-License-Identifier: Apache-2.0
"""Of a JSON text that arrives piece by piece the named members are kept, and nothing else is."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_operator.cluster.json_filter import JsonFilter, Keep

EVERYTHING = Keep(10**9)
NAMED = Keep(
    10**6,
    {
        "metadata": Keep(500, {"name": Keep(100), "writers": Keep(40, {"manager": Keep(30)})}),
        "data": Keep(200, {}, others=Keep(20)),
        "number": Keep(5),
    },
)
TEXTS = st.text(alphabet=st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


def pieces(text: bytes, length: int) -> Iterator[bytes]:
    for position in range(0, len(text), length):
        yield text[position : position + length]


def filtered(text: bytes, keep: Keep, length: int = 16384) -> JsonFilter:
    it = JsonFilter(keep)
    for piece in pieces(text, length):
        it.feed(piece)
    return it


@given(st.dictionaries(TEXTS, VALUES), st.integers(1, 40), st.booleans())
def test_what_is_kept_as_a_whole_comes_back(value: dict[str, object], length: int, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped).encode()
    it = filtered(text, EVERYTHING, length)
    assert json.loads(it.result) == value
    assert it.size == len(text)


@given(VALUES, st.dictionaries(TEXTS, VALUES, max_size=3), st.integers(1, 40))
def test_what_is_not_named_leaves_nothing(other: object, others: dict[str, object], length: int) -> None:
    value = {"other": other, "metadata": {**others, "name": "mail", "others": others}, **{"z": other}}
    members = {"name": Keep(100)}
    for name in members:
        others.pop(name, None)
    kept = filtered(json.dumps(value).encode(), Keep(10**6, {"metadata": Keep(500, members)}), length)
    assert json.loads(kept.result) == {"metadata": {"name": "mail"}}


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 1000])
def test_a_value_of_which_more_would_be_kept_is_null(length: int) -> None:
    value = {
        "metadata": {
            "name": "n",
            "writers": [{"manager": "a", "fields": {}}, {"manager": "b"}],
            "other": [1, {"a": '\\"{}'}],
        },
        "data": {"short": "x", "long": "l" * 40, "list": [1, [2]], "deep": {"a": [{"b": "c" * 40}]}},
        "number": 1234567,
        "last": None,
    }
    assert json.loads(filtered(json.dumps(value).encode(), NAMED, length).result) == {
        "metadata": {"name": "n", "writers": [{"manager": "a"}, {"manager": "b"}]},
        "data": {"short": "x", "long": None, "list": [1, [2]], "deep": None},
        "number": None,
    }


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 1000])
def test_an_array_of_which_more_would_be_kept_is_null(length: int) -> None:
    writers = [{"manager": "a" * 20}, {"manager": "b" * 20}]
    text = json.dumps({"metadata": {"writers": writers, "name": "n"}}).encode()
    assert json.loads(filtered(text, NAMED, length).result) == {"metadata": {"writers": None, "name": "n"}}


@pytest.mark.parametrize(
    "hostile",
    [
        '"' + "\\u003c" * 200_000 + '"',
        '"' + '\\"' * 500_000 + '"',
        '"' + "\\\\" * 500_000 + '"',
        "[" * 500_000 + "]" * 500_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "{" + '"f:a":{},' * 100_000 + '"f:b":{}}',
        "{" + '"' + "k" * 1_000_000 + '":1}',
        "[" + "1," * 500_000 + "1]",
        "1" * 1_000_000,
    ],
    ids=["escaped", "quotes", "backslashes", "arrays", "objects", "fields", "name", "numbers", "number"],
)
@pytest.mark.parametrize("place", ["metadata", "data", "unknown"])
def test_however_it_is_made_a_long_value_is_stepped_over(hostile: str, place: str) -> None:
    inside = hostile if place == "unknown" else f'{{"a":{hostile},"name":"mail"}}'
    text = f'{{"{place}":{inside},"number":7}}'.encode()
    kept = filtered(text, NAMED)
    assert len(kept.result) < 1000
    found = json.loads(kept.result)
    assert found.pop("number") == 7
    assert found in ({}, {"metadata": {"name": "mail"}}, {"data": {"a": None, "name": "mail"}})


@pytest.mark.parametrize("text", ["{1:2}", '{"metadata":{x}}', '{"metadata":}', '{"metadata":{"name":"a"'])
def test_what_is_not_json_is_none_afterwards(text: str) -> None:
    def parsed() -> object:
        return json.loads(filtered(text.encode(), NAMED).result)

    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        parsed()

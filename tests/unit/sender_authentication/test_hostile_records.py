# SPDX-License-Identifier: Apache-2.0
"""Records of strangers: any text ends in a verdict, within bounds, and takes linear time."""

import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_operator.sender_authentication import dmarc, spf_syntax
from smtp_operator.sender_authentication.checks import check_sender
from smtp_operator.sender_authentication.dmarc import DmarcBroken, DmarcRecord, policy_of
from smtp_operator.sender_authentication.records import Records
from smtp_operator.sender_authentication.report import Sender
from smtp_operator.sender_authentication.spf import merged, misspelled
from smtp_operator.sender_authentication.spf_syntax import SpfSyntaxError, is_spf, parse
from smtp_testkit.zones import ZoneReader

SENDER = Sender("example.com", "smtp.office365.com")
PIECES = st.sampled_from(
    [
        "v=spf1 ",
        "include:",
        "a:",
        "mx",
        "ptr",
        "exists:",
        "redirect=",
        "exp=",
        "ip4:",
        "ip6:",
        "all",
        "-",
        "~",
        "?",
        "+",
        "/",
        "//",
        "%{i}",
        "%{",
        "}",
        "%",
        "%%",
        "x.example.org",
        "example.com",
        "192.0.2.1",
        "::1",
        "/24",
        "/999",
        ".",
        "..",
        ",",
        ";",
        "=",
        " ",
        "  ",
        "\t",
        "ÿ",
        "\x00",
        "v=DMARC1",
        "; p=",
        "none",
        "rua=",
        "psd=y",
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=20).map("".join))


@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=2))
def test_any_records_give_a_printable_bounded_verdict(
    texts: list[str], policies: list[str], others: list[str]
) -> None:
    zone = {
        "example.com": {"TXT": [*texts, *(f"v=spf1 {it}" for it in texts[:1])]},
        "_dmarc.example.com": {"TXT": policies},
        "x.example.org": {"TXT": [f"v=spf1 {it}" for it in others]},
    }
    reader = ZoneReader(zone)
    found = asyncio.run(check_sender(SENDER, reader)).verdict()
    assert len(found.message.encode()) <= 1024
    assert found.message.isprintable()
    assert len(reader.asked) < 64


@given(TEXTS)
def test_a_record_is_parsed_or_refused_in_a_printable_sentence(text: str) -> None:
    for record in (text, f"v=spf1 {text}"):
        misspelled(Records((record,)))
        if is_spf(record):
            assert refusal(partial(parse, record), SpfSyntaxError).isprintable()
    policy = DmarcRecord("_dmarc.example.com", (f"v=DMARC1; {text}",))
    assert refusal(lambda: policy_of(policy), DmarcBroken).isprintable()


def refusal(work: Callable[[], object], error: type[Exception]) -> str:
    """Return the text of the error; empty if there is none."""
    try:
        work()
    except error as raised:
        return str(raised)
    return ""


ATTACKS: dict[str, Callable[[int], str]] = {
    "slashes": lambda size: "v=spf1 a:" + "/" * size,
    "digits and slashes": lambda size: "v=spf1 mx" + "/1" * (size // 2),
    "open macros": lambda size: "v=spf1 exists:" + "%{" * (size // 2),
    "macro delimiters": lambda size: "v=spf1 exists:%{i" + "." * size,
    "nested macros": lambda size: "v=spf1 exists:" + "%{i...." * (size // 7),
    "labels": lambda size: "v=spf1 include:" + "a." * (size // 2),
    "colons": lambda size: "v=spf1 ip6:" + ":" * size,
    "terms": lambda size: "v=spf1" + " mx" * (size // 3),
    "spaces": lambda size: "v=spf1" + " " * size + "x",
    "one name": lambda size: "v=spf1 " + "a" * size + "=",
}


def cpu_seconds(text: str) -> float:
    """Return the least CPU time of several attempts."""

    def once() -> float:
        start = time.process_time()
        refusal(lambda: parse(text), SpfSyntaxError)
        return time.process_time() - start

    return min(once() for _ in range(5))


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_work_grows_linearly(attack: Callable[[int], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spf_syntax, "LONGEST", sys.maxsize)
    short, long = cpu_seconds(attack(5_000)), cpu_seconds(attack(40_000))
    assert long <= 32 * max(short, 1e-4)  # linear: 8 times as much; quadratic: 64 times


def test_long_records_are_not_parsed() -> None:
    with pytest.raises(SpfSyntaxError) as error:
        parse("v=spf1" + " mx" * 20_000)
    assert str(error.value) == "It has 60006 characters; at most 8192 are read."
    with pytest.raises(DmarcBroken) as other:
        policy_of(DmarcRecord("_dmarc.example.com", ("v=DMARC1; p=none" + ";a=b" * 20_000,)))
    assert str(other.value) == "It has 80016 characters; at most 4096 are read."
    assert merged(["v=spf1" + " mx" * 20_000]) is None
    assert dmarc.tree(".".join("a" * 120)) == [
        ".".join("a" * 120),
        *(".".join("a" * it) for it in range(7, 0, -1)),
    ]

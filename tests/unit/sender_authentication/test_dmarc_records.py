# SPDX-License-Identifier: Apache-2.0
"""DMARC records: where they are found, and which ones receivers ignore."""

import pytest

from smtp_operator.sender_authentication.dmarc import (
    DmarcBroken,
    DmarcRecord,
    corrected,
    find,
    policy_of,
    tree,
)
from smtp_testkit.zones import ZoneReader

NAME = "_dmarc.example.com"


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("example.com", ["example.com", "com"]),
        ("a.b.example.com", ["a.b.example.com", "b.example.com", "example.com", "com"]),
        ("1.2.3.4.5.6.7.8", [".".join("12345678"[at:]) for at in range(8)]),
        (
            "a.b.c.d.e.f.g.h.i.j.example.com",
            [
                "a.b.c.d.e.f.g.h.i.j.example.com",
                *(".".join(["f", "g", "h", "i", "j", "example", "com"][at:]) for at in range(7)),
            ],
        ),
    ],
)
def test_at_most_eight_names_are_looked_at(domain: str, names: list[str]) -> None:
    assert tree(domain) == names


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({"_dmarc.a.b.example.com": "p=none", "_dmarc.example.com": "p=reject"}, "_dmarc.a.b.example.com"),
        ({"_dmarc.b.example.com": "p=none", "_dmarc.example.com": "p=reject"}, "_dmarc.example.com"),
        ({"_dmarc.b.example.com": "p=none; psd=n", "_dmarc.example.com": "p=reject"}, "_dmarc.b.example.com"),
        ({"_dmarc.example.com": "p=reject", "_dmarc.com": "p=none; psd=y"}, "_dmarc.example.com"),
        ({"_dmarc.com": "p=none;psd=y;"}, "_dmarc.com"),
        ({"_dmarc.b.example.com": "p=none", "_dmarc.com": "p=none ;psd = y"}, "_dmarc.b.example.com"),
        ({}, None),
    ],
)
async def test_the_organizational_domain_is_found_by_the_tree_walk(
    records: dict[str, str], expected: str | None
) -> None:
    zone = {name: {"TXT": [f"v=DMARC1; {text}"]} for name, text in records.items()}
    found = await find("a.b.example.com", ZoneReader(zone))
    assert (found and found.name) == expected


async def test_a_record_of_the_domain_ends_the_search() -> None:
    reader = ZoneReader({"_dmarc.a.example.com": {"TXT": ["v=DMARC1; p=none"]}})
    await find("a.example.com", reader)
    assert reader.asked == [("_dmarc.a.example.com", "TXT")]


async def test_unusable_records_above_count_only_if_there_is_no_other() -> None:
    zone = {"_dmarc.b.example.com": {"TXT": ["v=DMARC1; p=none", "v=DMARC1; p=none"]}}
    found = await find("a.b.example.com", ZoneReader(zone))
    assert found is not None
    assert len(found.texts) == 2
    both = {**zone, NAME: {"TXT": ["v=DMARC1; p=none"]}}
    found = await find("a.b.example.com", ZoneReader(both))
    assert found is not None
    assert found.name == NAME


async def test_other_records_at_the_name_do_not_count() -> None:
    assert await find("example.com", ZoneReader({NAME: {"TXT": ["v=spf1 -all", "abc"]}})) is None


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("v=DMARC1;p=none", "none"),
        (
            "v=DMARC1; p=Quarantine; sp=reject; np=reject; pct=20;"
            " rua=mailto:a@example.com,mailto:b@c.example",
            "quarantine",
        ),
        ("v = DMARC1 ; p = reject ;", "reject"),
        ("v=DMARC1; fo=1; p=reject; unknown=x; rua=", "reject"),
    ],
)
def test_policies(text: str, policy: str) -> None:
    assert policy_of(DmarcRecord(NAME, (text,))) == policy


@pytest.mark.parametrize(
    ("text", "sentence", "better"),
    [
        ("v=DMARC1", "It has no policy p.", "v=DMARC1; p=none"),
        ("v=DMARC1; sp=reject", "It has no policy p.", "v=DMARC1; p=none"),
        ("v=DMARC1; p=block", 'The policy p is "block", not none, quarantine or reject.', "v=DMARC1; p=none"),
        ("v=DMARC1; p=", 'The policy p is "", not none, quarantine or reject.', "v=DMARC1; p=none"),
        (
            "v=DMARC1; p=reject; sp=no",
            'The policy sp is "no", not none, quarantine or reject.',
            "v=DMARC1; p=reject",
        ),
        ("v=DMARC1; p=none; p=reject", "The tag p occurs twice.", "v=DMARC1; p=none"),
        ("v=DMARC1; p=reject; rua", 'The part "rua" is not of the form tag=value.', "v=DMARC1; p=reject"),
        (
            "v=DMARC1; p=none; rua=a@example.com",
            'The address "a@example.com" in rua has to begin with mailto:.',
            "v=DMARC1; p=none",
        ),
        (
            "v=DMARC1, p=reject",
            'It has to begin with v=DMARC1; instead of "v=DMARC1, p=reject".',
            "v=DMARC1; p=reject",
        ),
        (
            "v=dmarc1; p=reject",
            'It has to begin with v=DMARC1; instead of "v=dmarc1; p=reject".',
            "v=DMARC1; p=reject",
        ),
        (
            "p=reject; v=DMARC1",
            'It has to begin with v=DMARC1; instead of "p=reject; v=DMARC1".',
            "v=DMARC1; p=reject",
        ),
    ],
)
async def test_records_that_receivers_ignore(text: str, sentence: str, better: str) -> None:
    record = await find("example.com", ZoneReader({NAME: {"TXT": [text]}}))
    assert record is not None
    with pytest.raises(DmarcBroken) as error:
        policy_of(record)
    assert (str(error.value), corrected(record)) == (sentence, better)

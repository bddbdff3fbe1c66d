# SPDX-License-Identifier: Apache-2.0
"""SPF records: syntax, the limits of look-ups, and what receivers treat as invalid."""

import pytest

from smtp_operator.sender_authentication.records import Records
from smtp_operator.sender_authentication.spf import (
    SpfBroken,
    SpfScope,
    TooManyLookups,
    follow,
    merged,
    misspelled,
    with_include,
)
from smtp_operator.sender_authentication.spf_syntax import SpfSyntaxError, is_spf, parse
from smtp_testkit.zones import Zone, ZoneReader

VALID = [
    "v=spf1",
    "v=spf1 ",
    "v=spf1 -all",
    "v=spf1 +mx a:colo.example.com/28 -all",
    "v=spf1 a/24 mx/24//64 a//64 mx:example.org//128 ~all",
    "v=spf1 ptr ptr:example.com ?all",
    "v=spf1 ip4:192.0.2.0/24 ip4:192.0.2.7 ip6:2001:db8::/32 ip6:::1 ip6:::ffff:1.2.3.4/96 ip4:1.2.3.4/0",
    "v=spf1 exists:%{ir}.%{l1r+-}._spf.%{d} -all",
    "v=spf1 exists:%{i}.%{h}._spf.%%{d}%_%-.example.com -all",
    "v=spf1 redirect=_spf.example.com",
    "v=spf1 mx -all exp=explain._spf.%{d}",
    "v=spf1 unknown=%{t}value moo.cow-far_out=man:dog/cat -all",
    "v=spf1    mx   -all   ",
    "V=spf1 MX A:EXAMPLE.com -ALL",
    "v=spf1 include:_spf.example.com. -all",
    "v=spf1 a:xn--mnchen-3ya.example -all",
]

INVALID = {
    "v=spf1 ipv4:192.0.2.1": 'The term "ipv4:192.0.2.1" has to be "ip4:192.0.2.1".',
    "v=spf1 ip4:192.0.2.256": 'The term "ip4:192.0.2.256" has no valid address or network.',
    "v=spf1 ip4:192.0.2.0/33": 'The term "ip4:192.0.2.0/33" has no valid address or network.',
    "v=spf1 ip4:192.0.2.0/024": 'The term "ip4:192.0.2.0/024" has no valid address or network.',
    "v=spf1 ip4:192.0.2": 'The term "ip4:192.0.2" has no valid address or network.',
    "v=spf1 ip4": 'The term "ip4" has no valid address or network.',
    "v=spf1 ip4:192.0.2.0/255.255.255.0": (
        'The term "ip4:192.0.2.0/255.255.255.0" has no valid address or network.'
    ),
    "v=spf1 ip4:2001:db8::1": (
        'The term "ip4:2001:db8::1" has no valid address or network. Write ip6:2001:db8::1.'
    ),
    "v=spf1 ip6:192.0.2.1": 'The term "ip6:192.0.2.1" has no valid address or network. Write ip4:192.0.2.1.',
    "v=spf1 include": 'The term "include" has no domain; there is no space after the colon.',
    "v=spf1 include: _spf.example.com": (
        'The term "include:" has no domain; there is no space after the colon.'
    ),
    "v=spf1 include:sendgrid": 'The term "include:sendgrid" does not end with a domain such as example.com.',
    "v=spf1 include:192.0.2.1": (
        'The term "include:192.0.2.1" does not end with a domain such as example.com.'
    ),
    "v=spf1 include:_spf..example.com": 'The term "include:_spf..example.com" has an invalid domain name.',
    f"v=spf1 a:{'x' * 64}.example.com": f'The term "a:{"x" * 64}.example.com" has an invalid domain name.',
    "v=spf1 include=_spf.example.com": (
        'The term "include=_spf.example.com" has = instead of a colon: include:_spf.example.com.'
    ),
    "v=spf1 sendgrid.net": (
        'The term "sendgrid.net" is a domain: write include:sendgrid.net, if it has an SPF record.'
    ),
    "v=spf1 192.0.2.1": 'The term "192.0.2.1" is an address: write ip4:192.0.2.1 or ip6:192.0.2.1.',
    "v=spf1 mx, -all": 'The term "mx," has a character too many at its end: separate terms with spaces.',
    "v=spf1 mx; -all": 'The term "mx;" has a character too many at its end: separate terms with spaces.',
    "v=spf1 -all.": 'The term "-all." has a character too many at its end: separate terms with spaces.',
    "v=spf1 all:example.com": 'The term "all:example.com" has text after all.',
    "v=spf1 mx/33": 'The term "mx/33" has an invalid prefix length.',
    "v=spf1 a//129": 'The term "a//129" has an invalid prefix length.',
    "v=spf1 a/": 'The term "a/" has no domain; there is no space after the colon.',
    "v=spf1 a:": 'The term "a:" has no domain; there is no space after the colon.',
    "v=spf1 exists:%{x}.example.com": 'The term "exists:%{x}.example.com" has an invalid macro.',
    "v=spf1 exists:%{t}.example.com": 'The term "exists:%{t}.example.com" has an invalid macro.',
    "v=spf1 exists:%example.com": 'The term "exists:%example.com" has an invalid macro.',
    "v=spf1 foo": 'The term "foo" is not a mechanism of SPF.',
    "v=spf1 -": 'The term "-" is not a mechanism of SPF.',
    "v=spf1 redirect=a.example redirect=b.example": "The modifier redirect occurs twice.",
    "v=spf1 redirect=": 'The term "redirect=" has no domain; there is no space after the colon.',
    "v=spf1 mx\t-all": 'The term "mx?-all" has a character that is not allowed.',
    "v=spf1 a:m\xfcnchen.example": 'The term "a:m\xfcnchen.example" has a character that is not allowed.',
    "v=spf1 -all include:": 'The term "include:" has no domain; there is no space after the colon.',
}


@pytest.mark.parametrize("text", VALID)
def test_valid_records(text: str) -> None:
    assert is_spf(text)
    assert parse(text).text == text


@pytest.mark.parametrize(("text", "sentence"), INVALID.items())
def test_a_wrong_term_is_named(text: str, sentence: str) -> None:
    with pytest.raises(SpfSyntaxError) as error:
        parse(text)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    "text", ["v=spf10 -all", "v=spf1,mx", "v=spf", "spf1 -all", " v=spf1 -all", "v=spf1\tmx"]
)
def test_what_receivers_do_not_take_for_a_record(text: str) -> None:
    assert not is_spf(text)


@pytest.mark.parametrize(
    "text", ["v=spf1; mx", "v= spf1 mx", '"v=spf1 mx"', "spf1 mx -all", "v=spf2 -all", "V=SPF1:mx"]
)
def test_what_was_meant_as_a_record(text: str) -> None:
    assert misspelled(Records((text, "other"))) == text


def test_an_spf_record_of_sender_id_is_not_a_mistake() -> None:
    assert misspelled(Records(("spf2.0/mfrom,pra mx -all",))) is None


def test_terms_after_all_and_a_redirect_next_to_it_are_ignored() -> None:
    record = parse("v=spf1 redirect=a.example.com mx -all include:b.example.com")
    assert [it.text for it in record.directives] == ["mx", "-all"]
    assert record.redirect is None


async def followed(text: str, zone: Zone) -> SpfScope:
    return await follow("example.com", text, ZoneReader(zone))


def chain(length: int) -> Zone:
    """Return records of which each includes the next."""
    zone = {
        f"{at}.example.org": {"TXT": [f"v=spf1 include:{at + 1}.example.org -all"]} for at in range(length)
    }
    return {**zone, f"{length}.example.org": {"TXT": ["v=spf1 -all"]}}


async def test_ten_look_ups_are_accepted() -> None:
    assert (await followed("v=spf1 include:0.example.org -all", chain(9))).lookups == 10


async def test_an_eleventh_look_up_is_too_many() -> None:
    with pytest.raises(TooManyLookups) as error:
        await followed("v=spf1 include:0.example.org -all", chain(10))
    assert str(error.value) == 'It needs more than 10 DNS look-ups; "include:10.example.org" is the 11th.'


@pytest.mark.parametrize(
    "term", ["a", "mx", "ptr", "exists:e.example.org", "include:i.example.org", "?a:a.example.org"]
)
async def test_each_term_that_looks_up_counts(term: str) -> None:
    records: Zone = {
        "example.com": {"A": ["192.0.2.1"], "MX": ["m"]},
        "e.example.org": {"A": ["127.0.0.2"]},
        "a.example.org": {"AAAA": ["2001:db8::1"]},
        "i.example.org": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
    }
    assert (await followed(f"v=spf1 {' '.join([term] * 10)} -all", records)).lookups == 10
    with pytest.raises(TooManyLookups):
        await followed(f"v=spf1 {' '.join([term] * 11)} -all", records)


async def test_a_redirect_counts_and_those_after_all_do_not() -> None:
    target: Zone = {"r.example.org": {"TXT": ["v=spf1 ip4:192.0.2.1 -all mx mx mx mx mx mx mx mx mx mx mx"]}}
    assert (await followed("v=spf1 ip4:192.0.2.1 redirect=r.example.org", target)).lookups == 1


async def test_ip4_ip6_and_all_need_no_look_up() -> None:
    reader = ZoneReader({})
    assert (await follow("example.com", "v=spf1 ip4:192.0.2.1 ip6:::1 -all", reader)).lookups == 0
    assert reader.asked == []


async def test_two_void_look_ups_are_accepted_and_a_third_is_not() -> None:
    zone: Zone = {"example.com": {}}
    await followed("v=spf1 a:x.example.org mx -all", zone)
    with pytest.raises(SpfBroken) as error:
        await followed("v=spf1 a:x.example.org mx exists:y.example.org -all", zone)
    assert str(error.value) == (
        'Three terms find no record, and receivers accept two: "a:x.example.org", "mx",'
        ' "exists:y.example.org".'
    )


async def test_macros_cannot_be_looked_up() -> None:
    reader = ZoneReader({})
    scope = await follow(
        "example.com", "v=spf1 exists:%{i}.example.org include:%{d}.example.org -all", reader
    )
    assert (scope.lookups, scope.depends_on_email, reader.asked) == (2, True, [])


@pytest.mark.parametrize(
    ("record", "zone", "sentence"),
    [
        (
            "v=spf1 include:x.example.org -all",
            {},
            'The term "include:x.example.org" refers to x.example.org, which does not exist.',
        ),
        (
            "v=spf1 include:x.example.org -all",
            {"x.example.org": {"TXT": ["other"]}},
            'The term "include:x.example.org" refers to x.example.org, which has no SPF record.',
        ),
        (
            "v=spf1 redirect=x.example.org",
            {"x.example.org": {"TXT": ["v=spf1 -all", "v=spf1 mx -all"]}},
            'The term "redirect=x.example.org" refers to x.example.org, which has several SPF records.',
        ),
        (
            "v=spf1 include:x.example.org -all",
            {"x.example.org": {"TXT": ["v=spf1 foo"]}},
            'The included record of x.example.org is invalid. The term "foo" is not a mechanism of SPF.',
        ),
        (
            "v=spf1 include:x.example.org -all",
            {"x.example.org": {"TXT": ["v=spf1 include:EXAMPLE.com. -all"]}},
            'The term "include:EXAMPLE.com." leads back to the record of example.com.',
        ),
        (
            "v=spf1 redirect=example.com",
            {},
            'The term "redirect=example.com" leads back to the record of example.com.',
        ),
        (
            "v=spf1 mx -all",
            {"example.com": {"MX": [f"mx{it}.example.com" for it in range(11)]}},
            'The term "mx" stands for more than 10 mail exchangers.',
        ),
    ],
)
async def test_what_makes_a_record_invalid(record: str, zone: Zone, sentence: str) -> None:
    with pytest.raises(SpfBroken) as error:
        await followed(record, zone)
    assert str(error.value) == sentence


async def test_a_record_that_is_included_twice_is_no_loop() -> None:
    zone: Zone = {"x.example.org": {"TXT": ["v=spf1 -all"]}}
    assert (await followed("v=spf1 include:x.example.org include:x.example.org -all", zone)).lookups == 2


@pytest.mark.parametrize(
    ("records", "one"),
    [
        (
            ["v=spf1 a mx ~all", "v=spf1 mx include:x.example.org -all"],
            "v=spf1 a mx include:x.example.org -all",
        ),
        (["v=spf1 mx", "v=spf1 redirect=x.example.org"], "v=spf1 mx include:x.example.org ~all"),
        (["v=spf1 +all", "v=spf1 ?all"], "v=spf1 ?all"),
        (["v=spf1 -all", "v=spf1 foo"], None),
    ],
)
def test_several_records_become_one(records: list[str], one: str | None) -> None:
    assert merged(records) == one


def test_a_provider_is_added_before_all_other_terms() -> None:
    assert with_include("V=spf1 a -all ", "x.example.org") == "V=spf1 include:x.example.org a -all"
    assert with_include("v=spf1", "x.example.org") == "v=spf1 include:x.example.org"

# SPDX-License-Identifier: Apache-2.0
"""`from` is one mail address, a display name allowed; recipients are up to ten plain ones each."""

from collections.abc import Callable
from typing import Any

import pytest

Judge = Callable[[dict[str, Any]], str]

ADDRESSES = {
    "plain": "noreply@example.com",
    "shortest": "a@b",
    "one label": "root@localhost",
    "tag": "noreply+smtp@example.com",
    "dots": "platform.team@mail.example.com",
    "signs": "o'brien!#$%&*/=?^_`{|}~-@example.com",
    "capitals": "NoReply@Example.COM",
    "digits": "42@163.com",
    "IDN domain": "post@bücher.example",
    "IDN domain, as DNS has it": "post@xn--bcher-kva.example",
    "not ASCII at all": "δοκιμή@παράδειγμα.δοκιμή",
    "longest": "a" * 242 + "@example.com",
}

NO_ADDRESSES = {
    "no at": "noreply.example.com",
    "two ats": "noreply@mail@example.com",
    "no local part": "@example.com",
    "no domain": "noreply@",
    "domain of a dot": "noreply@.",
    "dot behind": "noreply@example.com.",
    "two dots": "noreply@example..com",
    "dot before the domain": "noreply@.example.com",
    "hyphen first": "noreply@-example.com",
    "hyphen last": "noreply@example-.com",
    "underscore in the domain": "noreply@my_host.example.com",
    "address literal": "noreply@[192.0.2.10]",
    "IPv6 as the domain": "noreply@2001:db8::25",
    "port": "noreply@example.com:587",
    "scheme": "mailto:noreply@example.com",
    "comment": "noreply@example.com(team)",
    "two, by comma": "ops@example.com,dev@example.com",
    "two, by comma and blank": "ops@example.com, dev@example.com",
    "two, by semicolon": "ops@example.com;dev@example.com",
    "two, by blank": "ops@example.com dev@example.com",
    "two, by line": "ops@example.com\ndev@example.com",
    "group": "team:ops@example.com;",
    "quoted local part": '"no reply"@example.com',
    "backslash": "no\\reply@example.com",
    "blank before": " noreply@example.com",
    "blank behind": "noreply@example.com ",
    "blank in the local part": "no reply@example.com",
    "blank in the domain": "noreply@exam ple.com",
    "tab": "noreply\t@example.com",
    "LF behind": "noreply@example.com\n",
    "CR behind": "noreply@example.com\r",
    "a header on a second line": "noreply@example.com\r\nBcc: victim@example.com",
    "CRLF in the local part": "no\r\nreply@example.com",
    "NUL": "noreply\x00@example.com",
    "DEL": "noreply\x7f@example.com",
    "next line (C1)": "noreply\x85@example.com",
    "no-break blank": "no\u00a0reply@example.com",
    "wide blank": "no\u3000reply@example.com",
    "line separator": "noreply\u2028@example.com",
    "open angle": "<noreply@example.com",
    "closed angle": "noreply@example.com>",
}

NAMED = {
    "angles alone": "<noreply@example.com>",
    "unquoted": "Platform Team <noreply@example.com>",
    "unquoted, no blank": "Team<noreply@example.com>",
    "unquoted with a dot": "Example Inc. <noreply@example.com>",
    "unquoted with an apostrophe": "Dev's Relay <noreply@example.com>",
    "unquoted, not ASCII": "Müller & Söhne <noreply@example.com>",
    "unquoted, Japanese": "運用チーム <noreply@example.com>",
    "unquoted, emoji": "💌 <noreply@example.com>",
    "unquoted, no-break blank": "Équipe\u00a0X <noreply@example.com>",
    "quoted": '"Platform Team" <noreply@example.com>',
    "quoted with a comma": '"Team, Platform" <noreply@example.com>',
    "quoted with an address": '"ops@example.com" <noreply@example.com>',
    "quoted with angles": '"Team <dev>" <noreply@example.com>',
    "quoted, not ASCII": '"Почта" <noreply@example.com>',
    "quoted, empty": '"" <noreply@example.com>',
    "IDN domain": "Post <post@bücher.example>",
}

ILL_NAMED = {
    "two addresses": "Team <ops@example.com>, Team <dev@example.com>",
    "two angles": "<ops@example.com> <dev@example.com>",
    "angles in angles": "Team <Dev <noreply@example.com>>",
    "text behind": "Team <noreply@example.com> team",
    "two addresses in the angles": "Team <ops@example.com, dev@example.com>",
    "name without address": "Platform Team",
    "empty angles": "Team <>",
    "not closed": "Team <noreply@example.com",
    "unquoted comma": "Team, Platform <noreply@example.com>",
    "unquoted at": "ops@example.com <noreply@example.com>",
    "unquoted colon": "Team: Platform <noreply@example.com>",
    "unquoted brackets": "Team [Platform] <noreply@example.com>",
    "unquoted parentheses": "Team (Platform) <noreply@example.com>",
    "open quote": '"Team <noreply@example.com>',
    "quote inside": 'The "Team" <noreply@example.com>',
    "blank in the angles": "Team < noreply@example.com>",
    "LF in the name": "Team\nPlatform <noreply@example.com>",
    "CRLF in the name": "Team\r\nBcc: victim@example.com\r\n <noreply@example.com>",
    "LF in quotes": '"Team\nPlatform" <noreply@example.com>',
    "NUL in quotes": '"Team\x00" <noreply@example.com>',
    "tab in the name": "Team\tPlatform <noreply@example.com>",
    "next line (C1) in the name": "Team\x85 <noreply@example.com>",
    "line separator in the name": "Team\u2028Platform <noreply@example.com>",
    "paragraph separator in quotes": '"Team\u2029" <noreply@example.com>',
    "LF behind": "Team <noreply@example.com>\n",
    "CRLF in the angles": "Team <noreply\r\n@example.com>",
}

MODEST_NAMES = {
    "initials": "J.R.R. Tolkien <noreply@example.com>",
    "an abbreviation": "Example Inc. <noreply@example.com>",
    "a version": "Release 2.0 <noreply@example.com>",
    "a slash": "Dev/Ops <noreply@example.com>",
    "an address of many words": '"first.last@example.com" <noreply@example.com>',
    "longest": "x" * 64 + " <noreply@example.com>",
}

PHISHING_NAMES = {
    "URL": '"Your mailbox is full: https://evil.example/login" <noreply@example.com>',
    "scheme in capitals": '"HTTPS://evil" <noreply@example.com>',
    "another scheme": '"ftp://evil" <noreply@example.com>',
    "www": "www.evil <noreply@example.com>",
    "host name": "Visit evil.example now <noreply@example.com>",
    "host name at the end": "Log in at evil.example <noreply@example.com>",
    "host name of a country": "bit.ly/x <noreply@example.com>",
    "international host name": "Visit böse.de <noreply@example.com>",
    "wide dot": "Visit evil\uff0eexample <noreply@example.com>",
    "ideographic dot": "Visit evil\u3002example <noreply@example.com>",
    "halfwidth dot": "Visit evil\uff61example <noreply@example.com>",
    "one dot leader": "Visit evil\u2024example <noreply@example.com>",
    "IPv4 address": "Visit 192.0.2.7/x <noreply@example.com>",
    "user before the host": '"Visit mail.example.com@evil.example/login" <noreply@example.com>',
    "between angles": '"<evil.example>" <noreply@example.com>',
    "65 characters": "x" * 65 + " <noreply@example.com>",
}

ROLES = ["to", "cc", "bcc"]


@pytest.mark.parametrize("address", (ADDRESSES | NAMED).values(), ids=ADDRESSES | NAMED)
def test_from_is_one_address_with_or_without_a_name(judge: Judge, address: str) -> None:
    assert judge({"from": address}) == ""


@pytest.mark.parametrize("address", (NO_ADDRESSES | ILL_NAMED).values(), ids=NO_ADDRESSES | ILL_NAMED)
def test_from_is_nothing_else(judge: Judge, address: str) -> None:
    assert judge({"from": address}) == (
        "spec.from: from must be one email address, such as noreply@example.com or Platform Team"
        " <noreply@example.com>"
    )


@pytest.mark.parametrize("address", MODEST_NAMES.values(), ids=MODEST_NAMES)
def test_a_display_name_may_have_dots_and_signs(judge: Judge, address: str) -> None:
    assert judge({"from": address}) == ""


@pytest.mark.parametrize("address", PHISHING_NAMES.values(), ids=PHISHING_NAMES)
def test_a_display_name_carries_no_link_to_the_recipients(judge: Judge, address: str) -> None:
    assert judge({"from": address}) == (
        "spec.from: from must have a display name of at most 64 characters without URL or host name,"
        " such as Platform Team <noreply@example.com>"
    )


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_recipient_is_a_plain_address(judge: Judge, role: str, address: str) -> None:
    assert judge({"recipients": {role: [address]}}) == ""


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "address", (NO_ADDRESSES | NAMED | ILL_NAMED).values(), ids=NO_ADDRESSES | NAMED | ILL_NAMED
)
def test_recipient_has_no_name_and_nothing_around_it(judge: Judge, role: str, address: str) -> None:
    assert judge({"recipients": {role: ["ops@example.com", address]}}) == (
        f"spec.recipients.{role}[1]: must be one email address such as ops@example.com, without display name"
    )


def test_every_wrong_recipient_is_named_at_once(judge: Judge) -> None:
    sentence = "must be one email address such as ops@example.com, without display name"
    assert judge({"recipients": {"cc": ["ops", "ops@example.com", "dev"]}}).splitlines() == [
        f"spec.recipients.cc[0]: {sentence}",
        f"spec.recipients.cc[2]: {sentence}",
    ]


@pytest.mark.parametrize("role", ROLES)
def test_ten_recipients_are_accepted(judge: Judge, role: str) -> None:
    assert judge({"recipients": {role: [f"user{number}@example.com" for number in range(10)]}}) == ""


def test_one_address_may_be_in_all_three_lists(judge: Judge) -> None:
    assert judge({"recipients": {role: ["ops@example.com"] for role in ROLES}}) == ""


def test_case_makes_two_addresses(judge: Judge) -> None:
    assert judge({"recipients": {"to": ["ops@example.com", "Ops@example.com"]}}) == ""


@pytest.mark.parametrize("recipients", [{}, {"to": []}, {"to": [], "cc": [], "bcc": []}])
def test_there_need_be_no_recipients(judge: Judge, recipients: dict[str, list[str]]) -> None:
    assert judge({"recipients": recipients}) == ""

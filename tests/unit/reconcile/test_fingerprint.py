# SPDX-License-Identifier: Apache-2.0
"""The digest of the settings: what it depends on, and what it must not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.reconcile.digest import settings_digest

MINIMAL: dict[str, Any] = {"server": "smtp.example.com", "port": 587, "from": "noreply@example.com"}
INLINE: dict[str, Any] = MINIMAL | {"username": "mailer", "password": {"value": "s3cret-1"}}


def digest(spec: dict[str, Any]) -> str:
    return settings_digest(SmtpConfigSpec.model_validate(spec))


def test_it_is_a_sha_256_in_hexadecimal() -> None:
    assert len(digest(MINIMAL)) == 64
    assert set(digest(MINIMAL)) <= set("0123456789abcdef")


def test_it_stays_the_same_from_release_to_release() -> None:
    """Another digest would test every object in every cluster at an upgrade, with a mail each."""
    assert digest(MINIMAL) == "85a30f051daf084fea0f04d416dd443a6dcaff828133293eec645de842af43b8"
    assert digest(INLINE) == "85255d2e4693e7037caf9af923abd86d34a8b72b3a6c411cd23a06a70e5380a1"


@pytest.mark.parametrize(
    "written_out",
    [
        {"smtpType": "StartTLS"},
        {"recipients": {}},
        {"recipients": {"to": [], "cc": [], "bcc": []}},
        {"preferredNotifications": ["TestEmail"]},
        {"tls": {}},
        {"tls": {"insecureSkipVerify": False}},
        {"test": {}},
        {"test": {"mode": "SendEmail"}},
        {"test": {"mode": "SendEmail", "timeout": "45s"}},
        {"recheck": {"interval": "1h", "mode": "Login"}},
        {"allowInsecureAuth": False},
        {"suspend": False},
    ],
)
def test_a_default_written_out_is_no_other_setting(written_out: dict[str, Any]) -> None:
    assert digest(MINIMAL | written_out) == digest(MINIMAL)


def test_a_default_key_written_out_is_no_other_setting() -> None:
    login = MINIMAL | {"username": "mailer"}
    short = login | {"password": {"secretRef": {"name": "pw"}}}
    assert digest(login | {"password": {"secretRef": {"name": "pw", "key": "password"}}}) == digest(short)


@pytest.mark.parametrize(
    "carried_over",
    [
        {"recheck": {"interval": "2h"}},
        {"recheck": {"mode": "Connect"}},
        {"preferredNotifications": []},
        {"suspend": True},
        {"test": {"timeout": "5m"}},
    ],
)
def test_what_is_carried_over_is_left_out(carried_over: dict[str, Any]) -> None:
    assert digest(MINIMAL | carried_over) == digest(MINIMAL)


def test_the_order_of_fields_is_of_no_matter() -> None:
    assert digest(dict(reversed(INLINE.items()))) == digest(INLINE)


@given(st.text(min_size=1, max_size=4096))
def test_it_says_nothing_of_an_inline_password(value: str) -> None:
    assert digest(INLINE | {"password": {"value": value}}) == digest(INLINE)


def test_an_inline_password_is_not_none_and_not_a_secret() -> None:
    secret = INLINE | {"password": {"secretRef": {"name": "pw"}}}
    assert len({digest(INLINE), digest(MINIMAL), digest(secret)}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"server": "other.example.com"},
        {"port": 465},
        {"smtpType": "TLS"},
        {"username": "other"},
        {"from": "Platform <noreply@example.com>"},
        {"recipients": {"to": ["a@example.com"]}},
        {"recipients": {"cc": ["a@example.com"]}},
        {"recipients": {"bcc": ["a@example.com"]}},
        {"tls": {"serverName": "mx.example.com"}},
        {"tls": {"caRef": {"name": "ca"}}},
        {"tls": {"caRef": {"name": "ca", "kind": "Secret"}}},
        {"heloName": "mail.example.com"},
        {"test": {"mode": "Login"}},
        {"allowInsecureAuth": True},
    ],
)
def test_every_setting_of_the_dialogue_counts(change: dict[str, Any]) -> None:
    assert digest(INLINE | change) != digest(INLINE)

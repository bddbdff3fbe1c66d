# SPDX-License-Identifier: Apache-2.0
"""A verdict in words: short enough for its column, whole enough for its condition."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import MESSAGE_BYTES, Mode, Phase, Verdict, VerdictError, cut


def verdict(
    reason: Reason, *, retry: Retry = Retry.CONFIGURATION, phase: Phase | None = None, reply: str = ""
) -> Verdict:
    return Verdict(reason=reason, message="What happened.", retry=retry, phase=phase, reply=reply)


def test_summary_names_reason_phase_and_reply() -> None:
    failed = verdict(Reason.AUTHENTICATION_FAILED, phase=Phase.AUTH, reply="535 5.7.8")
    assert failed.summary == "AuthenticationFailed in Auth: 535 5.7.8"


def test_summary_leaves_out_what_there_was_not() -> None:
    assert verdict(Reason.SECRET_NOT_FOUND).summary == "SecretNotFound"
    assert verdict(Reason.CONNECT_TIMEOUT, phase=Phase.CONNECT).summary == "ConnectTimeout in Connect"


def test_summary_of_success_names_no_phase() -> None:
    passed = verdict(Reason.TEST_EMAIL_SENT, retry=Retry.PASSED, phase=Phase.DATA, reply="250 2.0.0")
    assert passed.summary == "TestEmailSent: 250 2.0.0"


def test_no_summary_of_ours_is_cut() -> None:
    summaries = [
        verdict(reason, phase=phase, reply="535 5.255.255").summary for reason in Reason for phase in Phase
    ]
    assert [summary for summary in summaries if not summary.endswith(": 535 5.255.255")] == []
    assert max(map(len, summaries)) <= 80


def test_summary_is_cut_at_80_characters() -> None:
    assert len(verdict(Reason.MESSAGE_REJECTED, phase=Phase.DATA, reply="5" * 200).summary) == 80


@pytest.mark.parametrize("retry", Retry)
def test_ready_is_true_only_of_a_passed_test(retry: Retry) -> None:
    it = verdict(Reason.TEST_EMAIL_SENT, retry=retry)
    assert it.passed is (retry is Retry.PASSED)
    assert it.status == ("True" if retry is Retry.PASSED else "False")


def test_error_with_a_verdict_says_no_more_than_the_reason() -> None:
    error = VerdictError(verdict(Reason.SECRET_VALUE_INVALID))
    assert str(error) == "SecretValueInvalid"
    assert error.verdict.message == "What happened."


@pytest.mark.parametrize("reason", Reason)
def test_reason_is_one_camel_case_word(reason: Reason) -> None:
    assert re.fullmatch(r"([A-Z]+[a-z0-9]*)+", reason)


def test_every_reason_has_a_meaning() -> None:
    assert set(REASONS) == set(Reason)
    assert [reason for reason, info in REASONS.items() if not info.meaning.endswith(".")] == []


def test_modes_go_from_shallow_to_deep() -> None:
    assert sorted(Mode, key=lambda mode: mode.depth) == ["Connect", "Login", "Envelope", "SendEmail"]


def test_phases_are_in_the_order_of_the_dialogue() -> None:
    assert [phase.order for phase in Phase] == list(range(12))
    assert (Phase.PASSWORD.order, Phase.DATA.order) == (0, 11)


def test_test_of_mode_connect_goes_from_resolve_to_tls() -> None:
    assert [phase for phase in Phase if phase.before_auth] == [
        "Resolve",
        "Connect",
        "Banner",
        "Ehlo",
        "StartTls",
        "Tls",
    ]


@pytest.mark.parametrize("text", ["", "short", "é" * 512, "💌" * 256])
def test_text_that_fits_is_left_as_it_is(text: str) -> None:
    assert cut(text) == text


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abcdefgh", 8, "abcdefgh"),
        ("abcdefghi", 8, "abcde…"),
        ("ééééé", 8, "éé…"),
        ("中文中文", 8, "中…"),
        ("💌💌💌", 8, "💌…"),
    ],
)
def test_text_is_cut_between_characters(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit=limit) == expected


def test_half_a_character_of_a_server_becomes_a_question_mark() -> None:
    assert cut("550 \ud83d no") == "550 ? no"


@settings(deadline=None)
@given(st.text(st.characters(), max_size=2000), st.integers(3, MESSAGE_BYTES))
@example("💌" * 300, MESSAGE_BYTES)
def test_cut_text_keeps_within_its_bytes_and_its_words(text: str, limit: int) -> None:
    result = cut(text, limit=limit)
    assert len(result.encode()) <= limit
    whole = text.encode("utf-8", "replace").decode()
    assert result == whole or (result.endswith("…") and whole.startswith(result[:-1]))

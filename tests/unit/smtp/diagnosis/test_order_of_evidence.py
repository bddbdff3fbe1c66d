# SPDX-License-Identifier: Apache-2.0
"""The order of evidence: words, then enhanced codes, then facts of the dialogue, then phase and code."""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase
from smtp_operator.smtp.diagnosis.classify import RULES, classify, find
from smtp_operator.smtp.diagnosis.context import SENDMAIL_REFUSES, DialogueContext
from smtp_operator.smtp.diagnosis.matcher import Evidence
from smtp_testkit.replies import reply_of

NO_LOGIN = DialogueContext(mechanisms=("PLAIN",), offered=frozenset({"AUTH"}))
REFUSED = DialogueContext(offered=SENDMAIL_REFUSES)
PHASES = (Phase.EHLO, Phase.START_TLS, Phase.AUTH, Phase.MAIL_FROM, Phase.RCPT_TO, Phase.DATA)


def evidence(phase: Phase, reply: str, context: DialogueContext) -> Evidence:
    return find(phase, reply_of([reply]), context).evidence


def reason(phase: Phase, reply: str, context: DialogueContext) -> Reason:
    return classify(phase, reply_of([reply]), context=context).reason


def test_rows_are_in_the_order_of_their_evidence() -> None:
    assert [rule.evidence for rule in RULES] == sorted(rule.evidence for rule in RULES)
    assert {rule.evidence for rule in RULES} == set(Evidence)


@pytest.mark.parametrize(
    ("phase", "reply", "context", "expected"),
    [
        (Phase.MAIL_FROM, "250 ok", NO_LOGIN, Evidence.CERTAIN),
        (Phase.MAIL_FROM, "550 5.1.8 relaying denied", NO_LOGIN, Evidence.WORDS),
        (Phase.MAIL_FROM, "550 5.1.8 no", NO_LOGIN, Evidence.STATUS),
        (Phase.MAIL_FROM, "550 5.7.1 no", NO_LOGIN, Evidence.FACTS),
        (Phase.MAIL_FROM, "550 5.7.1 no", DialogueContext(), Evidence.FALLBACK),
    ],
)
def test_each_kind_outranks_the_next(
    phase: Phase, reply: str, context: DialogueContext, expected: Evidence
) -> None:
    assert evidence(phase, reply, context) is expected


@pytest.mark.parametrize(
    ("words", "right"),
    [
        ("sender address rejected", Reason.FROM_ADDRESS_REJECTED),
        ("domain not allowed in header From", Reason.FROM_ADDRESS_REJECTED),
        ("your IP address is blocked", Reason.CLIENT_BLOCKED),
        ("203.0.113.9 listed at bl.example", Reason.CLIENT_BLOCKED),
        ("invalid HELO name", Reason.HELO_REJECTED),
        ("You are not mail.example.com", Reason.HELO_REJECTED),
        ("I am mail.example.com, do not pretend to be me", Reason.HELO_REJECTED),
        ("message rate limit exceeded", Reason.QUOTA_OR_RATE_EXCEEDED),
        ("relaying denied", Reason.RELAY_DENIED),
    ],
)
@pytest.mark.parametrize("code", ["450", "451 4.7.1", "550", "550 5.1.1", "550 5.7.1", "554 5.7.0"])
@pytest.mark.parametrize("phase", [Phase.MAIL_FROM, Phase.RCPT_TO, Phase.DATA])
def test_words_outrank_phase_and_code(phase: Phase, code: str, words: str, right: Reason) -> None:
    for context in (NO_LOGIN, REFUSED):
        assert reason(phase, f"{code} {words}", context) is right


@pytest.mark.parametrize("words", ["Access denied", "No", "Command rejected"])
@pytest.mark.parametrize("phase", [Phase.MAIL_FROM, Phase.RCPT_TO])
def test_facts_decide_where_words_say_nothing(phase: Phase, words: str) -> None:
    assert reason(phase, f"550 5.7.1 {words}", NO_LOGIN) is Reason.AUTHENTICATION_REQUIRED
    assert reason(phase, f"550 5.7.1 {words}", REFUSED) is Reason.CLIENT_BLOCKED


def test_the_same_refusal_of_two_commands_is_about_the_client() -> None:
    refused = DialogueContext(refusals=(reply_of(["550 5.7.1 no"]),), logged_in=True, login=True)

    assert reason(Phase.MAIL_FROM, "550 5.7.1 no", refused) is Reason.CLIENT_BLOCKED
    assert reason(Phase.MAIL_FROM, "550 5.7.1 never", refused) is Reason.COMMAND_REJECTED


@pytest.mark.parametrize("code", ["421", "450", "454", "530", "535", "550", "553 5.7.1", "554"])
@pytest.mark.parametrize(
    "words", ["Authentication failed", "invalid credentials", "password incorrect", "no", "login first"]
)
@pytest.mark.parametrize("phase", PHASES)
def test_without_a_login_no_password_is_wrong(phase: Phase, words: str, code: str) -> None:
    if phase is not Phase.AUTH:
        for context in (NO_LOGIN, DialogueContext()):
            assert reason(phase, f"{code} {words}", context) is not Reason.AUTHENTICATION_FAILED


@pytest.mark.parametrize("code", ["430", "450", "451", "452", "454", "455", "471"])
@pytest.mark.parametrize("phase", [Phase.EHLO, Phase.START_TLS, Phase.MAIL_FROM, Phase.RCPT_TO, Phase.DATA])
def test_a_temporary_code_without_words_names_no_cause(phase: Phase, code: str) -> None:
    message = classify(phase, reply_of([f"{code} no"])).message

    for cause in ("quota", "spam", "sender", "relay", "greylist", "certificate"):
        assert cause not in message

# SPDX-License-Identifier: Apache-2.0
"""A server's reply is quoted verbatim; a cut keeps the words that led to the verdict."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase
from smtp_operator.smtp.diagnosis.classify import classify
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.quotation import SERVER_TEXT, Quotation
from smtp_operator.smtp.redaction.redactor import MASK, Redactor
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.faultserver import FaultServer, drop, raw, then
from smtp_testkit.mailpeers.trial import Trial, recipients
from smtp_testkit.replies import reply_of

FILLER = "please read the policy page of this mail system before you go on, "
BLOCKED = f"550 {FILLER * 4}the address is blocked using zen.example, {FILLER * 3}"


def quoted(message: str) -> str:
    found = re.search(r'server said: "(.*?)"\]', message)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ("535 Authentication failed (#5.7.8)", "535 Authentication failed (#5.7.8)"),
        ("550 #5.7.1 Refused", "550 #5.7.1 Refused"),
        ("550 [5.7.1] Refused", "550 [5.7.1] Refused"),
        ("550 5.7.1: Refused", "550 5.7.1: Refused"),
        ("550 4.7.1 Refused", "550 4.7.1 Refused"),
        ("550 05.007.1 Refused", "550 05.007.1 Refused"),
        ("550-Refused\n550 5.7.1 by policy", "550 Refused 5.7.1 by policy"),
        ("550-5.7.1 Refused\n550 5.7.1 by policy", "550 5.7.1 Refused by policy"),
        ("550-5.7.1 Refused\n550 5.7.26 by policy", "550 5.7.1 Refused 5.7.26 by policy"),
        ("550-5.7.1\n550 5.7.1 Refused", "550 5.7.1 Refused"),
        ("550", "550"),
    ],
)
def test_a_reply_is_quoted_verbatim(lines: str, line: str) -> None:
    reply = reply_of(lines.split("\n"))

    assert reply.line == line
    assert quoted(classify(Phase.RCPT_TO, reply).message) == line


def test_a_cut_keeps_the_words_that_the_rule_matched() -> None:
    verdict = classify(Phase.RCPT_TO, reply_of([BLOCKED]))

    said = quoted(verdict.message)
    assert verdict.reason is Reason.CLIENT_BLOCKED
    assert said.startswith("550 …")
    assert "blocked using zen.example" in said
    assert said.endswith("…")
    assert len(said) <= SERVER_TEXT


def test_a_cut_keeps_an_enhanced_code_at_the_end() -> None:
    verdict = classify(Phase.RCPT_TO, reply_of([f"550 {'no ' * 100}(#5.7.25)"]))

    assert verdict.reason is Reason.CLIENT_BLOCKED
    assert quoted(verdict.message).startswith("550 …no ")
    assert quoted(verdict.message).endswith("no (#5.7.25)")


def test_a_cut_of_a_long_message_keeps_them_too() -> None:
    context = DialogueContext(server="mail.example.com", helo_name="é" * 400)
    reply = reply_of([f"550 {'wörter ' * 25}EHLO name is wrong {'wörter ' * 25}"])

    verdict = classify(Phase.EHLO, reply, context=context)

    assert verdict.reason is Reason.HELO_REJECTED
    assert "EHLO" in quoted(verdict.message)


@given(
    text=st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1),
    begin=st.integers(0, 300),
    size=st.integers(0, 300),
    limit=st.integers(20, 200),
)
def test_a_cut_marks_every_omission_and_adds_nothing(text: str, begin: int, size: int, limit: int) -> None:
    text = (text * 300)[:300].replace("…", ".")
    quotation = Quotation(f"550 {text}", (4 + begin, min(304, 4 + begin + size)) if begin < 300 else (0, 0))

    cut = quotation.cut(limit, octets=4 * limit)

    assert len(cut) <= limit
    assert "…" in cut
    at = 0
    for part in cut.split("…"):
        at = quotation.text.index(part, at) + len(part)
    if begin < 300 and 0 < size <= limit - 7:
        assert quotation.text[slice(*quotation.decisive)] in cut


def test_a_secret_is_masked_before_the_cut() -> None:
    password = "correct-horse-battery"
    redactor = Redactor(secrets=[password], username="bob", hidden={"audit@secret.example": "bcc[0]"})
    line = f"550 {f'{password} ' * 20}<audit@secret.example> blocked using {password} {FILLER * 5}"
    decisive = (line.index("blocked"), line.index(f" {FILLER}"))

    redactor.keep(line, decisive)

    quotation = redactor.quotation(line)
    begin, end = quotation.decisive
    assert quotation.text[begin:end] == f"blocked using {MASK}"
    assert f"<bcc[0]> blocked using {MASK}" in redactor.shown(line)
    assert "horse" not in redactor.shown(line)


async def test_every_status_field_keeps_the_deciding_words(trial: Trial, mailserver: MailServer) -> None:
    mailserver.refused_recipients = {"dev@example.com": BLOCKED}

    report = await trial(mailserver.plain_port, password=mailserver.users["bob"])

    shown = [quoted(report.verdict.message), report.recipients[0].response]
    shown += [line for line in report.dialogue if line.startswith("S: 550")]
    assert len(shown) == 3
    assert all("blocked using zen.example" in text and "…" in text for text in shown)


async def test_each_refused_recipient_has_its_own_quotation(trial: Trial, mailserver: MailServer) -> None:
    reply = f"550 {FILLER * 4}no such user here, {FILLER * 3}"
    mailserver.refused_recipients = {"a@example.com": reply, "b@example.com": "550 unknown recipient"}

    report = await trial(mailserver.plain_port, recipients=recipients(to=["a@example.com", "b@example.com"]))

    first, second = re.findall(r'to\[\d\] \w@example\.com: "([^"]*)"', report.verdict.message)
    assert "no such user" in first
    assert second == "550 unknown recipient"


@pytest.mark.parametrize(
    ("sent", "quotation"),
    [
        (b"421 4.4.2 idle too long\r\n421 4.4.2 bye\r\n", "421 4.4.2 idle too long"),
        (b"421-4.4.2 idle\r\n421 4.4.2 too long\r\n421 bye\r\n", "421 4.4.2 idle too long"),
    ],
)
async def test_replies_that_no_command_asked_for_are_not_joined(
    trial: Trial, sent: bytes, quotation: str
) -> None:
    async with FaultServer({"EHLO": then(raw(b"250 fault.test\r\n" + sent), drop())}) as server:
        report = await trial(server)

    assert quoted(report.verdict.message) == quotation


async def test_lines_of_another_code_are_not_joined(trial: Trial) -> None:
    sent = raw(b"250-accepted\r\n550-5.7.1 no\r\n550 5.7.1 never\r\n")
    async with FaultServer({"MAIL": sent}) as server:
        report = await trial(server)

    assert quoted(report.verdict.message) == "550 5.7.1 no never"

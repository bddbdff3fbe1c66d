# SPDX-License-Identifier: Apache-2.0
"""Reasons for replies of real servers, also in capitals, without enhanced codes, and on several lines.

The table is ``real_replies.txt``, with one row per reply.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from smtp_operator.api.reasons import OF_DELIVERY, REASONS, Reason
from smtp_operator.api.verdict import Phase
from smtp_operator.smtp.diagnosis.classify import classify
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_testkit.replies import reply_of

TABLE = Path(__file__).with_name("real_replies.txt")


class Row(NamedTuple):
    """A row of the table, with one reply."""

    phase: Phase
    lines: list[str]
    reason: Reason
    context: DialogueContext


def rows() -> Iterator[Row]:
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            phase, text, reason, *facts = (part.strip() for part in line.split(" | "))
            known = dict(fact.split("=") for fact in " ".join(facts).split())
            context = DialogueContext(
                sender=known.get("sender", ""),
                server="mail.example.com",
                mechanism=known.get("mechanism", ""),
            )
            yield Row(Phase(phase), text.split("\\n"), Reason(reason), context)


def shouted(lines: list[str]) -> list[str]:
    return [line.upper() for line in lines]


def whispered(lines: list[str]) -> list[str]:
    return [line.lower() for line in lines]


def without_enhanced_codes(lines: list[str]) -> list[str]:
    return [re.sub(r"^(\d{3}[ -])\s*#?[245]\.\d+\.\d+ ?", r"\1", line) for line in lines]


def cut_in_two(lines: list[str]) -> list[str]:
    code, words = lines[0][:3], " ".join(line[4:] for line in lines).split()
    middle = len(words) // 2
    if not middle:
        return lines
    return [f"{code}-{' '.join(words[:middle])}", f"{code} {' '.join(words[middle:])}"]


def numbered(lines: list[str]) -> list[str]:
    return [*lines[:-1], f"{lines[-1]} [AM0PR10CA0012 2026-01-07T10:11:12Z 08DE4D] b10-20020a05"]


def with_a_signature(lines: list[str]) -> list[str]:
    return [*lines[:-1], f"{lines[-1]} If you need help, see https://support.example.com/faq?id=17"]


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row.phase}-{row.lines[0][:60]}")
def test_each_reply_has_its_reason(row: Row) -> None:
    verdict = classify(row.phase, reply_of(row.lines), context=row.context)

    assert verdict.reason is row.reason
    assert verdict.phase is row.phase
    assert len(verdict.message.encode()) <= 1024


@pytest.mark.parametrize(
    "mutate", [shouted, whispered, without_enhanced_codes, cut_in_two, numbered, with_a_signature]
)
def test_the_reason_does_not_depend_on_the_form_of_the_reply(
    mutate: Callable[[list[str]], list[str]],
) -> None:
    table = list(rows())

    missed = [
        (row.phase, mutate(row.lines), row.reason, verdict.reason)
        for row in table
        if (verdict := classify(row.phase, reply_of(mutate(row.lines)), context=row.context)).reason
        is not row.reason
    ]

    assert len(missed) <= len(table) * 0.01, missed


def test_an_enhanced_code_of_another_class_is_ignored() -> None:
    """Azure's ``451 5.7.3`` is a temporary refusal with a permanent enhanced code (RFC 2034)."""
    assert reply_of(["451 5.7.3 STARTTLS is required"]).enhanced == ""
    assert reply_of(["451 4.7.3 STARTTLS is required"]).enhanced == "4.7.3"


def test_every_reason_that_a_reply_can_have_is_in_the_table() -> None:
    seen = {row.reason for row in rows()}
    order = list(REASONS)
    first, last = order.index(Reason.SERVER_NOT_ACCEPTING), order.index(Reason.COMMAND_REJECTED)
    not_by_a_reply = {
        Reason.CERTIFICATE_UNTRUSTED,
        Reason.CERTIFICATE_EXPIRED,
        Reason.CERTIFICATE_NOT_YET_VALID,
        Reason.CERTIFICATE_HOSTNAME_MISMATCH,
        Reason.CERTIFICATE_REJECTED_BY_STRICT_MODE,
        Reason.CLIENT_CERTIFICATE_REQUIRED,
        Reason.TLS_HANDSHAKE_TIMEOUT,
        Reason.TLS_HANDSHAKE_DROPPED,
        Reason.AUTH_CONNECTION_DROPPED,
        Reason.RECIPIENTS_PARTIALLY_REFUSED,
        Reason.DATA_TIMEOUT,
        Reason.DISCONNECTED_IN_DATA,
        Reason.INTERRUPTED,
    }

    assert {*order[first : last + 1]} - not_by_a_reply - OF_DELIVERY <= seen

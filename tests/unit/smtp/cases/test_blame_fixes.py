# SPDX-License-Identifier: Apache-2.0
"""A fix never names the settings that are set already."""

import re
from typing import Final

import pytest

from smtp_operator.api.verdict import Phase, SmtpType
from smtp_operator.setting_parsers import PortRange
from smtp_operator.smtp.diagnosis import capabilities, no_reply
from smtp_operator.smtp.diagnosis.classify import RULES, placeholders
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.quotation import Quotation

PORTS: Final = (25, 465, 587, 2465, 2525, 993)


def contexts(port: int, smtp_type: SmtpType) -> list[DialogueContext]:
    return [
        DialogueContext(port=port, smtp_type=smtp_type, login=login, offered=offered)
        for login in (True, False)
        for offered in (frozenset(), frozenset({"SIZE"}))
    ]


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("smtp_type", list(SmtpType))
def test_no_fix_names_the_present_port(port: int, smtp_type: SmtpType) -> None:
    for context in contexts(port, smtp_type):
        messages = [rule.advice.fix.format_map(placeholders(context)) for rule in RULES]
        messages += [
            capabilities.start_tls(context).message,
            capabilities.mechanism(context, "Auto").message,
            no_reply.not_smtp(context, Phase.BANNER, "HTTP").message,
            no_reply.silent(context, no_reply.Waiting(Phase.BANNER, 9, 9, 9)).message,
            no_reply.closed(context, Phase.BANNER, Quotation(), content_sent=False).message,
            no_reply.unreachable(context, {}, 3).message,
            no_reply.port_not_allowed(port, [PortRange(25, 25)]).message,
        ]
        assert [it for it in messages if re.search(rf"\bport: {port}\b", it)] == []


@pytest.mark.parametrize("port", [25, 587])
def test_start_tls_is_no_fix_where_it_is_set(port: int) -> None:
    context = DialogueContext(port=port, smtp_type=SmtpType.START_TLS)

    assert "StartTLS" not in capabilities.mechanism(context, "Auto").message

# SPDX-License-Identifier: Apache-2.0
"""A server that offers PIPELINING gets the same verdicts as one that does not."""

from dataclasses import replace

import pytest

from smtp_operator.api.verdict import Phase, SmtpType
from smtp_tools.reasons.clients import ask_engine
from smtp_tools.reasons.scenarios import HELD_BACK, PUBLISHED, load
from smtp_tools.reasons.stage import server_of


@pytest.mark.parametrize("phase", [Phase.MAIL_FROM, Phase.RCPT_TO, Phase.DATA])
async def test_the_corpus_gives_the_same_verdicts_both_ways(phase: Phase) -> None:
    """Play every refusal of a transaction; in plaintext, since handshakes take most of the time."""
    different = []
    for scenario in (*load(PUBLISHED), *load(HELD_BACK)):
        if scenario.phase is not phase:
            continue
        played = replace(scenario, smtp_type=SmtpType.NONE)
        verdicts = []
        for offered in (False, True):
            server = server_of(played)
            server.pipelining = offered
            async with server:
                verdict = await ask_engine(played, server)
            verdicts.append((verdict.reason, verdict.phase, verdict.reply, verdict.retry))
        if verdicts[0] != verdicts[1]:
            different.append(scenario.id)

    assert different == []

# SPDX-License-Identifier: Apache-2.0
"""Limits end a test on a real clock and a real network."""

import asyncio
import re

from smtp_operator.api.reasons import Reason
from smtp_operator.smtp.timing import PhaseLimits
from smtp_testkit.mailpeers.faultserver import FaultServer, black_hole, silence
from smtp_testkit.mailpeers.trial import Trial

STALL_FREE = 5
"""Seconds for a whole test, so that a loaded machine reaches the silent step before they end."""


async def test_a_port_that_drops_every_packet(trial: Trial) -> None:
    trial.limits = PhaseLimits(connect=0.2)
    with black_hole() as port:
        async with asyncio.timeout(60):
            report = await trial(port)

    assert report.verdict.reason is Reason.CONNECT_TIMEOUT
    assert f"No answer from localhost:{port} within 0.2 s" in report.verdict.message


async def test_a_silent_server(trial: Trial) -> None:
    async with FaultServer({"MAIL": silence()}) as server, asyncio.timeout(60):
        report = await trial(server.port, timeout=STALL_FREE)

    assert report.verdict.reason is Reason.REPLY_TIMEOUT
    assert re.search(r"did not answer MAIL FROM within (4\.\d|5) s", report.verdict.message)

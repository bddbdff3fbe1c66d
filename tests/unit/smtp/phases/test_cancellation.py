# SPDX-License-Identifier: Apache-2.0
"""A canceled test closes its connection, on both event loops."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from smtp_operator.api.verdict import Phase
from smtp_testkit.mailpeers.faultserver import FaultServer, ScriptedConnection
from smtp_testkit.mailpeers.trial import Trial

Run = Callable[[Coroutine[Any, Any, None]], None]


async def _called_off_before_the_banner(trial: Trial) -> None:
    waits, left = asyncio.Event(), asyncio.Event()

    def entered(phase: Phase) -> None:
        if phase is Phase.BANNER:
            waits.set()

    async def says_nothing(talk: ScriptedConnection) -> None:
        with contextlib.suppress(ConnectionError):
            await talk.reader.read()  # until the client has closed
        left.set()

    async with FaultServer({"banner": says_nothing}) as server:
        test = asyncio.create_task(trial(server.port, on_phase=entered))
        await waits.wait()
        test.cancel()
        with pytest.raises(asyncio.CancelledError) as called_off:
            await test

        # The traceback keeps the objects of the test alive, so that garbage collection closes nothing.
        assert called_off.tb is not None
        async with asyncio.timeout(60):
            await left.wait()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_the_connection_of_a_canceled_test_is_closed_at_once(run: Run, trial: Trial) -> None:
    run(_called_off_before_the_banner(trial))

# SPDX-License-Identifier: Apache-2.0
"""Plays scenarios: a server sends the replies, and four clients connect to it one after the other."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from smtp_operator.api.verdict import Phase
from smtp_tools.reasons.clients import Said, ask_aiosmtplib, ask_engine, ask_smtplib, ask_swaks
from smtp_tools.reasons.judging import Judgement
from smtp_tools.reasons.scenarios import Scenario
from smtp_tools.reasons.stage import server_of

_AT_A_TIME = 4


@dataclass(frozen=True, slots=True)
class Played:
    """The results of the four clients for one scenario."""

    judgement: Judgement
    phase: Phase | None
    """The phase in which the engine failed."""
    swaks: Said
    aiosmtplib: Said
    smtplib: Said


async def play(scenario: Scenario) -> Played:
    """Play one scenario, with a separate server for each client."""
    async with server_of(scenario) as server:
        verdict = await ask_engine(scenario, server)
    async with server_of(scenario) as server:
        swaks = await ask_swaks(scenario, server)
    async with server_of(scenario) as server:
        aiosmtplib = await ask_aiosmtplib(scenario, server)
    async with server_of(scenario) as server:
        smtplib = await ask_smtplib(scenario, server)
    return Played(Judgement(scenario, verdict.reason, verdict), verdict.phase, swaks, aiosmtplib, smtplib)


async def play_all(scenarios: Iterable[Scenario]) -> list[Played]:
    """Play all scenarios, a few at a time; return the results in order."""
    places = asyncio.Semaphore(_AT_A_TIME)

    async def one(scenario: Scenario) -> Played:
        async with places:
            return await play(scenario)

    return await asyncio.gather(*map(one, scenarios))

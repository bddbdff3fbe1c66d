# SPDX-License-Identifier: Apache-2.0
"""Wait for a server that is silent, while a second look at it runs on another connection."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from smtp_operator.api.verdict import Verdict
from smtp_operator.smtp.connection import ReplyTimeout
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded
from smtp_operator.smtp.timing import Budget

T = TypeVar("T")

SecondLook = Callable[[], Coroutine[Any, Any, Verdict | None]]
"""Returns a verdict if it proves what is wrong; else None."""


async def first_reply(
    wait: Callable[[float], Coroutine[Any, Any, T]], look: SecondLook | None, after: float, budget: Budget
) -> T:
    """Return the result of ``wait``, which gets its limit in seconds; ``look`` starts ``after`` seconds.

    Raises:
        DialogueEnded: ``look`` proved something first.
    """
    if look is None:
        return await wait(budget.left)
    try:
        return await wait(after)
    except ReplyTimeout:
        return await _first(asyncio.create_task(wait(budget.left)), look)


async def first_handshake(opening: Coroutine[Any, Any, T], look: SecondLook, after: float) -> T:
    """Return the result of ``opening``; ``look`` starts ``after`` seconds. See ``first_reply``."""
    task = asyncio.create_task(opening)
    try:
        await asyncio.wait({task}, timeout=after)
        return task.result() if task.done() else await _first(task, look)
    finally:
        await _cancel(task)


async def _first(waiting: "asyncio.Task[T]", look: SecondLook) -> T:
    looking = asyncio.create_task(look())
    either: set[asyncio.Task[Any]] = {waiting, looking}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            proof = looking.result()
            if proof is not None:
                raise DialogueEnded(proof)
        return await waiting
    finally:
        await _cancel(waiting, looking)


async def _cancel(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

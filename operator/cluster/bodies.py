# SPDX-License-Identifier: Apache-2.0
"""Read response bodies with bounded memory, however long they are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Final, NamedTuple, Protocol

from smtp_operator.cluster.json_filter import JsonFilter, Keep

SHORT: Final = 64 * 1024
"""Maximum size in bytes of an object that is parsed whole; of a longer one, only named fields are read."""

_PIECE: Final = 16 * 1024
"""Bytes that are filtered at a time: a few milliseconds at most, then other tasks run."""


class BodyTooLong(ValueError):
    """The body, or a line of it, is longer than the limit."""


class Part(NamedTuple):
    """A body, or a line of a body."""

    content: bytes
    """The whole content, or the kept part."""
    size: int
    """Original length in bytes."""


class Content(Protocol):
    """A stream that is read piece by piece, such as an ``aiohttp.StreamReader``."""

    async def read(self, n: int = -1, /) -> bytes:
        """Return up to ``n`` bytes; none at the end."""
        ...

    def at_eof(self) -> bool:
        """Return whether all has been received and read."""
        ...


async def read_body(
    content: Content, *, keep: Keep | None, whole: int = SHORT, turn: asyncio.Semaphore | None = None
) -> Part:
    """Return the body; only the kept fields if it is longer than ``whole`` bytes.

    ``turn`` bounds how many long bodies are read at a time.

    Raises:
        BodyTooLong: the body is longer, and ``keep`` is None.
        ValueError: the body is longer and not JSON.
    """
    first = await content.read(_PIECE)
    if content.at_eof() and len(first) <= whole:
        return Part(first, len(first))
    start = bytearray(first)
    while len(start) <= whole:
        piece = await content.read(_PIECE)
        if not piece:
            return Part(bytes(start), len(start))
        start += piece
    if keep is None:
        raise BodyTooLong(f"the response has more than {whole:,} bytes")
    async with turn or nullcontext():
        filtered = JsonFilter(keep)
        await _feed(filtered, start)
        while piece := await content.read(_PIECE):
            await _feed(filtered, piece)
        return Part(filtered.result, filtered.size)


async def read_lines(content: Content, *, keep: Keep | None, whole: int = SHORT) -> AsyncIterator[Part]:
    """Yield lines, each with its newline; only the kept fields of a line longer than ``whole`` bytes.

    Raises:
        BodyTooLong: a line is longer, and ``keep`` is None.
        ValueError: a line is longer and not JSON.
    """
    start = bytearray()
    filtered: JsonFilter | None = None
    while piece := await content.read(_PIECE):
        *ends, rest = piece.split(b"\n")
        for end in ends:
            if filtered is None:
                start += end + b"\n"
                yield Part(bytes(start), len(start))
                start.clear()
            else:
                await _feed(filtered, end)
                yield Part(filtered.result, filtered.size)
                filtered = None
        if filtered is not None:
            await _feed(filtered, rest)
            continue
        start += rest
        if len(start) > whole:
            if keep is None:
                raise BodyTooLong(f"a line has more than {whole:,} bytes")
            filtered = JsonFilter(keep)
            await _feed(filtered, start)
            start.clear()
    if filtered is not None:
        yield Part(filtered.result, filtered.size)
    elif start:
        yield Part(bytes(start), len(start))


async def _feed(filtered: JsonFilter, data: bytes | bytearray) -> None:
    for position in range(0, len(data), _PIECE):
        filtered.feed(bytes(data[position : position + _PIECE]))
        await asyncio.sleep(0)

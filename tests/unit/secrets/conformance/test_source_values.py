# SPDX-License-Identifier: Apache-2.0
"""Values."""

import asyncio
import gc
import threading
import time
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.network.https import HttpsResponse
from smtp_operator.secrets.interfaces import ResolvedPassword
from smtp_operator.secrets.vaults.provider import VaultSecret
from smtp_testkit.conformance import Source
from smtp_testkit.conformance.source import PASSWORD


async def test_the_value(source: Source) -> None:
    """The value is read."""
    assert (await source.read()).value == PASSWORD


async def test_a_new_value(source: Source) -> None:
    """A rotated value is used at the next read."""
    await source.read()

    source.write("n3w")

    assert (await source.read()).value == "n3w"


async def test_a_version(source: Source) -> None:
    """Each value has its own version, which the status shows."""
    first = await source.read()

    source.write("n3w")
    second = await source.read()

    assert first.version is not None
    assert second.version not in (None, first.version)


async def test_letters_of_every_kind(source: Source) -> None:
    """A password is used unchanged: outer spaces, quotes, URL-escaped characters, any script."""
    value = ' pä$$ "w0rd" \\ %41 +&= \U0001f511 '
    source.write(value)

    assert (await source.read()).value == value


async def test_a_newline_at_the_end(source: Source) -> None:
    """A trailing newline is removed, and the condition PasswordResolved reports it."""
    source.write("s3cret\n")

    found = await source.read()

    assert (found.value, found.reason) == ("s3cret", Reason.TRAILING_NEWLINE_STRIPPED)


async def test_a_value_is_not_shown(source: Source) -> None:
    """Printing a read value does not show the password."""
    assert PASSWORD not in repr(await source.read())


async def test_a_value_is_not_kept(source: Source) -> None:
    """Neither the password nor its response is kept in memory after the read."""
    before = values_in_memory()
    found: Any = await source.read()
    assert values_in_memory() > 0
    del found

    source.line.https.close()
    for thread in threading.enumerate():
        if thread.name.startswith("https"):
            await asyncio.to_thread(thread.join, 60)

    too_late = time.monotonic() + 30
    while values_in_memory() > before:  # other code may still be releasing the answer
        assert time.monotonic() < too_late
        await asyncio.sleep(0.05)


CARRIERS = {HttpsResponse, ResolvedPassword, VaultSecret}


def values_in_memory() -> int:
    """Return the number of objects that still have the password."""
    gc.collect()
    carriers = [it for it in gc.get_objects() if type(it) in CARRIERS]
    bodies = [it.body if isinstance(it, HttpsResponse) else it.value.encode() for it in carriers]
    return sum(PASSWORD.encode() in body for body in bodies)


@pytest.mark.parametrize("value", ["", " ", "\n"])
async def test_an_empty_value(source: Source, expected: Reason, value: str) -> None:
    """An empty value is not a password."""
    source.write(value)

    assert (await source.verdict()).reason is expected


@pytest.mark.parametrize("value", ["c4nary\nmore", "c4nary\x00", "c4nary\x1b[31m", "\tc4nary"])
async def test_a_value_of_several_lines(source: Source, expected: Reason, value: str) -> None:
    """A value with line breaks or control characters is not a password."""
    source.write(value)

    verdict = await source.verdict()

    assert verdict.reason is expected
    assert "c4nary" not in verdict.message


async def test_a_value_that_is_too_long(source: Source, expected: Reason) -> None:
    """A value of more than 1 KiB is not a password."""
    source.write("c4nary" * 200)

    verdict = await source.verdict()

    assert verdict.reason is expected
    assert "c4nary" not in verdict.message

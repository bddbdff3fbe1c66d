# SPDX-License-Identifier: Apache-2.0
"""Logins and permissions."""

import asyncio
from contextlib import suppress

import pytest

from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_testkit.conformance import Source
from smtp_testkit.conformance.source import PASSWORD

BOUND = Verdict(
    reason=Reason.SERVER_NOT_ALLOWED,
    message="The Secret does not allow that server.",
    retry=REASONS[Reason.SERVER_NOT_ALLOWED].retry,
)


async def test_a_missing_password(source: Source, expected: Reason) -> None:
    """The named secret does not exist."""
    source.remove()

    assert (await source.verdict()).reason is expected


async def test_a_password_that_may_not_be_read(source: Source, expected: Reason) -> None:
    """The identity is known but may not read the secret."""
    source.forbid()

    assert (await source.verdict()).reason is expected


async def test_a_wrong_credential(source: Source, expected: Reason) -> None:
    """The identity's credential is not accepted."""
    source.spoil()

    assert (await source.verdict()).reason is expected


async def test_a_credential_that_may_not_go_there(source: Source) -> None:
    """A credential is not sent to a server that its owner does not allow: `ServerNotAllowed`."""
    source.bind(VerdictError(BOUND))

    assert await source.verdict() is BOUND
    assert source.line.requests == []


async def test_a_kept_login(source: Source) -> None:
    """A login is reused."""
    await source.read()
    await source.read()

    assert source.logins == 1


async def test_many_reads_at_a_time(source: Source) -> None:
    """A hundred concurrent reads need one login."""
    found = await asyncio.gather(*(source.read() for _ in range(100)))

    assert {it.value for it in found} == {PASSWORD}
    assert source.logins == 1


async def test_many_refused_logins_at_a_time(source: Source) -> None:
    """A hundred concurrent reads try a refused login once."""
    source.spoil()

    failures = await asyncio.gather(*(source.read() for _ in range(100)), return_exceptions=True)

    assert all(isinstance(it, VerdictError) for it in failures)
    assert source.logins == 1


async def test_a_refusal_costs_no_more_than_a_success(source: Source) -> None:
    """A refused read sends no more requests than a successful first read."""
    await source.read()
    success = len(source.line.requests)

    source.forbid()

    for _ in range(3):
        source.line.requests.clear()
        await source.verdict()
        assert len(source.line.requests) <= success


async def test_many_refusals_cost_no_more_than_as_many_successes(source: Source) -> None:
    """Many refused reads in sequence send no more requests than as many successful reads."""
    for _ in range(20):
        await source.read()
    success = len(source.line.requests)

    source.line.requests.clear()
    source.forbid()
    for _ in range(20):
        await source.verdict()

    assert len(source.line.requests) <= success


async def test_a_check(source: Source) -> None:
    """A check of the vault object always logs in, even if a login is cached."""
    await source.read()
    assert await source.check()

    source.spoil()

    with pytest.raises(VerdictError):
        await source.check()


async def test_a_check_that_fails(source: Source) -> None:
    """A failed check does not affect the cached login of readers."""
    await source.read()
    source.spoil()
    with pytest.raises(VerdictError):
        await source.check()
    logins = source.logins

    assert (await source.read()).value == PASSWORD
    assert source.logins == logins


async def test_its_end(source: Source) -> None:
    """After its object is changed or deleted, a login is no longer used."""
    await source.read()
    source.line.requests.clear()

    await source.end()

    with suppress(VerdictError):  # some do not even try
        await source.read()
    assert source.logins == len(source.line.requests[:1])

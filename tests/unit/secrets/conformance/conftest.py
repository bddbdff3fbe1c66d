# SPDX-License-Identifier: Apache-2.0
"""Every source in turn, with a password in it; and a server that misbehaves in its place."""

from collections.abc import Iterator

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.conformance import Source
from smtp_testkit.conformance.misbehaving import Misbehaving
from smtp_testkit.conformance.source import PASSWORD
from smtp_testkit.conformance.sources import SOURCES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test for every source that does not declare a difference."""
    if "source" in metafunc.fixturenames:
        able = [it for it in SOURCES if metafunc.function.__name__ not in it.unlike]
        metafunc.parametrize("source", able, ids=[it.column for it in able], indirect=True)


@pytest.fixture
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    """A vault with the password."""
    with request.param.opened(request.getfixturevalue) as made:
        made.write(PASSWORD)
        yield made


@pytest.fixture
def expected(source: Source, request: pytest.FixtureRequest) -> Reason:
    """Return the reason of the failure in this test."""
    return source.reasons[request.function.__name__]


@pytest.fixture
def odd() -> Iterator[Misbehaving]:
    """A vault with scripted answers."""
    with Misbehaving.running() as server:
        yield server

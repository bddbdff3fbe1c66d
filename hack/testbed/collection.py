# SPDX-License-Identifier: Apache-2.0
"""What ten thousand tests cost beside their own work, and need not."""

import gc
from collections.abc import Generator

import pytest
import pytest_asyncio.plugin

_ALLOCATIONS_PER_COLLECTION = 5_000


class KeptCollection:
    """A plugin that has the garbage collector leave alone what collecting tests made: it lives to the end."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Nothing is freed while it grows; later only what tests make is looked at."""
        gc.disable()
        try:
            return (yield)
        finally:
            gc.freeze()
            gc.set_threshold(_ALLOCATIONS_PER_COLLECTION, 10, 10)
            gc.enable()


def list_fixtures_alone() -> None:
    """Shortens ``dir`` of pytest-asyncio, where looptime seeks fixtures whenever any is set up."""
    names = vars(pytest_asyncio.plugin)
    kind = type(names["event_loop_policy"])
    fixtures = [name for name, it in names.items() if isinstance(it, kind)]
    names["__dir__"] = lambda: fixtures

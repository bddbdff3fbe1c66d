# SPDX-License-Identifier: Apache-2.0
"""What collecting ten thousand tests costs: the garbage collector would go through them again and again."""

import gc
from collections.abc import Generator

import pytest


class KeptCollection:
    """A plugin that has the garbage collector leave alone what collection made: it lives to the end."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Nothing is freed while it grows; later only what tests make is looked at."""
        gc.disable()
        try:
            return (yield)
        finally:
            gc.freeze()
            gc.enable()

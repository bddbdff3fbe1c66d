# SPDX-License-Identifier: Apache-2.0
"""What ten thousand tests cost beside their own work, and need not."""

import gc
from collections.abc import Callable, Generator
from typing import Any

import pytest
import pytest_asyncio.plugin

_ALLOCATIONS_PER_COLLECTION = 5_000


class KeptCollection:
    """A plugin that has the garbage collector leave alone what collecting tests made: it lives to the end."""

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Nor need whoever hands out the tests hear of each all that is never shown."""
        tell_what_is_shown(session.config)

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


def tell_what_is_shown(config: pytest.Config) -> None:
    """Has a process that runs tests for another tell only what that one shows: half of all messages.

    That a test begins, or that its setup or teardown has passed, is told where an option needs it.
    """
    asked = config.option
    if (
        getattr(asked, "record_durations", False)
        or asked.durations
        or asked.xmlpath
        or asked.verbose > 0
        or {"A", "P"} & set(asked.reportchars)
    ):
        return
    for plugin in config.pluginmanager.get_plugins():
        send = getattr(plugin, "sendevent", None)  # of pytest-xdist
        if send is not None:
            vars(plugin)["sendevent"] = _without_what_is_not_shown(send)


def _without_what_is_not_shown(send: Callable[..., None]) -> Callable[..., None]:
    def sendevent(name: str, **told: Any) -> None:
        if name == "logstart":
            return
        if name == "testreport" and told["data"]["outcome"] == "passed" and told["data"]["when"] != "call":
            return
        send(name, **told)

    return sendevent

# SPDX-License-Identifier: Apache-2.0
"""Reduces the overhead of ten thousand tests."""

import gc
from collections.abc import Callable, Generator
from typing import Any

import pytest
import pytest_asyncio.plugin

_ALLOCATIONS_PER_COLLECTION = 5_000


class KeptCollection:
    """A plug-in that exempts collected tests from garbage collection, because they stay until the end."""

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Limit the messages of workers to those that the main process shows."""
        tell_what_is_shown(session.config)

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Disable garbage collection during collection; later it examines only objects of tests."""
        gc.disable()
        try:
            return (yield)
        finally:
            gc.freeze()
            gc.set_threshold(_ALLOCATIONS_PER_COLLECTION, 10, 10)
            gc.enable()


def list_fixtures_alone() -> None:
    """Shorten ``dir`` of pytest-asyncio, in which looptime searches for fixtures at every fixture setup."""
    names = vars(pytest_asyncio.plugin)
    kind = type(names["event_loop_policy"])
    fixtures = [name for name, it in names.items() if isinstance(it, kind)]
    names["__dir__"] = lambda: fixtures


def tell_what_is_shown(config: pytest.Config) -> None:
    """Let a worker send only the messages that the main process shows, which halves their number.

    The start of a test and passed setups and teardowns are sent only if an option needs them.
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

# SPDX-License-Identifier: Apache-2.0
"""The messages of a worker to the main process."""

import argparse
from typing import Any

import pytest

from smtp_testkit.testbed.collection import tell_what_is_shown

TOLD: list[tuple[str, dict[str, Any]]] = [
    ("logstart", {}),
    ("testreport", {"data": {"when": "setup", "outcome": "passed"}}),
    ("testreport", {"data": {"when": "call", "outcome": "passed"}}),
    ("testreport", {"data": {"when": "teardown", "outcome": "passed"}}),
    ("testreport", {"data": {"when": "setup", "outcome": "skipped"}}),
    ("testreport", {"data": {"when": "teardown", "outcome": "failed"}}),
    ("logfinish", {}),
    ("warning_recorded", {"when": "runtest"}),
]


class Worker:
    """A worker like that of pytest-xdist."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def sendevent(self, name: str, **told: Any) -> None:
        self.sent.append((name, told))


class Config:
    """The options of the run."""

    def __init__(self, **options: Any) -> None:
        usual: dict[str, Any] = {"durations": None, "xmlpath": None, "verbose": 0, "reportchars": "a"}
        self.option = argparse.Namespace(**(usual | options))
        self.pluginmanager = pytest.PytestPluginManager()


def told_by_a_worker(**options: Any) -> list[tuple[str, dict[str, Any]]]:
    config: Any = Config(**options)
    worker = Worker()
    config.pluginmanager.register(worker)
    tell_what_is_shown(config)
    for name, told in TOLD:
        worker.sendevent(name, **told)
    return worker.sent


def test_messages_that_are_not_shown_are_not_sent() -> None:
    assert told_by_a_worker() == [TOLD[2], *TOLD[4:]]


@pytest.mark.parametrize(
    "asked", [{"durations": 10}, {"xmlpath": "tests.xml"}, {"verbose": 1}, {"reportchars": "fP"}]
)
def test_who_asks_for_more_is_told_all(asked: dict[str, Any]) -> None:
    assert told_by_a_worker(**asked) == TOLD

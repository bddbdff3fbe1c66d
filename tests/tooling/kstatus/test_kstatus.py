# SPDX-License-Identifier: Apache-2.0
"""Results of kstatus as observed with Flux's own code."""

from typing import Any

import pytest

from smtp_testkit.kstatus import Kstatus, Result, kstatus

Json = dict[str, Any]


def smtp_config(status: Json | None, **metadata: Any) -> Json:
    object_: Json = {"kind": "SmtpConfig", "metadata": {"generation": 2} | metadata}
    return object_ if status is None else object_ | {"status": status}


def conditions(**given: str) -> Json:
    return {
        "observedGeneration": 2,
        "conditions": [
            {"type": kind, "status": it, "message": f"{kind} says."} for kind, it in given.items()
        ],
    }


@pytest.mark.parametrize(
    ("status", "word", "message"),
    [
        (None, Kstatus.CURRENT, "Resource is current"),
        ({}, Kstatus.CURRENT, "Resource is current"),
        (
            {"observedGeneration": -1},
            Kstatus.IN_PROGRESS,
            "SmtpConfig generation is 2, but latest observed generation is -1",
        ),
        (
            conditions(Ready="True") | {"observedGeneration": 1},
            Kstatus.IN_PROGRESS,
            "SmtpConfig generation is 2, but latest observed generation is 1",
        ),
        (conditions(Ready="True"), Kstatus.CURRENT, "Ready says."),
        (conditions(Ready="False"), Kstatus.IN_PROGRESS, "Ready says."),
        (conditions(Ready="Unknown"), Kstatus.IN_PROGRESS, "Ready says."),
        (conditions(Ready="True", Reconciling="True"), Kstatus.IN_PROGRESS, "Reconciling says."),
        (conditions(Ready="False", Stalled="True"), Kstatus.FAILED, "Stalled says."),
        (conditions(Stalled="True", Reconciling="True"), Kstatus.FAILED, "Stalled says."),
        (conditions(Reconciling="True", Stalled="True"), Kstatus.IN_PROGRESS, "Reconciling says."),
        (conditions(Ready="True", Stalled="False", Reconciling="False"), Kstatus.CURRENT, "Ready says."),
        (conditions(Failed="True"), Kstatus.CURRENT, "Resource is current"),
    ],
)
def test_what_a_status_says(status: Json | None, word: Kstatus, message: str) -> None:
    assert kstatus(smtp_config(status)) == Result(word, message)


def test_what_is_being_deleted_is_terminating_whatever_its_status() -> None:
    object_ = smtp_config(conditions(Ready="True"), deletionTimestamp="2026-01-31T12:00:00Z")
    assert kstatus(object_).status is Kstatus.TERMINATING

# SPDX-License-Identifier: Apache-2.0
"""The cases of tests/unit/smtp/cases/blame.yaml as scenarios: one for each server of a case."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import yaml

from smtp_operator.api.verdict import Phase, SmtpType
from smtp_tools.reasons.scenarios import CORPUS, Scenario

CASES: Final = CORPUS.parents[1] / "cases" / "blame.yaml"
SENDER: Final = "ops@example.com"
RECIPIENT: Final = "ops@test.example"
PHASES: Final = {"HELO": Phase.EHLO, "Dot": Phase.DATA}
"""Steps of a case that are not named like their phase."""


@cache
def kinds() -> tuple[Scenario, ...]:
    """Return a scenario for each server of each case."""
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    return tuple(scenario for case in cases for scenario in _scenarios(case))


def _scenarios(case: Mapping[str, Any]) -> list[Scenario]:
    if "script" in case:
        return [_scenario(case, case["script"])]
    return [_scenario(case, {step: case["says"][step]}) for step in case["says"]]


def _scenario(case: Mapping[str, Any], steps: Mapping[str, str]) -> Scenario:
    last = list(steps)[-1]
    expect = case["expect"]
    name = re.sub(r"[^a-z0-9]+", "-", f"{case['name']} {last}".lower()).strip("-")
    return Scenario(
        id=name,
        peer="Generic",
        source=CASES.name,
        smtp_type=SmtpType(case.get("smtp_type", "None")),
        login=case.get("login", False) or "Auth" in steps,
        oauth2=False,
        phase=PHASES.get(last) or Phase(last),
        banner="",
        challenge="",
        lines=_lines(steps[last]),
        closes=False,
        offers=False,
        sender=SENDER,
        recipient=RECIPIENT,
        reason=expect["reason"][0],
        also=tuple(expect["reason"][1:]),
        exit_code=expect.get("exit"),
        mentions=tuple(expect.get("mentions", ())),
        never=tuple(expect.get("never", ())),
        steps=tuple(steps.items()),
    )


def _lines(reply: str) -> tuple[str, ...]:
    """Return the lines of a reply, of which a case repeats the code at will."""
    return tuple(reply.split("\n"))

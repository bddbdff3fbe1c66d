# SPDX-License-Identifier: Apache-2.0
"""The rules give the expected reasons for the corpus and for mutations of its replies."""

from collections.abc import Iterable

from smtp_tools.reasons.judging import Judgement, judge, precision
from smtp_tools.reasons.mutations import COUNT, mutations
from smtp_tools.reasons.report import AT_LEAST, FIRST
from smtp_tools.reasons.scenarios import HELD_BACK, PUBLISHED, UNSEEN, load


def told(judgements: Iterable[Judgement]) -> str:
    return "\n".join(
        f"{one.scenario.id}: {one.reason}, right is {one.scenario.reason}: {one.scenario.first_reply}"
        for one in judgements
        if not one.right
    )


def test_the_published_scenarios_get_their_reasons() -> None:
    judged = [judge(scenario) for scenario in load(PUBLISHED)]

    assert precision(judged) >= AT_LEAST, told(judged)


def test_the_held_back_fifth_gets_its_reasons() -> None:
    """Check the reasons without printing missed replies, so that authors of rules may run it (README.md)."""
    judged = [judge(scenario) for scenario in load(HELD_BACK)]

    assert len(judged) == FIRST["held back"][1]
    assert precision(judged) >= AT_LEAST


def test_the_unseen_part_gets_its_reasons_exit_codes_and_words() -> None:
    judged = [judge(scenario) for scenario in load(UNSEEN)]

    assert precision(judged) >= AT_LEAST, told(judged)
    assert [one.scenario.id for one in judged if one.right and not one.complete] == []


def test_a_thousand_mutations_get_the_reasons_of_their_originals() -> None:
    judged = [judge(scenario) for scenario in mutations(load(PUBLISHED))]

    assert len(judged) == COUNT
    assert precision(judged) >= AT_LEAST, told(judged)


def test_mutations_are_the_same_in_each_run() -> None:
    scenarios = load(PUBLISHED)

    assert mutations(scenarios, count=100) == mutations(scenarios, count=100)

# SPDX-License-Identifier: Apache-2.0
"""Replies of real servers lead to the party that their words, or the facts of the dialogue, name."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from smtp_operator.api.reasons import REASONS
from smtp_operator.api.verdict import SmtpType
from smtp_operator.cli.exit_codes import code_of
from smtp_testkit.mailpeers.faultserver import FaultServer, TlsMode
from smtp_testkit.mailpeers.trial import Trial, recipients
from smtp_tools.reasons.stage import script_of_steps

TLS: Final[dict[SmtpType, TlsMode]] = {
    SmtpType.NONE: "none",
    SmtpType.START_TLS: "starttls",
    SmtpType.TLS: "implicit",
}
CASES: Final = yaml.safe_load(Path(__file__).with_name("blame.yaml").read_text(encoding="utf-8"))


def servers() -> list[Any]:
    """Return the servers of all cases: the case, and the replies of one server."""
    found = []
    for case in CASES:
        scripts = [case["script"]] if "script" in case else [{one: case["says"][one]} for one in case["says"]]
        found += [pytest.param(case, it, id=f"{case['name']} [{' '.join(it)}]") for it in scripts]
    return found


@pytest.mark.parametrize(("case", "replies"), servers())
async def test_the_party_to_blame(trial: Trial, case: dict[str, Any], replies: dict[str, str]) -> None:
    smtp_type = SmtpType(case.get("smtp_type", "None"))
    login: dict[str, Any] = {"password": "s3cret-pw"} if case.get("login") or "Auth" in replies else {}
    async with FaultServer(script_of_steps(replies, smtp_type), tls=TLS[smtp_type]) as server:
        report = await trial(
            server.port,
            smtp_type=smtp_type,
            sender="ops@example.com",
            recipients=recipients(to=["ops@test.example"]),
            ca_pem=server.ca_pem,
            allow_insecure_auth=True,
            **login,
        )

    verdict, expect = report.verdict, case["expect"]
    assert verdict.reason in expect["reason"], verdict.message
    if "exit" in expect:
        assert code_of(verdict.retry, password_resolved=True) == expect["exit"]
    told = f"{verdict.message} {verdict.suggestion}".lower()
    advice = told.replace(" ".join(replies.values()).lower(), "")
    assert all(word.lower() in told for word in expect.get("mentions", ()))
    assert not any(word.lower() in advice for word in expect.get("never", ()))


def test_each_case_says_how_its_wrong_answer_came_about() -> None:
    assert all(case["cause"] for case in CASES)
    assert {reason for case in CASES for reason in case["expect"]["reason"]} <= set(REASONS)

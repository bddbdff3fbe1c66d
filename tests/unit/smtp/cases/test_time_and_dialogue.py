# SPDX-License-Identifier: Apache-2.0
"""Servers that are slow, or conduct the dialogue in an unusual way, get the right verdict."""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_operator.api.verdict import SmtpType
from smtp_testkit.mailpeers.faultserver import (
    Action,
    FaultServer,
    ScriptedConnection,
    after,
    drop,
    raw,
    reply,
    then,
)
from smtp_testkit.mailpeers.trial import Trial, recipients

pytestmark = pytest.mark.looptime

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("time_and_dialogue.yaml").read_text())


def action(step: Mapping[str, Any]) -> Action:
    """Return what the server does at a step."""
    text = step["say"] + "\r\n" + (step["more"] + "\r\n" if "more" in step else "")
    said = then(raw(text.encode()), drop()) if step.get("end") else raw(text.encode())
    return after(step.get("after", 0), said)


def script(case: Mapping[str, Any]) -> dict[str, Action | list[Action]]:
    """Return the steps of the server in a case."""
    steps: dict[str, Action | list[Action]] = {}
    if "offers" in case:
        steps["EHLO"] = reply("\n".join(["250-mail.test", *(f"250 {it}" for it in case["offers"])]))
    for name, told in case.get("server", {}).items():
        steps[name] = [action(one) for one in told] if isinstance(told, list) else action(told)
    return steps


def bad_at_groups(how: str) -> Action:
    """Return an action for MAIL: what comes with it is not read as commands."""

    async def mail(talk: ScriptedConnection) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await talk.reader.read(4096)
            if how == "drop":
                await drop()(talk)
            if how == "refuse":
                await reply("503 5.5.0 improper command pipelining")(talk)
                return
        await reply("250 2.1.0 ok")(talk)

    return mail


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_case(trial: Trial, case: dict[str, Any]) -> None:
    changes = dict(case.get("settings", {}))
    changes["smtp_type"] = SmtpType(changes.get("smtp_type", "None"))
    if "recipients" in case:
        changes["recipients"] = recipients(to=[f"r{n}@example.com" for n in range(case["recipients"])])
    server = FaultServer(script(case), tls=case.get("tls", "none"))
    if "groups" in case:
        server.script["MAIL"] = bad_at_groups(case["groups"])
    if "password" in case:
        changes["password"] = "x" * case["password"]
    server.longest_command = case.get("longest_command", 0)
    async with server:
        if case.get("tls"):
            changes["ca_pem"] = server.ca_pem
        report = await trial(server, **changes)

    reasons = case["reason"] if isinstance(case["reason"], list) else [case["reason"]]
    assert report.verdict.reason in reasons, report.verdict.message
    for words in case.get("mentions", []):
        assert words in report.verdict.message
    for words in case.get("never", []):
        assert words not in report.verdict.message

# SPDX-License-Identifier: Apache-2.0
"""Status reports a test, and no server reply can make the API server reject it."""

from typing import Any

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp, to_precise_timestamp, to_timestamp
from smtp_operator.api.verdict import (
    Certificate,
    DialogueReport,
    Mode,
    Phase,
    PhaseTiming,
    RecipientVerdict,
    ServerFacts,
    SmtpType,
    Suggestion,
    Verdict,
)
from smtp_testkit.simulation import Answer, World, fails

FAILED = Verdict(
    reason=Reason.RELAY_DENIED,
    message="mx will not relay. Log in.",
    retry=Retry.POLICY,
    phase=Phase.RCPT_TO,
    reply="550 5.7.1",
)


def report(verdict: Verdict = FAILED, **facts: Any) -> Answer:
    return Answer(report=DialogueReport(verdict=verdict, mode=Mode.SEND_EMAIL, duration=0.412, **facts))


async def status_after(world: World, answer: Answer, **spec: Any) -> dict[str, Any]:
    world.engine.script(answer)
    await world.start()
    mail = world.smtp_config().create(**spec)
    await world.passes(1)
    status: dict[str, Any] = mail.object_["status"]
    return status


async def test_all_that_a_test_brings_to_light(world: World) -> None:
    answer = report(
        phases=(PhaseTiming(Phase.RESOLVE, 0.002), PhaseTiming(Phase.CONNECT, 1.5)),
        server=ServerFacts(
            address="192.0.2.10:587",
            banner="mx.example.com",
            tls_version="TLSv1.3",
            auth_mechanism="PLAIN",
            certificate=Certificate(
                subject="CN=mx", issuer="CN=ca", not_before=1_750_000_000, not_after=1_800_000_000
            ),
        ),
        message_id="<1@example.com>",
        response="550 5.7.1 relaying denied",
        recipients=(RecipientVerdict(role="to", index=0, accepted=False, response="550 5.7.1"),),
        dialogue=("S: 220 mx", "C: EHLO example.com"),
    )
    assert (await status_after(world, answer))["lastTest"] == {
        "trigger": "SpecChanged",
        "mode": "SendEmail",
        "startTime": "2026-11-18T11:06:40.010000Z",
        "duration": "412ms",
        "phase": "RcptTo",
        "phases": [{"name": "Resolve", "duration": "2ms"}, {"name": "Connect", "duration": "1.5s"}],
        "server": {
            "address": "192.0.2.10:587",
            "banner": "mx.example.com",
            "tlsVersion": "TLSv1.3",
            "authMechanism": "PLAIN",
            "certificate": {
                "subject": "CN=mx",
                "issuer": "CN=ca",
                "notBefore": "2025-06-15T15:06:40Z",
                "notAfter": "2027-01-15T08:00:00Z",
            },
        },
        "messageId": "<1@example.com>",
        "response": "550 5.7.1 relaying denied",
        "recipients": [{"role": "to", "index": 0, "accepted": False, "response": "550 5.7.1"}],
        "dialogue": ["S: 220 mx", "C: EHLO example.com"],
    }


async def test_what_a_test_did_not_get_to_is_left_out(world: World) -> None:
    last_test = (await status_after(world, report()))["lastTest"]
    assert last_test == {
        "trigger": "SpecChanged",
        "mode": "SendEmail",
        "startTime": "2026-11-18T11:06:40.010000Z",
        "duration": "412ms",
        "phase": "RcptTo",
        "phases": [],
        "recipients": [],
        "dialogue": [],
    }


async def test_the_dialogue_of_a_test_that_passed_is_left_out(world: World) -> None:
    passed = Verdict(reason=Reason.TEST_EMAIL_SENT, message="Sent.", retry=Retry.PASSED)
    status = await status_after(world, report(passed, dialogue=("S: 220 mx",)))
    assert status["lastTest"]["dialogue"] == []


async def test_the_summary_names_reason_phase_and_reply(world: World) -> None:
    assert (await status_after(world, report()))["summary"] == "RelayDenied in RcptTo: 550 5.7.1"


async def test_a_suggestion_names_the_fields_to_set(world: World) -> None:
    suggestion = Suggestion(smtp_type=SmtpType.TLS, port=465, helo_name="mx.example.com")
    answer = fails(Reason.TLS_EXPECTED_BY_SERVER, suggestion=suggestion)
    assert (await status_after(world, answer))["suggestion"] == {
        "smtpType": "TLS",
        "port": 465,
        "heloName": "mx.example.com",
    }


async def test_a_suggestion_is_gone_once_it_was_followed(world: World) -> None:
    world.engine.script(fails(Reason.TLS_EXPECTED_BY_SERVER, suggestion=Suggestion(port=465)))
    await world.start()
    mail = world.smtp_config().create()
    await world.passes(60)
    mail.edit(port=465)
    await world.passes(1)
    assert mail.ready == "True"
    assert mail.status.suggestion is None


async def test_references_are_told_with_their_versions(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login(tls={"caRef": {"name": "corp-ca"}})
    await world.passes(1)
    secret = next(iter(world.storage.objects.values()))["metadata"]
    assert mail.object_["status"]["tested"]["references"] == [
        {"kind": "ConfigMap", "name": "corp-ca"},
        {
            "kind": "Secret",
            "name": "smtp-password",
            "version": f"{secret['uid']}/{secret['resourceVersion']}",
        },
    ]


async def test_whatever_a_server_says_is_cut_to_what_the_schema_takes(world: World) -> None:
    long = "ü\u20ac" * 40_000
    answer = report(
        Verdict(
            reason=Reason.RELAY_DENIED,
            message=long,
            retry=Retry.POLICY,
            phase=Phase.DATA,
            reply=long,
            suggestion=Suggestion(helo_name=long, auth_mechanism=long),
        ),
        phases=(PhaseTiming(Phase.RESOLVE, 1.0),) * 500,
        server=ServerFacts(
            address=long,
            banner=long,
            tls_version=long,
            auth_mechanism=long,
            certificate=Certificate(subject=long, issuer=long, not_before=-1e30, not_after=1e30),
        ),
        message_id=long,
        response=long,
        recipients=(RecipientVerdict(role="to", index=0, accepted=False, response=long),) * 500,
        dialogue=(long,) * 500,
    )
    status = await status_after(world, answer)
    assert SmtpConfigStatus.model_validate(status).model_dump(by_alias=True, exclude_none=True) == status
    assert len(str(status).encode()) < 300_000
    assert len(world.writes) == 1


async def test_of_a_long_dialogue_the_end_is_kept(world: World) -> None:
    lines = tuple(f"S: {number}" for number in range(100))
    status = await status_after(world, report(dialogue=lines))
    assert status["lastTest"]["dialogue"] == list(lines[-20:])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00Z"),
        (1_795_000_000.9, "2026-11-18T11:06:40Z"),
        (-5.0, "1970-01-01T00:00:00Z"),
        (1e30, "9999-12-31T23:59:59Z"),
        (float("inf"), "9999-12-31T23:59:59Z"),
    ],
)
def test_timestamps(seconds: float, text: str) -> None:
    assert to_timestamp(seconds) == text


def test_a_precise_timestamp_has_microseconds() -> None:
    assert to_precise_timestamp(1_795_000_000.25) == "2026-11-18T11:06:40.250000Z"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-18T11:06:40Z", 1_795_000_000.0),
        ("2026-11-18T11:06:40.250000Z", 1_795_000_000.25),
        ("2026-11-18T12:06:40+01:00", 1_795_000_000.0),
        ("2026-11-18T11:06:40", 1_795_000_000.0),
        ("tomorrow", None),
        ("", None),
        (None, None),
    ],
)
def test_timestamps_are_read(text: str | None, seconds: float | None) -> None:
    assert from_timestamp(text) == seconds

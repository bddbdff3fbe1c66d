# SPDX-License-Identifier: Apache-2.0
"""Reading a status that this release did not write: none, a newer one, one with foreign conditions."""

from typing import Any

import pytest
from pydantic import ValidationError

from smtp_operator.api.status import Condition, LastTest, SmtpConfigStatus

READY: dict[str, Any] = {
    "type": "Ready",
    "status": "True",
    "observedGeneration": 3,
    "lastTransitionTime": "2026-01-02T03:04:05Z",
    "reason": "TestEmailSent",
    "message": "The server accepted the mail.",
}
FOREIGN: dict[str, Any] = {
    "type": "backup.example.com/Archived",
    "status": "Unknown",
    "lastTransitionTime": "2026-01-02T03:04:05Z",
    "reason": "NeverArchived",
    "message": "",
}
LAST_TEST: dict[str, Any] = {"trigger": "SpecChanged", "startTime": "2026-01-02T03:04:05.123456Z"}

NEWER: dict[str, dict[str, Any]] = {
    "at the top": {"nextRotation": "2027-01-01T00:00:00Z"},
    "in a condition": {"conditions": [READY | {"severity": "Info"}]},
    "in lastTest": {"lastTest": LAST_TEST | {"bytesSent": 1024}},
    "in the server's facts": {"lastTest": LAST_TEST | {"server": {"software": "Postfix"}}},
    "in a phase": {"lastTest": LAST_TEST | {"phases": [{"name": "Dnssec", "bogus": False}]}},
    "in a recipient": {
        "lastTest": LAST_TEST
        | {"recipients": [{"role": "to", "index": 0, "accepted": True, "delivered": "later"}]}
    },
    "in tested": {"tested": {"settings": "ab", "salt": "cd"}},
    "in a reference": {"tested": {"references": [{"kind": "Secret", "name": "a", "etag": "b"}]}},
    "in password": {"password": {"source": "AwsSecretsManager", "region": "eu-central-1"}},
    "in a suggestion": {"suggestion": {"pipelining": True}},
}


@pytest.mark.parametrize("stored", [{}, {"observedGeneration": -1}], ids=["none", "the CRD's default"])
def test_object_that_was_never_seen(stored: dict[str, Any]) -> None:
    status = SmtpConfigStatus.model_validate(stored)
    assert status == SmtpConfigStatus()
    assert status.observed_generation == -1
    assert status.conditions == []
    assert status.last_test is None


@pytest.mark.parametrize("stored", NEWER.values(), ids=NEWER)
def test_field_of_a_newer_release_is_ignored(stored: dict[str, Any]) -> None:
    SmtpConfigStatus.model_validate(stored)


@pytest.mark.parametrize(
    "change",
    [{"trigger": "QuotaChanged"}, {"mode": "Receive"}, {"phases": [{"name": "Dnssec"}]}],
    ids=["trigger", "mode", "phase"],
)
def test_word_of_a_newer_release_is_read(change: dict[str, Any]) -> None:
    status = SmtpConfigStatus.model_validate({"lastTest": LAST_TEST | change})
    assert status.last_test is not None
    assert status.last_test.model_dump(by_alias=True, include=set(change)) == {
        name: value if isinstance(value, str) else [value[0] | {"duration": None}]
        for name, value in change.items()
    }


def test_condition_is_found_by_its_type() -> None:
    status = SmtpConfigStatus.model_validate({"conditions": [FOREIGN, READY]})
    ready = status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason, ready.observed_generation) == ("True", "TestEmailSent", 3)
    assert status.condition("Failed") is None


def test_condition_of_somebody_else_is_read_too() -> None:
    status = SmtpConfigStatus.model_validate({"conditions": [FOREIGN]})
    foreign = status.condition("backup.example.com/Archived")
    assert foreign is not None
    assert foreign.observed_generation == 0


def test_what_was_written_is_read_as_it_was() -> None:
    status = SmtpConfigStatus(
        observed_generation=3,
        conditions=[Condition.model_validate(READY)],
        summary="TestEmailSent: 250 2.0.0",
        last_test=LastTest.model_validate(LAST_TEST | {"mode": "SendEmail", "duration": "412ms"}),
        last_success_time="2026-01-02T03:04:05Z",
        last_handled_test_request="2026-01-02T03:04:00+00:00",
    )
    written = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert SmtpConfigStatus.model_validate(written) == status
    assert "lastHandledTestRequest" in written


@pytest.mark.parametrize(
    "spoilt",
    [
        {"conditions": "none"},
        {"conditions": [{"type": "Ready"}]},
        {"lastTest": []},
        {"observedGeneration": "x"},
    ],
)
def test_status_of_another_kind_is_no_status(spoilt: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SmtpConfigStatus.model_validate(spoilt)

# SPDX-License-Identifier: Apache-2.0
"""Each rule for statuses finds a status that violates it."""

from collections.abc import Callable
from typing import Any

import pytest

from smtp_testkit.statuslint import lint

NOW = 1_795_000_000.0
EARLIER = "2026-11-18T11:00:00Z"
LATER = "2026-11-18T12:00:00Z"

Json = dict[str, Any]


def condition(kind: str, status: str, reason: str, **fields: Any) -> Json:
    return {
        "type": kind,
        "status": status,
        "observedGeneration": 2,
        "lastTransitionTime": EARLIER,
        "reason": reason,
        "message": "What happened. What to set.",
    } | fields


def passed() -> Json:
    return {
        "observedGeneration": 2,
        "conditions": [condition("Ready", "True", "TestEmailSent")],
        "summary": "TestEmailSent",
        "tested": {"settings": "0" * 64, "references": []},
        "lastTest": {"trigger": "SpecChanged", "startTime": EARLIER, "dialogue": []},
        "lastSuccessTime": EARLIER,
        "nextTestTime": LATER,
    }


def failed() -> Json:
    return passed() | {
        "conditions": [
            condition("Ready", "False", "ConnectTimeout"),
            condition("Failed", "True", "ConnectTimeout"),
            condition("Reconciling", "True", "ProgressingWithRetry"),
        ],
        "summary": "ConnectTimeout in Connect",
    }


def stalled() -> Json:
    return passed() | {
        "conditions": [
            condition("Ready", "False", "RelayDenied"),
            condition("Failed", "True", "RelayDenied"),
            condition("Stalled", "True", "RelayDenied"),
        ]
    }


def announced() -> Json:
    return {
        "observedGeneration": -1,
        "conditions": [
            condition("Ready", "Unknown", "Testing"),
            condition("Reconciling", "True", "Testing"),
        ],
        "summary": "Testing",
    }


def smtp_config(status: Json | None = None, **spec: Any) -> Json:
    return {
        "kind": "SmtpConfig",
        "metadata": {"namespace": "team-a", "name": "corporate-mail", "generation": 2},
        "spec": {"server": "smtp.example.com"} | spec,
        "status": {"observedGeneration": -1} if status is None else status,
    }


def numbers(status: Json, object_: Json | None = None, hidden: tuple[str, ...] = ()) -> list[str]:
    found = lint(object_ or smtp_config(), status, now=NOW, hidden=hidden)
    return sorted({text.split()[0] for text in found})


def without(status: Json, *kinds: str) -> Json:
    return status | {"conditions": [it for it in status["conditions"] if it["type"] not in kinds]}


def with_(status: Json, *conditions: Json) -> Json:
    return status | {"conditions": [*status["conditions"], *conditions]}


def changed(from_: Json, kind: str, **fields: Any) -> Json:
    conditions = [it | fields if it["type"] == kind else it for it in from_["conditions"]]
    return from_ | {"conditions": conditions}


@pytest.mark.parametrize("make", [passed, failed, stalled, announced])
def test_a_good_status_has_no_complaint(make: Callable[[], Json]) -> None:
    assert numbers(make()) == []


@pytest.mark.parametrize(
    ("status", "rules"),
    [
        pytest.param(
            with_(passed(), condition("Failed", "True", "RelayDenied")),
            ["FAIL0001", "FAIL0010", "FAIL0011"],
            id="Failed beside Ready",
        ),
        pytest.param(
            with_(passed(), condition("Stalled", "True", "RelayDenied")),
            ["FAIL0001", "FAIL0004", "FAIL0027"],
            id="Stalled beside Ready",
        ),
        pytest.param(without(passed(), "Ready"), ["FAIL0002", "FAIL0027"], id="no Ready"),
        pytest.param(
            with_(passed(), condition("Reconciling", "True", "ProgressingWithRetry")),
            ["FAIL0003"],
            id="Reconciling beside Ready",
        ),
        pytest.param(
            changed(stalled(), "Stalled", reason="ConnectTimeout"), ["FAIL0004"], id="another reason"
        ),
        pytest.param(
            with_(stalled(), condition("Reconciling", "True", "ProgressingWithRetry")),
            ["FAIL0005", "FAIL0027"],
            id="Stalled and Reconciling",
        ),
        pytest.param(
            passed() | {"observedGeneration": 3}, ["FAIL0006", "FAIL0007", "FAIL0027"], id="from the future"
        ),
        pytest.param(
            changed(passed(), "Ready", observedGeneration=3), ["FAIL0006", "FAIL0008"], id="a later condition"
        ),
        pytest.param(passed() | {"observedGeneration": 1}, ["FAIL0007", "FAIL0027"], id="an older verdict"),
        pytest.param(changed(passed(), "Ready", observedGeneration=1), ["FAIL0008"], id="an older condition"),
        pytest.param(announced() | {"observedGeneration": 2}, ["FAIL0009"], id="observed while testing"),
        pytest.param(without(failed(), "Failed"), ["FAIL0010"], id="Failed is missing"),
        pytest.param(changed(failed(), "Failed", message="Other."), ["FAIL0011"], id="another message"),
        pytest.param(changed(failed(), "Reconciling", status="False"), ["FAIL0012", "FAIL0014"], id="False"),
        pytest.param(
            with_(passed(), condition("Healthy", "True", "Yes")), ["FAIL0013", "FAIL0014"], id="type"
        ),
        pytest.param(
            with_(passed(), condition("Ready", "True", "TestEmailSent")), ["FAIL0013"], id="Ready twice"
        ),
        pytest.param(changed(passed(), "Ready", reason="Fine"), ["FAIL0014"], id="an unknown reason"),
        pytest.param(changed(passed(), "Ready", reason="RelayDenied"), ["FAIL0014"], id="a wrong reason"),
        pytest.param(changed(passed(), "Ready", message="ü" * 513), ["FAIL0015"], id="a long message"),
        pytest.param(changed(passed(), "Ready", message=""), ["FAIL0015"], id="no message"),
        pytest.param(changed(passed(), "Ready", message="a\nb"), ["FAIL0015"], id="two lines"),
        pytest.param(passed() | {"summary": "x" * 81}, ["FAIL0015"], id="a long summary"),
        pytest.param(passed() | {"summary": ""}, ["FAIL0015"], id="no summary"),
        pytest.param(passed() | {"nextTestTime": "soon"}, ["FAIL0016"], id="no time"),
        pytest.param(passed() | {"nextTestTime": "2026-11-18 12:00"}, ["FAIL0016"], id="not RFC 3339"),
        pytest.param(passed() | {"lastSuccessTime": LATER}, ["FAIL0016"], id="a success to come"),
        pytest.param(changed(passed(), "Ready", lastTransitionTime=LATER), ["FAIL0016"], id="a flip to come"),
        pytest.param(without(failed(), "Reconciling"), ["FAIL0019", "FAIL0027"], id="no outlook"),
        pytest.param(
            with_(passed(), condition("PasswordResolved", "True", "PasswordRead")),
            ["FAIL0021"],
            id="no password",
        ),
        pytest.param(
            changed(announced(), "Ready", reason="Suspended"), ["FAIL0022"], id="Suspended, but is not"
        ),
        pytest.param(
            failed() | {"lastTest": {"startTime": EARLIER, "dialogue": ["S: 220"] * 21}},
            ["FAIL0025"],
            id="a long dialogue",
        ),
        pytest.param(
            passed() | {"lastTest": {"startTime": EARLIER, "dialogue": ["S: 220"]}},
            ["FAIL0025"],
            id="a dialogue of a success",
        ),
        pytest.param(
            {key: value for key, value in passed().items() if key != "tested"}, ["FAIL0026"], id="no base"
        ),
    ],
)
def test_what_goes_against_a_rule_is_found(status: Json, rules: list[str]) -> None:
    assert numbers(status) == rules


def test_a_retry_without_a_time_is_found() -> None:
    status = failed()
    del status["nextTestTime"]
    assert numbers(status) == ["FAIL0020"]


def test_an_observed_generation_that_goes_back_is_found() -> None:
    assert numbers(announced(), smtp_config(passed())) == ["FAIL0006", "FAIL0009", "FAIL0024"]


def test_a_transition_time_that_moves_without_a_flip_is_found() -> None:
    moved = changed(passed(), "Ready", lastTransitionTime="2026-11-18T11:05:00Z")
    assert numbers(moved, smtp_config(passed())) == ["FAIL0017"]


def test_a_flip_whose_time_is_older_is_found() -> None:
    before = changed(passed(), "Ready", lastTransitionTime="2026-11-18T11:05:00Z")
    assert numbers(stalled(), smtp_config(before)) == ["FAIL0017"]


@pytest.mark.parametrize(
    "shown",
    [
        {"summary": "password s3cret-1"},
        {"lastTest": {"startTime": EARLIER, "response": "550 <AUDIT@example.com> unknown"}},
        {"tested": {"settings": "s3cret-1", "references": []}},
    ],
)
def test_a_secret_and_a_bcc_address_are_found_anywhere(shown: Json) -> None:
    assert numbers(passed() | shown, hidden=("s3cret-1", "audit@example.com")) == ["FAIL0018"]


def test_a_suspended_object_that_reconciles_is_found() -> None:
    assert numbers(failed(), smtp_config(suspend=True)) == ["FAIL0022"]


def test_an_answer_that_is_gone_is_found() -> None:
    before = passed() | {"lastHandledTestRequest": "now"}
    assert numbers(passed(), smtp_config(before)) == ["FAIL0023"]


def test_a_success_that_is_forgotten_is_found() -> None:
    status = stalled()
    del status["lastSuccessTime"]
    assert numbers(status, smtp_config(passed())) == ["FAIL0024"]


def vault(status: Json) -> Json:
    return smtp_config(status) | {"kind": "ClusterSmtpVault", "metadata": {"name": "corp", "generation": 2}}


def test_the_status_of_a_vault_keeps_the_same_rules_but_those_of_mails() -> None:
    good = {
        "observedGeneration": 2,
        "conditions": [condition("Ready", "True", "VaultLoginSucceeded")],
        "summary": "VaultLoginSucceeded",
        "provider": "AzureKeyVault",
        "lastCheckTime": EARLIER,
        "nextCheckTime": LATER,
    }
    assert numbers(good, vault({"observedGeneration": -1})) == []
    assert numbers(with_(good, condition("Stalled", "True", "VaultAuthFailed")), vault(good)) == [
        "FAIL0001",
        "FAIL0004",
        "FAIL0027",
    ]
    assert numbers(changed(good, "Ready", reason="TestEmailSent"), vault(good)) == ["FAIL0014"]


def test_a_vault_that_is_tried_again_says_when() -> None:
    status = {key: value for key, value in failed().items() if key != "nextTestTime"}
    assert numbers(status, vault({"observedGeneration": -1})) == ["FAIL0020"]
    assert numbers(status | {"nextCheckTime": LATER}, vault({"observedGeneration": -1})) == []


def test_a_login_to_a_vault_is_no_verdict_on_mail_settings() -> None:
    assert numbers(changed(passed(), "Ready", reason="VaultLoginSucceeded")) == ["FAIL0014"]

# SPDX-License-Identifier: Apache-2.0
"""Rules for generations, times, texts and the other fields of status."""

import re
from collections.abc import Iterator
from typing import Final

from smtp_operator.api.names import SMTP_CONFIG_KIND
from smtp_operator.api.reasons import Reason
from smtp_testkit.statuslint.case import Case, Finding, rule, seconds

_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
_CLOCK_TOLERANCE: Final = 1.0


@rule("FAIL0006")
def _generation_exists(case: Case) -> Finding:
    """The observed generation exists, and never decreases."""
    observed = case.status.get("observedGeneration", -1)
    if observed > case.generation:
        yield f"observedGeneration is {observed}"
    if observed < case.stored.get("observedGeneration", -1):
        yield "observedGeneration went back"
    for kind, condition in case.conditions.items():
        if condition["observedGeneration"] > case.generation:
            yield f"{kind} observed generation {condition['observedGeneration']}"


@rule("FAIL0007")
def _a_verdict_is_of_this_generation(case: Case) -> Finding:
    """Every verdict is about the current generation."""
    if not case.under_test and case.status.get("observedGeneration") != case.generation:
        yield f"observedGeneration is {case.status.get('observedGeneration')}"


@rule("FAIL0008")
def _conditions_are_of_this_generation(case: Case) -> Finding:
    """Every condition has an observedGeneration, outside of tests the current one."""
    for kind, condition in case.conditions.items():
        observed = condition.get("observedGeneration", 0)
        if observed < 1 or (not case.under_test and observed != case.generation):
            yield f"{kind} observed generation {observed}"


@rule("FAIL0009")
def _an_announcement_changes_no_verdict(case: Case) -> Finding:
    """While a test runs, status.observedGeneration does not change."""
    if case.under_test and case.status["observedGeneration"] != case.stored.get("observedGeneration", -1):
        yield "observedGeneration moved without a verdict"


@rule("FAIL0015")
def _messages_are_short(case: Case) -> Finding:
    """A message is one line of 1 to 1,024 bytes; the summary of 1 to 80 characters."""
    for kind, condition in case.conditions.items():
        if not 1 <= len(condition["message"].encode()) <= 1024:
            yield f"{kind}'s message has {len(condition['message'].encode())} bytes"
        if not condition["message"].isprintable():
            yield f"{kind}'s message has control characters"
    if not 1 <= len(case.status.get("summary", "")) <= 80:
        yield f"summary is {case.status.get('summary')!r}"


@rule("FAIL0016")
def _times_can_be_read(case: Case) -> Finding:
    """Times are RFC 3339 in UTC; times of past events are not in the future."""
    last_test = case.status.get("lastTest") or {}
    past = {kind: it["lastTransitionTime"] for kind, it in case.conditions.items()}
    past |= {"lastTest.startTime": last_test.get("startTime")}
    past |= {name: case.status.get(name) for name in ("lastSuccessTime", "lastCheckTime")}
    to_come = {name: case.status.get(name) for name in ("nextTestTime", "nextCheckTime")}
    for name, text in (past | to_come).items():
        if text is None:
            continue
        if not _RFC_3339.fullmatch(text):
            yield f"{name} is {text!r}"
        elif name in past and seconds(text) > case.now + _CLOCK_TOLERANCE:
            yield f"{name} lies in the future: {text}"


@rule("FAIL0018")
def _nothing_is_given_away(case: Case) -> Finding:
    """No secret and no bcc address is in the status."""
    for path, text in _texts(case.status, ""):
        for secret in case.hidden:
            if secret.lower() in text.lower():
                yield f"{path} shows a secret or a bcc address"


@rule("FAIL0020")
def _a_retry_has_a_time(case: Case) -> Finding:
    """If a retry is due, nextTestTime or nextCheckTime has its time."""
    progressing = case.value("Reconciling", "reason") == Reason.PROGRESSING_WITH_RETRY
    field = "nextTestTime" if case.kind == SMTP_CONFIG_KIND else "nextCheckTime"
    if progressing and field not in case.status:
        yield f"a retry is due, but there is no {field}"


@rule("FAIL0021", SMTP_CONFIG_KIND)
def _passwords_of_users_only(case: Case) -> Finding:
    """PasswordResolved is absent without a username."""
    if "PasswordResolved" in case.conditions and not {"password", "oauth2"} & case.spec.keys():
        yield "PasswordResolved without a password or token"


@rule("FAIL0023", SMTP_CONFIG_KIND)
def _answers_stay(case: Case) -> Finding:
    """lastHandledTestRequest never goes away."""
    if case.stored.get("lastHandledTestRequest") and not case.status.get("lastHandledTestRequest"):
        yield "lastHandledTestRequest is gone"


@rule("FAIL0024", SMTP_CONFIG_KIND)
def _successes_are_remembered(case: Case) -> Finding:
    """lastSuccessTime never goes back."""
    before, after = case.stored.get("lastSuccessTime"), case.status.get("lastSuccessTime")
    if before and (not after or seconds(after) < seconds(before)):
        yield f"lastSuccessTime went from {before} to {after}"


@rule("FAIL0025", SMTP_CONFIG_KIND)
def _dialogues_are_of_failures(case: Case) -> Finding:
    """Only a failed test has a dialogue, with at most 20 lines."""
    last_test = case.status.get("lastTest") or {}
    dialogue = last_test.get("dialogue") or []
    if len(dialogue) > 20:
        yield f"the dialogue has {len(dialogue)} lines"
    if dialogue and _whole_test_passed(case):
        yield "a dialogue of a test that passed"


@rule("FAIL0026", SMTP_CONFIG_KIND)
def _verdicts_have_a_base(case: Case) -> Finding:
    """A test verdict includes the tested versions and the time."""
    if case.ready == "True" and not (case.status.get("tested") and case.status.get("lastTest")):
        yield "Ready=True without tested or lastTest"


def _whole_test_passed(case: Case) -> bool:
    ended = case.status.get("lastSuccessTime")
    started = (case.status.get("lastTest") or {}).get("startTime")
    if case.ready != "True" or not ended or not started:
        return False
    return seconds(ended) + 1 > seconds(started)


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _texts(child, f"{path}.{name}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _texts(child, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value

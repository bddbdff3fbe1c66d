# SPDX-License-Identifier: Apache-2.0
"""Numbered rules that every status of a SmtpConfig keeps, whenever it is written.

After Flux's ``runtime/conditions/check``: a rule's number stays, so that a complaint can be looked up here.
"""

import base64
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from smtp_operator.api.objects import JsonObject
from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.status import SmtpConfigStatus

_TYPES: Final = ("Ready", "Failed", "PasswordResolved", "Reconciling", "Stalled")
_ABNORMAL: Final = ("Failed", "Reconciling", "Stalled")
_OF_A_VAULT: Final = {
    Reason.VAULT_SECRET_EXPIRED,
    Reason.VAULT_SECRET_NOT_YET_VALID,
    Reason.VAULT_SECRET_EXPIRING,
}
_NOT_OF_A_TEST: Final = {
    Reason.TESTING,
    Reason.SUSPENDED,
    Reason.WAITING_FOR_DEPENDENCY,
    Reason.PROGRESSING_WITH_RETRY,
    Reason.PASSWORD_READ,
    Reason.TRAILING_NEWLINE_STRIPPED,
    Reason.PLAINTEXT_PASSWORD,
    Reason.VAULT_LOGIN_SUCCEEDED,
    *_OF_A_VAULT,
}
_PASSED: Final = {
    str(reason) for reason, info in REASONS.items() if info.retry is Retry.PASSED
} - _NOT_OF_A_TEST
_FAILED: Final = {str(reason) for reason in Reason} - _PASSED - _NOT_OF_A_TEST
_REASONS: Final[dict[tuple[str, str], set[str]]] = {
    ("Ready", "True"): _PASSED,
    ("Ready", "False"): _FAILED,
    ("Ready", "Unknown"): {Reason.TESTING, Reason.SUSPENDED},
    ("Failed", "True"): _FAILED,
    ("PasswordResolved", "True"): {
        Reason.PASSWORD_READ,
        Reason.TRAILING_NEWLINE_STRIPPED,
        Reason.PLAINTEXT_PASSWORD,
        *_OF_A_VAULT,
    },
    ("PasswordResolved", "False"): {
        reason
        for reason in _FAILED
        if re.match(
            "Secret|ServiceAccount|Audience|OAuthTokenFailed|Server|Vault|Identity|ConfigMap|CABundle"
            "|ClientCertificate|InvalidSpec",
            reason,
        )
    },
    ("Reconciling", "True"): {
        Reason.TESTING,
        Reason.WAITING_FOR_DEPENDENCY,
        Reason.PROGRESSING_WITH_RETRY,
    },
    ("Stalled", "True"): _FAILED,
}
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
_CLOCK_TOLERANCE: Final = 1.0


@dataclass(slots=True)
class _Case:
    object_: JsonObject
    """As stored: its status is the one before."""
    status: JsonObject
    now: float
    hidden: Collection[str]
    conditions: dict[str, JsonObject] = field(init=False)
    stored: JsonObject = field(init=False)
    """The status before; empty where it is none of ours."""
    before: dict[str, JsonObject] = field(init=False)

    def __post_init__(self) -> None:
        try:
            stored = SmtpConfigStatus.model_validate(self.object_.get("status") or {})
        except ValidationError:
            stored = SmtpConfigStatus()
        self.stored = stored.model_dump(by_alias=True, exclude_none=True)
        self.before = {it["type"]: it for it in self.stored["conditions"]}
        self.conditions = {it["type"]: it for it in self.status.get("conditions", ())}

    @property
    def generation(self) -> int:
        return int(self.object_["metadata"]["generation"])

    @property
    def spec(self) -> JsonObject:
        spec: JsonObject = self.object_["spec"]
        return spec

    @property
    def ready(self) -> str | None:
        return self.value("Ready", "status")

    def value(self, kind: str, name: str) -> str | None:
        value = self.conditions.get(kind, {}).get(name)
        return None if value is None else str(value)

    @property
    def under_test(self) -> bool:
        """Whether it only announces a test, so that what stood before still stands."""
        return self.value("Reconciling", "reason") == Reason.TESTING


Finding = Iterator[str]
_RULES: Final[dict[str, Callable[[_Case], Finding]]] = {}


def _rule(number: str) -> Callable[[Callable[[_Case], Finding]], Callable[[_Case], Finding]]:
    def registered(check: Callable[[_Case], Finding]) -> Callable[[_Case], Finding]:
        _RULES[number] = check
        return check

    return registered


def lint(object_: JsonObject, status: JsonObject, *, now: float, hidden: Collection[str] = ()) -> list[str]:
    """What is wrong with a status about to be written to an object.

    Args:
        object_: the SmtpConfig as stored, with the status before.
        status: the whole new status.
        now: seconds since the epoch.
        hidden: texts that may stand nowhere in it: secrets and bcc addresses.
    """
    case = _Case(object_, status, now, hidden)
    metadata = object_["metadata"]
    where = f"{metadata['namespace']}/{metadata['name']} generation {metadata['generation']}"
    return [f"{number} {where}: {text}" for number, check in _RULES.items() for text in check(case)]


def texts_to_hide(smtp_configs: Iterable[JsonObject], objects: Iterable[JsonObject]) -> set[str]:
    """Values of Secrets, passwords in specs and bcc addresses, as far as they are long enough to tell."""
    texts: set[str] = set()
    for object_ in smtp_configs:
        spec = object_["spec"]
        texts |= set((spec.get("recipients") or {}).get("bcc") or ())
        texts.add((spec.get("password") or {}).get("value") or "")
    for object_ in objects:
        if object_["kind"] == "Secret":
            values = (base64.b64decode(value) for value in object_["data"].values())
            texts |= {value.decode("utf-8", "replace").strip() for value in values}
    return {text for text in texts if len(text) >= 4}


@_rule("FAIL0001")
def _ready_beside_failure(case: _Case) -> Finding:
    """What passed is neither Failed nor Stalled."""
    for kind in ("Failed", "Stalled"):
        if case.ready == "True" and kind in case.conditions:
            yield f"{kind} beside Ready=True"


@_rule("FAIL0002")
def _ready_is_there(case: _Case) -> Finding:
    """Ready is always there."""
    if "Ready" not in case.conditions:
        yield "no Ready condition"


@_rule("FAIL0003")
def _nothing_under_way_when_ready(case: _Case) -> Finding:
    """Ready=True has nothing to reconcile, but for a test that somebody asked for."""
    if case.ready == "True" and "Reconciling" in case.conditions and not case.under_test:
        yield "Reconciling beside Ready=True, and not for a test that was asked for"


@_rule("FAIL0004")
def _stalled_has_failed(case: _Case) -> Finding:
    """Only what failed can be stalled, and for the same reason."""
    if "Stalled" not in case.conditions:
        return
    if case.ready != "False":
        yield f"Stalled beside Ready={case.ready}"
    elif case.value("Stalled", "reason") != case.value("Ready", "reason"):
        yield "Stalled and Ready differ in their reason"


@_rule("FAIL0005")
def _stalled_or_reconciling(case: _Case) -> Finding:
    """Stalled and Reconciling exclude each other."""
    if {"Stalled", "Reconciling"} <= case.conditions.keys():
        yield "both Stalled and Reconciling"


@_rule("FAIL0006")
def _generation_exists(case: _Case) -> Finding:
    """No generation is observed that does not exist, nor an older one than before."""
    observed = case.status.get("observedGeneration", -1)
    if observed > case.generation:
        yield f"observedGeneration is {observed}"
    if observed < case.stored.get("observedGeneration", -1):
        yield "observedGeneration went back"
    for kind, condition in case.conditions.items():
        if condition["observedGeneration"] > case.generation:
            yield f"{kind} observed generation {condition['observedGeneration']}"


@_rule("FAIL0007")
def _a_verdict_is_of_this_generation(case: _Case) -> Finding:
    """Every verdict speaks of the generation that there is."""
    if not case.under_test and case.status.get("observedGeneration") != case.generation:
        yield f"observedGeneration is {case.status.get('observedGeneration')}"


@_rule("FAIL0008")
def _conditions_are_of_this_generation(case: _Case) -> Finding:
    """Every condition has its observedGeneration, and outside of a test the present one."""
    for kind, condition in case.conditions.items():
        observed = condition.get("observedGeneration", 0)
        if observed < 1 or (not case.under_test and observed != case.generation):
            yield f"{kind} observed generation {observed}"


@_rule("FAIL0009")
def _an_announcement_changes_no_verdict(case: _Case) -> Finding:
    """While a test is under way status.observedGeneration stays."""
    if case.under_test and case.status["observedGeneration"] != case.stored.get("observedGeneration", -1):
        yield "observedGeneration moved without a verdict"


@_rule("FAIL0010")
def _failed_when_not_ready(case: _Case) -> Finding:
    """Failed is there exactly when Ready is False."""
    if (case.ready == "False") != ("Failed" in case.conditions):
        yield f"Ready={case.ready} {'with' if 'Failed' in case.conditions else 'without'} Failed"


@_rule("FAIL0011")
def _failed_says_the_same(case: _Case) -> Finding:
    """Failed has Ready's reason and message."""
    for name in ("reason", "message", "observedGeneration"):
        if "Failed" in case.conditions and case.value("Failed", name) != case.value("Ready", name):
            yield f"Failed and Ready differ in their {name}"


@_rule("FAIL0012")
def _abnormal_is_true_or_absent(case: _Case) -> Finding:
    """A condition that tells of trouble is True or not there."""
    for kind in _ABNORMAL:
        if case.value(kind, "status") not in (None, "True"):
            yield f"{kind}={case.value(kind, 'status')}"


@_rule("FAIL0013")
def _types_are_known(case: _Case) -> Finding:
    """The five types, each once."""
    kinds = [it["type"] for it in case.status.get("conditions", ())]
    for kind in kinds:
        if kind not in _TYPES:
            yield f"unknown condition {kind}"
    if len(set(kinds)) < len(kinds):
        yield "a condition stands twice"


@_rule("FAIL0014")
def _reasons_are_known(case: _Case) -> Finding:
    """Every reason is of the reference, and one that this condition may have."""
    for kind, condition in case.conditions.items():
        if condition["reason"] not in _REASONS.get((kind, condition["status"]), set()):
            yield f"{kind}={condition['status']} with reason {condition['reason']}"


@_rule("FAIL0015")
def _messages_are_short(case: _Case) -> Finding:
    """A message is one line of 1 to 1,024 bytes; the summary of 1 to 80 characters."""
    for kind, condition in case.conditions.items():
        if not 1 <= len(condition["message"].encode()) <= 1024:
            yield f"{kind}'s message has {len(condition['message'].encode())} bytes"
        if not condition["message"].isprintable():
            yield f"{kind}'s message has control characters"
    if not 1 <= len(case.status.get("summary", "")) <= 80:
        yield f"summary is {case.status.get('summary')!r}"


@_rule("FAIL0016")
def _times_can_be_read(case: _Case) -> Finding:
    """Times are RFC 3339 in UTC, and what has happened lies in the past."""
    last_test = case.status.get("lastTest") or {}
    past = {kind: it["lastTransitionTime"] for kind, it in case.conditions.items()}
    past |= {"lastTest.startTime": last_test.get("startTime"), "x": case.status.get("lastSuccessTime")}
    for name, text in (past | {"nextTestTime": case.status.get("nextTestTime")}).items():
        if text is None:
            continue
        if not _RFC_3339.fullmatch(text):
            yield f"{name} is {text!r}"
        elif name in past and _seconds(text) > case.now + _CLOCK_TOLERANCE:
            yield f"{name} lies in the future: {text}"


@_rule("FAIL0017")
def _transitions_are_flips(case: _Case) -> Finding:
    """lastTransitionTime moves when status flips, and only then."""
    for kind, condition in case.conditions.items():
        before = case.before.get(kind)
        if before is None:
            continue
        stays = condition["status"] == before["status"]
        if stays and condition["lastTransitionTime"] != before["lastTransitionTime"]:
            yield f"{kind} stays {condition['status']}, but its lastTransitionTime moved"
        if not stays and _seconds(condition["lastTransitionTime"]) < _seconds(before["lastTransitionTime"]):
            yield f"{kind} flipped, but its lastTransitionTime is older"


@_rule("FAIL0018")
def _nothing_is_given_away(case: _Case) -> Finding:
    """No secret and no bcc address, anywhere."""
    for path, text in _texts(case.status, ""):
        for secret in case.hidden:
            if secret.lower() in text.lower():
                yield f"{path} shows a secret or a bcc address"


@_rule("FAIL0019")
def _what_failed_has_an_outlook(case: _Case) -> Finding:
    """Ready=False either goes on by itself or waits for a change."""
    if case.ready == "False" and not {"Reconciling", "Stalled"} & case.conditions.keys():
        yield "Ready=False with neither Reconciling nor Stalled"


@_rule("FAIL0020")
def _a_retry_has_a_time(case: _Case) -> Finding:
    """Where a retry is due, nextTestTime says when."""
    progressing = case.value("Reconciling", "reason") == Reason.PROGRESSING_WITH_RETRY
    if progressing and "nextTestTime" not in case.status:
        yield "a retry is due, but there is no nextTestTime"


@_rule("FAIL0021")
def _passwords_of_users_only(case: _Case) -> Finding:
    """PasswordResolved is absent without a username."""
    if "PasswordResolved" in case.conditions and not {"password", "oauth2"} & case.spec.keys():
        yield "PasswordResolved without a password or token"


@_rule("FAIL0022")
def _suspended_is_suspended(case: _Case) -> Finding:
    """A suspended object has nothing under way but what was asked for, and says so only then."""
    suspended = bool(case.spec.get("suspend"))
    if suspended and "Reconciling" in case.conditions and not case.under_test:
        yield "a suspended object is Reconciling"
    if not suspended and case.value("Ready", "reason") == Reason.SUSPENDED:
        yield "says Suspended, but is not"


@_rule("FAIL0023")
def _answers_stay(case: _Case) -> Finding:
    """lastHandledTestRequest never goes away."""
    if case.stored.get("lastHandledTestRequest") and not case.status.get("lastHandledTestRequest"):
        yield "lastHandledTestRequest is gone"


@_rule("FAIL0024")
def _successes_are_remembered(case: _Case) -> Finding:
    """lastSuccessTime never goes back."""
    before, after = case.stored.get("lastSuccessTime"), case.status.get("lastSuccessTime")
    if before and (not after or _seconds(after) < _seconds(before)):
        yield f"lastSuccessTime went from {before} to {after}"


@_rule("FAIL0025")
def _dialogues_are_of_failures(case: _Case) -> Finding:
    """The dialogue is kept of a failed test only, and at most 20 lines of it."""
    last_test = case.status.get("lastTest") or {}
    dialogue = last_test.get("dialogue") or []
    if len(dialogue) > 20:
        yield f"the dialogue has {len(dialogue)} lines"
    if dialogue and _whole_test_passed(case):
        yield "a dialogue of a test that passed"


@_rule("FAIL0026")
def _verdicts_have_a_base(case: _Case) -> Finding:
    """A verdict of a test names what was tested, and when."""
    if case.ready == "True" and not (case.status.get("tested") and case.status.get("lastTest")):
        yield "Ready=True without tested or lastTest"


def _whole_test_passed(case: _Case) -> bool:
    ended = case.status.get("lastSuccessTime")
    started = (case.status.get("lastTest") or {}).get("startTime")
    if case.ready != "True" or not ended or not started:
        return False
    return _seconds(ended) + 1 > _seconds(started)


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _texts(child, f"{path}.{name}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _texts(child, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

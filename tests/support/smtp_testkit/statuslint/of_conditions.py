# SPDX-License-Identifier: Apache-2.0
"""Rules for conditions."""

import re
from collections.abc import Set
from typing import Final

from smtp_operator.api.names import SMTP_CONFIG_KIND, SMTP_TEST_KIND
from smtp_operator.api.reasons import ANNOUNCEMENTS, OF_SENDERS, REASONS, Reason, Retry
from smtp_testkit.kstatus import Kstatus, kstatus
from smtp_testkit.statuslint.case import Case, Finding, rule, seconds

_TYPES: Final = (
    "Ready",
    "Failed",
    "PasswordResolved",
    "Reconciling",
    "Stalled",
    "Published",
    "SenderAuthentication",
    "Delivered",
)
_TESTED: Final = (SMTP_CONFIG_KIND, SMTP_TEST_KIND)
_ABNORMAL: Final = ("Failed", "Reconciling", "Stalled")
_PASSWORD_READ: Final = {
    Reason.PASSWORD_READ,
    Reason.TRAILING_NEWLINE_STRIPPED,
    Reason.PLAINTEXT_PASSWORD,
    Reason.VAULT_SECRET_EXPIRED,
    Reason.VAULT_SECRET_NOT_YET_VALID,
    Reason.VAULT_SECRET_EXPIRING,
}
_PUBLISHED: Final[set[str]] = {Reason.PUBLISHED, Reason.KEPT_LAST_PROVEN}
_NOT_PUBLISHED: Final[set[str]] = {
    Reason.NOT_PROVEN_YET,
    Reason.PUBLISH_NOT_ENABLED,
    Reason.PUBLISH_NOT_ALLOWED,
    Reason.SECRET_NOT_OWNED,
    Reason.SECRET_EDITED,
    Reason.PUBLISH_FAILED,
}
_DELIVERED: Final[dict[str, set[str]]] = {
    "True": {Reason.IN_INBOX},
    "False": {
        Reason.IN_JUNK,
        Reason.NOT_SEEN,
        Reason.BOUNCED,
        Reason.ADDRESS_REFUSED,
        Reason.SENDER_AUTHENTICATION_FAILED,
    },
    "Unknown": {Reason.WAITING, Reason.NOT_SENT, Reason.MAILBOX_UNAVAILABLE, Reason.SUSPENDED},
}
_NOT_OF_A_TEST: Final = _PASSWORD_READ | {
    *set().union(*_DELIVERED.values()),
    *_PUBLISHED,
    *_NOT_PUBLISHED,
    Reason.PUBLISHING,
    Reason.VAULT_LOGIN_SUCCEEDED,
    *ANNOUNCEMENTS,
    *OF_SENDERS,
    Reason.SUSPENDED,
    Reason.WAITING_FOR_DEPENDENCY,
    Reason.PROGRESSING_WITH_RETRY,
}
_PASSED: Final = {
    str(reason) for reason, info in REASONS.items() if info.retry is Retry.PASSED
} - _NOT_OF_A_TEST
_FAILED: Final = {str(reason) for reason in Reason} - _PASSED - _NOT_OF_A_TEST
_REASONS: Final[dict[tuple[str, str], Set[str]]] = {
    ("Ready", "False"): _FAILED,
    ("Ready", "Unknown"): {*ANNOUNCEMENTS, Reason.SUSPENDED},
    ("Failed", "True"): _FAILED,
    ("PasswordResolved", "True"): {*_PASSWORD_READ, Reason.VAULT_SECRET_CHANGING},
    ("PasswordResolved", "False"): {
        reason
        for reason in _FAILED
        if re.match(
            "Secret|ServiceAccount|Audience|OAuthTokenFailed|Server|Vault|Identity|CABundle|ConfigMap", reason
        )
    },
    ("Reconciling", "True"): {
        *ANNOUNCEMENTS,
        Reason.WAITING_FOR_DEPENDENCY,
        Reason.PROGRESSING_WITH_RETRY,
        Reason.PUBLISHING,
    },
    ("Published", "True"): _PUBLISHED,
    ("Published", "False"): _NOT_PUBLISHED,
    ("Stalled", "True"): _FAILED,
    ("SenderAuthentication", "True"): {Reason.RECORDS_PRESENT},
    ("SenderAuthentication", "False"): OF_SENDERS - {Reason.RECORDS_PRESENT, Reason.SENDER_DNS_UNAVAILABLE},
    ("SenderAuthentication", "Unknown"): {Reason.SENDER_DNS_UNAVAILABLE},
    **{("Delivered", status): reasons for status, reasons in _DELIVERED.items()},
}


@rule("FAIL0001")
def _ready_beside_failure(case: Case) -> Finding:
    """With Ready=True neither Failed nor Stalled exists."""
    for kind in ("Failed", "Stalled"):
        if case.ready == "True" and kind in case.conditions:
            yield f"{kind} with Ready=True"


@rule("FAIL0002")
def _ready_is_there(case: Case) -> Finding:
    """The condition Ready always exists."""
    if "Ready" not in case.conditions:
        yield "no Ready condition"


@rule("FAIL0003")
def _nothing_under_way_when_ready(case: Case) -> Finding:
    """With Ready=True nothing is reconciling, except a requested test and a Secret to publish."""
    publishing = case.value("Reconciling", "reason") == Reason.PUBLISHING
    if case.ready == "True" and "Reconciling" in case.conditions and not (case.under_test or publishing):
        yield "Reconciling with Ready=True, but not for a requested test"


@rule("FAIL0004")
def _stalled_has_failed(case: Case) -> Finding:
    """Stalled requires Failed, with the same reason."""
    if "Stalled" not in case.conditions:
        return
    if case.ready != "False":
        yield f"Stalled with Ready={case.ready}"
    elif case.value("Stalled", "reason") != case.value("Ready", "reason"):
        yield "Stalled and Ready differ in their reason"


@rule("FAIL0005")
def _stalled_or_reconciling(case: Case) -> Finding:
    """Stalled and Reconciling exclude each other."""
    if {"Stalled", "Reconciling"} <= case.conditions.keys():
        yield "both Stalled and Reconciling"


@rule("FAIL0010")
def _failed_when_not_ready(case: Case) -> Finding:
    """Failed exists if and only if Ready is False."""
    if (case.ready == "False") != ("Failed" in case.conditions):
        yield f"Ready={case.ready} {'with' if 'Failed' in case.conditions else 'without'} Failed"


@rule("FAIL0011")
def _failed_says_the_same(case: Case) -> Finding:
    """Failed has Ready's reason and message."""
    for name in ("reason", "message", "observedGeneration"):
        if "Failed" in case.conditions and case.value("Failed", name) != case.value("Ready", name):
            yield f"Failed and Ready differ in their {name}"


@rule("FAIL0012")
def _abnormal_is_true_or_absent(case: Case) -> Finding:
    """A condition that reports an error is True or absent."""
    for kind in _ABNORMAL:
        if case.value(kind, "status") not in (None, "True"):
            yield f"{kind}={case.value(kind, 'status')}"


@rule("FAIL0013")
def _types_are_known(case: Case) -> Finding:
    """Only these types occur, each at most once."""
    kinds = [it["type"] for it in case.status.get("conditions", ())]
    for kind in kinds:
        if kind not in _TYPES:
            yield f"unknown condition {kind}"
    if len(set(kinds)) < len(kinds):
        yield "a condition occurs twice"


@rule("FAIL0014")
def _reasons_are_known(case: Case) -> Finding:
    """Every reason is in the reference, and allowed for its condition."""
    for kind, condition in case.conditions.items():
        known: Set[str] = _REASONS.get((kind, condition["status"]), set())
        if (kind, condition["status"]) == ("Ready", "True"):
            known = _PASSED if case.kind in _TESTED else {Reason.VAULT_LOGIN_SUCCEEDED}
        if case.kind == SMTP_TEST_KIND and condition["status"] in ("False", "True"):
            known = known | ({Reason.SUSPENDED} if kind in ("Ready", "Failed", "Stalled") else set())
        if condition["reason"] not in known:
            yield f"{kind}={condition['status']} with reason {condition['reason']}"


@rule("FAIL0017")
def _transitions_are_flips(case: Case) -> Finding:
    """lastTransitionTime changes if and only if the status changes."""
    for kind, condition in case.conditions.items():
        before = case.before.get(kind)
        if before is None:
            continue
        stays = condition["status"] == before["status"]
        if stays and condition["lastTransitionTime"] != before["lastTransitionTime"]:
            yield f"{kind} stays {condition['status']}, but its lastTransitionTime moved"
        if not stays and seconds(condition["lastTransitionTime"]) < seconds(before["lastTransitionTime"]):
            yield f"{kind} flipped, but its lastTransitionTime is older"


@rule("FAIL0019")
def _what_failed_has_an_outlook(case: Case) -> Finding:
    """Ready=False is retried automatically or waits for a change."""
    if case.ready == "False" and not {"Reconciling", "Stalled"} & case.conditions.keys():
        yield "Ready=False with neither Reconciling nor Stalled"


@rule("FAIL0022", SMTP_CONFIG_KIND)
def _suspended_is_suspended(case: Case) -> Finding:
    """A suspended object runs only requested tests, and only a suspended object has reason Suspended."""
    suspended = bool(case.spec.get("suspend"))
    if suspended and "Reconciling" in case.conditions and not case.under_test:
        yield "a suspended object is Reconciling"
    if not suspended and case.value("Ready", "reason") == Reason.SUSPENDED:
        yield "says Suspended, but is not"


@rule("FAIL0028", SMTP_TEST_KIND)
def _a_smtp_test_is_never_retried(case: Case) -> Finding:
    """A failed SmtpTest is stalled, and a finished one keeps its verdict."""
    if case.ready == "False" and "Stalled" not in case.conditions:
        yield "a failed SmtpTest is not Stalled"
    ended = case.before.get("Ready", {}).get("status") in ("True", "False")
    if ended and case.conditions != case.before:
        yield "a finished SmtpTest got another verdict"


@rule("FAIL0027")
def _kstatus_agrees(case: Case) -> Finding:
    """kstatus agrees with the conditions: current, failed, or in progress."""
    if case.under_test or case.ready == "Unknown" or "Reconciling" in case.conditions:
        expected = Kstatus.IN_PROGRESS
    else:
        expected = Kstatus.CURRENT if case.ready == "True" else Kstatus.FAILED
    read = kstatus(case.object_ | {"status": case.status}).status
    if read is not expected:
        yield f"kstatus reads {read}, not {expected}"

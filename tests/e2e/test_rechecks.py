# SPDX-License-Identifier: Apache-2.0
"""Automatic rechecks a minute after the first tests, without any event.

The operator runs with `--secret-watch none`. All rechecks happen in the same minute.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Api, AuditLog, Bed, Manifests, ObservedObject, OperatorProcess
from smtp_testkit.testbed.manifests import NAMESPACED
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.side_by_side import own_prefix
from smtp_tools.localcluster import LocalCluster

PASSWORD = "s3cret-Passw0rd"
SECONDS = 300.0
"""Seconds; everything here is due after at most 66."""


@dataclass(frozen=True)
class Rechecked:
    """The SmtpConfigs after their first test and after the first automatic recheck."""

    bed: Bed
    first: dict[str, ObservedObject]
    then: dict[str, ObservedObject]
    servers: dict[str, MailServer]
    audit: AuditLog
    operator_user: str

    def tested_again(self, name: str) -> ObservedObject:
        """Wait until a second test has finished, and return the object."""
        return _tested_again(self.bed, self.first[name])

    def mails(self, name: str) -> int:
        """Return the number of emails that its server received."""
        return len(self.servers[name].mails)


def login(name: str) -> dict[str, Any]:
    """Return the login with the password in this Secret."""
    return {"username": "mailer", "password": {"secretRef": {"name": name}}}


@pytest.fixture(scope="module")
def place(api: Api, pytestconfig: pytest.Config) -> Iterator[str]:
    """The namespace of all objects here."""
    name = f"{own_prefix(pytestconfig)}rechecks"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api.delete(Bed(api, name).configs)  # at once: the operator of the next file would recheck them
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def permitted(cluster: LocalCluster, place: str) -> tuple[str, Path]:
    """Name and kubeconfig of an operator that may get Secrets and ServiceAccounts, but not list or watch."""
    manifests = Manifests.read(NAMESPACED).for_namespace(place).permissions()
    for document in manifests.documents:
        for rule in document.get("rules", []):
            if {"secrets", "serviceaccounts"} & set(rule["resources"]):
                rule["verbs"] = ["get"]
    cluster.kubectl("apply", "-f", "-", input=str(manifests))
    return manifests.user, cluster.kubeconfig_for_service_account(*manifests.service_account)


@pytest.fixture(scope="module")
def lived(
    cluster: LocalCluster, api: Api, place: str, permitted: tuple[str, Path], logs: Path
) -> Iterator[Rechecked]:
    """Six SmtpConfigs, each with a separate mail server and different changes."""
    audit = AuditLog(cluster.audit_log)
    audit.mark()
    user, kubeconfig = permitted
    bed = Bed(api, place)
    flags = (*LOOPBACK, f"--namespace={place}", "--secret-watch=none", "--log-level=debug")
    names = ("steady", "rotated", "suspended", "overloaded", "refused", "away")
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(MailServer.in_thread(users={"mailer": PASSWORD})) for name in names
        }
        stack.enter_context(OperatorProcess(kubeconfig, logs / "rechecks.log", flags)).start()
        for name in ("steady", "rotated", "suspended", "overloaded"):
            bed.secret(name, password=PASSWORD)
            bed.create(servers[name], name, recheck={"interval": "1m"}, **login(name))
        bed.secret("refused", password="not the password")
        bed.create(servers["refused"], "refused", recheck={"interval": "1m"}, **login("refused"))
        servers["away"].replies["banner"] = "421 4.3.2 come back later"
        bed.create(servers["away"], "away")
        first = {name: bed.verdict(name) for name in names}
        bed.change("suspended", suspend=True)
        bed.secret("rotated", password="not the password")
        servers["overloaded"].replies["AUTH"] = "454 4.7.0 temporary authentication failure"
        del servers["away"].replies["banner"]
        alone = ("suspended", "refused")
        then = {name: _tested_again(bed, first[name]) for name in names if name not in alone}
        then["refused"] = bed.seen("refused")
        yield Rechecked(bed, first, then, servers, audit, user)


def _tested_again(bed: Bed, first: ObservedObject) -> ObservedObject:
    before = first.last_test["startTime"]
    return bed.wait(lambda it: it.last_test["startTime"] != before, first.name, seconds=SECONDS)


def test_a_recheck_is_a_login_by_default_at_the_time_that_status_announced(lived: Rechecked) -> None:
    first, then = lived.first["steady"], lived.then["steady"]

    assert (first.last_test["mode"], first.last_test["trigger"]) == ("SendEmail", "SpecChanged")
    assert (then.last_test["mode"], then.last_test["trigger"]) == ("Login", "Recheck")
    assert (then.reason, then.ready) == ("TestEmailSent", first.ready)
    assert lived.mails("steady") == 1
    due = datetime.fromisoformat(first.status["nextTestTime"])
    assert due <= datetime.fromisoformat(then.last_test["startTime"])
    assert due < datetime.fromisoformat(then.status["nextTestTime"])


def test_a_suspended_one_is_not_rechecked_but_at_once_when_it_is_resumed_as_it_is_due(
    lived: Rechecked,
) -> None:
    first = lived.first["suspended"]
    due = datetime.fromisoformat(first.status["nextTestTime"]).timestamp()
    time.sleep(max(0.0, due - time.time()))
    suspended = lived.bed.seen("suspended")
    assert (suspended.ready.status, suspended.last_test) == ("True", first.last_test)

    lived.bed.change("suspended", suspend=False)

    resumed = lived.tested_again("suspended")
    assert (resumed.last_test["mode"], resumed.last_test["trigger"]) == ("Login", "Recheck")
    assert resumed.ready.since == first.ready.since
    assert lived.mails("suspended") == 1


def test_without_a_watch_it_finds_the_new_password(lived: Rechecked) -> None:
    then = lived.then["rotated"]

    assert (then.reason, then.last_test["trigger"]) == ("AuthenticationFailed", "PasswordChanged")


def test_without_a_watch_nothing_is_listed_or_watched(lived: Rechecked) -> None:
    asked = lived.audit.until("get", "secrets", user=lived.operator_user, namespace=lived.bed.namespace)

    followed = ("secrets", "configmaps", "serviceaccounts")
    assert {it.verb for it in asked if it.resource in followed} == {"get"}
    assert [it for it in asked if it.code == 403] == []


def test_a_temporary_failure_at_a_recheck_keeps_the_last_ready(lived: Rechecked) -> None:
    first, then = lived.first["overloaded"], lived.then["overloaded"]

    assert (then.last_test["mode"], then.last_test["trigger"]) == ("Login", "Recheck")
    assert "454 4.7.0 temporary authentication failure" in " ".join(then.last_test["dialogue"])
    assert (then.ready, then.conditions) == (first.ready, first.conditions)
    assert lived.mails("overloaded") == 1


def test_what_failed_for_now_is_retried_in_full(lived: Rechecked) -> None:
    first, then = lived.first["away"], lived.then["away"]

    assert (first.ready.status, first.conditions["Reconciling"]) == ("False", "ProgressingWithRetry")
    assert (then.ready.status, then.reason) == ("True", "TestEmailSent")
    assert (then.last_test["mode"], then.last_test["trigger"]) == ("SendEmail", "Retry")
    assert lived.mails("away") == 1


def test_a_refused_password_is_not_tried_again_with_the_next_recheck(lived: Rechecked) -> None:
    first, then = lived.first["refused"], lived.then["refused"]

    assert first.reason == "AuthenticationFailed"
    assert then.last_test == first.last_test
    assert [it.accepted for it in lived.servers["refused"].auth_attempts] == [False]

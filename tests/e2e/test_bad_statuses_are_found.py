# SPDX-License-Identifier: Apache-2.0
"""The watch finds statuses of any kind that violate a rule; these tests write such statuses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from smtp_operator.api.crd import KINDS
from smtp_operator.api.names import API_VERSION, FIELD_MANAGER
from smtp_testkit.testbed import Api, Bed, Object
from smtp_testkit.testbed.status_watch import StatusWatch
from smtp_testkit.testbed.users import object_of, path_of
from smtp_tools.localcluster import LocalCluster

pytestmark = pytest.mark.alone

NAME = "seen"
SECRET = "t0p-s3cret"


@dataclass(frozen=True)
class Subject:
    """An object without an operator, so that only the test writes its status."""

    api: Api
    path: str
    kind: str
    namespace: str

    def __str__(self) -> str:
        within = "" if self.kind.startswith("Cluster") else f"{self.namespace}/"
        return f"{within}{NAME} generation 1"

    @property
    def without_conditions(self) -> list[str]:
        """The violations of a status without conditions."""
        return [f"FAIL0002 {self}: no Ready condition", f"FAIL0027 {self}: kstatus reads Current, not Failed"]

    def create(self) -> None:
        """Create the object, without a status."""
        ccp: Object = {"url": "https://ccp.example.com", "appId": "smtp-operator"}
        login = {"name": "login", "namespace": self.namespace}
        settings = {"server": "smtp.example.com", "port": 587, "from": "a@example.com"}
        spec: dict[str, Object] = {
            "SmtpConfig": settings,
            "SmtpTest": {"settings": settings},
            "SmtpVault": {
                "cyberArkCCP": {**ccp, "clientCertificateRef": {"name": "login"}},
                "allowedServers": ["*:*"],
            },
            "ClusterSmtpVault": {
                "cyberArkCCP": {**ccp, "clientCertificateRef": login},
                "allowedServers": ["*:*"],
            },
        }
        self.api.create(self.path, object_of(self.kind, spec[self.kind], NAME))

    def delete(self) -> None:
        """Delete the object."""
        self.api.delete(f"{self.path}/{NAME}")

    def write(self, reason: str = "ConnectTimeout", *, manager: str = FIELD_MANAGER, **status: Any) -> None:
        """Write a status, which is valid by default."""
        kinds = [("Ready", "False"), ("Failed", "True"), ("Stalled", "True")]
        conditions = [_condition(*it, reason) for it in kinds]
        whole = {"observedGeneration": 1, "conditions": conditions, "summary": reason, **status}
        body = {"apiVersion": API_VERSION, "kind": self.kind, "metadata": {"name": NAME}, "status": whole}
        self.api.apply(f"{self.path}/{NAME}/status", body, manager=manager)


def _condition(kind: str, status: str, reason: str) -> Object:
    text = {"type": kind, "status": status, "reason": reason, "message": "What happened. What to set."}
    return {**text, "observedGeneration": 1, "lastTransitionTime": "2026-01-02T03:04:05Z"}


@pytest.fixture(params=[kind.name for kind in KINDS])
def subject(
    request: pytest.FixtureRequest, cluster: LocalCluster, api: Api, namespace: str
) -> Iterator[Subject]:
    """An object; each test runs once per kind."""
    it = Subject(api, path_of(request.param, namespace), request.param, namespace)
    it.create()
    yield it
    it.delete()


def test_a_good_one_is_left_alone(subject: Subject, statuses: StatusWatch) -> None:
    subject.write()

    assert statuses.complaints() == []


def test_a_bad_one_is_complained_of_once(subject: Subject, statuses: StatusWatch) -> None:
    subject.write(conditions=[])

    assert statuses.complaints() == subject.without_conditions
    assert statuses.complaints() == []


def test_one_that_tools_would_wait_for_in_vain_is_bad(subject: Subject, statuses: StatusWatch) -> None:
    failed = [("Ready", "False"), ("Failed", "True")]
    subject.write(conditions=[_condition(*it, "ConnectTimeout") for it in failed])

    assert f"FAIL0027 {subject}: kstatus reads InProgress, not Failed" in statuses.complaints()


def test_the_test_in_whose_time_it_is_written_fails(subject: Subject, statuses: StatusWatch) -> None:
    subject.write(conditions=[])

    with pytest.raises(AssertionError) as failure:
        statuses.check()

    lines = ["statuses break rules of tests/support/smtp_testkit/statuslint:", *subject.without_conditions]
    assert str(failure.value).splitlines()[: len(lines)] == lines


def test_one_that_is_gone_again_is_found_too(subject: Subject, statuses: StatusWatch) -> None:
    subject.write(conditions=[])
    subject.delete()
    subject.create()

    assert statuses.complaints() == subject.without_conditions


def test_one_that_shows_a_secret_is_bad(subject: Subject, bed: Bed, statuses: StatusWatch) -> None:
    bed.secret("login", password=SECRET)
    subject.write(summary=f"it was {SECRET}")

    assert f"FAIL0018 {subject}: .summary shows a secret or a bcc address" in statuses.complaints()

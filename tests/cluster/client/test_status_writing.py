# SPDX-License-Identifier: Apache-2.0
"""A status is written only to the tested object and generation, on a real API server."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from smtp_operator.api.errors import RequestRefused
from smtp_operator.api.objects import JsonObject, ObjectKey, ObjectVersion
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.status_writer import StatusWriter
from smtp_testkit.testbed.status_watch import StatusWatch
from smtp_tools.localcluster import LocalCluster

NAME = "mail"


def manifest(server: str = "smtp.example.com") -> str:
    spec = {"server": server, "port": 587, "from": "noreply@example.com"}
    meta = {"name": NAME}
    return json.dumps(
        {"apiVersion": "smtp-operator.io/v1alpha1", "kind": "SmtpConfig", "metadata": meta, "spec": spec}
    )


def verdict(generation: int = 1, summary: str = "TestEmailSent: 250") -> JsonObject:
    return {"observedGeneration": generation, "summary": summary}


class Team:
    """Users who work on their SmtpConfig while the operator tests it."""

    def __init__(self, cluster: LocalCluster, namespace: str) -> None:
        self._cluster = cluster
        self.key = ObjectKey(namespace, NAME)
        self.apply()

    def apply(self, server: str = "smtp.example.com") -> None:
        self._kubectl("apply", "-f", "-", text=manifest(server))

    def label(self) -> None:
        self._kubectl("label", "smtpconfig", NAME, "team=mail")

    def delete(self) -> None:
        self._kubectl("delete", "smtpconfig", NAME)

    def now(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self._kubectl("get", "smtpconfig", NAME, "-o", "json", "--show-managed-fields")
        )
        return found

    def tested(self) -> ObjectVersion:
        metadata = self.now()["metadata"]
        return ObjectVersion(
            key=self.key,
            uid=metadata["uid"],
            generation=metadata["generation"],
            resource_version=metadata["resourceVersion"],
        )

    def _kubectl(self, *words: str, text: str = "") -> str:
        return self._cluster.kubectl("-n", self.key.namespace, *words, input=text).stdout


@pytest.fixture
def linted(statuses: StatusWatch, namespace: str) -> Iterator[None]:
    """Skip the status rules: the statuses here are made up to test the writing, not the content."""
    yield
    statuses.forget(namespace)


@pytest.fixture
def team(cluster: LocalCluster, namespace: str) -> Team:
    return Team(cluster, namespace)


@pytest.fixture
def writer(real_client: KubernetesClient) -> StatusWriter:
    return StatusWriter(real_client)


async def test_it_gives_the_new_resource_version(team: Team, writer: StatusWriter) -> None:
    written = await writer.write(team.tested(), verdict())
    now = team.now()
    assert now["status"] == verdict()
    assert now["metadata"]["resourceVersion"] == written


async def test_the_same_status_again_changes_nothing(team: Team, writer: StatusWriter) -> None:
    first = await writer.write(team.tested(), verdict())
    assert await writer.write(team.tested(), verdict()) == first


async def test_what_a_later_status_leaves_out_is_gone(team: Team, writer: StatusWriter) -> None:
    await writer.write(team.tested(), verdict() | {"suggestion": {"port": 465}})
    await writer.write(team.tested(), verdict())
    assert team.now()["status"] == verdict()


async def test_a_text_of_any_characters_arrives_as_it_is(team: Team, writer: StatusWriter) -> None:
    said = "é \u2028\x85\x7f\x9f\ufeff\uffff \U0001f4e7 \\ \" ' \t\n: - #"
    await writer.write(team.tested(), verdict(summary=said))
    assert team.now()["status"] == verdict(summary=said)


async def test_it_owns_status_and_leaves_nothing_else_on_the_object(team: Team, writer: StatusWriter) -> None:
    before = team.now()
    await writer.write(team.tested(), verdict())
    after = team.now()
    (ours,) = (it for it in after["metadata"]["managedFields"] if it["manager"] == "smtp-operator")
    assert (ours["operation"], ours["subresource"]) == ("Apply", "status")
    assert list(ours["fieldsV1"]) == ["f:status"]
    for one in (before, after):
        del one["metadata"]["managedFields"], one["metadata"]["resourceVersion"], one["status"]
    assert after == before


async def test_another_ones_condition_stays(
    team: Team, writer: StatusWriter, real_client: KubernetesClient
) -> None:
    def condition(type_: str) -> JsonObject:
        time = "2026-01-31T12:00:00Z"
        return {"type": type_, "status": "True", "reason": "R", "message": "", "lastTransitionTime": time}

    await real_client.request(
        "PATCH",
        f"/apis/smtp-operator.io/v1alpha1/namespaces/{team.key.namespace}/smtpconfigs/{NAME}/status",
        query=[("fieldManager", "someone")],
        content_type="application/apply-patch+yaml",
        body={
            "apiVersion": "smtp-operator.io/v1alpha1",
            "kind": "SmtpConfig",
            "metadata": {"name": NAME},
            "status": {"conditions": [condition("Audited")]},
        },
    )
    await writer.write(team.tested(), verdict() | {"conditions": [condition("Ready")]})
    assert {it["type"] for it in team.now()["status"]["conditions"]} == {"Audited", "Ready"}


async def test_a_label_set_meanwhile_does_not_cost_the_verdict(team: Team, writer: StatusWriter) -> None:
    tested = team.tested()
    team.label()
    assert await writer.write(tested, verdict()) is not None
    assert team.now()["status"] == verdict()


async def test_a_spec_changed_meanwhile_drops_the_verdict(team: Team, writer: StatusWriter) -> None:
    tested = team.tested()
    team.apply("other.example.com")
    assert await writer.write(tested, verdict()) is None
    assert team.now()["status"] == {"observedGeneration": -1}


async def test_an_object_re_created_meanwhile_gets_no_verdict_of_its_forerunner(
    team: Team, writer: StatusWriter
) -> None:
    tested = team.tested()
    team.delete()
    team.apply("other.example.com")
    assert await writer.write(tested, verdict()) is None
    assert team.now()["status"] == {"observedGeneration": -1}


async def test_a_deleted_object_is_not_brought_back(
    team: Team, writer: StatusWriter, cluster: LocalCluster
) -> None:
    tested = team.tested()
    team.delete()
    assert await writer.write(tested, verdict()) is None
    assert cluster.kubectl("-n", team.key.namespace, "get", "smtpconfigs", "-o", "name").stdout == ""


async def test_a_field_that_the_crd_lacks_is_an_error_that_names_it(
    team: Team, writer: StatusWriter, caplog: pytest.LogCaptureFixture
) -> None:
    path = f"/apis/smtp-operator.io/v1alpha1/namespaces/{team.key.namespace}/smtpconfigs/{NAME}/status"
    with caplog.at_level(logging.ERROR), pytest.raises(RequestRefused) as caught:
        await writer.write(team.tested(), verdict() | {"mood": "s3cret"})
    assert str(caught.value) == f"PATCH {path}: 500: .status.mood: field not declared in schema"
    assert caplog.messages == [f"the status of SmtpConfig {team.key} cannot be written: {caught.value}"]


async def test_a_value_that_the_crd_refuses_is_not_quoted(team: Team, writer: StatusWriter) -> None:
    with pytest.raises(RequestRefused) as caught:
        await writer.write(team.tested(), verdict(summary="s3cret" * 20))
    assert "status.summary" in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_a_write_after_a_write_goes_on_from_its_version(team: Team, writer: StatusWriter) -> None:
    tested = team.tested()
    first = await writer.write(tested, verdict(summary="Testing"))
    assert first is not None
    assert await writer.write(replace(tested, resource_version=first), verdict()) is not None
    assert team.now()["status"] == verdict()

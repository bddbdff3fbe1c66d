# SPDX-License-Identifier: Apache-2.0
"""An operator newer than its CRDs says so before it sends a mail whose outcome it could not write."""

import asyncio
from typing import Any

import pytest

from smtp_operator.api.crd import KINDS, SMTP_CONFIG
from smtp_operator.api.errors import AccessDenied
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.schema_check import SchemaTooOld, check_schema, missing_fields
from smtp_testkit.fakeapi import Answer, FakeApi

OPENAPI = "/openapi/v3/apis/smtp-operator.io/v1alpha1"
HINT = (
    "apply the CRDs of this release first: kubectl apply --server-side -f deploy/crds/"
    " (or: smtp-operator crds | kubectl apply --server-side -f -)"
)


def document(*lacking: str) -> Answer:
    """Return the published schema of our CRD, without some fields."""
    (served,) = SMTP_CONFIG.crd()["spec"]["versions"]
    schema: dict[str, Any] = served["schema"]["openAPIV3Schema"]
    for path in lacking:
        *parents, last = path.split(".")
        node = schema
        for name in parents:
            node = node["properties"][name]
        del node["properties"][last]
    kind = {"group": "smtp-operator.io", "version": "v1alpha1", "kind": "SmtpConfig"}
    schema["x-kubernetes-group-version-kind"] = [kind]
    other = {"x-kubernetes-group-version-kind": [kind | {"kind": "SmtpConfigList"}]}
    return Answer(body={"components": {"schemas": {"list": other, "one": schema, "plain": {}}}})


async def test_the_crds_of_this_release_are_accepted(real_client: KubernetesClient) -> None:
    await check_schema(real_client, [kind.crd() for kind in KINDS])


@pytest.mark.looptime
async def test_every_crd_that_is_missing_is_named(fake: FakeApi, client: KubernetesClient) -> None:
    fake.always("GET", OPENAPI, document())
    with pytest.raises(SchemaTooOld) as caught:
        await check_schema(client, [kind.crd() for kind in KINDS])
    assert str(caught.value) == (
        "the cluster has no CRD smtptests.smtp-operator.io with version v1alpha1;"
        " the cluster has no CRD smtpvaults.smtp-operator.io with version v1alpha1;"
        " the cluster has no CRD clustersmtpvaults.smtp-operator.io with version v1alpha1; " + HINT
    )


@pytest.mark.looptime
async def test_an_older_crd_is_refused_with_the_fields_that_it_lacks(
    fake: FakeApi, client: KubernetesClient
) -> None:
    fake.always("GET", OPENAPI, document("status.suggestion", "spec.tls.serverName"))
    with pytest.raises(SchemaTooOld) as caught:
        await check_schema(client, [SMTP_CONFIG.crd()])
    assert str(caught.value) == (
        "the cluster's CRD smtpconfigs.smtp-operator.io is older than this operator and lacks"
        f" spec.tls.serverName, status.suggestion; {HINT}"
    )


@pytest.mark.looptime
async def test_a_much_older_crd_gives_a_short_list(fake: FakeApi, client: KubernetesClient) -> None:
    fake.always(
        "GET",
        OPENAPI,
        document(*(f"spec.{it}" for it in ("server", "port", "test", "tls", "from", "suspend"))),
    )
    with pytest.raises(SchemaTooOld) as caught:
        await check_schema(client, [SMTP_CONFIG.crd()])
    assert "spec.server, spec.port, spec.from, spec.tls, spec.test and 1 more; " in str(caught.value)


@pytest.mark.looptime
async def test_a_cluster_without_the_crd_is_refused(fake: FakeApi, client: KubernetesClient) -> None:
    fake.always("GET", OPENAPI, Answer(404))
    with pytest.raises(SchemaTooOld) as caught:
        await check_schema(client, [SMTP_CONFIG.crd()])
    assert str(caught.value) == (
        f"the cluster has no CRD smtpconfigs.smtp-operator.io with version v1alpha1; {HINT}"
    )


@pytest.mark.looptime
async def test_a_crd_that_was_just_applied_is_waited_for(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", OPENAPI, Answer(404), document("status.summary"), document())
    await check_schema(client, [SMTP_CONFIG.crd()])
    assert asyncio.get_running_loop().time() < 4


async def test_a_server_that_does_not_tell_is_an_error(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", OPENAPI, Answer(403, {"reason": "Forbidden", "message": "no"}))
    with pytest.raises(AccessDenied):
        await check_schema(client, [SMTP_CONFIG.crd()])


@pytest.mark.parametrize(
    ("wanted", "present", "missing"),
    [
        ({"properties": {"a": {}}}, {"properties": {"a": {}, "b": {}}}, []),
        ({"properties": {"a": {"properties": {"b": {}}}}}, {"properties": {"a": {}}}, ["a.b"]),
        (
            {"properties": {"a": {"items": {"properties": {"b": {}}}}}},
            {"properties": {"a": {"items": {"properties": {}}}}},
            ["a[].b"],
        ),
        ({"properties": {"a": {}}}, {"x-kubernetes-preserve-unknown-fields": True}, []),
    ],
)
def test_fields_are_compared_at_every_depth(
    wanted: dict[str, Any], present: dict[str, Any], missing: list[str]
) -> None:
    assert list(missing_fields(wanted, present)) == missing


@pytest.mark.alone
@pytest.mark.usefixtures("older_crd")
async def test_on_a_real_api_server_an_older_crd_is_found_out(real_client: KubernetesClient) -> None:
    with pytest.raises(SchemaTooOld, match=r"lacks status\.suggestion; "):
        await check_schema(real_client, [SMTP_CONFIG.crd()])

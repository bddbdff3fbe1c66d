# SPDX-License-Identifier: Apache-2.0
"""After removal, nothing waits for the operator, and no object of this project remains."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtp_testkit.testbed import Api, Object
from smtp_testkit.testbed.users import object_of, path_of
from smtp_tools.localcluster import LocalCluster

CHART = Path(__file__).parents[3] / "deploy" / "charts" / "smtp-operator"
CRDS = [
    f"crd/{plural}.smtp-operator.io"
    for plural in ("smtpconfigs", "smtptests", "smtpvaults", "clustersmtpvaults")
]

CCP: Object = {"cyberArkCCP": {"url": "https://ccp.example.com", "appId": "smtp-operator"}}
SPECS: dict[str, Object] = {
    "SmtpConfig": {"server": "smtp.example.com", "port": 587, "from": "a@example.com"},
    "SmtpTest": {"settings": {"server": "smtp.example.com", "port": 587, "from": "a@example.com"}},
    "SmtpVault": {
        "cyberArkCCP": {**CCP["cyberArkCCP"], "clientCertificateRef": {"name": "login"}},
        "allowedServers": ["*:*"],
    },
    "ClusterSmtpVault": {**CCP, "allowedServers": ["*:*"]},
}
STATUS: Object = {"status": {"summary": "seen", "observedGeneration": 1}}
NOT_OURS = ("events", "leases.coordination.k8s.io", "events.events.k8s.io")
"""Resources that the control plane creates and deletes."""


def everything(cluster: LocalCluster) -> set[str]:
    """Return the names of all objects of all listable resources."""
    words = ["api-resources", "--verbs=list", "--output=name", "--cached=false"]
    resources = sorted(set(cluster.kubectl(*words).stdout.split()) - set(NOT_OURS))
    found = cluster.kubectl(
        "get", ",".join(resources), "--all-namespaces", "--output=json", "--ignore-not-found"
    )
    return {
        f"{it['kind']} {it['metadata'].get('namespace', '')}/{it['metadata']['name']}"
        for it in json.loads(found.stdout)["items"]
    }


def users_of(namespace: str) -> str:
    """Return the namespace of the users, when the chart is installed in this one."""
    return f"{namespace}-users"


@pytest.fixture
def objects(cluster: LocalCluster, api: Api, namespace: str) -> Iterator[str]:
    """The installed chart, and one object of each kind with a status."""
    cluster.helm("install", "smtp-operator", str(CHART), "-n", namespace)
    cluster.kubectl("create", "namespace", users_of(namespace))
    cluster.kubectl("wait", "--for=condition=Established", *CRDS, "--timeout=60s")
    for kind, spec in SPECS.items():
        path = path_of(kind, users_of(namespace))
        api.create(path, object_of(kind, spec))
        api.apply(f"{path}/one/status", {**object_of(kind, spec), **STATUS})
    yield namespace
    cluster.helm("uninstall", "smtp-operator", "-n", namespace, "--ignore-not-found")
    cluster.kubectl("delete", *CRDS, "--ignore-not-found")
    cluster.kubectl("delete", "namespace", users_of(namespace), "--ignore-not-found", "--wait=false")


def test_helm_uninstall_leaves_objects_and_their_statuses(
    cluster: LocalCluster, api: Api, objects: str
) -> None:
    cluster.helm("uninstall", "smtp-operator", "-n", objects)

    for kind in SPECS:
        assert api.get(f"{path_of(kind, users_of(objects))}/one")["status"]["summary"] == "seen"


def test_with_the_operator_gone_a_namespace_ends_with_all_that_is_in_it(
    cluster: LocalCluster, objects: str
) -> None:
    cluster.helm("uninstall", "smtp-operator", "-n", objects)

    cluster.kubectl("delete", "namespace", users_of(objects), "--timeout=90s")

    left = cluster.kubectl("get", "smtpconfigs,smtptests,smtpvaults", "--all-namespaces", "-o", "name").stdout
    assert left == ""


def test_with_the_operator_gone_the_kinds_end_with_all_their_objects(
    cluster: LocalCluster, objects: str
) -> None:
    cluster.helm("uninstall", "smtp-operator", "-n", objects)

    cluster.kubectl("delete", *CRDS, "--timeout=90s")

    assert cluster.kubectl("get", "crd", "-o", "name").stdout == ""


def test_after_both_commands_nothing_of_ours_is_left(
    cluster: LocalCluster, request: pytest.FixtureRequest
) -> None:
    before = everything(cluster)
    namespace = request.getfixturevalue("objects")
    assert len(everything(cluster)) > len(before) + 15

    cluster.helm("uninstall", "smtp-operator", "-n", namespace)
    cluster.kubectl("delete", *CRDS)
    cluster.kubectl("delete", "namespace", users_of(namespace), namespace)

    assert everything(cluster) - before == set()
    cluster.kubectl("create", "namespace", namespace)  # which its fixture deletes

# SPDX-License-Identifier: Apache-2.0
"""The packaged chart can be installed, upgraded and uninstalled on a real API server, for each profile."""

import json
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from smtp_testkit.testbed import Api, Object
from smtp_tools.localcluster import LocalCluster
from smtp_tools.release import artifacts
from smtp_tools.release.build import head

CHART = Path(__file__).parents[3] / "deploy" / "charts" / "smtp-operator"
PROFILES = ["default", "namespaced", "high-availability", "locked-down"]
RELEASE = "smtp-operator"
REPOSITORY = "registry.example.com/smtp-operator"
DIGEST = f"sha256:{'5' * 64}"


def words(profile: str, *more: str) -> list[str]:
    values = [] if profile == "default" else [f"--values={CHART / 'profiles' / f'{profile}.yaml'}"]
    return [*values, *more]


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> str:
    """Return a profile."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of the chart as a release publishes it."""
    version = metadata.version("smtp-operator")
    file = tmp_path_factory.mktemp("chart") / f"smtp-operator-{version}.tgz"
    notes = "### Added\n\n* A chart.\n"
    file.write_bytes(artifacts.chart(REPOSITORY, DIGEST, version, notes, head()))
    return str(file)


@pytest.fixture
def release(cluster: LocalCluster, namespace: str, profile: str, package: str) -> Iterator[Object]:
    """Install in a separate namespace; afterwards, remove the CRDs like a cluster admin."""
    done = cluster.helm("install", RELEASE, package, "-n", namespace, *words(profile), "--output=json")
    assert done.stderr == "", "no warning, of Pod Security neither"
    installed: Object = json.loads(done.stdout)
    yield installed
    cluster.helm("uninstall", RELEASE, "-n", namespace, "--ignore-not-found")
    cluster.kubectl("delete", "crd", "-l", "app.kubernetes.io/name=smtp-operator", "--ignore-not-found")


def test_lint_has_nothing_to_say(cluster: LocalCluster, profile: str, package: str) -> None:
    said = cluster.helm("lint", "--strict", package, *words(profile)).stdout
    assert "[WARNING]" not in said
    assert "1 chart(s) linted, 0 chart(s) failed" in said


def test_its_pods_are_created_under_pod_security_restricted(
    release: Object, api: Api, namespace: str, profile: str
) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    pod = api.wait_any(pods, lambda it: it["metadata"]["labels"]["app.kubernetes.io/name"] == "smtp-operator")
    assert pod["status"]["phase"] == "Pending"  # there is no kubelet
    assert pod["spec"]["containers"][0]["image"] == f"{REPOSITORY}@{DIGEST}"
    assert release["info"]["status"] == "deployed"


def test_an_upgrade_rolls_out_and_keeps_what_is_not_its_own(
    release: Object, cluster: LocalCluster, api: Api, namespace: str, profile: str, package: str
) -> None:
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    before = api.get(f"{deployments}/smtp-operator")["metadata"]["generation"]

    changed = words(profile, "--set=logLevel=debug", "--set=podAnnotations.a=b")
    said = cluster.helm("upgrade", RELEASE, package, "-n", namespace, *changed)

    assert said.stderr == ""
    after = api.get(f"{deployments}/smtp-operator")
    assert after["metadata"]["generation"] == before + 1
    assert "--log-level=debug" in after["spec"]["template"]["spec"]["containers"][0]["args"]


def test_the_same_upgrade_twice_changes_nothing(
    release: Object, cluster: LocalCluster, api: Api, namespace: str, profile: str, package: str
) -> None:
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/smtp-operator"
    before = api.get(deployment)["metadata"]["generation"]

    cluster.helm("upgrade", RELEASE, package, "-n", namespace, *words(profile))

    assert api.get(deployment)["metadata"]["generation"] == before


def test_uninstalling_leaves_the_crds_and_nothing_else(
    release: Object, cluster: LocalCluster, namespace: str, profile: str
) -> None:
    cluster.helm("uninstall", RELEASE, "-n", namespace)

    kinds = (
        "deployments,services,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,"
        "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,crd"
    )
    selected = ["-l", "app.kubernetes.io/name=smtp-operator", "-o", "name", "--all-namespaces"]
    left = set(cluster.kubectl("get", kinds, *selected).stdout.split())
    kept = {
        f"customresourcedefinition.apiextensions.k8s.io/{plural}.smtp-operator.io"
        for plural in ("smtpconfigs", "smtptests", "smtpvaults", "clustersmtpvaults")
    }
    assert left == (set() if profile == "namespaced" else kept)

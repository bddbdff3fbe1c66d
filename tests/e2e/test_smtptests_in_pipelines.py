# SPDX-License-Identifier: Apache-2.0
"""The pipelines of docs/how-to/smtptests-in-pipelines.md, with the manifests of that page."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from smtp_testkit.argocd import CUSTOMIZATIONS, run
from smtp_testkit.handbook.blocks import ROOT, blocks_of
from smtp_testkit.kstatus import Kstatus, kstatus
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import ApiError, Bed, Object, OperatorProcess
from smtp_testkit.testbed.bed import settings
from smtp_testkit.testbed.once import verdict
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_tools.localcluster import LocalCluster

PAGE = ROOT / "docs" / "how-to" / "smtptests-in-pipelines.md"
MANIFESTS = {block.tags["file"]: block.text for block in blocks_of(PAGE) if "file" in block.tags}
HEALTH = next(it.health for it in CUSTOMIZATIONS if it.kind == "SmtpTest")
FLUX = "kustomize-controller"

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path) -> Iterator[OperatorProcess]:
    """An operator that runs SmtpTests with configRef."""
    with OperatorProcess(service_account, logs / "pipelines.log", [*LOOPBACK, "--smtp-tests"]) as process:
        yield process.start()


def manifest(name: str, server: MailServer) -> Object:
    """Return a SmtpTest of the page, for this mail server."""
    object_: Object = yaml.safe_load(MANIFESTS[name])
    object_["spec"]["settings"] |= settings(server)
    return object_


def by_flux(bed: Bed, object_: Object) -> Object:
    """Apply a SmtpTest as Flux does at each interval."""
    labels = {
        "kustomize.toolkit.fluxcd.io/name": "mail-test",
        "kustomize.toolkit.fluxcd.io/namespace": "flux",
    }
    metadata = object_["metadata"] | {"namespace": bed.namespace, "labels": labels}
    path = f"{bed.tests}/{object_['metadata']['name']}"
    return bed.api.apply(path, object_ | {"metadata": metadata}, manager=FLUX)


def test_ten_reconciliations_of_flux_send_one_email(bed: Bed, server: MailServer) -> None:
    smtp_test = manifest("flux-smtptest.yaml", server)
    name = smtp_test["metadata"]["name"]
    first = by_flux(bed, smtp_test)
    assert kstatus(first).status is Kstatus.IN_PROGRESS
    assert verdict(bed, name) == "TestEmailSent"
    tested = bed.api.get(f"{bed.tests}/{name}")
    assert kstatus(tested).status is Kstatus.CURRENT

    versions = {by_flux(bed, smtp_test)["metadata"]["resourceVersion"] for _ in range(9)}

    assert versions == {tested["metadata"]["resourceVersion"]}
    assert verdict_of_a_later_one(bed, server) == "TestEmailSent"
    assert len(server.mails) == 2  # of the first and of the later one


def verdict_of_a_later_one(bed: Bed, server: MailServer) -> str:
    """Return the verdict of a new SmtpTest: all changes before it are then handled."""
    bed.create_test("later", settings=settings(server))
    return verdict(bed, "later")


def test_a_failed_smtp_test_fails_flux_at_once(bed: Bed, server: MailServer) -> None:
    smtp_test = manifest("flux-smtptest.yaml", server)
    server.replies["RCPT"] = "550 5.7.1 relaying denied"
    by_flux(bed, smtp_test)
    name = smtp_test["metadata"]["name"]
    verdict(bed, name)
    assert kstatus(bed.api.get(f"{bed.tests}/{name}")).status is Kstatus.FAILED


def test_flux_with_force_sends_one_email_per_change(bed: Bed, server: MailServer) -> None:
    smtp_test = manifest("flux-smtptest.yaml", server)
    name = smtp_test["metadata"]["name"]
    by_flux(bed, smtp_test)
    verdict(bed, name)
    smtp_test["spec"]["settings"]["heloName"] = "other.example.com"

    with pytest.raises(ApiError) as refused:
        by_flux(bed, smtp_test)

    assert refused.value.code == 422  # Invalid: with force, Flux deletes and creates the object
    bed.api.delete(f"{bed.tests}/{name}")
    by_flux(bed, smtp_test)
    assert verdict(bed, name) == "TestEmailSent"
    assert len(server.mails) == 2


def test_each_sync_of_argo_cd_runs_one_test(cluster: LocalCluster, bed: Bed, server: MailServer) -> None:
    hook = manifest("argo-cd-hook.yaml", server)
    assert run(HEALTH, hook)["status"] == "Progressing"
    names = []
    for _ in range(2):
        words = ("create", "-n", bed.namespace, "-o", "name", "-f", "-")
        names.append(cluster.kubectl(*words, input=yaml.safe_dump(hook)).stdout.strip().partition("/")[2])
        assert verdict(bed, names[-1]) == "TestEmailSent"
        assert run(HEALTH, bed.api.get(f"{bed.tests}/{names[-1]}"))["status"] == "Healthy"
    assert len(set(names)) == len(server.mails) == 2


def test_a_failed_smtp_test_stops_the_sync_of_argo_cd(
    cluster: LocalCluster, bed: Bed, server: MailServer
) -> None:
    server.replies["MAIL"] = "550 5.7.1 sender not allowed"
    words = ("create", "-n", bed.namespace, "-o", "name", "-f", "-")
    hook = yaml.safe_dump(manifest("argo-cd-hook.yaml", server))
    name = cluster.kubectl(*words, input=hook).stdout.strip().partition("/")[2]
    assert verdict(bed, name) == "FromAddressRejected"
    assert run(HEALTH, bed.api.get(f"{bed.tests}/{name}"))["status"] == "Degraded"


def tekton(cluster: LocalCluster, bed: Bed, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the step of the Task as a TaskRun with the parameter smtp-config=mail does."""
    (step,) = yaml.safe_load(MANIFESTS["tekton-task.yaml"])["spec"]["steps"]
    script = tmp_path / "script"
    script.write_text(step["script"])
    environment = {it["name"]: it["value"].replace("$(params.smtp-config)", "mail") for it in step["env"]}
    kubectl = tmp_path / "kubectl"  # a Pod has its namespace from its ServiceAccount
    kubectl.write_text(f'#!/bin/sh\nexec {cluster.kubectl_path} -n {bed.namespace} "$@"\n')
    kubectl.chmod(0o755)
    environment |= {
        "PATH": f"{tmp_path}{os.pathsep}{os.defpath}",
        "KUBECONFIG": str(cluster.kubeconfig),
        "HOME": str(tmp_path),
    }
    return subprocess.run(
        ["sh", str(script)], env=environment, capture_output=True, text=True, check=False, timeout=100
    )


def test_the_tekton_task_tests_a_smtp_config(
    cluster: LocalCluster, bed: Bed, server: MailServer, tmp_path: Path
) -> None:
    bed.verdict_of(server)
    done = tekton(cluster, bed, tmp_path)
    assert done.returncode == 0, done
    assert "Accepted for delivery to 1 recipient by 127.0.0.1" in done.stdout
    assert len(server.mails) == 2


def test_the_tekton_task_fails_with_the_test(
    cluster: LocalCluster, bed: Bed, server: MailServer, tmp_path: Path
) -> None:
    bed.verdict_of(server)
    server.replies["MAIL"] = "550 5.7.1 sender not allowed"
    done = tekton(cluster, bed, tmp_path)
    assert done.returncode == 1, done
    assert 'server said: "550 5.7.1 sender not allowed"' in done.stdout


def test_the_role_of_the_page_is_shipped() -> None:
    roles = [*yaml.safe_load_all((ROOT / "deploy" / "manifests" / "30-user-roles.yaml").read_text())]
    named = yaml.safe_load(MANIFESTS["tekton-permissions.yaml"])["roleRef"]["name"]
    assert named in [it["metadata"]["name"] for it in roles if it]

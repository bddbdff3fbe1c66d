# SPDX-License-Identifier: Apache-2.0
"""`helm test` tests the SmtpConfig that the value helmTest names, with permissions for that alone."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from smtp_testkit.handbook.blocks import ROOT
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, Object, OperatorProcess
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.rendered import of_kind
from smtp_tools.localcluster import KubectlError, LocalCluster

CHART = ROOT / "deploy" / "charts" / "smtp-operator"
PAGE = ROOT / "docs" / "how-to" / "smtptests-in-pipelines.md"

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path) -> Iterator[OperatorProcess]:
    """An operator that runs SmtpTests with configRef."""
    with OperatorProcess(service_account, logs / "helm-test.log", [*LOOPBACK, "--smtp-tests"]) as process:
        yield process.start()


def value_of_the_page(bed: Bed) -> str:
    """Return the value that smtptests-in-pipelines.md sets, for this namespace and its SmtpConfig."""
    (found,) = re.findall(r"--set (helmTest\S+)", PAGE.read_text(encoding="utf-8"))
    return f"--set={found.replace('corporate-mail', 'mail').replace('team-a', bed.namespace)}"


def hooks(cluster: LocalCluster, bed: Bed, *values: str) -> list[Object]:
    """Return the objects that `helm test` creates."""
    words = [f"--set=helmTest.namespace={bed.namespace}", *(f"--set={it}" for it in values)]
    text = cluster.helm("template", "mail", str(CHART), f"--namespace={bed.namespace}", *words).stdout
    rendered: list[Object] = [it for it in yaml.safe_load_all(text) if it]
    return [it for it in rendered if "helm.sh/hook" in it["metadata"].get("annotations", {})]


def in_its_pod(cluster: LocalCluster, bed: Bed, *values: str) -> subprocess.CompletedProcess[str]:
    """Run the command of the Pod, with the permissions of its ServiceAccount."""
    objects = hooks(cluster, bed, *values)
    (pod,) = of_kind(objects, "Pod")
    others = [it for it in objects if it is not pod]
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(others))
    cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", input=yaml.safe_dump(pod))
    return run(cluster, bed, pod)


def run(cluster: LocalCluster, bed: Bed, pod: Object) -> subprocess.CompletedProcess[str]:
    """Run the command of a Pod, as the kubelet does."""
    (container,) = pod["spec"]["containers"]
    _, *command = container["command"]
    kubeconfig = cluster.kubeconfig_for_service_account(bed.namespace, pod["spec"]["serviceAccountName"])
    environment = {"PATH": os.defpath, "KUBECONFIG": str(kubeconfig), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [sys.executable, *command, *container["args"]],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_it_passes_with_the_smtp_config(cluster: LocalCluster, bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server)
    done = in_its_pod(cluster, bed, "helmTest.smtpConfig=mail")
    assert done.returncode == 0, done
    assert done.stdout.startswith(f"✓ TestEmailSent  {bed.namespace}/mail\n")
    assert len(server.mails) == 2
    assert bed.api.items(bed.tests) == []


def test_it_fails_with_the_smtp_config(cluster: LocalCluster, bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server)
    server.replies["MAIL"] = "550 5.7.1 sender not allowed"
    done = in_its_pod(cluster, bed, "helmTest.smtpConfig=mail")
    assert done.returncode == 1, done
    assert done.stdout.startswith("✗ FromAddressRejected in MailFrom: 550 5.7.1")


def test_helm_waits_for_the_pod_and_removes_its_permissions(
    cluster: LocalCluster, bed: Bed, server: MailServer, tmp_path: Path
) -> None:
    bed.verdict_of(server)
    values = tmp_path / "values.yaml"
    one_namespace = {"allNamespaces": False, "smtpTests": "enabled"}
    of_others: Object = {"crds": {"enabled": False}, "userRoles": {"enabled": False}}
    of_others["policies"] = dict.fromkeys(("references", "plaintextPassword", "habits"), "off")
    values.write_text(yaml.safe_dump(one_namespace | of_others))
    words = (f"--values={values}", value_of_the_page(bed))
    cluster.helm("install", "mail", str(CHART), "-n", bed.namespace, *words)

    with ThreadPoolExecutor() as threads:
        helm = threads.submit(cluster.helm, "test", "mail", "-n", bed.namespace, "--timeout=90s")
        pods = bed.core("pods")
        pod = bed.api.wait_any(pods, lambda it: it["metadata"]["name"] == "mail-smtp-operator-test")
        done = run(cluster, bed, pod)
        phase = {"status": {"phase": "Succeeded" if done.returncode == 0 else "Failed"}}
        bed.api.patch(f"{pods}/mail-smtp-operator-test/status", phase)

    assert "Phase:          Succeeded" in helm.result().stdout
    assert len(server.mails) == 2
    left = cluster.kubectl("get", "serviceaccounts,roles,rolebindings", "-n", bed.namespace, "-o", "name")
    assert "mail-smtp-operator-test" not in left.stdout
    cluster.helm("uninstall", "mail", "-n", bed.namespace)


def test_its_recipients_can_be_replaced(cluster: LocalCluster, bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server)
    done = in_its_pod(cluster, bed, "helmTest.smtpConfig=mail", "helmTest.to={me@example.com}")
    assert done.returncode == 0, done
    assert server.mails[-1].recipients == ("me@example.com",)


def test_the_permissions_are_for_one_smtp_config(cluster: LocalCluster, bed: Bed) -> None:
    (role,) = of_kind(hooks(cluster, bed, "helmTest.smtpConfig=mail"), "Role")
    group = {"apiGroups": ["smtp-operator.io"]}
    assert role["rules"] == [
        group | {"resources": ["smtptests"], "verbs": ["create", "get", "watch", "delete"]},
        group | {"resources": ["smtpconfigs"], "resourceNames": ["mail"], "verbs": ["test"]},
    ]


def test_without_the_value_there_is_no_hook(cluster: LocalCluster, bed: Bed) -> None:
    assert hooks(cluster, bed) == []


def test_without_smtp_tests_the_value_is_refused(cluster: LocalCluster, bed: Bed) -> None:
    with pytest.raises(KubectlError, match="SmtpTests with configRef are off: set smtpTests=enabled"):
        hooks(cluster, bed, "helmTest.smtpConfig=mail", "smtpTests=disabled")

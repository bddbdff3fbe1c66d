# SPDX-License-Identifier: Apache-2.0
"""The control plane behaves like a real one: RBAC, admission, controllers, tokens, an audit log."""

import json
import os
import socket
import ssl
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.testbed.rights import wait_for_right
from smtp_tools.localcluster import ClusterError, KubectlError, LocalCluster

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example/web}]}
"""

POLICY = """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAME}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAME}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  validations: [{expression: "has(object.data)", message: "say something"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAME}
spec: {policyName: NAME, validationActions: [Deny]}
"""


def audited(cluster: LocalCluster, user: str) -> Iterator[dict[str, Any]]:
    """Return the lines of a user in the audit log, which also has lines of others."""
    with cluster.audit_log.open("rb") as log:
        for line in log:
            if user.encode() in line and line.endswith(b"\n"):
                event = json.loads(line)
                if event["user"]["username"] == user:
                    yield event


def test_helm_installs_a_chart(cluster: LocalCluster, namespace: str, tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(
        "apiVersion: v2\nname: small\nversion: 1.0.0\nkubeVersion: '>=1.34.0-0'\n"
    )
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n"
    (chart / "templates" / "it.yaml").write_text(manifest)

    cluster.helm("install", "it", str(chart), "--namespace", namespace)

    found = json.loads(
        cluster.kubectl(
            "get", "configmap", "it", "-n", namespace, "-o", "json", "--show-managed-fields"
        ).stdout
    )
    assert {it["manager"] for it in found["metadata"]["managedFields"]} == {"helm"}


@pytest.mark.parametrize("protocol", ["tcp", "tcp6", "udp", "udp6"])
def test_nothing_listens_beyond_loopback(cluster: LocalCluster, protocol: str) -> None:
    listening = [address for pid in cluster.pids.values() for address in listening_addresses(pid, protocol)]

    assert set(listening) == ({"127.0.0.1"} if protocol == "tcp" else set())


def test_all_three_programs_run_and_kubectl_is_of_their_version(cluster: LocalCluster) -> None:
    versions = json.loads(cluster.kubectl("version", "--output=json").stdout)

    assert sorted(cluster.pids) == ["etcd", "kube-apiserver", "kube-controller-manager"]
    assert versions["serverVersion"]["gitVersion"] == versions["clientVersion"]["gitVersion"]
    assert versions["serverVersion"]["gitVersion"].startswith("v1.37.")
    assert cluster.kubectl_path.name == "kubectl"


def test_a_service_account_may_do_what_rbac_grants_and_nothing_else(
    cluster: LocalCluster, namespace: str
) -> None:
    cluster.kubectl("create", "serviceaccount", "reader", f"--namespace={namespace}")
    reader = cluster.kubeconfig_for_service_account(namespace, "reader")
    with pytest.raises(KubectlError, match=r"\(Forbidden\).*cannot list resource \"configmaps\""):
        cluster.kubectl("get", "configmaps", kubeconfig=reader)

    cluster.kubectl(
        "create", "role", "read", "--verb=list", "--resource=configmaps", f"--namespace={namespace}"
    )
    account = f"--serviceaccount={namespace}:reader"
    cluster.kubectl("create", "rolebinding", "read", "--role=read", account, f"--namespace={namespace}")
    wait_for_right(cluster, namespace, "reader", "list", "configmaps")

    assert "kube-root-ca.crt" in cluster.kubectl("get", "configmaps", kubeconfig=reader).stdout
    for words in (["get", "secrets"], ["get", "configmaps", "--namespace=default"]):
        assert "(Forbidden)" in cluster.kubectl(*words, kubeconfig=reader, check=False).stderr


def test_a_service_accounts_token_is_one_of_token_request_and_bound_in_time(
    cluster: LocalCluster, namespace: str
) -> None:
    kubeconfig = cluster.kubeconfig_for_service_account(namespace, "default", duration="10m")

    who = json.loads(cluster.kubectl("auth", "whoami", "--output=json", kubeconfig=kubeconfig).stdout)
    user = who["status"]["userInfo"]
    assert user["username"] == f"system:serviceaccount:{namespace}:default"
    assert user["extra"]["authentication.kubernetes.io/credential-id"]
    assert kubeconfig.stat().st_mode & 0o077 == 0
    with pytest.raises(KubectlError, match="may not specify a duration less than 10 minutes"):
        cluster.kubeconfig_for_service_account(namespace, "default", duration="1m")


def test_without_credentials_nothing_is_told(cluster: LocalCluster) -> None:
    trust = ssl.create_default_context(cafile=cluster.ca_file)

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{cluster.url}/api/v1/namespaces", context=trust)

    with refused.value as answer:
        message = json.load(answer)["message"]
    assert message == (
        'namespaces is forbidden: User "system:anonymous" cannot list resource "namespaces" in API group "" '
        "at the cluster scope"
    )


def test_etcd_speaks_only_to_those_with_its_own_certificate(cluster: LocalCluster) -> None:
    etcd = cluster.pids["etcd"]
    command = Path(f"/proc/{etcd}/cmdline").read_text().split("\0")

    assert {"--client-cert-auth", "--peer-client-cert-auth"} <= set(command)
    assert not [word for word in command if "http://" in word]


def test_controllers_make_pods_of_deployments(cluster: LocalCluster, namespace: str) -> None:
    cluster.kubectl("apply", f"--namespace={namespace}", "--filename=-", input=DEPLOYMENT)

    cluster.kubectl(
        "wait", "deployment/web", "--for=jsonpath={.status.replicas}=2", f"--namespace={namespace}"
    )

    pods = cluster.kubectl(
        "get", "pods", "--output=jsonpath={.items[*].status.phase}", f"--namespace={namespace}"
    )
    assert pods.stdout == "Pending Pending"


def test_what_is_owned_goes_with_its_owner_and_a_namespace_with_all_that_is_in_it(
    cluster: LocalCluster, namespace: str
) -> None:
    cluster.kubectl("apply", f"--namespace={namespace}", "--filename=-", input=DEPLOYMENT)
    cluster.kubectl(
        "wait", "deployment/web", "--for=jsonpath={.status.replicas}=2", f"--namespace={namespace}"
    )

    cluster.kubectl("delete", "deployment", "web", "--cascade=foreground", f"--namespace={namespace}")
    pods = cluster.kubectl("get", "replicasets,pods", "--output=name", f"--namespace={namespace}")
    cluster.kubectl("create", "namespace", f"{namespace}-short-lived")
    cluster.kubectl("delete", "namespace", f"{namespace}-short-lived")  # waits until it is gone

    assert pods.stdout == ""
    gone = cluster.kubectl("get", "namespace", f"{namespace}-short-lived", check=False)
    assert "(NotFound)" in gone.stderr


def test_pod_security_is_enforced(cluster: LocalCluster, namespace: str) -> None:
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")

    with pytest.raises(KubectlError, match='violates PodSecurity "restricted:latest"'):
        cluster.kubectl("run", "web", "--image=registry.example/web", f"--namespace={namespace}")


def test_admission_policies_are_enforced(cluster: LocalCluster, namespace: str) -> None:
    cluster.kubectl("apply", "--filename=-", input=POLICY.replace("NAME", namespace))
    cluster.kubectl(  # it is in force when the API server's own type check has been written down
        "wait",
        f"validatingadmissionpolicy/{namespace}",
        "--for=jsonpath={.status.observedGeneration}=1",
    )
    words = ["create", "configmap", "silent", f"--namespace={namespace}", "--dry-run=server"]

    refused = cluster.kubectl(*words, check=False)
    while refused.returncode == 0:  # the API server takes up a policy within a second
        refused = cluster.kubectl(*words, check=False)

    assert (
        f"ValidatingAdmissionPolicy '{namespace}' with binding '{namespace}' denied request: say something"
        in (refused.stderr)
    )


def test_the_audit_log_has_one_line_for_each_request_and_no_bodies(
    cluster: LocalCluster, namespace: str
) -> None:
    account = f"--serviceaccount={namespace}:default"
    cluster.kubectl(
        "create", "rolebinding", "edit", "--clusterrole=edit", account, f"--namespace={namespace}"
    )
    wait_for_right(cluster, namespace, "default", "create", "secrets")
    kubeconfig = cluster.kubeconfig_for_service_account(namespace, "default")
    raw = f"--raw=/api/v1/namespaces/{namespace}"
    secret = '{"metadata": {"name": "login"}, "stringData": {"password": "a-canary-in-the-mine"}}'

    cluster.kubectl("create", f"{raw}/secrets", "--filename=-", input=secret, kubeconfig=kubeconfig)
    cluster.kubectl("get", f"{raw}/secrets/login", kubeconfig=kubeconfig)
    cluster.kubectl("get", f"{raw}/secrets?watch=true&timeoutSeconds=1", kubeconfig=kubeconfig)
    cluster.kubectl("get", f"{raw}/pods/none/log", kubeconfig=kubeconfig, check=False)

    user = f"system:serviceaccount:{namespace}:default"
    while len(requests := list(audited(cluster, user))) < 4:  # the last line may come after the answer
        os.sched_yield()
    assert [
        (event["verb"], event["objectRef"]["resource"], event["objectRef"].get("subresource"))
        for event in requests
    ] == [
        ("create", "secrets", None),
        ("get", "secrets", None),
        ("watch", "secrets", None),
        ("get", "pods", "log"),
    ]
    assert {(event["level"], event["stage"]) for event in requests} == {("Metadata", "ResponseComplete")}
    assert "a-canary-in-the-mine" not in cluster.audit_log.read_text()


def test_kubectl_never_reads_what_belongs_to_the_user(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".kube").mkdir()
    for name in ("config", "kuberc"):
        (tmp_path / ".kube" / name).write_text("this would be an error")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / ".kube" / "config"))

    assert (
        cluster.kubectl("config", "view", "--output=jsonpath={.clusters[0].cluster.server}").stdout
        == cluster.url
    )
    assert cluster.kubectl("get", "namespace", "default", "--output=name").stdout == "namespace/default\n"
    assert sorted(path.name for path in (tmp_path / ".kube").iterdir()) == ["config", "kuberc"]


def test_what_kubectl_says_is_in_the_error(cluster: LocalCluster) -> None:
    with pytest.raises(KubectlError) as failure:
        cluster.kubectl("get", "secret", "none")

    assert str(failure.value) == (
        f"`{cluster.kubectl_path} get secret none` exited with 1 and said: "
        'Error from server (NotFound): secrets "none" not found'
    )


def test_an_api_server_that_runs_is_not_started_again(cluster: LocalCluster) -> None:
    with pytest.raises(ClusterError, match=r"^kube-apiserver is already running\.$"):
        cluster.start_apiserver()


def _opened(descriptor: Path) -> str:
    try:
        return descriptor.readlink().name
    except FileNotFoundError:
        return ""  # closed since the folder was read


def listening_addresses(pid: int, protocol: str) -> Iterator[str]:
    """Return the local addresses of all sockets of a process that accept connections or datagrams."""
    opened = set(map(_opened, Path(f"/proc/{pid}/fd").iterdir()))
    wanted = "0A" if protocol.startswith("tcp") else "07"
    for line in Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]:
        fields = line.split()
        address, state, inode = fields[1].split(":")[0], fields[3], fields[9]
        if state == wanted and f"socket:[{inode}]" in opened:
            # Words of 32 bits in the machine's order.
            words = [int(address[i : i + 8], 16) for i in range(0, len(address), 8)]
            packed = struct.pack(f"={len(words)}I", *words)
            yield socket.inet_ntop(socket.AF_INET6 if protocol.endswith("6") else socket.AF_INET, packed)

# SPDX-License-Identifier: Apache-2.0
"""``kubectl apply -f deploy/manifests/``: strictly valid, least privilege, restricted Pods."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_operator.cli.main import run_program
from smtp_operator.settings import FLAGS
from smtp_testkit.testbed import Api, Manifests
from smtp_testkit.testbed.manifests import CLUSTER_WIDE, NAMESPACED
from smtp_tools.localcluster import LocalCluster

Object = dict[str, Any]

OURS = ["smtp-operator.io"]
READ = ["get", "list", "watch"]
CORE_RULES = [
    {"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": READ},
    {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "list", "watch"]},
]
NAMESPACES_RULE = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
API_SERVER_RULE = {
    "apiGroups": ["discovery.k8s.io"],
    "resources": ["endpointslices"],
    "resourceNames": ["kubernetes"],
    "verbs": ["get"],
}
EVENTS_RULE = {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]}
LEASE_RULES = [
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": ["smtp-operator"],
        "verbs": ["get", "update", "watch"],
    },
]


DELETION_RULE: Object = {"apiGroups": OURS, "resources": ["smtptests"], "verbs": ["delete"]}


def rules_of_our_kinds(*plurals: str) -> list[Object]:
    return [
        {"apiGroups": OURS, "resources": [*plurals], "verbs": READ},
        {"apiGroups": OURS, "resources": [f"{plural}/status" for plural in plurals], "verbs": ["patch"]},
    ]


def document(manifests: Manifests, kind: str, name: str = "smtp-operator") -> Object:
    (found,) = (it for it in manifests.documents if (it["kind"], it["metadata"]["name"]) == (kind, name))
    return found


@pytest.fixture(scope="module")
def cluster_wide() -> Manifests:
    return Manifests.read(CLUSTER_WIDE)


@pytest.fixture(scope="module")
def namespaced() -> Manifests:
    return Manifests.read(NAMESPACED)


@pytest.fixture
def without_policies_afterwards(cluster: LocalCluster) -> Iterator[None]:
    """Remove the policies afterwards, because they affect every other test."""
    yield
    cluster.kubectl("delete", "--ignore-not-found", "-f", f"{CLUSTER_WIDE}/3[1234]-policy-*.yaml")


@pytest.mark.alone
@pytest.mark.usefixtures("without_policies_afterwards")
def test_they_apply_as_they_are(cluster: LocalCluster) -> None:
    applied = cluster.kubectl("apply", "--validate=strict", "-f", str(CLUSTER_WIDE)).stdout
    assert [line.split()[0] for line in applied.splitlines()] == [
        "namespace/smtp-operator-system",
        "serviceaccount/smtp-operator",
        "clusterrole.rbac.authorization.k8s.io/smtp-operator",
        "clusterrolebinding.rbac.authorization.k8s.io/smtp-operator",
        "role.rbac.authorization.k8s.io/smtp-operator-lease",
        "rolebinding.rbac.authorization.k8s.io/smtp-operator-lease",
        "clusterrole.rbac.authorization.k8s.io/smtp-operator-edit",
        "clusterrole.rbac.authorization.k8s.io/smtp-operator-test",
        "clusterrole.rbac.authorization.k8s.io/smtp-operator-view",
        *(
            f"validatingadmissionpolicy{binding}.admissionregistration.k8s.io/{name}.smtp-operator.io"
            for name in (
                "smtpconfig-references",
                "smtpconfig-delivery-references",
                "smtptest-references",
                "smtpvault-references",
                "clustersmtpvault-references",
                "smtpconfig-plaintext-password",
                "smtpconfig-habits",
                "smtp-operator-deletions",
                "smtpconfig-publish",
            )
            for binding in ("", "binding")
        ),
        "networkpolicy.networking.k8s.io/smtp-operator",
        "deployment.apps/smtp-operator",
    ]


@pytest.mark.usefixtures("without_policies_afterwards")
@pytest.mark.alone  # others apply the same by server-side apply, or delete the Deployment again
def test_applying_them_again_changes_nothing(cluster: LocalCluster) -> None:
    cluster.kubectl("apply", "-f", str(CLUSTER_WIDE))
    again = cluster.kubectl("apply", "-f", str(CLUSTER_WIDE)).stdout
    assert [line for line in again.splitlines() if not line.endswith(" unchanged")] == []


def test_those_of_one_namespace_apply_to_yours(cluster: LocalCluster, namespace: str) -> None:
    files = sorted(NAMESPACED.glob("*.yaml"))
    text = "".join(file.read_text().replace("team-a", namespace) for file in files)
    applied = cluster.kubectl("apply", "--validate=strict", "-f", "-", input=text).stdout
    assert [line.split()[0] for line in applied.splitlines()] == [
        "serviceaccount/smtp-operator",
        "role.rbac.authorization.k8s.io/smtp-operator",
        "role.rbac.authorization.k8s.io/smtp-operator-lease",
        "rolebinding.rbac.authorization.k8s.io/smtp-operator",
        "rolebinding.rbac.authorization.k8s.io/smtp-operator-lease",
        "networkpolicy.networking.k8s.io/smtp-operator",
        "deployment.apps/smtp-operator",
    ]


def test_the_operator_may_do_what_it_needs_and_nothing_else(
    cluster_wide: Manifests, namespaced: Manifests
) -> None:
    assert document(cluster_wide, "ClusterRole")["rules"] == [
        *rules_of_our_kinds("smtpconfigs", "smtptests", "smtpvaults"),
        DELETION_RULE,
        *CORE_RULES,
        EVENTS_RULE,
        *rules_of_our_kinds("clustersmtpvaults"),
        NAMESPACES_RULE,
        API_SERVER_RULE,
    ]
    assert document(namespaced, "Role")["rules"] == [
        *rules_of_our_kinds("smtpconfigs", "smtptests", "smtpvaults"),
        DELETION_RULE,
        *CORE_RULES,
        EVENTS_RULE,
    ]
    for manifests in (cluster_wide, namespaced):
        assert document(manifests, "Role", "smtp-operator-lease")["rules"] == LEASE_RULES


@pytest.fixture(scope="module")
def permitted(cluster: LocalCluster) -> Manifests:
    """The cluster-wide permissions, applied."""
    permissions = Manifests.read(CLUSTER_WIDE).permissions()
    cluster.kubectl("apply", "-f", "-", input=str(permissions))
    return permissions


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("update", "smtpconfigs.smtp-operator.io"),
        ("patch", "smtpconfigs.smtp-operator.io"),
        ("delete", "smtpconfigs.smtp-operator.io"),
        ("create", "smtptests.smtp-operator.io"),
        ("update", "smtptests.smtp-operator.io"),
        ("deletecollection", "smtptests.smtp-operator.io"),
        ("patch", "smtpvaults.smtp-operator.io"),
        ("update", "clustersmtpvaults.smtp-operator.io"),
        ("use", "clustersmtpvaults.smtp-operator.io"),
        ("create", "serviceaccounts"),
        ("create", "secrets"),
        ("update", "secrets"),
        ("patch", "configmaps"),
        ("create", "serviceaccounts/token"),
        ("create", "pods"),
        ("list", "namespaces"),
        ("get", "customresourcedefinitions.apiextensions.k8s.io"),
        ("delete", "events.events.k8s.io"),
        ("get", "leases.coordination.k8s.io"),
        ("create", "leases.coordination.k8s.io"),
    ],
)
def test_it_may_not(
    cluster: LocalCluster, permitted: Manifests, namespace: str, verb: str, resource: str
) -> None:
    asked = ["auth", "can-i", verb, resource, "-n", namespace, f"--as={permitted.user}"]
    assert cluster.kubectl(*asked, check=False).stdout == "no\n"


def test_in_one_namespace_it_may_nothing_in_another(
    cluster: LocalCluster, namespaced: Manifests, namespace: str
) -> None:
    asked = ["auth", "can-i", "get", "secrets", "-n", namespace, f"--as={namespaced.user}"]
    assert cluster.kubectl(*asked, check=False).stdout == "no\n"


@pytest.mark.parametrize(("role", "verb", "answer"), [("edit", "create", "yes"), ("view", "get", "no")])
@pytest.mark.usefixtures("permitted")
def test_who_may_edit_a_namespace_may_write_smtpconfigs_and_who_may_view_it_may_not_read_them(
    cluster: LocalCluster, namespace: str, role: str, verb: str, answer: str
) -> None:
    cluster.kubectl("-n", namespace, "create", "rolebinding", "r", f"--clusterrole={role}", "--user=ann")
    asked = ["auth", "can-i", verb, "smtpconfigs.smtp-operator.io", "-n", namespace, "--as=ann"]
    deadline = time.monotonic() + 60  # the controller aggregates roles a moment later
    while (said := cluster.kubectl(*asked, check=False).stdout.strip()) != answer:
        assert time.monotonic() < deadline, said
    assert said == answer


@pytest.mark.parametrize("folder", [CLUSTER_WIDE, NAMESPACED], ids=["cluster-wide", "namespaced"])
def test_its_pods_are_created_under_pod_security_restricted(
    cluster: LocalCluster, api: Api, namespace: str, folder: Path
) -> None:
    enforced = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", namespace, enforced, enforced.replace("enforce=", "warn="))
    manifests = Manifests.read(folder)
    for kind in ("ServiceAccount", "Deployment"):
        it = document(manifests, kind)
        it["metadata"]["namespace"] = namespace
        told = cluster.kubectl("apply", "-f", "-", input=json.dumps(it)).stderr
        assert told == "", "no warning of Pod Security"
    pod = api.wait_any(f"/api/v1/namespaces/{namespace}/pods", lambda _: True)
    assert pod["spec"]["serviceAccountName"] == "smtp-operator"


def test_the_namespace_enforces_pod_security(cluster_wide: Manifests) -> None:
    labels = document(cluster_wide, "Namespace", "smtp-operator-system")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_both_deployments_differ_in_their_namespaces_only(
    cluster_wide: Manifests, namespaced: Manifests
) -> None:
    everywhere, here = (document(it, "Deployment") for it in (cluster_wide, namespaced))
    (flags,) = (it["args"] for it in here["spec"]["template"]["spec"]["containers"])
    assert flags.pop() == "--namespace=team-a"
    flags.append("--smtp-tests")  # the policies are installed once, by a cluster admin
    here["metadata"]["namespace"] = everywhere["metadata"]["namespace"]
    assert here == everywhere


def test_its_container_is_locked_in_and_probed(cluster_wide: Manifests) -> None:
    pod = document(cluster_wide, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["enableServiceLinks"] is False
    assert {"startupProbe", "livenessProbe", "readinessProbe", "resources"} <= set(container)
    assert "/" not in container["image"], "no registry's name is shipped"


def test_where_a_new_one_starts_before_the_old_one_ends_one_of_them_waits(cluster_wide: Manifests) -> None:
    spec = document(cluster_wide, "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "RollingUpdate")
    assert "--leader-elect" in spec["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("folder", [CLUSTER_WIDE, NAMESPACED], ids=["cluster-wide", "namespaced"])
def test_every_flag_in_them_exists(folder: Path) -> None:
    manifests = Manifests.read(folder)
    ((command, *flags),) = (
        it["args"] for it in document(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    )
    assert command == "run"
    assert {flag.partition("=")[0] for flag in flags} <= {it.option for it in FLAGS}


def test_the_crds_folder_is_what_the_program_prints(capsys: pytest.CaptureFixture[str]) -> None:
    run_program(["crds"])
    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    folder = CLUSTER_WIDE.parent / "crds"
    shipped = [it for file in sorted(folder.glob("*.yaml")) for it in yaml.safe_load_all(file.read_text())]
    assert sorted(printed, key=_name) == sorted(shipped, key=_name)


def _name(object_: Object) -> str:
    return str(object_["metadata"]["name"])


# The policies, which `kubectl apply -f deploy/manifests/` installs, too.

POLICY_NAMES = [
    "clustersmtpvault-references.smtp-operator.io",
    "smtp-operator-deletions.smtp-operator.io",
    "smtpconfig-delivery-references.smtp-operator.io",
    "smtpconfig-habits.smtp-operator.io",
    "smtpconfig-plaintext-password.smtp-operator.io",
    "smtpconfig-publish.smtp-operator.io",
    "smtpconfig-references.smtp-operator.io",
    "smtptest-references.smtp-operator.io",
    "smtpvault-references.smtp-operator.io",
]
"""Names from when they had a separate folder: an upgrade has to replace all of them."""


def test_what_is_applied_by_one_command_has_every_policy_and_its_binding(cluster_wide: Manifests) -> None:
    for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
        names = [it["metadata"]["name"] for it in cluster_wide.documents if it["kind"] == kind]
        assert sorted(names) == POLICY_NAMES


def test_references_are_refused_by_default_and_the_rest_is_warned_of(cluster_wide: Manifests) -> None:
    actions = {
        it["metadata"]["name"].partition(".")[0]: it["spec"]["validationActions"]
        for it in cluster_wide.documents
        if it["kind"] == "ValidatingAdmissionPolicyBinding"
    }
    assert actions == {
        "clustersmtpvault-references": ["Deny"],
        "smtp-operator-deletions": ["Deny"],
        "smtpconfig-delivery-references": ["Deny"],
        "smtpconfig-publish": ["Deny"],
        "smtpconfig-references": ["Deny"],
        "smtptest-references": ["Deny"],
        "smtpvault-references": ["Deny"],
        "smtpconfig-plaintext-password": ["Warn"],
        "smtpconfig-habits": ["Warn"],
    }


def test_the_policies_come_after_the_roles_of_users_and_before_the_operator(cluster_wide: Manifests) -> None:
    kinds = [it["kind"] for it in cluster_wide.documents]
    roles = [i for i, it in enumerate(cluster_wide.documents) if it["kind"] == "ClusterRole"]
    policies = [i for i, kind in enumerate(kinds) if kind.startswith("ValidatingAdmissionPolicy")]
    assert max(roles) < min(policies)
    assert max(policies) < kinds.index("Deployment")

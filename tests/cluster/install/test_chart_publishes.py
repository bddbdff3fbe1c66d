# SPDX-License-Identifier: Apache-2.0
"""The chart renders nothing for ``spec.publish`` by default; else a Role per namespace, and the policies."""

from collections.abc import Callable

import pytest

from smtp_testkit.testbed import Object
from smtp_testkit.testbed.permissions import Permission
from smtp_testkit.testbed.rendered import arguments, of_kind, the
from smtp_testkit.testbed.shared_audit import PUBLISHING
from smtp_tools.localcluster.errors import KubectlError

Render = Callable[..., list[Object]]

TWO = "publish.namespaces={team-a,team-b}"
ALL = "publish.allNamespaces=true"
NO_PLAINTEXT = "policies.plaintextPassword=deny"


def names(documents: list[Object], kind: str) -> set[str]:
    return {
        f"{it['metadata'].get('namespace', '')}/{it['metadata']['name']}" for it in of_kind(documents, kind)
    }


def writers_of_secrets(documents: list[Object]) -> set[str]:
    return {
        f"{role['metadata'].get('namespace', '')}/{role['metadata']['name']}"
        for kind in ("Role", "ClusterRole")
        for role in of_kind(documents, kind)
        for rule in role["rules"]
        if "secrets" in rule["resources"] and {"create", "update", "delete", "patch"} & set(rule["verbs"])
    }


def test_nothing_of_it_is_rendered_by_default(render: Render) -> None:
    documents = render()
    assert "--publish" not in arguments(documents)
    assert writers_of_secrets(documents) == set()
    assert not any("secrets." in name for name in names(documents, "ValidatingAdmissionPolicy"))
    assert not any("service-binding" in name for name in names(documents, "ClusterRole"))
    crd = the(documents, "CustomResourceDefinition", "smtpconfigs.smtp-operator.io")
    assert "servicebinding.io/provisioned-service" not in crd["metadata"]["labels"]


def test_there_is_one_role_for_each_namespace(render: Render) -> None:
    documents = render("--set", TWO)
    assert "--publish" in arguments(documents)
    assert writers_of_secrets(documents) == {f"team-{it}/smtp-operator-publish" for it in "ab"}
    for role in (it for it in of_kind(documents, "Role") if it["metadata"]["name"].endswith("-publish")):
        (rule,) = role["rules"]
        assert (rule["apiGroups"], rule["resources"]) == ([""], ["secrets"])
        assert {Permission(verb, "secrets") for verb in rule["verbs"]} == PUBLISHING
    bound = {
        (it["metadata"]["namespace"], it["subjects"][0]["name"], it["subjects"][0]["namespace"])
        for it in of_kind(documents, "RoleBinding")
        if it["roleRef"]["name"] == "smtp-operator-publish"
    }
    assert bound == {("team-a", "smtp-operator", "mail"), ("team-b", "smtp-operator", "mail")}


def test_all_namespaces_need_one_cluster_role(render: Render) -> None:
    documents = render("--set", ALL)
    assert "--publish" in arguments(documents)
    assert writers_of_secrets(documents) == {"/smtp-operator-publish"}


def test_the_policies_come_with_it(render: Render) -> None:
    documents = render("--set", TWO)
    policies = names(documents, "ValidatingAdmissionPolicy")
    assert {"/smtp-operator-secrets.smtp-operator.io", "/smtpconfig-publish.smtp-operator.io"} <= policies
    bindings = of_kind(documents, "ValidatingAdmissionPolicyBinding")
    assert {
        it["metadata"]["name"]: it["spec"]["validationActions"]
        for it in bindings
        if "secrets" in it["metadata"]["name"] or "publish" in it["metadata"]["name"]
    } == {"smtp-operator-secrets.smtp-operator.io": ["Deny"], "smtpconfig-publish.smtp-operator.io": ["Deny"]}


@pytest.mark.parametrize("action", ["warn", "off"])
def test_without_the_policies_for_users_it_is_refused(render: Render, action: str) -> None:
    """Otherwise users could have Secrets written that they may not write."""
    values = ("--set", TWO, "--set", f"policies.references={action}")
    with pytest.raises(KubectlError, match="publish requires the policies for users"):
        render(*values)
    documents = render(*values, "--set", "publish.policies=external")
    assert "--publish" in arguments(documents)


def test_an_operator_of_single_namespaces_names_them(render: Render) -> None:
    with pytest.raises(KubectlError, match=r"list the served namespaces in publish\.namespaces"):
        render("--set", "allNamespaces=false", "--set", ALL)


def test_the_policy_names_the_operators_own_user(render: Render) -> None:
    documents = render(
        "--set", TWO, "--set", "serviceAccount.create=false", "--set", "serviceAccount.name=mine"
    )
    for name in ("smtp-operator-secrets.smtp-operator.io", "smtp-operator-deletions.smtp-operator.io"):
        policy = the(documents, "ValidatingAdmissionPolicy", name)
        conditions = [it["expression"] for it in policy["spec"]["matchConditions"]]
        assert "request.userInfo.username == 'system:serviceaccount:mail:mine'" in conditions


def test_service_binding_reads_smtp_configs_only_without_plaintext_passwords(render: Render) -> None:
    """By the specification, a ClusterRole with this label gives its controller access to the kind."""
    documents = render("--set", TWO, "--set", NO_PLAINTEXT)
    role = the(documents, "ClusterRole", "smtp-operator-service-binding")
    assert role["metadata"]["labels"]["servicebinding.io/controller"] == "true"
    assert role["rules"] == [
        {"apiGroups": ["smtp-operator.io"], "resources": ["smtpconfigs"], "verbs": ["get", "list", "watch"]}
    ]
    crd = the(documents, "CustomResourceDefinition", "smtpconfigs.smtp-operator.io")
    assert crd["metadata"]["labels"]["servicebinding.io/provisioned-service"] == "true"
    for values in (("--set", TWO), ("--set", NO_PLAINTEXT)):
        assert not any("service-binding" in name for name in names(render(*values), "ClusterRole"))

# SPDX-License-Identifier: Apache-2.0
"""Every block of every page can be copied: none removes an installation or installs a second operator.

Only uninstall.md removes things. Commands that prepare or clean up a page for its test are in comments.
"""

from pathlib import Path

import pytest

from smtp_testkit.handbook.blocks import ROOT, Block, blocks_of, pages
from smtp_testkit.handbook.safety import Operator, operators_of, removals_in, rivals, without_image

each_page = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))


def shell(text: str) -> Block:
    """Return a block with these commands."""
    return Block(Path("page.md"), 1, "sh", text)


@each_page
def test_a_page_removes_no_installation_unless_it_is_about_that(page: Path) -> None:
    if page.name == "uninstall.md":
        return
    assert [f"{block}: {it}" for block in blocks_of(page) for it in removals_in(block)] == []


@each_page
def test_following_a_page_from_top_to_bottom_starts_one_operator_per_namespace(page: Path) -> None:
    operators = [it for block in blocks_of(page) for it in operators_of(block)]
    assert rivals(operators) == []


@each_page
def test_every_command_that_installs_or_upgrades_names_the_image(page: Path) -> None:
    assert [f"{block}: {it}" for block in blocks_of(page) for it in without_image(block)] == []


@pytest.mark.parametrize(
    "command",
    [
        "helm uninstall smtp-operator --namespace smtp-operator-system",
        "helm delete canary",
        "kubectl delete namespace team-a",
        "kubectl -n x delete ns/team-a",
        "kubectl delete crd smtpconfigs.smtp-operator.io",
        "kubectl delete customresourcedefinitions --all",
        "kubectl delete -f deploy/manifests/",
        "kubectl delete --kustomize .",
        "cat deploy/crds/*.yaml | kubectl delete -f -",
        "kubectl apply -f a.yaml && kubectl delete \\\n  deployment smtp-operator",
        "kubectl delete clusterrole/x",
        "kubectl replace --force -f deploy/crds/",
        "kubectl scale deployment smtp-operator --replicas=0",
        "kubectl get crd -o name | xargs kubectl delete",
        "smtp-operator crds | kubectl delete -f -",
        "make clean-cache",
    ],
)
def test_a_command_that_removes_an_installation_is_found(command: str) -> None:
    assert list(removals_in(shell(command)))


@pytest.mark.parametrize(
    "command",
    [
        "kubectl delete smtpconfig my-mail",
        "kubectl delete secret/old-password --namespace team-a",
        "kubectl apply -f deploy/manifests/",
        "helm rollback smtp-operator",
        "make cluster-down",
    ],
)
def test_a_command_that_removes_one_object_of_a_user_is_accepted(command: str) -> None:
    assert not list(removals_in(shell(command)))


HELM = "helm install {} deploy/charts/smtp-operator --namespace {}"
EVERYWHERE = HELM.format("smtp-operator", "smtp-operator-system")
TEAM = (
    HELM.format("smtp-operator", "team-a") + " --values deploy/charts/smtp-operator/profiles/namespaced.yaml"
)


@pytest.mark.parametrize(
    ("commands", "rivalry"),
    [
        (f"{EVERYWHERE}\n{TEAM}", True),
        (f"{EVERYWHERE} --set 'excludedNamespaces={{team-a}}'\n{TEAM}", False),
        (f"{EVERYWHERE} --set 'excludedNamespaces={{team-*}}'\n{TEAM}", False),
        (
            f"{EVERYWHERE}\n{EVERYWHERE.replace('install', 'upgrade')} --set-json 'excludedNamespaces=[]'",
            False,
        ),
        (f"{EVERYWHERE}\n{EVERYWHERE} --take-ownership\nkubectl apply -f deploy/manifests/", False),
        (f"{EVERYWHERE}\n.venv/bin/smtp-operator run", True),
        ("smtp-operator run\nkubectl apply -f deploy/manifests/", True),
        ("smtp-operator run --namespace a\nsmtp-operator run --namespace b", False),
        ("smtp-operator run --namespace a,b\nsmtp-operator run --namespace b", True),
        ("smtp-operator run --leader-elect\nsmtp-operator run --leader-elect", False),
        (f"{EVERYWHERE}\nsed 's/team-a/b/' deploy/manifests/namespaced/*.yaml | kubectl apply -f -", True),
        (f"{EVERYWHERE}\nkubectl apply --kustomize .", False),
        (f"{EVERYWHERE}\n{HELM.format('other', 'elsewhere')}", True),
    ],
)
def test_two_operators_for_one_namespace_are_found(commands: str, rivalry: bool) -> None:
    assert bool(rivals(list(operators_of(shell(commands))))) is rivalry


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (EVERYWHERE, False),
        (f"{EVERYWHERE} \\\n  --set image.repository=registry.example.com/smtp-operator", True),
        (f"{EVERYWHERE} --values mine.yaml", False),
        ("kubectl apply -f deploy/manifests/", False),
        ("kubectl apply -f deploy/manifests/40-deployment.yaml", False),
        ("kubectl apply -f deploy/manifests/30-user-roles.yaml", True),
        ("kubectl apply -f deploy/manifests/monitoring/", True),
        (
            "sed 's|image: smtp-op|image: r/smtp-op|' deploy/manifests/*.yaml | kubectl apply -f -",
            True,
        ),
        ("sed 's/team-a/b/' deploy/manifests/namespaced/*.yaml | kubectl apply -f -", False),
        ("kubectl apply --kustomize deploy/kustomize/base", False),
    ],
)
def test_a_command_without_an_image_is_found(command: str, named: bool) -> None:
    assert (not list(without_image(shell(command)))) is named


def test_an_operator_of_all_namespaces_leaves_out_what_it_excludes() -> None:
    assert not Operator("a", "all", excluded=("team-*",)).meets(Operator("b", "team-a"))

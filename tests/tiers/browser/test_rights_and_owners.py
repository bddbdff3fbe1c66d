# SPDX-License-Identifier: Apache-2.0
"""The page for a user without rights, and for objects and fields that others manage."""

from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect

from smtp_testkit.browser import OpenPage, Visit
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed
from smtp_testkit.testbed.bed import settings, smtp_config
from smtp_testkit.testbed.users import RBAC
from smtp_tools.localcluster import LocalCluster

READ = [{"apiGroups": ["smtp-operator.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]


@pytest.fixture
def viewer(cluster: LocalCluster, bed: Bed) -> Path:
    """A kubeconfig of a user who can only read our kinds in the namespace."""
    bed.api.create(bed.core("serviceaccounts"), {"metadata": {"name": "viewer"}})
    roles, group = f"{RBAC}/namespaces/{bed.namespace}", "rbac.authorization.k8s.io"
    bed.api.create(f"{roles}/roles", {"metadata": {"name": "viewer"}, "rules": READ})
    bed.api.create(
        f"{roles}/rolebindings",
        {
            "metadata": {"name": "viewer"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "viewer"},
            "subjects": [{"kind": "ServiceAccount", "name": "viewer", "namespace": bed.namespace}],
        },
    )
    return cluster.kubeconfig_for_service_account(bed.namespace, "viewer")


def copied_yaml(visit: Visit) -> str:
    """Return the text of the dialog of Copy YAML."""
    visit.press("Copy YAML")
    expect(visit.control("yaml")).to_be_visible()
    return visit.control("yaml-text").input_value()


def test_a_user_without_rights_sees_which_are_missing_and_tests_from_this_computer(
    bed: Bed, server: MailServer, viewer: Path, open_page: OpenPage
) -> None:
    visit = open_page("-n", bed.namespace, kubeconfig=viewer)
    visit.new_form(SMTP_Server="localhost", SMTP_Type="None", SMTP_Port=server.plain_port)
    visit.fill(Name="mail", From_Email="noreply@example.com")
    expect(visit.control("test-denied")).to_have_text(
        f"You lack rights in the namespace {bed.namespace}: create and delete on smtptests."
        " The ClusterRole smtp-operator-test grants them."
    )
    expect(visit.control("submit-denied")).to_have_text(
        f"You lack rights in the namespace {bed.namespace}: create and patch on smtpconfigs."
        " The ClusterRole smtp-operator-edit grants them."
    )
    for button in ("test-connection", "submit"):
        expect(visit.control(button)).to_have_attribute("aria-disabled", "true")
        expect(visit.control(button)).to_have_accessible_description(
            visit.control(f"{button.split('-')[0]}-denied").inner_text()
        )
        visit.control(button).click(force=True)
    expect(visit.control("preview")).to_be_hidden()
    expect(visit.control("test-connection")).to_have_attribute("data-state", "idle")
    assert server.connections_total == 0

    visit.press("Test from this computer")
    result = visit.result("green", "test-local")
    expect(visit.control("test-local")).to_have_text("✓ Test from this computer: passed")
    expect(result.get_by_role("heading")).to_have_text(
        "✓ Passed: TestEmailSent (tested from this computer, not from the cluster)"
    )
    assert len(server.mails) == 1
    manifest = yaml.safe_load(copied_yaml(visit))
    assert manifest["spec"]["port"] == server.plain_port


@pytest.mark.parametrize(
    ("owner", "metadata"),
    [
        (
            "Argo CD",
            {"annotations": {"argocd.argoproj.io/tracking-id": "mail:smtp-operator.io/SmtpConfig:a/mail"}},
        ),
        ("Flux", {"labels": {"kustomize.toolkit.fluxcd.io/name": "mail"}}),
        ("Helm", {"labels": {"app.kubernetes.io/managed-by": "Helm"}}),
    ],
)
def test_an_object_of_gitops_has_copy_yaml_instead_of_submit(
    bed: Bed, server: MailServer, visit: Visit, owner: str, metadata: dict[str, dict[str, str]]
) -> None:
    bed.create(server)
    bed.api.patch(f"{bed.configs}/mail", {"metadata": metadata})
    bed.verdict()
    visit.show(f"#/object/SmtpConfig/{bed.namespace}/mail")
    visit.page.get_by_role("link", name="Open the form").click()
    expect(visit.control("form-owner")).to_contain_text(f"{owner} owns this SmtpConfig and would revert")
    expect(visit.control("submit")).to_be_hidden()
    visit.fill(From_Email="other@example.com")
    visit.test("green")
    manifest = yaml.safe_load(copied_yaml(visit))
    assert (manifest["metadata"]["name"], manifest["spec"]["from"]) == ("mail", "other@example.com")
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.press("Copy")
    expect(visit.control("yaml-state")).to_have_text("Copied.")
    assert yaml.safe_load(visit.page.evaluate("navigator.clipboard.readText()")) == manifest
    assert bed.api.get(f"{bed.configs}/mail")["spec"]["from"] != "other@example.com"


def test_a_conflict_on_submit_names_the_field_and_its_manager(
    bed: Bed, server: MailServer, visit: Visit
) -> None:
    bed.api.apply(f"{bed.configs}/mail", smtp_config("mail", settings(server)), manager="terraform")
    bed.verdict()
    visit.show(f"#/object/SmtpConfig/{bed.namespace}/mail")
    visit.page.get_by_role("link", name="Edit").click()
    expect(visit.control("f-name")).to_have_value("mail")
    visit.fill(From_Email="other@example.com")
    visit.press("Submit")
    problem = visit.control("form-errors")
    expect(problem).to_contain_text(
        "From Email: terraform manages this field. Change it there, or copy the YAML."
    )
    expect(problem).to_be_focused()
    expect(visit.control("preview")).to_be_hidden()
    assert bed.api.get(f"{bed.configs}/mail")["spec"]["from"] != "other@example.com"


def test_a_change_between_preview_and_confirm_is_not_overwritten(
    bed: Bed, server: MailServer, visit: Visit
) -> None:
    visit.new_form(SMTP_Server="localhost", SMTP_Type="None", SMTP_Port=server.plain_port)
    visit.fill(Name="mail", From_Email="noreply@example.com")
    visit.submit()
    bed.verdict()
    visit.page.get_by_role("link", name="Edit").click()
    visit.fill(From_Email="mine@example.com")
    visit.press("Submit")
    expect(visit.control("preview-diff")).to_contain_text("+ from: mine@example.com")
    expect(visit.control("preview-diff")).to_contain_text("- from: noreply@example.com")
    bed.change(heloName="theirs.example.com")
    visit.press("Confirm")
    expect(visit.control("preview-error")).to_have_text(
        "Someone changed this SmtpConfig since the preview. Open it again."
    )
    spec = bed.api.get(f"{bed.configs}/mail")["spec"]
    assert (spec["from"], spec["heloName"]) == ("noreply@example.com", "theirs.example.com")
